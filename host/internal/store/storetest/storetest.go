// Package storetest holds the promises of store.Store as tests. Every engine
// runs the same suite.
package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// Open makes an empty store that lives until the end of the test, and keeps
// about MaxWaiting events waiting at most. It asks now for the time once for each
// Accept, while it writes it; a test stalls the store by not answering.
type Open func(t *testing.T, now func() time.Time) store.Store

// MaxWaiting is how many events may wait for the disk in a tested store: few, so
// that overload does not take long.
const MaxWaiting = 1_000

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Accept", acceptTests},
		{"Merge", mergeTests},
		{"Read", readTests},
		{"Lane", laneTests},
		{"Link", linkTests},
		{"Delivery", deliveryTests},
		{"Prune", pruneTests},
		{"Listing", listingTests},
		{"Plan", planTests},
		{"Job", jobTests},
		{"Load", loadTests},
		{"Model", modelTests},
		{"Close", closeTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.promise, func(t *testing.T) {
					t.Parallel()
					c := &clock{time: start}
					test.run(t, &fixture{Store: open(t, c.now), clock: c})
				})
			}
		})
	}
}

type test struct {
	promise string
	run     func(*testing.T, *fixture)
}

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// clock is the store's: it stands until it is moved.
type clock struct {
	mu      sync.Mutex
	time    time.Time
	stalled chan<- struct{} // told when the store asks; nil: it does not stall
	release <-chan struct{}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	stalled, release, now := c.stalled, c.release, c.time
	c.mu.Unlock()
	if stalled != nil {
		select {
		case stalled <- struct{}{}:
		default:
		}
		<-release
	}
	return now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = c.time.Add(d)
}

// stall makes the store wait in the middle of its next Accept, of which it
// tells, until go on is called.
func (c *clock) stall() (entered <-chan struct{}, goOn func()) {
	stalled, release := make(chan struct{}, 1), make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stalled, c.release = stalled, release
	return stalled, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stalled = nil
		close(release)
	}
}

// fixture is a store with the calls that tests make all the time.
type fixture struct {
	store.Store
	clock *clock
}

func (f *fixture) accept(t *testing.T, events ...event.Event) []store.Receipt {
	t.Helper()
	receipts, err := f.Accept(t.Context(), events)
	must(t, err)
	if len(receipts) != len(events) {
		t.Fatalf("%d events got %d receipts", len(events), len(receipts))
	}
	return receipts
}

func (f *fixture) record(t *testing.T, r store.Record) {
	t.Helper()
	must(t, f.Record(t.Context(), r))
}

func (f *fixture) journal(t *testing.T) []event.Entry {
	t.Helper()
	return from(f.Journal(t.Context(), 0, 1_000_000)).must(t)
}

func (f *fixture) catalog(t *testing.T) []event.Entry {
	t.Helper()
	return from(f.Catalog(t.Context(), 0, 1_000_000)).must(t)
}

// product is the catalog's row of key.
func (f *fixture) product(t *testing.T, key string) event.Entry {
	t.Helper()
	rows := from(f.Products(t.Context(), []string{key})).must(t)
	if len(rows) != 1 {
		t.Fatalf("the catalog has %d rows of %q, want 1", len(rows), key)
	}
	return rows[0]
}

// update reports some fields of a product.
func update(id string, p sdk.Product, fields ...string) event.Event {
	return event.Event{
		Source: "pim", ID: id, Op: sdk.Updated, Key: p.Key, Time: start.Add(-time.Minute),
		Patch: event.Patch{Product: p, Fields: fields},
	}
}

// named reports a product's name.
func named(id, key, name string) event.Event {
	return update(id, sdk.Product{Key: key, Name: name}, "name")
}

// several makes n events of as many products, the ids and keys of which begin with prefix.
func several(prefix string, n int) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		id := fmt.Sprintf("%s-%d", prefix, i)
		events[i] = named(id, id, id)
	}
	return events
}

// unwritable is an event that no engine can keep: its key is not UTF-8.
func unwritable(id string) event.Event { return named(id, "\xff", "") }

func ids(entries []event.Entry) []string {
	list := make([]string, len(entries))
	for i := range entries {
		list[i] = entries[i].ID
	}
	return list
}

func keys(entries []event.Entry) []string {
	list := make([]string, len(entries))
	for i := range entries {
		list[i] = entries[i].Key
	}
	return list
}

func seqs(entries []event.Entry) []int64 {
	list := make([]int64, len(entries))
	for i := range entries {
		list[i] = entries[i].Seq
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is what a call returned.
type answer[T any] struct {
	value T
	err   error
}

// from takes in a call: from(f.Head(ctx)).must(t).
func from[T any](value T, err error) answer[T] { return answer[T]{value, err} }

func (a answer[T]) must(t *testing.T) T {
	t.Helper()
	must(t, a.err)
	return a.value
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s differs from what is wanted (-want +got):\n%s", what, diff)
	}
}

func ascending(t *testing.T, what string, list []int64) {
	t.Helper()
	if !slices.IsSortedFunc(list, func(a, b int64) int { return int(a - b) }) {
		t.Errorf("%s does not ascend: %v", what, list)
	}
}
