package store

import (
	"maps"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

const (
	attributes    = "attributes."
	allAttributes = attributes + "*"
)

// Merge says what the journal keeps of e, given the catalog's row of its
// product (nil: none), and whether that row changes. Every engine uses it, so
// that all merge alike. It is pure, and shares slices with its arguments.
func Merge(row *event.Entry, e *event.Event) (entry event.Entry, catalog bool) {
	entry = event.Entry{
		Key: e.Key, Source: e.Source, ID: e.ID, Op: e.Op, Time: e.Time, Hint: e.Hint || e.There || e.Echo, There: e.There || e.Echo, Echo: e.Echo, Raw: e.Raw,
	}
	if row != nil {
		entry.Product, entry.Deleted, entry.Known = row.Product, row.Deleted, row.Known
	}
	entry.Product.Key = e.Key
	before := entry.Product

	switch {
	case e.Op == sdk.Received:
		return entry, false
	case entry.Hint:
		// What a hint says in passing is shown with its event and kept nowhere else.
		overlay(&entry.Product, e.Patch)
		entry.Fields = slices.Clone(e.Patch.Fields)
		return entry, false
	}
	overlay(&entry.Product, e.Patch)
	entry.Fields = sdk.Diff(&before, &entry.Product)
	entry.Deleted = e.Op == sdk.Deleted
	news := learn(&entry, e.Patch)
	return entry, row == nil || row.Deleted != entry.Deleted || len(entry.Fields) > 0 || news
}

// learn adds what patch speaks of to what is known, and says whether that is news.
func learn(entry *event.Entry, patch event.Patch) bool {
	spoken := patch.Fields
	if patch.Whole {
		spoken = sdk.FieldPaths()
	}
	known := entry.Known
	for _, path := range spoken {
		if at, found := slices.BinarySearch(known, path); !found {
			known = slices.Insert(slices.Clip(known), at, path)
		}
	}
	news := len(known) > len(entry.Known)
	entry.Known = known
	return news
}

// overlay brings the fields of patch into p.
func overlay(p *sdk.Product, patch event.Patch) {
	if patch.Whole {
		key := p.Key
		*p = patch.Product
		p.Key = key
		return
	}
	if slices.Contains(patch.Fields, allAttributes) {
		p.Attributes = patch.Product.Attributes
	} else {
		overlayAttributes(p, patch)
	}
	for _, path := range patch.Fields {
		if !strings.HasPrefix(path, attributes) {
			sdk.CopyField(p, &patch.Product, path)
		}
	}
}

// overlayAttributes merges attributes by name. It copies the map once, however
// many there are.
func overlayAttributes(p *sdk.Product, patch event.Patch) {
	var merged map[string]sdk.Value
	for _, path := range patch.Fields {
		name, ok := strings.CutPrefix(path, attributes)
		if !ok {
			continue
		}
		if merged == nil {
			merged = make(map[string]sdk.Value, len(p.Attributes)+1)
			maps.Copy(merged, p.Attributes)
		}
		if value, ok := patch.Product.Attributes[name]; ok {
			merged[name] = value
		} else {
			delete(merged, name)
		}
	}
	if merged != nil {
		p.Attributes = merged
	}
}
