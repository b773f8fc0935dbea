package watch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store/sqlite"
	"github.com/synchost/synchost/host/internal/watch"
	"github.com/synchost/synchost/sdk"
)

// source is a platform that can be listed, in the order of its ids.
type source struct {
	mu       sync.Mutex
	products map[string]sdk.Item
	can      []sdk.Capability
	trouble  func(page int) error // before each page
	hidden   string               // is left out of listings
	down     bool                 // Find fails
	finds    [][]string
	queries  []sdk.Query
	news     chan struct{}
}

func newSource(can ...sdk.Capability) *source {
	return &source{products: map[string]sdk.Item{}, can: append(can, sdk.CanList), news: make(chan struct{})}
}

const pageSize = 10

func (s *source) Ready(context.Context) (watch.Port, error) { return s, nil }
func (s *source) Can(what sdk.Capability) bool              { return slices.Contains(s.can, what) }

func (s *source) Opened() sdk.Opened {
	return sdk.Opened{Fields: []string{"name", "prices"}, Limits: sdk.Limits{Batch: mostAsked, Timeout: time.Minute}}
}

func (s *source) put(n int, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := fmt.Sprintf("p%03d", n)
	s.products[id] = sdk.Item{Remote: sdk.Remote{ID: id}, Product: sdk.Product{Name: name}}
}

func (s *source) remove(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.products, fmt.Sprintf("p%03d", n))
}

func (s *source) List(_ context.Context, q sdk.Query) (sdk.Page, error) {
	from, _ := strconv.Atoi(q.Cursor)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, q)
	if s.trouble != nil {
		if err := s.trouble(from / pageSize); err != nil {
			return sdk.Page{}, err
		}
	}
	var ids []string
	for id := range s.products {
		if id != s.hidden {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var page sdk.Page
	for _, id := range ids[min(from, len(ids)):min(from+pageSize, len(ids))] {
		page.Items = append(page.Items, s.products[id])
	}
	if from+pageSize < len(ids) {
		page.Next = strconv.Itoa(from + pageSize)
	}
	return page, nil
}

// mostAsked is what the source takes in one call of Find.
const mostAsked = 3

func (s *source) Find(_ context.Context, refs []sdk.Ref) (found []sdk.Item, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(refs) > mostAsked {
		return nil, sdk.Retry(0, errors.New("too many at once"))
	}
	if s.down {
		return nil, sdk.Retry(0, errors.New("the source is down"))
	}
	var keys []string
	for _, ref := range refs {
		if ref.Remote == "" {
			continue // it keeps no keys of ours
		}
		keys = append(keys, ref.Key)
		if item, ok := s.products[ref.Remote]; ok {
			found = append(found, item)
		}
	}
	if len(keys) > 0 {
		s.finds = append(s.finds, keys)
	}
	return found, nil
}

func (s *source) Wait(ctx context.Context) error {
	select {
	case <-s.news:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type world struct {
	t      *testing.T
	store  *sqlite.Store
	source *source
	*watch.Watcher
	read int64
}

func newWorld(t *testing.T, can ...sdk.Capability) *world {
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Log: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, store: db, source: newSource(can...)}
	w.restart()
	return w
}

// restart is another host on the same store.
func (w *world) restart() {
	w.Watcher = watch.New(w.store, w.source, watch.Options{Name: "erp", Shrink: 0.5})
}

// news are the events since it was last asked, in the order of their keys.
func (w *world) news() string {
	w.t.Helper()
	entries, err := w.store.Journal(w.t.Context(), w.read, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	var text []string
	for i := range entries {
		e := &entries[i]
		w.read = e.Seq
		if e.Source == "erp" {
			text = append(text, fmt.Sprintf("%s %s %s", e.Key, e.Op, e.Product.Name))
		}
	}
	slices.Sort(text)
	return strings.Join(text, ", ")
}

func (w *world) run(want string) {
	w.t.Helper()
	if err := w.Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if got := w.news(); got != want {
		w.t.Errorf("it tells %q; want %q", got, want)
	}
}

func TestAListingTellsWhatDiffers(t *testing.T) {
	for name, can := range map[string][]sdk.Capability{"a source that can be asked": {sdk.CanFind}, "one that cannot": nil} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, can...)
			for n := range 25 {
				w.source.put(n, "a")
			}
			if err := w.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(w.news(), "created a"); got != 25 {
				t.Fatalf("%d are created", got)
			}
			w.run("") // nothing changed
			w.source.put(3, "b")
			w.source.put(30, "new")
			w.source.remove(7)
			if can != nil {
				w.run("p003 updated b, p007 deleted a, p030 created new")
			} else {
				w.run("p003 updated b, p030 created new") // p007 may have been missed
				w.run("p007 deleted a")                   // and is not
			}
			w.run("")
			w.source.put(7, "again")
			w.run("p007 created again")
		})
	}
}

func TestASourceIsAskedForNoMoreThanItTakes(t *testing.T) {
	w := newWorld(t, sdk.CanFind)
	for n := range 20 {
		w.source.put(n, "a")
	}
	w.run(w.expect(20))
	for n := range 5 {
		w.source.remove(n)
	}
	w.run("p000 deleted a, p001 deleted a, p002 deleted a, p003 deleted a, p004 deleted a")
}

func TestAListingThatMissesSomethingDeletesNothing(t *testing.T) {
	w := newWorld(t, sdk.CanFind)
	for n := range 30 {
		w.source.put(n, "a")
	}
	w.run(w.expect(30))
	all := w.source.products

	// It fails half way.
	w.source.trouble = func(page int) error {
		if page == 1 {
			return sdk.Deny(errors.New("401"))
		}
		return nil
	}
	if err := w.Run(t.Context()); err == nil {
		t.Error("a listing that failed succeeds")
	}
	w.source.trouble = nil

	// It is half of what it was.
	w.source.products = map[string]sdk.Item{}
	for n := range 15 {
		id := fmt.Sprintf("p%03d", n)
		w.source.products[id] = all[id]
	}
	if err := w.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing is taken for gone") {
		t.Errorf("a listing of half: %v", err)
	}
	w.source.products = all

	// It leaves out one that is there when it is asked for.
	w.source.hidden = "p004"
	w.run("")
	w.source.hidden = ""

	// A row of it cannot be read.
	bad := all["p005"]
	bad.Unreadable = "price: \"12,x\" is no number"
	w.source.products["p005"] = bad
	w.run("")
}

// expect is what is told of n new products.
func (w *world) expect(n int) string {
	var text []string
	for i := range n {
		text = append(text, fmt.Sprintf("p%03d created a", i))
	}
	return strings.Join(text, ", ")
}

func TestAnInterruptedListingGoesOn(t *testing.T) {
	w := newWorld(t, sdk.CanFind)
	for n := range 45 {
		w.source.put(n, "a")
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.source.trouble = func(page int) error {
		if page == 3 {
			cancel()
			return ctx.Err()
		}
		return nil
	}
	if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.source.trouble, w.source.queries = nil, nil
	w.restart()
	w.run(w.expect(45))
	if len(w.source.queries) != 2 || w.source.queries[0].Cursor != "30" {
		t.Errorf("it goes on with %v", w.source.queries)
	}
}

func TestASourceThatKnowsIsAskedForWhatChanged(t *testing.T) {
	w := newWorld(t, sdk.CanFind, sdk.CanSince)
	w.source.put(1, "a")
	w.run("p001 created a")
	w.source.remove(1) // which only a whole listing finds
	w.run("")
	if since := w.source.queries[1].Since; since.IsZero() || time.Since(since) < 5*time.Minute {
		t.Errorf("the second listing is since %v", since)
	}
	if since := w.source.queries[0].Since; !since.IsZero() {
		t.Errorf("the first listing is since %v", since)
	}
}

func TestASourceThatTellsIsListedAtOnce(t *testing.T) {
	w := newWorld(t, sdk.CanWait)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Follow(ctx) }()
	w.source.put(1, "a")
	changed := w.store.Changed()
	w.source.news <- struct{}{}
	<-changed
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := w.news(); got != "p001 created a" {
		t.Errorf("it tells %q", got)
	}
}

// hint has a receiver bring hints.
func (w *world) hint(ids ...int) {
	w.t.Helper()
	for _, n := range ids {
		w.read++
		_, err := w.store.Accept(w.t.Context(), []event.Event{{Source: "hook", ID: fmt.Sprint("h", w.read, n), Op: sdk.Updated, Key: fmt.Sprintf("p%03d", n), Hint: true}})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// A source that asks for a pause is asked again after it: a feed that was written
// to a moment ago is one.
func TestASourceMayAskForAPause(t *testing.T) {
	w := newWorld(t)
	for i := range 12 {
		w.source.put(i, "v1")
	}
	tries := 0
	w.source.trouble = func(int) error {
		if tries++; tries%2 == 1 {
			return sdk.Retry(time.Millisecond, errors.New("written to a moment ago"))
		}
		return nil
	}
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if tries != 4 {
		t.Errorf("%d pages were asked for", tries)
	}
}

// Hints are completed in their order, a batch at once, and wait while the source
// is down.
func TestHintsAreCompleted(t *testing.T) {
	w := newWorld(t, sdk.CanFind)
	for n := range 5 {
		w.source.put(n, "a")
	}
	w.source.down = true
	w.hint(3, 1, 4, 1)
	w.read = 0
	completer := watch.NewCompleter(w.Watcher, []string{"hook"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- completer.Run(ctx) }()
	changed := w.store.Changed()
	w.source.mu.Lock()
	w.source.down = false
	w.source.mu.Unlock()
	<-changed
	if got, want := w.news(), "p001 created a, p003 created a, p004 created a"; got != want {
		t.Errorf("it tells %q; want %q", got, want)
	}
	w.source.mu.Lock()
	if got := fmt.Sprint(w.source.finds); got != "[[p003 p004 p001]]" {
		t.Errorf("it asked for %s", got)
	}
	w.source.mu.Unlock()
	w.source.remove(3)
	changed = w.store.Changed()
	w.hint(3)
	for w.news() != "p003 deleted a" {
		<-changed
		changed = w.store.Changed()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if row, err := w.store.Lane(t.Context(), watch.Position("erp")); err != nil || row.Cursor == 0 {
		t.Errorf("the place is not kept: %+v, %v", row, err)
	}
}
