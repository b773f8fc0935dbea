package sqlite

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// benchKeys is how many products the benchmarks change.
const benchKeys = 200_000

// change is the n-th change: of a product of the usual size.
func change(n int64) event.Event {
	key := fmt.Sprintf("product-%06d", n*7919%benchKeys)
	return event.Event{
		Source: "pim", ID: fmt.Sprintf("event-%012d", n), Op: sdk.Updated, Key: key, Time: time.Unix(n, 0),
		Patch: event.Patch{
			Fields: []string{"code", "name", "description", "prices", "stock", "attributes.colour"},
			Product: sdk.Product{
				Key: key, Code: "SKU-" + key, Name: "Woollen socks", Description: "Warm, red, and made to last for many winters. Wash at thirty degrees.",
				Prices: []sdk.Price{{Amount: sdk.Decimal(fmt.Sprint(n % 1000)), Currency: "EUR"}}, Stock: []sdk.Stock{{Quantity: sdk.Decimal(fmt.Sprint(n % 77))}},
				Attributes: map[string]sdk.Value{"colour": sdk.String("red")},
			},
		},
	}
}

func changes(from int64, n int) []event.Event {
	list := make([]event.Event, n)
	for i := range list {
		list[i] = change(from + int64(i))
	}
	return list
}

func perEvent(b *testing.B, events int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
}

// BenchmarkAccept64Callers has as many senders wait for one event each.
func BenchmarkAccept64Callers(b *testing.B) {
	s := open(b, Options{})
	var n atomic.Int64
	var senders sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range 64 {
		senders.Go(func() {
			for {
				i := n.Add(1)
				if i > int64(b.N) {
					return
				}
				if _, err := s.Accept(b.Context(), []event.Event{change(i)}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	senders.Wait()
	perEvent(b, 1)
}

// BenchmarkAccept500 has one sender wait for 500 events at a time.
func BenchmarkAccept500(b *testing.B) {
	s := open(b, Options{})
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		accept(b, s, changes(n, 500))
		n += 500
	}
	perEvent(b, 500)
}

func BenchmarkRecord64(b *testing.B) {
	s := open(b, Options{})
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		r := store.Record{Connector: "shop", Lane: &store.Lane{Connector: "shop", Cursor: n}}
		for range 64 {
			e := change(n)
			n++
			r.Links = append(r.Links, store.Link{Connector: "shop", Key: e.Key, Seq: n, Base: &e.Patch.Product, Changed: e.Time})
			r.Deliveries = append(r.Deliveries, store.Delivery{
				Connector: "shop", Key: e.Key, Seq: n, ChangeID: e.ID, Op: "upsert", Fields: e.Patch.Fields, At: e.Time, Outcome: store.Done,
				Exchange: sdk.Exchange{Request: "POST https://shop.example/products", Status: 200}, Wanted: &e.Patch.Product,
			})
		}
		if err := s.Record(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, 64)
}

func BenchmarkJournal(b *testing.B) {
	s := open(b, Options{})
	const entries = 512
	accept(b, s, changes(0, entries))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := s.Journal(b.Context(), 0, entries); err != nil || len(got) != entries {
			b.Fatal(len(got), err)
		}
	}
	perEvent(b, entries)
}

// BenchmarkAcceptSteady offers 10,000 events a second and reports how long
// their senders wait for the answer: checkpoints must not hold them up.
func BenchmarkAcceptSteady(b *testing.B) {
	const each, every = 10, time.Millisecond
	s := open(b, Options{})
	var mu sync.Mutex
	waits := make([]time.Duration, 0, b.N)
	var senders sync.WaitGroup
	tick := time.NewTicker(every)
	defer tick.Stop()
	n := int64(0)
	for b.Loop() {
		<-tick.C
		batch := changes(n, each)
		n += each
		senders.Go(func() {
			start := time.Now()
			_, err := s.Accept(b.Context(), batch)
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, time.Since(start))
			if err != nil {
				b.Error(err)
			}
		})
	}
	senders.Wait()
	slices.Sort(waits)
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50-ms", .5}, {"p99-ms", .99}, {"max-ms", 1}} {
		b.ReportMetric(float64(waits[int(q.at*float64(len(waits)-1))].Microseconds())/1000, q.name)
	}
}
