package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// passing makes raw events of events: nothing of them stays in the catalog.
func passing(events []event.Event) []event.Event {
	for i := range events {
		events[i].Op = sdk.Received
	}
	return events
}

// hourly accepts three events every hour, and returns their positions.
func (f *fixture) hourly(t *testing.T, hours int) []int64 {
	t.Helper()
	var at []int64
	for i := range hours {
		at = append(at, positions(f.accept(t, passing(several(fmt.Sprint(i), 3))...))...)
		f.clock.advance(time.Hour)
	}
	return at
}

func (f *fixture) prune(t *testing.T, limits store.PruneLimits, want int64) {
	t.Helper()
	same(t, "the number of rows that went", from(f.Prune(t.Context(), limits)).must(t), want)
}

var pruneTests = []test{
	{"the journal forgets what is old", func(t *testing.T, f *fixture) {
		at := f.hourly(t, 5)
		f.prune(t, store.PruneLimits{EventsBefore: start.Add(2 * time.Hour), Passed: at[14]}, 6)
		same(t, "the journal", seqs(f.journal(t)), at[6:])
		f.prune(t, store.PruneLimits{EventsBefore: start.Add(2 * time.Hour), Passed: at[14]}, 0)
		same(t, "the journal after pruning again", seqs(f.journal(t)), at[6:])
		same(t, "the position of long ago", from(f.At(t.Context(), start)).must(t), at[6])
		same(t, "a product's history", ids(from(f.History(t.Context(), "0-0", 0, 10)).must(t)), nil)
	}},
	{"nothing goes beyond what every lane passed", func(t *testing.T, f *fixture) {
		at := f.hourly(t, 5)
		f.prune(t, store.PruneLimits{EventsBefore: start.Add(100 * time.Hour), Passed: at[3]}, 4)
		same(t, "the journal", seqs(f.journal(t)), at[4:])
		f.prune(t, store.PruneLimits{EventsBefore: start.Add(100 * time.Hour)}, 0)
		same(t, "the journal", seqs(f.journal(t)), at[4:])
	}},
	{"the newest entry stays, and with it the next position", func(t *testing.T, f *fixture) {
		at := f.hourly(t, 2)
		f.prune(t, store.PruneLimits{EventsBefore: start.Add(100 * time.Hour), Passed: at[5] + 10}, 5)
		same(t, "the journal", seqs(f.journal(t)), at[5:])
		same(t, "the head", from(f.Head(t.Context())).must(t), at[5])
		if next := f.accept(t, several("next", 1)...); next[0].Seq <= at[5] {
			t.Errorf("the next position is %d, and %d was given before", next[0].Seq, at[5])
		}
	}},
	{"the catalog never forgets", func(t *testing.T, f *fixture) {
		var at []int64
		for i := range 3 {
			at = append(at, positions(f.accept(t, named(fmt.Sprint("a", i), "a", fmt.Sprint(i)), named(fmt.Sprint("b", i), "b", "same")))...)
			f.clock.advance(time.Hour)
		}
		before := f.catalog(t)
		f.prune(t, store.PruneLimits{EventsBefore: start.Add(100 * time.Hour), Passed: at[5]}, 3)
		same(t, "the catalog", f.catalog(t), before)
		same(t, "what stays in the journal", seqs(f.journal(t)), []int64{at[1], at[4], at[5]})
		f.accept(t, named("b3", "b", "other"))
		f.prune(t, store.PruneLimits{EventsBefore: start.Add(100 * time.Hour), Passed: at[5]}, 2)
	}},
	{"what is still to be delivered of a product stays, and nobody else's", func(t *testing.T, f *fixture) {
		at := positions(f.accept(t, named("1", "a", "1"), named("2", "b", "1"), named("3", "a", "2"), named("4", "b", "2"),
			named("5", "a", "3"), named("6", "b", "3"), named("7", "a", "4"), named("8", "b", "4")))
		f.record(t, store.Record{Connector: "shop", Links: []store.Link{{Connector: "shop", Key: "a", State: store.Dead, Seq: at[2]}}})
		f.clock.advance(time.Hour)
		limits := store.PruneLimits{EventsBefore: start.Add(time.Minute), Passed: at[7]}
		f.prune(t, limits, 4)
		same(t, "the journal", seqs(f.journal(t)), []int64{at[2], at[4], at[6], at[7]})
		f.record(t, store.Record{Connector: "shop", Links: []store.Link{{Connector: "shop", Key: "a", Seq: at[6]}}})
		f.prune(t, limits, 2)
	}},
	{"deliveries that are old are forgotten", func(t *testing.T, f *fixture) {
		seq := f.accept(t, named("1", "a", ""))[0].Seq
		for i := range 6 {
			f.record(t, store.Record{Connector: "shop", Deliveries: []store.Delivery{{Connector: "shop", Key: "a", Seq: seq, ChangeID: fmt.Sprint(i), At: start.Add(time.Duration(i) * time.Hour)}}})
		}
		f.prune(t, store.PruneLimits{DeliveriesBefore: start.Add(4 * time.Hour)}, 4)
		rest := from(f.Deliveries(t.Context(), store.DeliveryQuery{Limit: 10})).must(t)
		if len(rest) != 2 || rest[0].ChangeID != "4" {
			t.Errorf("what is left is %+v", rest)
		}
		same(t, "a product's deliveries", len(from(f.Deliveries(t.Context(), store.DeliveryQuery{Key: "a", Limit: 10})).must(t)), 2)
	}},
	{"deliveries outlive their events", func(t *testing.T, f *fixture) {
		at := positions(f.accept(t, named("1", "a", "1"), named("2", "a", "2")))
		f.record(t, store.Record{Connector: "shop", Deliveries: []store.Delivery{{Connector: "shop", Key: "a", Seq: at[0], At: start}}})
		f.clock.advance(time.Hour)
		f.prune(t, store.PruneLimits{EventsBefore: start.Add(time.Minute), Passed: at[1]}, 1)
		for name, c := range map[string]struct {
			query store.DeliveryQuery
			want  int
		}{
			"those of its entries": {store.DeliveryQuery{Key: "a", Limit: 10}, 0},
			"all of a product":     {store.DeliveryQuery{Keys: []string{"a"}, Limit: 10}, 1},
		} {
			same(t, name, len(from(f.Deliveries(t.Context(), c.query)).must(t)), c.want)
		}
	}},
	{"ids of deliveries are never given twice", func(t *testing.T, f *fixture) {
		deliver := func() int64 {
			f.record(t, store.Record{Connector: "shop", Deliveries: []store.Delivery{{Connector: "shop", Key: "a", At: start}}})
			return from(f.Deliveries(t.Context(), store.DeliveryQuery{Newest: true, Limit: 1})).must(t)[0].ID
		}
		deliver()
		last := deliver()
		from(f.Prune(t.Context(), store.PruneLimits{DeliveriesBefore: start.Add(time.Hour)})).must(t)
		if next := deliver(); next <= last {
			t.Errorf("after %d came %d", last, next)
		}
	}},
	{"without limits nothing goes", func(t *testing.T, f *fixture) {
		at := f.hourly(t, 2)
		f.record(t, store.Record{Connector: "shop", Deliveries: []store.Delivery{{Connector: "shop", Key: "a", At: start}}})
		f.prune(t, store.PruneLimits{}, 0)
		f.prune(t, store.PruneLimits{Passed: at[5]}, 0)
	}},
	{"much is forgotten in one call", func(t *testing.T, f *fixture) {
		f.accept(t, passing(several("old", 1100))...)
		var deliveries []store.Delivery
		for range 1100 {
			deliveries = append(deliveries, store.Delivery{Connector: "shop", Key: "a", At: start})
		}
		deliveries = append(deliveries, store.Delivery{Connector: "shop", Key: "a", At: start.Add(time.Hour)})
		f.record(t, store.Record{Connector: "shop", Deliveries: deliveries})
		f.clock.advance(time.Hour)
		at := positions(f.accept(t, several("new", 10)...))
		limit := start.Add(time.Minute)
		f.prune(t, store.PruneLimits{EventsBefore: limit, DeliveriesBefore: limit, Passed: at[9]}, 2200)
		same(t, "the journal", seqs(f.journal(t)), at)
	}},
	{"an event that was forgotten is new again", func(t *testing.T, f *fixture) {
		at := f.hourly(t, 2)
		f.prune(t, store.PruneLimits{EventsBefore: start.Add(time.Hour), Passed: at[5]}, 3)
		if r := f.accept(t, several("0", 1)...); r[0].Duplicate || r[0].Seq <= at[5] {
			t.Errorf("it was answered with %+v", r[0])
		}
	}},
}
