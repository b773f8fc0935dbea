// Package watch finds out what happened at a source that is read, rather than one
// that tells: it lists a connector's products, and accepts an event for each that
// differs from the catalog, or is gone.
//
// What is not on a listing counts as gone only when the listing was read to its
// end, has not shrunk beyond belief, and when the source, asked for that product,
// does not have it, or a second listing does not have it either. It holds one page
// at a time, and goes on from its last page after a crash.
package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/pages"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// Store is what watching needs of the store.
type Store interface {
	Accept(ctx context.Context, events []event.Event) ([]store.Receipt, error)
	Journal(ctx context.Context, after int64, limit int) ([]event.Entry, error)
	Products(ctx context.Context, keys []string) ([]event.Entry, error)
	Changed() <-chan struct{}
	Lane(ctx context.Context, connector string) (store.Lane, error)
	Record(ctx context.Context, r store.Record) error
	Listing(ctx context.Context, connector string, purpose store.Purpose) (store.Listing, error)
	Progress(ctx context.Context, step store.Progress) error
	Sightings(ctx context.Context, connector string, purpose store.Purpose, keys []string) ([]store.Sighting, error)
	Unseen(ctx context.Context, connector string, purpose store.Purpose, run int64, after string, limit int) ([]store.Sighting, error)
	Unsee(ctx context.Context, connector string, purpose store.Purpose, remotes []string) error
}

// Source is a connector process that comes and goes.
type Source interface {
	// Ready waits until the connector can be called.
	Ready(ctx context.Context) (Port, error)
}

// Port is a connector that can be called; *sdk.Client is one.
type Port interface {
	Opened() sdk.Opened
	Can(sdk.Capability) bool
	List(ctx context.Context, q sdk.Query) (sdk.Page, error)
	Find(ctx context.Context, refs []sdk.Ref) ([]sdk.Item, error)
	Wait(ctx context.Context) error
}

// Options are a source's settings.
type Options struct {
	Name    string
	Shrink  float64       // a listing of this share of the last one, or less, has failed; 0: none has
	Timeout time.Duration // of one call; 0: the connector's
	Log     hclog.Logger
	Now     func() time.Time // default time.Now
}

// Watcher watches one source. Its methods may be called from several goroutines;
// listings are made one at a time.
type Watcher struct {
	options Options
	store   Store
	source  Source
	running sync.Mutex
}

// New makes a watcher.
func New(s Store, source Source, options Options) *Watcher {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = hclog.NewNullLogger()
	}
	return &Watcher{options: options, store: s, source: source}
}

// Name is the connector's.
func (w *Watcher) Name() string { return w.options.Name }

// A source that can tell what changed since a time is asked for everything so
// often, to find out what is gone; and otherwise for a little more than changed.
const (
	wholeEvery = 24 * time.Hour
	overlap    = 5 * time.Minute
)

var errCannotList = errors.New("this connector cannot list its products, so there is nothing to watch")

// Run lists the source once. What an earlier run left half done is finished first.
func (w *Watcher) Run(ctx context.Context) error {
	w.running.Lock()
	defer w.running.Unlock()
	port, err := w.source.Ready(ctx)
	if err != nil {
		return err
	}
	if !port.Can(sdk.CanList) {
		return errCannotList
	}
	for try := 0; ; try++ {
		l, err := w.begin(ctx, port)
		if err != nil {
			return err
		}
		if err = l.list(ctx); err == nil && l.at.Since.IsZero() {
			err = l.missing(ctx)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx) // the next run goes on from here
		}
		if failed := l.end(ctx, err); failed != nil || !pages.Moved(err) || try == maxMoves {
			return errors.Join(err, failed)
		}
	}
}

// maxMoves is how often a listing is begun anew because the source's products
// moved under it.
const maxMoves = 3

// Follow lists a source that never was, and one whose listing was interrupted, at
// once; and then whenever it says that something changed, until ctx ends or it
// turns out that it cannot tell.
func (w *Watcher) Follow(ctx context.Context) error {
	for ctx.Err() == nil {
		port, err := w.source.Ready(ctx)
		if err == nil {
			var at store.Listing
			if at, err = w.store.Listing(ctx, w.options.Name, store.Watching); err == nil && at.Ended.IsZero() {
				err = w.Run(ctx)
			} else if err == nil && !port.Can(sdk.CanWait) {
				return nil
			} else if err == nil {
				if err = port.Wait(ctx); err == nil {
					err = w.Run(ctx)
				}
			}
		}
		if err != nil && ctx.Err() == nil {
			w.options.Log.Warn("the source cannot be followed for now", "error", err)
			pause(ctx, 10*time.Second)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// listing is one listing at work.
type listing struct {
	*Watcher
	at     store.Listing
	port   Port
	read   reader
	counts struct{ created, changed, gone, unreadable int }
}

// begin takes up a listing that was interrupted, or begins one.
func (w *Watcher) begin(ctx context.Context, port Port) (*listing, error) {
	was, err := w.store.Listing(ctx, w.options.Name, store.Watching)
	if err != nil {
		return nil, err
	}
	l := &listing{Watcher: w, at: was, port: port, read: newReader(w.options.Name, port.Opened().Fields)}
	now := w.options.Now()
	if was.Run > 0 && was.Ended.IsZero() && now.Sub(was.Started) < wholeEvery {
		return l, nil
	}
	run := was.Run + 1
	if failed := was.Ended.IsZero() || was.Whole.IsZero(); failed && was.Run > 0 && was.Since.IsZero() {
		run = was.Run // it was not read to its end: what it did not have says nothing
	}
	l.at = store.Listing{
		Connector: w.options.Name, Purpose: store.Watching, Run: run, Started: now, LastItems: was.LastItems, Whole: now,
	}
	if port.Can(sdk.CanSince) && !was.Whole.IsZero() && now.Sub(was.Whole) < wholeEvery {
		l.at.Run, l.at.Since, l.at.Whole = was.Run, was.Started.Add(-overlap), was.Whole
	}
	return l, l.save(ctx, nil)
}

func (l *listing) save(ctx context.Context, seen []store.Sighting) error {
	return l.store.Progress(ctx, store.Progress{Listing: l.at, Sightings: seen})
}

// The cursor of a listing is behind a mark, so that it can also say that there are
// no more pages.
const (
	atCursor = "at:"
	listed   = "listed"
)

// list goes through the pages.
func (l *listing) list(ctx context.Context) error {
	for l.at.Cursor != listed {
		var cursor string
		if l.at.Cursor != "" {
			cursor = l.at.Cursor[len(atCursor):]
		}
		page, err := pages.Next(ctx, l.port, sdk.Query{Cursor: cursor, Since: l.at.Since}, l.timeout(), l.options.Log)
		if err != nil {
			return err
		}
		seen, err := l.take(ctx, page.Items)
		if err != nil {
			return err
		}
		l.at.Pages++
		l.at.Items += int64(len(page.Items))
		if l.at.Cursor = atCursor + page.Next; page.Next == "" {
			l.at.Cursor = listed
		}
		if err := l.save(ctx, seen); err != nil {
			return err
		}
	}
	return nil
}

func (l *listing) timeout() time.Duration {
	if l.options.Timeout > 0 {
		return l.options.Timeout
	}
	return l.port.Opened().Limits.Timeout
}

// take accepts an event for each item that differs from the catalog.
func (l *listing) take(ctx context.Context, items []sdk.Item) ([]store.Sighting, error) {
	now := l.options.Now()
	seen := make([]store.Sighting, 0, len(items))
	for i := range items {
		item := &items[i]
		seen = append(seen, store.Sighting{Remote: item.Remote.ID, Key: keyOf(item), Run: l.at.Run, At: now})
		if item.Unreadable != "" {
			l.counts.unreadable++
			l.options.Log.Warn("a product of the source cannot be read, and is left as it was", "product", keyOf(item), "why", item.Unreadable)
		}
	}
	events, err := l.read.changes(ctx, l.store, items, now, func(key string) string {
		return fmt.Sprintf("listed-%d-%s", l.at.Started.UnixMicro(), key)
	})
	for i := range events {
		if events[i].Op == sdk.Created {
			l.counts.created++
		} else {
			l.counts.changed++
		}
	}
	if err == nil {
		err = l.accept(ctx, events)
	}
	return seen, err
}

// accept accepts events, and waits while the store cannot take them.
func (w *Watcher) accept(ctx context.Context, events []event.Event) error {
	for len(events) > 0 {
		_, err := w.store.Accept(ctx, events)
		if !errors.Is(err, store.ErrBusy) && !errors.Is(err, store.ErrFull) {
			return err
		}
		if pause(ctx, time.Second); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// unseenStep is how many products that were not listed are dealt with at once.
const unseenStep = 200

// missing accepts that what is on no listing any more is gone.
func (l *listing) missing(ctx context.Context) error {
	if shrink := l.options.Shrink; shrink > 0 && l.at.Items < l.at.LastItems && float64(l.at.Items) <= shrink*float64(l.at.LastItems) {
		return fmt.Errorf("the listing has %d products where the last one had %d, and nothing is taken for gone: if that is right, lower shrink for once", l.at.Items, l.at.LastItems)
	}
	for after := ""; ; {
		unseen, err := l.store.Unseen(ctx, l.options.Name, store.Watching, l.at.Run, after, unseenStep)
		if err != nil || len(unseen) == 0 {
			return err
		}
		after = unseen[len(unseen)-1].Key
		if err := l.miss(ctx, unseen); err != nil {
			return err
		}
	}
}

// miss deals with products that were not listed.
func (l *listing) miss(ctx context.Context, unseen []store.Sighting) error {
	unseen, err := l.moved(ctx, unseen)
	if err != nil {
		return err
	}
	var gone, there []store.Sighting
	if l.port.Can(sdk.CanFind) {
		found, err := l.ask(ctx, unseen)
		if err != nil {
			return err
		}
		for _, s := range unseen {
			if item := found[s.Remote]; item != nil {
				s.Run = l.at.Run // the listing missed it
				there = append(there, s)
			} else {
				gone = append(gone, s)
			}
		}
	} else {
		for _, s := range unseen {
			if s.Run < l.at.Run-1 {
				gone = append(gone, s)
			}
		}
	}
	if err := l.save(ctx, there); err != nil {
		return err
	}
	var events []event.Event
	var remotes []string
	now := l.options.Now()
	for _, s := range gone {
		events = append(events, event.Event{Source: l.options.Name, ID: fmt.Sprintf("gone-%d-%s", l.at.Started.UnixMicro(), s.Key),
			Op: sdk.Deleted, Key: s.Key, Time: now})
		remotes = append(remotes, s.Remote)
	}
	l.counts.gone += len(events)
	if err := l.accept(ctx, events); err != nil || len(remotes) == 0 {
		return err
	}
	return l.store.Unsee(ctx, l.options.Name, store.Watching, remotes)
}

// moved forgets those of list that were listed under another id, and returns the others.
func (l *listing) moved(ctx context.Context, list []store.Sighting) (others []store.Sighting, err error) {
	keys := make([]string, len(list))
	for i, s := range list {
		keys[i] = s.Key
	}
	all, err := l.store.Sightings(ctx, l.options.Name, store.Watching, keys)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, s := range all {
		seen[s.Key] = seen[s.Key] || s.Run == l.at.Run
	}
	var remotes []string
	for _, s := range list {
		if seen[s.Key] {
			remotes = append(remotes, s.Remote)
		} else {
			others = append(others, s)
		}
	}
	if len(remotes) == 0 {
		return others, nil
	}
	return others, l.store.Unsee(ctx, l.options.Name, store.Watching, remotes)
}

// ask asks the source for products, by their ids there.
func (l *listing) ask(ctx context.Context, list []store.Sighting) (map[string]*sdk.Item, error) {
	found := make(map[string]*sdk.Item, len(list))
	for part := range slices.Chunk(list, atOnce(l.port)) {
		refs := make([]sdk.Ref, len(part))
		for i, s := range part {
			refs[i] = sdk.Ref{Key: s.Key, Remote: s.Remote}
		}
		own, cancel := context.WithTimeout(ctx, l.timeout())
		items, err := l.port.Find(own, refs)
		cancel()
		if err != nil {
			return nil, err
		}
		for i := range items {
			found[items[i].Remote.ID] = &items[i]
		}
	}
	return found, nil
}

// end notes how the listing ended, and tells of it.
func (l *listing) end(ctx context.Context, failure error) error {
	if l.at.Ended = l.options.Now(); failure == nil && l.at.Since.IsZero() {
		l.at.LastItems = l.at.Items
	} else if failure != nil {
		l.at.Whole = time.Time{} // the next one is of everything
	}
	c := l.counts
	if failure == nil && c.created+c.changed+c.gone+c.unreadable > 0 {
		l.options.Log.Info("the source was listed", "products", l.at.Items, "created", c.created, "changed", c.changed, "gone", c.gone, "unreadable", c.unreadable)
	}
	return l.save(ctx, nil)
}
