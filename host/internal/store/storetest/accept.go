package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

var acceptTests = []test{
	{"an event comes back as it was sent", func(t *testing.T, f *fixture) {
		e := full("1")
		e.Raw = &sdk.Raw{Method: "POST", Query: "a=1", ContentType: "text/plain", Headers: map[string]string{"X-A": "b"}, Body: []byte{0, 0xff, '\n'}}
		receipts := f.accept(t, e)
		entries := f.journal(t)
		if len(entries) != 1 {
			t.Fatalf("the journal has %d entries, want 1", len(entries))
		}
		same(t, "the entry", entries[0], event.Entry{
			Seq: receipts[0].Seq, Accepted: start, Key: e.Key, Product: e.Patch.Product,
			Fields: sdk.Diff(&sdk.Product{}, &e.Patch.Product),
			Source: e.Source, ID: e.ID, Op: e.Op, Time: e.Time, Raw: e.Raw,
		})
		row := f.product(t, e.Key)
		same(t, "the product", row.Product, e.Patch.Product)
	}},
	{"positions follow the order of the events", func(t *testing.T, f *fixture) {
		first := f.accept(t, several("a", 20)...)
		second := f.accept(t, several("b", 20)...)
		all := positions(append(first, second...))
		ascending(t, "positions", all)
		if all[0] <= 0 {
			t.Errorf("the first position is %d: 0 stands for none", all[0])
		}
		entries := f.journal(t)
		same(t, "the journal's positions", seqs(entries), all)
		same(t, "the journal's order", ids(entries), append(ids(f.entriesOf("a", 20)), ids(f.entriesOf("b", 20))...))
	}},
	{"all events of a call are kept or none", func(t *testing.T, f *fixture) {
		batch := append(several("a", 10), unwritable("bad"))
		batch = append(batch, several("b", 10)...)
		if _, err := f.Accept(t.Context(), batch); err == nil {
			t.Fatal("an event whose key is not UTF-8 was accepted")
		}
		same(t, "the journal", ids(f.journal(t)), nil)
		same(t, "the catalog", keys(f.catalog(t)), nil)
		f.accept(t, several("c", 1)...)
		same(t, "the journal after it", ids(f.journal(t)), []string{"c-0"})
	}},
	{"a call that fails fails alone", func(t *testing.T, f *fixture) {
		entered, goOn := f.clock.stall()
		var calls sync.WaitGroup
		calls.Go(func() { _, _ = f.Accept(t.Context(), several("first", 1)) })
		<-entered
		// These wait for the first, and may be written together.
		for i := range 20 {
			calls.Go(func() {
				id := fmt.Sprint(i)
				if i%7 == 3 {
					if _, err := f.Accept(t.Context(), []event.Event{named("x"+id, "x", ""), unwritable(id)}); err == nil {
						t.Error("an event whose key is not UTF-8 was accepted")
					}
					return
				}
				if _, err := f.Accept(t.Context(), several(id, 2)); err != nil {
					t.Errorf("good events were refused beside bad ones: %v", err)
				}
			})
		}
		goOn()
		calls.Wait()
		if n := len(f.journal(t)); n != 1+17*2 {
			t.Errorf("the journal has %d entries, want %d", n, 1+17*2)
		}
	}},
	{"nothing to accept is no error", func(t *testing.T, f *fixture) {
		f.accept(t)
		same(t, "the head", from(f.Head(t.Context())).must(t), int64(0))
	}},
	{"an event that is there is answered with its first position", func(t *testing.T, f *fixture) {
		first := f.accept(t, several("a", 3)...)
		again := named("a-1", "other", "changed since")
		receipts := f.accept(t, named("b", "b", "b"), again, named("c", "c", "c"))
		same(t, "the duplicate's receipt", receipts[1], store.Receipt{Seq: first[1].Seq, Duplicate: true})
		if receipts[0].Duplicate || receipts[2].Duplicate {
			t.Errorf("new events were taken for duplicates: %v", receipts)
		}
		same(t, "the journal", ids(f.journal(t)), []string{"a-0", "a-1", "a-2", "b", "c"})
		same(t, "the catalog", keys(f.catalog(t)), []string{"a-0", "a-1", "a-2", "b", "c"})
	}},
	{"an event twice in one call is kept once", func(t *testing.T, f *fixture) {
		receipts := f.accept(t, named("1", "a", "first"), named("2", "a", "second"), named("1", "a", "third"))
		same(t, "the duplicate's receipt", receipts[2], store.Receipt{Seq: receipts[0].Seq, Duplicate: true})
		same(t, "the name", f.product(t, "a").Product.Name, "second")
	}},
	{"the same id of another source is another event", func(t *testing.T, f *fixture) {
		e := named("1", "a", "a")
		other := e
		other.Source = "erp"
		receipts := f.accept(t, e, other)
		if receipts[1].Duplicate || receipts[0].Seq == receipts[1].Seq {
			t.Errorf("events of two sources were taken for one: %v", receipts)
		}
	}},
	{"concurrent callers agree on an event's position", concurrentDuplicates},
	{"the time is the store's, in UTC to the microsecond", func(t *testing.T, f *fixture) {
		f.clock.advance(1234*time.Microsecond + 567)
		e := named("1", "a", "a")
		e.Time = start.In(time.FixedZone("", 12600)).Add(765*time.Microsecond + 432)
		f.accept(t, e)
		entry := f.journal(t)[0]
		same(t, "the time of accepting", entry.Accepted, start.Add(1234*time.Microsecond))
		same(t, "the source's time", entry.Time, start.Add(765*time.Microsecond))
		if entry.Time.Location() != time.UTC {
			t.Errorf("the time is in %v", entry.Time.Location())
		}
	}},
	{"a caller that is gone gets its own reason", func(t *testing.T, f *fixture) {
		gone := errors.New("the sender hung up")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		if _, err := f.Accept(ctx, several("a", 1)); !errors.Is(err, gone) {
			t.Errorf("Accept answers %v", err)
		}
		if _, err := f.Journal(ctx, 0, 10); !errors.Is(err, gone) {
			t.Errorf("Journal answers %v", err)
		}
		if err := f.Record(ctx, store.Record{Connector: "shop"}); !errors.Is(err, gone) {
			t.Errorf("Record answers %v", err)
		}
		same(t, "the journal", ids(f.journal(t)), nil)
	}},
}

// entriesOf are entries of several events, as far as ids reads them.
func (f *fixture) entriesOf(prefix string, n int) []event.Entry {
	entries := make([]event.Entry, n)
	for i, e := range several(prefix, n) {
		entries[i].ID = e.ID
	}
	return entries
}

func positions(receipts []store.Receipt) []int64 {
	list := make([]int64, len(receipts))
	for i, r := range receipts {
		list[i] = r.Seq
	}
	return list
}

// concurrentDuplicates has senders repeat each other's events: each event gets
// one position, and exactly one of them is told that it is new.
func concurrentDuplicates(t *testing.T, f *fixture) {
	const senders, rounds, events = 8, 20, 60
	type told struct {
		id      string
		receipt store.Receipt
	}
	var mu sync.Mutex
	var all []told
	var wait sync.WaitGroup
	for range senders {
		wait.Go(func() {
			for range rounds {
				batch := make([]event.Event, 1+rand.IntN(5))
				for i := range batch {
					n := rand.IntN(events)
					batch[i] = named(fmt.Sprint(n), fmt.Sprint(n%7), fmt.Sprint(n))
				}
				receipts, err := f.Accept(t.Context(), batch)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for i, r := range receipts {
					all = append(all, told{batch[i].ID, r})
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	position, fresh := map[string]int64{}, map[string]int{}
	for _, a := range all {
		if seq, ok := position[a.id]; ok && seq != a.receipt.Seq {
			t.Errorf("event %s was given positions %d and %d", a.id, seq, a.receipt.Seq)
		}
		position[a.id] = a.receipt.Seq
		if !a.receipt.Duplicate {
			fresh[a.id]++
		}
	}
	entries := f.journal(t)
	if len(entries) != len(position) {
		t.Errorf("the journal has %d entries of %d events", len(entries), len(position))
	}
	for _, e := range entries {
		if position[e.ID] != e.Seq || fresh[e.ID] != 1 {
			t.Errorf("event %s is at %d; its senders were told %d, and %d of them that it is new", e.ID, e.Seq, position[e.ID], fresh[e.ID])
		}
	}
	ascending(t, "the journal", slices.Clone(seqs(entries)))
}

// full reports a product that has everything.
func full(id string) event.Event {
	p := sdk.Product{
		Key: "k\U0001F9E6/1", Code: "S-1", Name: "جوراب", Description: "<b>warm</b>", Status: sdk.Active, Brand: "Acme", Unit: "pcs",
		Barcode: "4006381333931", TaxCode: "A",
		Prices:     []sdk.Price{{Amount: "12.50", Currency: "EUR", TaxIncluded: true, CompareAt: "15"}, {Amount: "9", Currency: "EUR", List: "b2b"}},
		Stock:      []sdk.Stock{{Quantity: "3"}, {Location: "west", Quantity: "-0.5"}},
		Categories: []string{"Clothes/Socks"}, Tags: []string{"new", "wool"},
		Media:  []sdk.Media{{URL: "https://img.example/1.jpg", Alt: "socks"}},
		Weight: &sdk.Weight{Value: "0.2", Unit: "kg"}, Size: &sdk.Size{Length: "10", Width: "5", Unit: "cm"},
		Variants: []sdk.Variant{{Key: "v1", Code: "S-1-M", Options: []sdk.VariantOption{{Name: "size", Value: "M"}}, Barcode: "1",
			Prices: []sdk.Price{{Amount: "1", Currency: "EUR"}}, Stock: []sdk.Stock{{Quantity: "1"}},
			Media: []sdk.Media{{URL: "https://img.example/m.jpg"}}, Weight: &sdk.Weight{Value: "1", Unit: "g"}}},
		Attributes: map[string]sdk.Value{
			"colour": sdk.String("red"), "wash": sdk.Number("30"), "organic": sdk.Bool(true), "vegan": sdk.Bool(false),
			"sizes":           sdk.List(sdk.String("M"), sdk.Number("4")),
			"two\nlines, a\\": sdk.String("any name"),
		},
	}
	return event.Event{
		Source: "pim", ID: id, Op: sdk.Created, Key: p.Key, Time: start.Add(-time.Hour),
		Patch: event.Patch{Product: p, Whole: true},
	}
}
