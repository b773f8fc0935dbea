package watch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/follow"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// Completer asks a source about the hints of its receivers: "look again". It goes
// through the journal as a lane does, so that a source that is down keeps its hints
// waiting, in their order, however long.
type Completer struct {
	*Watcher
	receivers []string
}

// NewCompleter makes a completer for the hints that these receivers bring.
func NewCompleter(w *Watcher, receivers []string) *Completer {
	return &Completer{Watcher: w, receivers: receivers}
}

// Position is the name under which the store keeps how far the hints of a source
// are done: no connector has it.
func Position(source string) string { return "hints:" + source }

const (
	hintStep   = 512
	findAtOnce = 100
)

// Run completes hints until ctx ends.
func (c *Completer) Run(ctx context.Context) error {
	return follow.Follower{
		Store: c.store, Name: Position(c.options.Name), Do: c.complete,
		Read: func(ctx context.Context, after int64) ([]event.Entry, error) {
			return c.store.Journal(ctx, after, hintStep)
		},
		Failed: func(err error, wait time.Duration) {
			c.options.Log.Warn("hints wait for their source", "error", err, "next try in", wait)
		},
	}.Run(ctx)
}

// complete asks for the products of which entries hint.
func (c *Completer) complete(ctx context.Context, entries []event.Entry) error {
	hints := map[string]int64{} // the newest of each product
	for i := range entries {
		if e := &entries[i]; e.Hint && !e.There && slices.Contains(c.receivers, e.Source) {
			hints[e.Key] = e.Seq
		}
	}
	if len(hints) == 0 {
		return nil
	}
	port, err := c.source.Ready(ctx)
	if err != nil {
		return err
	}
	if !port.Can(sdk.CanFind) {
		return fmt.Errorf("connector %s cannot be asked for single products, which source = %q needs", c.options.Name, c.options.Name)
	}
	keys := make([]string, 0, len(hints))
	for key := range hints {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return int(hints[a] - hints[b]) })
	for part := range slices.Chunk(keys, min(findAtOnce, atOnce(port))) {
		err := c.find(ctx, port, part, hints)
		if err != nil && sdk.KindOf(err) == sdk.Rejected {
			err = c.findEach(ctx, port, part, hints)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// findEach asks for products one by one, so that one that the source does not want
// to be asked for holds up no other.
func (c *Completer) findEach(ctx context.Context, port Port, keys []string, hints map[string]int64) error {
	for _, key := range keys {
		err := c.find(ctx, port, []string{key}, hints)
		if err != nil && sdk.KindOf(err) == sdk.Rejected {
			c.options.Log.Warn("the source does not say what a product is of which there was a hint: it is left as it was", "product", key, "error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// find asks for products: by their ids at the source where it is known which they
// are, else by their keys; and for what is not found so, by the keys as ids, which
// they are at a source that keeps no others.
func (c *Completer) find(ctx context.Context, port Port, keys []string, hints map[string]int64) error {
	seen, err := c.store.Sightings(ctx, c.options.Name, store.Watching, keys)
	if err != nil {
		return err
	}
	remotes := map[string]string{}
	for _, s := range seen {
		remotes[s.Key] = s.Remote
	}
	refs := make([]sdk.Ref, len(keys))
	for i, key := range keys {
		refs[i] = sdk.Ref{Key: key, Remote: remotes[key]}
	}
	items, err := c.ask(ctx, port, refs)
	if err != nil {
		return err
	}
	found := foundOf(items)
	var again []sdk.Ref
	for _, key := range keys {
		if !found[key] && remotes[key] != key {
			again = append(again, sdk.Ref{Key: key, Remote: key})
		}
	}
	if len(again) > 0 {
		more, err := c.ask(ctx, port, again)
		if err != nil {
			return err
		}
		items = append(items, more...)
		found = foundOf(items)
	}

	now := c.options.Now()
	id := func(key string) string { return fmt.Sprintf("hint-%d-%s", hints[key], key) }
	events, err := newReader(c.options.Name, port.Opened().Fields).changes(ctx, c.store, items, now, id)
	if err != nil {
		return err
	}
	rows, err := c.store.Products(ctx, keys)
	if err != nil {
		return err
	}
	for i := range rows {
		if e := &rows[i]; !found[e.Key] && !e.Deleted {
			events = append(events, event.Event{Source: c.options.Name, ID: id(e.Key), Op: sdk.Deleted, Key: e.Key, Time: now})
		}
	}
	return c.accept(ctx, events)
}

// atOnce is how many products the source can be asked for in one call.
func atOnce(port Port) int { return max(1, port.Opened().Limits.Batch) }

func foundOf(items []sdk.Item) map[string]bool {
	found := make(map[string]bool, len(items))
	for i := range items {
		found[keyOf(&items[i])] = true
	}
	return found
}

func (c *Completer) ask(ctx context.Context, port Port, refs []sdk.Ref) ([]sdk.Item, error) {
	timeout := c.options.Timeout
	if timeout == 0 {
		timeout = port.Opened().Limits.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return port.Find(ctx, refs)
}
