package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

var readTests = []test{
	{"a read of large entries ends early, and the next goes on", func(t *testing.T, f *fixture) {
		large := strings.Repeat("x", store.MaxRead/4)
		for i := range 10 {
			e := named(fmt.Sprint(i), "a", fmt.Sprint(i))
			e.Patch.Product.Description, e.Patch.Fields = large, []string{"name", "description"}
			f.accept(t, e)
			e.Key, e.ID = fmt.Sprint("b", i), fmt.Sprint("b", i)
			f.accept(t, e)
		}
		for name, read := range map[string]func(after int64) ([]event.Entry, error){
			"Journal": func(after int64) ([]event.Entry, error) { return f.Journal(t.Context(), after, 100) },
			"Catalog": func(after int64) ([]event.Entry, error) { return f.Catalog(t.Context(), after, 100) },
			"History": func(after int64) ([]event.Entry, error) { return f.History(t.Context(), "a", after, 100) },
		} {
			want := map[string]int{"Journal": 20, "Catalog": 11, "History": 10}[name]
			for after := int64(0); ; {
				entries := from(read(after)).must(t)
				if len(entries) == 0 {
					break
				}
				if want -= len(entries); len(entries) > 4 {
					t.Errorf("%s read %d entries at once", name, len(entries))
				}
				after = entries[len(entries)-1].Seq
			}
			same(t, name+": how many are missing", want, 0)
		}
	}},
	{"an empty store has nothing and says so", func(t *testing.T, f *fixture) {
		ctx := t.Context()
		same(t, "the journal", ids(f.journal(t)), nil)
		same(t, "the catalog", ids(f.catalog(t)), nil)
		same(t, "the head", from(f.Head(ctx)).must(t), int64(0))
		same(t, "the position of a time", from(f.At(ctx, start)).must(t), int64(1))
		same(t, "a product's history", ids(from(f.History(ctx, "a", 0, 10)).must(t)), nil)
		same(t, "products", ids(from(f.Products(ctx, []string{"a"})).must(t)), nil)
		same(t, "no products", ids(from(f.Products(ctx, nil)).must(t)), nil)
		same(t, "entries at positions", ids(from(f.JournalAt(ctx, []int64{1})).must(t)), nil)
		same(t, "entries at no positions", ids(from(f.JournalAt(ctx, nil)).must(t)), nil)
		same(t, "rows at positions", ids(from(f.CatalogAt(ctx, []int64{1})).must(t)), nil)
	}},
	{"the journal is read on from a position", func(t *testing.T, f *fixture) {
		at := positions(f.accept(t, several("a", 10)...))
		same(t, "a page", seqs(from(f.Journal(t.Context(), at[2], 3)).must(t)), at[3:6])
		same(t, "the last page", seqs(from(f.Journal(t.Context(), at[7], 3)).must(t)), at[8:])
		same(t, "what is behind the end", seqs(from(f.Journal(t.Context(), at[9], 3)).must(t)), nil)
		same(t, "the head", from(f.Head(t.Context())).must(t), at[9])
	}},
	{"the catalog's keys are read on in their order", func(t *testing.T, f *fixture) {
		f.accept(t, named("1", "b", "B"), named("2", "a", "A"), named("3", "c", "C"))
		f.accept(t, named("4", "a", "again"), named("5", "B", "a capital"))
		same(t, "keys", from(f.Keys(t.Context(), "", 10)).must(t), []string{"B", "a", "b", "c"})
		same(t, "a page", from(f.Keys(t.Context(), "a", 1)).must(t), []string{"b"})
		same(t, "behind the last", from(f.Keys(t.Context(), "c", 10)).must(t), nil)
	}},
	{"a limit of nothing reads nothing", func(t *testing.T, f *fixture) {
		f.accept(t, several("a", 3)...)
		for _, limit := range []int{0, -1} {
			same(t, fmt.Sprintf("the journal with limit %d", limit), ids(from(f.Journal(t.Context(), 0, limit)).must(t)), nil)
			same(t, fmt.Sprintf("the catalog with limit %d", limit), keys(from(f.Catalog(t.Context(), 0, limit)).must(t)), nil)
		}
	}},
	{"the catalog is read on in the order of last changes", func(t *testing.T, f *fixture) {
		f.accept(t, several("a", 4)...)
		f.accept(t, named("again", "a-1", "again"))
		rows := f.catalog(t)
		same(t, "the catalog", keys(rows), []string{"a-0", "a-2", "a-3", "a-1"})
		same(t, "a page", keys(from(f.Catalog(t.Context(), rows[0].Seq, 2)).must(t)), []string{"a-2", "a-3"})
		same(t, "the last page", keys(from(f.Catalog(t.Context(), rows[2].Seq, 2)).must(t)), []string{"a-1"})
	}},
	{"positions are read where they are", func(t *testing.T, f *fixture) {
		at := positions(f.accept(t, several("a", 6)...))
		moved := positions(f.accept(t, named("again", "a-2", "again")))
		asked := []int64{at[4], at[2], at[0], moved[0] + 100}
		same(t, "entries", seqs(from(f.JournalAt(t.Context(), asked)).must(t)), []int64{at[0], at[2], at[4]})
		same(t, "rows", keys(from(f.CatalogAt(t.Context(), asked)).must(t)), []string{"a-0", "a-4"})
		same(t, "the row that moved", keys(from(f.CatalogAt(t.Context(), moved)).must(t)), []string{"a-2"})
	}},
	{"a product has its own history", func(t *testing.T, f *fixture) {
		f.accept(t, named("1", "a", "1"), named("2", "b", "2"),
			event.Event{Source: "crm", ID: "3", Op: sdk.Updated, Key: "a", Hint: true},
			named("4", "ab", "4"), named("5", "a", "5"), named("6", "a", "6"))
		history := from(f.History(t.Context(), "a", 0, 10)).must(t)
		same(t, "the history", ids(history), []string{"1", "3", "5", "6"})
		same(t, "a page of it", ids(from(f.History(t.Context(), "a", history[0].Seq, 2)).must(t)), []string{"3", "5"})
	}},
	{"keys are told apart whatever is in them", func(t *testing.T, f *fixture) {
		all := []string{"a", "A", "a ", "ä", "a\u0308", `"`, `\`, "<&>", "\u2028", "'; --", "%", "\U0001F9E6"}
		for i, key := range all {
			f.accept(t, named(fmt.Sprint(i), key, key))
		}
		for _, key := range all {
			same(t, fmt.Sprintf("the name of %q", key), f.product(t, key).Product.Name, key)
		}
		same(t, "the products", len(from(f.Products(t.Context(), all)).must(t)), len(all))
	}},
	{"a time has a position", func(t *testing.T, f *fixture) {
		var at []int64
		for i := range 20 {
			at = append(at, positions(f.accept(t, several(fmt.Sprint(i), 3)...))...)
			f.clock.advance(time.Minute)
		}
		for i := range 20 {
			when := start.Add(time.Duration(i) * time.Minute)
			same(t, fmt.Sprintf("the position of minute %d", i), from(f.At(t.Context(), when)).must(t), at[3*i])
			same(t, fmt.Sprintf("the position just before minute %d", i), from(f.At(t.Context(), when.Add(-time.Second))).must(t), at[3*i])
		}
		same(t, "the position of the future", from(f.At(t.Context(), start.Add(time.Hour))).must(t), at[len(at)-1]+1)
		same(t, "the position of long ago", from(f.At(t.Context(), time.Time{})).must(t), at[0])
	}},
	{"an append wakes who waits for it", func(t *testing.T, f *fixture) {
		changed := f.Changed()
		select {
		case <-changed:
			t.Fatal("it is said to have changed before it did")
		default:
		}
		seen := make(chan []string)
		go func() {
			<-changed
			entries, _ := f.Journal(t.Context(), 0, 10)
			seen <- ids(entries)
		}()
		f.accept(t, several("a", 1)...)
		same(t, "what the waiter sees", <-seen, []string{"a-0"})
		select {
		case <-f.Changed():
			t.Error("the next append is said to have come already")
		default:
		}
	}},
	{"positions become visible in order", visibleInOrder},
	{"a batch becomes visible as a whole", func(t *testing.T, f *fixture) {
		const batch = 7
		var writer sync.WaitGroup
		done := make(chan struct{})
		writer.Go(func() {
			defer close(done)
			for i := range 50 {
				if _, err := f.Accept(t.Context(), several(fmt.Sprint(i), batch)); err != nil {
					t.Error(err)
				}
			}
		})
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			if n := len(f.journal(t)); n%batch != 0 {
				t.Fatalf("%d entries of batches of %d were seen", n, batch)
			}
		}
		writer.Wait()
	}},
}

// visibleInOrder has readers follow the journal and the catalog while others
// write: who reads on from what was read last misses nothing.
func visibleInOrder(t *testing.T, f *fixture) {
	const writers, batches = 8, 25
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for b := range batches {
				if _, err := f.Accept(t.Context(), several(fmt.Sprintf("%d-%d", w, b), 1+(w+b)%4)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()

	follow := func(read func(after int64) ([]event.Entry, error)) []int64 {
		var seen []int64
		var after int64
		for last := false; ; {
			changed := f.Changed()
			entries, err := read(after)
			if err != nil {
				t.Error(err)
				return seen
			}
			seen = append(seen, seqs(entries)...)
			switch {
			case len(entries) > 0:
				after = entries[len(entries)-1].Seq
			case last:
				return seen
			default:
				select {
				case <-changed:
				case <-done:
					last = true
				}
			}
		}
	}
	var reading sync.WaitGroup
	var journals [3][]int64
	for i := range journals {
		reading.Go(func() {
			journals[i] = follow(func(after int64) ([]event.Entry, error) { return f.Journal(t.Context(), after, 1+50*i) })
		})
	}
	var rows []int64
	reading.Go(func() {
		rows = follow(func(after int64) ([]event.Entry, error) { return f.Catalog(t.Context(), after, 100) })
	})
	reading.Wait()
	all := seqs(f.journal(t))
	for i := range journals {
		if !slices.Equal(journals[i], all) {
			t.Errorf("a reader of the journal saw %d entries in its way, of %d", len(journals[i]), len(all))
		}
	}
	if !slices.Equal(rows, all) { // each event is another product's
		t.Errorf("a reader of the catalog saw %d rows on its way, of %d", len(rows), len(all))
	}
}
