// Package plan decides. Given what is wanted of one product and what is known
// of it at one connector, Decide says what to do there, or why to do nothing.
//
// It is pure: no clock, no I/O, no logger, and the same arguments give the same
// decision. Delivery and reconciliation use it alike, and the operator's
// policies live here and nowhere else.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// Policy is what the operator and the connector settle for every product.
type Policy struct {
	Every    bool     // each event is delivered, rather than the latest state
	Filter   *Filter  // nil: everything passes
	Mapping  *Mapping // nil: products go as they are
	Carried  []string // field paths that the connector carries; nil: all of a product
	Own      []string // field paths that may be written; nil: all that are carried
	OnDelete OnDelete
}

// OnDelete says what happens at a destination when a product is gone at its source.
type OnDelete string

// The ways of following a delete.
const (
	ArchiveThere OnDelete = "archive" // take it off sale there; the default
	DeleteThere  OnDelete = "delete"  // delete it there for good
	KeepThere    OnDelete = "keep"    // leave it as it is
)

// CarriesRaw says whether the connector takes events of no product.
func (policy *Policy) CarriesRaw() bool { return slices.Contains(policy.Carried, sdk.RawField) }

// Known is what the host knows of a product at a connector.
type Known struct {
	Remote   sdk.Remote
	Base     *sdk.Product // what the platform has from us, as it stores it; nil: never written
	Sent     *sdk.Product // what we sent, where the platform stores it otherwise (a rounded price); nil: as Base
	Archived bool         // we took it off sale there
	Unknown  bool         // it may be there without our knowing: an attempt had no clear answer
}

// sent is what the platform was last told.
func (k Known) sent() *sdk.Product {
	if k.Sent != nil {
		return k.Sent
	}
	return k.Base
}

// written says whether the product may have reached the platform from us.
func (k Known) written() bool { return k.Base != nil || k.Remote.ID != "" || k.Unknown }

// Decision is what to do about one product at one connector.
type Decision struct {
	Op     sdk.Op // 0: no call
	Reason Reason // of no call

	// Of a call. Wanted is whole, after the mapping; Fields are to be written.
	Wanted sdk.Product
	Fields []string
}

// Reason says why no call is made.
type Reason string

// The reasons for no call.
const (
	Unchanged    Reason = "unchanged: the platform has it so already"
	Filtered     Reason = "filtered: the connector's filter leaves it out"
	NothingOwned Reason = "not owned: none of the changed fields is carried and owned by the connector"
	NeverWritten Reason = "never written: the product is gone at its source and was never sent here"
	Kept         Reason = "kept: on_delete = \"keep\" leaves deleted products as they are"
	OnlyHint     Reason = "a hint: the sender said only that something changed, and this connector needs to know what"
	NotCarried   Reason = "raw: this connector does not take events of no product"
)

// Decide says what to do about entry, which is a catalog row, or a journal
// entry where the policy delivers every event. An error means that the filter
// or a mapping failed on this product: it is the product's own trouble.
func Decide(entry *event.Entry, known Known, policy *Policy) (Decision, error) {
	var e *sdk.Event
	if policy.Every {
		e = Event(entry)
	}
	switch {
	case entry.Op == sdk.Received && !policy.CarriesRaw():
		return Decision{Reason: NotCarried}, nil
	case entry.Hint && !policy.CarriesRaw():
		return Decision{Reason: OnlyHint}, nil
	}
	if pass, err := policy.Filter.Match(&entry.Product, e); err != nil {
		return Decision{}, fmt.Errorf("filter: %w", err)
	} else if !pass {
		return Decision{Reason: Filtered}, nil
	}
	if entry.Op == sdk.Received {
		return Decision{Op: sdk.Forward, Wanted: entry.Product, Fields: []string{sdk.RawField}}, nil
	}
	wanted, err := policy.Mapping.Apply(&entry.Product, e)
	if err != nil {
		return Decision{}, fmt.Errorf("map: %w", err)
	}
	// In a lane of every event, an event is what it says, and not what the product
	// had become before it.
	if entry.Op == sdk.Deleted || entry.Deleted && !policy.Every {
		return decideDelete(wanted, known, policy), nil
	}
	if policy.Every {
		return decideEvent(entry, wanted, policy), nil
	}
	return decideUpsert(entry, wanted, known, policy), nil
}

func decideDelete(wanted sdk.Product, known Known, policy *Policy) Decision {
	d := Decision{Wanted: wanted}
	switch policy.OnDelete {
	case KeepThere:
		d.Reason = Kept
	case DeleteThere:
		d.Op = sdk.Purge
	default:
		d.Op = sdk.Archive
	}
	switch {
	case policy.Every || d.Op == 0:
	case !known.written():
		d.Op, d.Reason = 0, NeverWritten
	case d.Op == sdk.Archive && known.Archived && !known.Unknown:
		d.Op, d.Reason = 0, Unchanged
	}
	return d
}

// decideEvent passes an event on, whatever was sent before it.
func decideEvent(entry *event.Entry, wanted sdk.Product, policy *Policy) Decision {
	changed := entry.Fields
	if len(changed) == 0 || policy.Mapping != nil {
		changed = sdk.Diff(&sdk.Product{Key: wanted.Key}, &wanted)
	}
	if len(changed) == 0 {
		// A product of which only the key is known is still worth telling of.
		return Decision{Op: sdk.Upsert, Wanted: wanted, Fields: []string{"name"}}
	}
	fields := policy.writable(changed)
	if len(fields) == 0 {
		return Decision{Reason: NothingOwned}
	}
	return Decision{Op: sdk.Upsert, Wanted: wanted, Fields: fields}
}

// decideUpsert writes the fields in which the platform is out of step.
func decideUpsert(entry *event.Entry, wanted sdk.Product, known Known, policy *Policy) Decision {
	spoken := policy.spokenOf(entry, &wanted)
	changed := spoken
	if known.Base != nil && !known.Archived && !known.Unknown {
		changed = intersect(sdk.Diff(known.sent(), &wanted), spoken)
		if len(changed) == 0 {
			return Decision{Reason: Unchanged}
		}
	}
	// What was never written, or is back after it was archived, is written with
	// everything that the source has said of it.
	fields := policy.writable(changed)
	if len(fields) == 0 {
		return Decision{Reason: NothingOwned}
	}
	return Decision{Op: sdk.Upsert, Wanted: wanted, Fields: fields}
}

// spokenOf are the field paths of which the source has spoken, and those that the
// mapping makes. What a source never spoke of is never written, not even empty.
func (policy *Policy) spokenOf(entry *event.Entry, wanted *sdk.Product) []string {
	var paths []string
	for _, path := range entry.Known {
		if !strings.HasSuffix(path, "*") {
			paths = append(paths, path)
		}
	}
	for name := range wanted.Attributes {
		paths = append(paths, "attributes."+name)
	}
	paths = append(paths, policy.Mapping.Fields()...)
	if slices.Contains(paths, "variants") {
		for _, path := range sdk.FieldPaths() {
			if strings.HasPrefix(path, "variants.") {
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// writable are those of paths that are carried and owned.
func (policy *Policy) writable(paths []string) []string {
	var fields []string
	for _, path := range paths {
		if (policy.Carried == nil || sdk.CoversField(policy.Carried, path)) &&
			(policy.Own == nil || sdk.CoversField(policy.Own, path)) {
			fields = append(fields, path)
		}
	}
	return fields
}

// intersect are those of paths that sorted has too.
func intersect(paths, sorted []string) []string {
	var both []string
	for _, path := range paths {
		if _, found := slices.BinarySearch(sorted, path); found {
			both = append(both, path)
		}
	}
	return both
}

// Wrote is what is known after fields of wanted were written. after is the
// product as the platform says it now stores it; nil: as it was sent. A platform
// that rounds or cleans what it gets thus causes neither drift nor endless writes.
// Of what an earlier write with an unknown outcome may have changed, and this one
// did not write, nothing is known any more.
func (k Known) Wrote(wanted *sdk.Product, fields []string, after *sdk.Product) Known {
	base, sent := sdk.Product{Key: wanted.Key}, sdk.Product{Key: wanted.Key}
	if k.Base != nil && !k.Unknown {
		base, sent = *k.Base, *k.sent()
	}
	if after == nil {
		after = wanted
	}
	for _, path := range fields {
		sdk.CopyField(&base, after, path)
		sdk.CopyField(&sent, wanted, path)
	}
	k.Base, k.Sent, k.Archived = &base, nil, false
	if len(sdk.Diff(&base, &sent)) > 0 {
		k.Sent = &sent
	}
	return k
}

// Event is the entry's event as a connector is told of it.
func Event(entry *event.Entry) *sdk.Event {
	return &sdk.Event{ID: entry.ID, Source: entry.Source, Op: entry.Op, Time: entry.Time,
		Hint: entry.Hint, Fields: entry.Fields, Raw: entry.Raw}
}

// Fingerprint changes whenever the policy could decide otherwise than before.
func (policy *Policy) Fingerprint() string {
	text := fmt.Sprintf("%t\n%s\n%s\n%q\n%q\n%s", policy.Every, policy.Filter.Fingerprint(), policy.Mapping.Fingerprint(),
		policy.Carried, policy.Own, policy.OnDelete)
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
