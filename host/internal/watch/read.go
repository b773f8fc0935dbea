package watch

import (
	"context"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// reader makes events of what a source has.
type reader struct {
	source  string
	carried []string // field paths that the source speaks of
}

func newReader(source string, carried []string) reader {
	return reader{source, slices.DeleteFunc(slices.Clone(carried), func(path string) bool { return path == sdk.RawField })}
}

// keyOf is the key of a product: what its source calls it.
func keyOf(item *sdk.Item) string {
	if item.Key != "" {
		return item.Key
	}
	return item.Remote.ID
}

// changes are the events that bring the catalog up to items, as far as they can be
// read. id makes an event's id.
func (r reader) changes(ctx context.Context, s Store, items []sdk.Item, now time.Time, id func(key string) string) ([]event.Event, error) {
	keys := make([]string, len(items))
	for i := range items {
		keys[i] = keyOf(&items[i])
	}
	rows, err := s.Products(ctx, keys)
	if err != nil {
		return nil, err
	}
	known := make(map[string]*event.Entry, len(rows))
	for i := range rows {
		known[rows[i].Key] = &rows[i]
	}
	var events []event.Event
	for i := range items {
		if items[i].Unreadable != "" {
			continue
		}
		e := r.event(&items[i], now)
		row := known[e.Key]
		if row == nil || row.Deleted {
			e.Op = sdk.Created
		}
		if _, changes := store.Merge(row, &e); changes {
			e.ID = id(e.Key)
			events = append(events, e)
		}
	}
	return events, nil
}

// event says that a product is as item has it.
func (r reader) event(item *sdk.Item, now time.Time) event.Event {
	e := event.Event{Source: r.source, Op: sdk.Updated, Key: keyOf(item), Time: now,
		Patch: event.Patch{Product: item.Product, Fields: r.carried}}
	e.Patch.Product.Key = e.Key
	if item.Archived && item.Product.Status != sdk.Archived {
		e.Patch.Product.Status = sdk.Archived
		if !slices.Contains(r.carried, "status") {
			e.Patch.Fields = append(slices.Clip(r.carried), "status")
		}
	}
	return e
}
