package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

var laneTests = []test{
	{"a new lane is at the beginning", func(t *testing.T, f *fixture) {
		same(t, "the lane", from(f.Lane(t.Context(), "shop")).must(t), store.Lane{Connector: "shop"})
	}},
	{"a lane comes back as it was written", func(t *testing.T, f *fixture) {
		for i, l := range []store.Lane{
			{Connector: "shop", Cursor: 7, Policy: "p1"},
			{Connector: "shop", Cursor: 1 << 40, Open: []int64{1, 2, 3, 500, 1 << 39, 1<<40 - 1, 1 << 40}, State: store.Paused, Reason: "by operator", Policy: "p2"},
			{Connector: "shop", Cursor: 2, State: store.Stopped, Reason: "denied"},
			{Connector: "shop"},
		} {
			f.record(t, store.Record{Connector: "shop", Lane: &l})
			same(t, fmt.Sprintf("lane %d", i), from(f.Lane(t.Context(), "shop")).must(t), l)
		}
		same(t, "another's lane", from(f.Lane(t.Context(), "crm")).must(t), store.Lane{Connector: "crm"})
	}},
	{"a record without a lane leaves it", func(t *testing.T, f *fixture) {
		l := store.Lane{Connector: "shop", Cursor: 7, Open: []int64{3}}
		f.record(t, store.Record{Connector: "shop", Lane: &l})
		f.record(t, store.Record{Connector: "shop", Links: []store.Link{{Connector: "shop", Key: "a"}}})
		same(t, "the lane", from(f.Lane(t.Context(), "shop")).must(t), l)
	}},
	{"a record is what it was when it was made", func(t *testing.T, f *fixture) {
		r := store.Record{
			Connector: "shop", Lane: &store.Lane{Connector: "shop", Cursor: 7, Open: []int64{3}},
			Links:      []store.Link{{Connector: "shop", Key: "a", Seq: 7}},
			Deliveries: []store.Delivery{{Connector: "shop", Key: "a", Seq: 7, At: start}},
		}
		f.record(t, r)
		// A lane makes its next step in the place of the one before.
		*r.Lane, r.Links[0], r.Deliveries[0] = store.Lane{Connector: "shop", Cursor: 9}, store.Link{Connector: "shop", Key: "b"}, store.Delivery{}
		same(t, "the lane", from(f.Lane(t.Context(), "shop")).must(t), store.Lane{Connector: "shop", Cursor: 7, Open: []int64{3}})
		same(t, "the link", from(f.Links(t.Context(), "shop", []string{"a"})).must(t), []store.Link{{Connector: "shop", Key: "a", Seq: 7}})
		same(t, "the delivery", from(f.Deliveries(t.Context(), store.DeliveryQuery{Limit: 10})).must(t)[0].Key, "a")
	}},
	{"open positions that do not ascend are refused", func(t *testing.T, f *fixture) {
		for _, open := range [][]int64{{3, 2}, {3, 3}, {0}, {-1}} {
			if err := f.Record(t.Context(), store.Record{Connector: "shop", Lane: &store.Lane{Connector: "shop", Cursor: 9, Open: open}}); err == nil {
				t.Errorf("%v was taken", open)
			}
		}
		same(t, "the lane", from(f.Lane(t.Context(), "shop")).must(t), store.Lane{Connector: "shop"})
	}},
	{"a record is written whole or not at all", func(t *testing.T, f *fixture) {
		f.record(t, store.Record{Connector: "shop", Links: []store.Link{{Connector: "shop", Key: "old", Seq: 1}}})
		err := f.Record(t.Context(), store.Record{
			Connector:  "shop",
			Lane:       &store.Lane{Connector: "shop", Cursor: 9},
			Links:      []store.Link{{Connector: "shop", Key: "a", Seq: 9}},
			Forget:     []string{"old"},
			Deliveries: []store.Delivery{{Connector: "shop", Key: "a"}, {Connector: "shop", Key: "b", Wanted: &sdk.Product{Key: "\xff"}}},
		})
		if err == nil {
			t.Fatal("a delivery of a product whose key is not UTF-8 was recorded")
		}
		same(t, "the lane", from(f.Lane(t.Context(), "shop")).must(t), store.Lane{Connector: "shop"})
		same(t, "the links", linkKeys(from(f.Links(t.Context(), "shop", []string{"a", "old"})).must(t)), []string{"old"})
		same(t, "the deliveries", from(f.Deliveries(t.Context(), store.DeliveryQuery{Limit: 10})).must(t), nil)
	}},
}

// due is a link that is to be tried again at start + after.
func due(key string, seq int64, after time.Duration) store.Link {
	return store.Link{Connector: "shop", Key: key, State: store.Due, Seq: seq, Next: start.Add(after)}
}

func (f *fixture) link(t *testing.T, links ...store.Link) {
	t.Helper()
	f.record(t, store.Record{Connector: "shop", Links: links})
}

func (f *fixture) behind(t *testing.T, state store.State, after time.Duration, limit int) []string {
	t.Helper()
	return linkKeys(from(f.Behind(t.Context(), "shop", state, start.Add(after), limit)).must(t))
}

func linkKeys(links []store.Link) []string {
	list := make([]string, len(links))
	for i := range links {
		list[i] = links[i].Key
	}
	return list
}

var linkTests = []test{
	{"a link comes back as it was written", func(t *testing.T, f *fixture) {
		base, sent := full("").Patch.Product, socks.Clone()
		for i, l := range []store.Link{
			{Connector: "shop", Key: "a", Remote: sdk.Remote{ID: "77", Version: "W/1"}, Base: &base, Sent: &sent, Seq: 1 << 40, Changed: start},
			{Connector: "shop", Key: "a", Base: &sent, Archived: true, State: store.Due, Seq: 5, Attempts: 3, Next: start.Add(time.Microsecond), Unknown: true, Reason: "timeout"},
			{Connector: "shop", Key: "a", Base: &sdk.Product{}, State: store.Held},
			{Connector: "shop", Key: "a", State: store.Dead},
			{Connector: "shop", Key: "a"},
		} {
			f.link(t, l)
			got := from(f.Links(t.Context(), "shop", []string{"a"})).must(t)
			same(t, fmt.Sprintf("link %d", i), got, []store.Link{l})
		}
	}},
	{"only the links that were asked for are read", func(t *testing.T, f *fixture) {
		f.link(t, store.Link{Connector: "shop", Key: "a"}, store.Link{Connector: "shop", Key: "b"}, store.Link{Connector: "shop", Key: "c"})
		f.record(t, store.Record{Connector: "crm", Links: []store.Link{{Connector: "crm", Key: "a", Seq: 4}}})
		got := linkKeys(from(f.Links(t.Context(), "shop", []string{"c", "x", "a"})).must(t))
		slices.Sort(got)
		same(t, "the keys", got, []string{"a", "c"})
		same(t, "no keys", linkKeys(from(f.Links(t.Context(), "shop", nil)).must(t)), nil)
		same(t, "another's link", from(f.Links(t.Context(), "crm", []string{"a"})).must(t)[0].Seq, int64(4))
	}},
	{"what is due comes soonest first", func(t *testing.T, f *fixture) {
		f.link(t, due("c", 1, 3*time.Second), due("a", 2, time.Second), due("b", 3, 2*time.Second), due("d", 4, 4*time.Second))
		same(t, "due by now", f.behind(t, store.Due, 3*time.Second, 10), []string{"a", "b", "c"})
		same(t, "the first two", f.behind(t, store.Due, time.Hour, 2), []string{"a", "b"})
		same(t, "none is due yet", f.behind(t, store.Due, time.Second-time.Microsecond, 10), nil)
		same(t, "a limit of nothing", f.behind(t, store.Due, time.Hour, 0), nil)
	}},
	{"each state is listed by itself", func(t *testing.T, f *fixture) {
		f.link(t, due("a", 1, 0), store.Link{Connector: "shop", Key: "b", State: store.Dead, Seq: 2},
			store.Link{Connector: "shop", Key: "c", State: store.Held, Seq: 3}, store.Link{Connector: "shop", Key: "d", Seq: 4})
		f.record(t, store.Record{Connector: "crm", Links: []store.Link{{Connector: "crm", Key: "x", State: store.Dead, Seq: 9}}})
		same(t, "due", f.behind(t, store.Due, time.Hour, 10), []string{"a"})
		same(t, "dead", f.behind(t, store.Dead, time.Hour, 10), []string{"b"})
		same(t, "held", f.behind(t, store.Held, time.Hour, 10), []string{"c"})
		same(t, "in step is not behind", f.behind(t, store.InStep, time.Hour, 10), nil)
		same(t, "counts", from(f.Counts(t.Context(), "shop")).must(t), map[store.State]int64{store.Due: 1, store.Dead: 1, store.Held: 1})
		same(t, "counts of nothing", from(f.Counts(t.Context(), "erp")).must(t), map[store.State]int64{})
	}},
	{"the next retry time is known", func(t *testing.T, f *fixture) {
		next := func(after time.Duration) time.Time {
			return from(f.NextDue(t.Context(), "shop", start.Add(after))).must(t)
		}
		same(t, "of nothing", next(0), time.Time{})
		f.link(t, due("a", 1, time.Second), due("b", 1, 2*time.Second),
			store.Link{Connector: "shop", Key: "c", State: store.Dead, Next: start.Add(time.Millisecond)})
		f.record(t, store.Record{Connector: "crm", Links: []store.Link{{Connector: "crm", Key: "x", State: store.Due, Next: start.Add(1)}}})
		same(t, "from the beginning", next(0), start.Add(time.Second))
		same(t, "behind the first", next(time.Second), start.Add(2*time.Second))
		same(t, "behind the last", next(2*time.Second), time.Time{})
	}},
	{"what is due by a time and what is next after it leave nothing out", func(t *testing.T, f *fixture) {
		f.link(t, due("a", 1, 1500), due("b", 1, 2500)) // between microseconds
		for _, after := range []time.Duration{0, 999, 1000, 1499, 1500, 2000, 2499, 2500, 3000} {
			n := len(f.behind(t, store.Due, after, 10))
			if next := from(f.NextDue(t.Context(), "shop", start.Add(after))).must(t); (n == 2) != next.IsZero() {
				t.Errorf("at %d ns, %d are due, and the next is at %v", after, n, next)
			}
		}
	}},
	{"links are made due by state, or by key", func(t *testing.T, f *fixture) {
		states := map[string]store.State{"due": store.Due, "dead": store.Dead, "held": store.Held, "fine": store.InStep}
		var links []store.Link
		for key, state := range states {
			links = append(links, store.Link{Connector: "shop", Key: key, State: state, Seq: 3, Attempts: 4, Next: start.Add(time.Hour), Reason: "why"})
		}
		retry := func(keys []string, states ...store.State) int64 {
			return from(f.Retry(t.Context(), "shop", keys, states, start)).must(t)
		}
		f.link(t, links...)
		f.record(t, store.Record{Connector: "crm", Links: []store.Link{{Connector: "crm", Key: "dead", State: store.Dead}}})
		same(t, "how many dead", retry(nil, store.Dead), int64(1))
		same(t, "due", f.behind(t, store.Due, 0, 10), []string{"dead"})
		link := from(f.Links(t.Context(), "shop", []string{"dead"})).must(t)[0]
		same(t, "its place, attempts and reason", []any{link.Seq, link.Attempts, link.Reason}, []any{int64(3), 0, "why"})
		same(t, "how many by key", retry([]string{"held", "fine", "unknown"}, store.Due, store.Dead, store.Held), int64(1))
		same(t, "how many of all", retry(nil, store.Due, store.Dead, store.Held), int64(3))
		same(t, "another's", len(from(f.Behind(t.Context(), "crm", store.Dead, start, 10)).must(t)), 1)
		same(t, "one in step", from(f.Links(t.Context(), "shop", []string{"fine"})).must(t)[0].Attempts, 4)
	}},
	{"what a clock that was ahead put off is due", func(t *testing.T, f *fixture) {
		put := func(key string, state store.State, changed time.Duration) store.Link {
			return store.Link{Connector: "shop", Key: key, State: state, Seq: 3, Attempts: 4, Next: start.Add(9000 * time.Hour), Changed: start.Add(changed)}
		}
		f.link(t, put("ahead", store.Due, 8000*time.Hour), put("right", store.Due, 0), put("dead", store.Dead, 8000*time.Hour))
		f.record(t, store.Record{Connector: "crm", Links: []store.Link{{Connector: "crm", Key: "ahead", State: store.Due, Next: start.Add(time.Hour), Changed: start.Add(time.Hour)}}})
		must(t, f.Hasten(t.Context(), "shop", start))
		same(t, "due", f.behind(t, store.Due, 0, 10), []string{"ahead"})
		same(t, "its attempts", from(f.Links(t.Context(), "shop", []string{"ahead"})).must(t)[0].Attempts, 4)
		same(t, "another's", len(from(f.Behind(t.Context(), "crm", store.Due, start, 10)).must(t)), 0)
		must(t, f.Hasten(t.Context(), "shop", start.Add(time.Second)))
		same(t, "those of this clock", f.behind(t, store.Due, time.Second, 10), []string{"ahead"})
	}},
	{"links that are behind go back in their history, and never on", func(t *testing.T, f *fixture) {
		f.link(t, due("a", 7, time.Second), due("b", 2, time.Second),
			store.Link{Connector: "shop", Key: "c", State: store.Dead, Seq: 9}, store.Link{Connector: "shop", Key: "d", Seq: 9})
		must(t, f.Rewind(t.Context(), "shop", 5))
		got := map[string]int64{}
		for _, link := range from(f.Links(t.Context(), "shop", []string{"a", "b", "c", "d"})).must(t) {
			got[link.Key] = link.Seq
		}
		same(t, "positions", got, map[string]int64{"a": 5, "b": 2, "c": 5, "d": 9})
	}},
	{"a link that came in step is behind no more", func(t *testing.T, f *fixture) {
		f.link(t, due("a", 1, 0), due("b", 2, 0))
		f.link(t, store.Link{Connector: "shop", Key: "a", Seq: 1})
		same(t, "due", f.behind(t, store.Due, time.Hour, 10), []string{"b"})
	}},
	{"a link that says nothing any more is forgotten", func(t *testing.T, f *fixture) {
		f.link(t, due("a", 1, 0), due("b", 2, 0))
		f.record(t, store.Record{Connector: "crm", Links: []store.Link{{Connector: "crm", Key: "a"}}})
		f.record(t, store.Record{Connector: "shop", Forget: []string{"a", "never there"}})
		same(t, "the links", linkKeys(from(f.Links(t.Context(), "shop", []string{"a", "b"})).must(t)), []string{"b"})
		same(t, "due", f.behind(t, store.Due, time.Hour, 10), []string{"b"})
		same(t, "another's link", linkKeys(from(f.Links(t.Context(), "crm", []string{"a"})).must(t)), []string{"a"})
	}},
}
