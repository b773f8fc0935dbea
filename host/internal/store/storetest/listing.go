package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// listings is a fixture's store with what reconciliation needs of it.
type listings interface {
	store.Listings
	store.Plans
}

func (f *fixture) listings(t *testing.T) listings {
	t.Helper()
	s, ok := f.Store.(listings)
	if !ok {
		t.Fatal("it keeps no listings and plans")
	}
	return s
}

// equal compares what is there with what should be; empty lists are alike.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var listingTests = []test{
	{"a listing goes on where it was", func(t *testing.T, f *fixture) {
		s, ctx := f.listings(t), t.Context()
		none, err := s.Listing(ctx, "shop", store.Watching)
		must(t, err)
		equal(t, "one that never began", none, store.Listing{Connector: "shop", Purpose: store.Watching})
		l := store.Listing{Connector: "shop", Purpose: store.Watching, Run: 3, Started: start, Cursor: "at:x", Pages: 2, Items: 500, Catalog: 7, Plan: 4,
			LastItems: 900, Since: start.Add(-time.Hour), Whole: start.Add(-2 * time.Hour)}
		must(t, s.Progress(ctx, store.Progress{Listing: l}))
		l.Cursor, l.Ended = "", start.Add(time.Minute)
		must(t, s.Progress(ctx, store.Progress{Listing: l}))
		got, err := s.Listing(ctx, "shop", store.Watching)
		must(t, err)
		equal(t, "the listing", got, l)
		other, err := s.Listing(ctx, "shop", store.Reconciling)
		must(t, err)
		equal(t, "that of another purpose", other.Run, int64(0))
	}},
	{"what was seen and what was not is told", func(t *testing.T, f *fixture) {
		s, ctx := f.listings(t), t.Context()
		see := func(run int64, keys ...string) {
			t.Helper()
			p := store.Progress{Listing: store.Listing{Connector: "shop", Purpose: store.Watching, Run: run}}
			for _, key := range keys {
				p.Sightings = append(p.Sightings, store.Sighting{Remote: "r-" + key, Key: key, Run: run, At: start.Add(time.Duration(run) * time.Hour)})
			}
			p.Sightings = append(p.Sightings, store.Sighting{Remote: "foreign", Run: run})
			must(t, s.Progress(ctx, p))
		}
		see(1, "a", "b", "c", "d")
		see(2, "b", "d", "e")
		got, err := s.Sightings(ctx, "shop", store.Watching, []string{"a", "b", "x"})
		must(t, err)
		equal(t, "sightings", got, []store.Sighting{
			{Remote: "r-a", Key: "a", Run: 1, At: start.Add(time.Hour)}, {Remote: "r-b", Key: "b", Run: 2, At: start.Add(2 * time.Hour)},
		})
		unseen := func(run int64, after string, limit int) (keys []string) {
			t.Helper()
			rows, err := s.Unseen(ctx, "shop", store.Watching, run, after, limit)
			must(t, err)
			for _, row := range rows {
				keys = append(keys, row.Key)
			}
			return keys
		}
		equal(t, "unseen", unseen(2, "", 10), []string{"a", "c"})
		equal(t, "one of them", unseen(2, "", 1), []string{"a"})
		equal(t, "the next", unseen(2, "a", 10), []string{"c"})
		must(t, s.Unsee(ctx, "shop", store.Watching, []string{"r-a"}))
		equal(t, "one is forgotten", unseen(3, "", 10), []string{"b", "c", "d", "e"})
		equal(t, "another connector's", func() int {
			rows, err := s.Sightings(ctx, "hook", store.Watching, []string{"b"})
			must(t, err)
			return len(rows)
		}(), 0)
	}},
	{"what was not seen for long is forgotten", func(t *testing.T, f *fixture) {
		s, ctx := f.listings(t), t.Context()
		see := func(connector string, purpose store.Purpose, list ...store.Sighting) {
			t.Helper()
			must(t, s.Progress(ctx, store.Progress{Listing: store.Listing{Connector: connector, Purpose: purpose, Run: 3}, Sightings: list}))
		}
		var many []store.Sighting
		for i := range 2500 {
			many = append(many, store.Sighting{Remote: fmt.Sprint("many", i), Key: fmt.Sprint("many", i), Run: 1, At: start.Add(-time.Hour)})
		}
		see("shop", store.Reconciling, many...)
		list := []store.Sighting{
			{Remote: "1", Key: "of an old run", Run: 2, At: start.Add(-time.Hour)},
			{Remote: "2", Key: "of this run", Run: 3, At: start.Add(-time.Hour)},
			{Remote: "3", Key: "of a moment ago", Run: 2, At: start},
		}
		see("shop", store.Reconciling, list...)
		see("shop", store.Watching, list...)
		see("crm", store.Reconciling, list...)
		must(t, s.PruneSightings(ctx, "shop", store.Reconciling, 3, start))
		left := func(connector string, purpose store.Purpose) (keys []string) {
			t.Helper()
			rows, err := s.Sightings(ctx, connector, purpose, []string{"of an old run", "of this run", "of a moment ago", "many0", "many2499", "many999"})
			must(t, err)
			for _, row := range rows {
				keys = append(keys, row.Key)
			}
			return keys
		}
		all := []string{"of a moment ago", "of an old run", "of this run"}
		equal(t, "what is left", left("shop", store.Reconciling), []string{"of a moment ago", "of this run"})
		equal(t, "for another purpose", left("shop", store.Watching), all)
		equal(t, "of another connector", left("crm", store.Reconciling), all)
	}},
	{"links are found by remote id, wherever they are", func(t *testing.T, f *fixture) {
		s, ctx := f.listings(t), t.Context()
		link := func(key, remote string) store.Link {
			return store.Link{Connector: "shop", Key: key, Remote: sdk.Remote{ID: remote}, Base: &sdk.Product{Key: key}}
		}
		must(t, f.Record(ctx, store.Record{Connector: "shop", Links: []store.Link{link("a", "1"), link("b", "2"), link("c", "3")}}))
		_, _, err := s.Verified(ctx, "shop", start) // after which they are no longer only in memory
		must(t, err)
		must(t, f.Record(ctx, store.Record{Connector: "shop", Links: []store.Link{link("a", "9"), link("d", "4")}, Forget: []string{"c"}}))
		found := map[string]string{}
		rows, err := s.LinksTo(ctx, "shop", []string{"1", "2", "3", "4", "9", "none", ""})
		must(t, err)
		for _, row := range rows {
			found[row.Remote.ID] = row.Key
		}
		equal(t, "links", found, map[string]string{"2": "b", "4": "d", "9": "a"})
	}},
	{"a link keeps what people edited and what is to be restored", func(t *testing.T, f *fixture) {
		l := store.Link{Connector: "shop", Key: "a", State: store.OnHold, Reason: "undone", Edited: []string{"name", "prices"},
			Restore: &store.Restore{Op: sdk.Upsert, Product: sdk.Product{Key: "a", Name: "before"}, Fields: []string{"name"}}}
		must(t, f.Record(t.Context(), store.Record{Connector: "shop", Links: []store.Link{l}}))
		_, err := f.Counts(t.Context(), "shop")
		must(t, err)
		rows, err := f.Links(t.Context(), "shop", []string{"a"})
		must(t, err)
		equal(t, "the link", rows, []store.Link{l})
	}},
	{"how many links were verified is counted", func(t *testing.T, f *fixture) {
		s, ctx := f.listings(t), t.Context()
		var links []store.Link
		for _, id := range []string{"1", "2", "3", ""} {
			links = append(links, store.Link{Connector: "shop", Key: "k" + id, Remote: sdk.Remote{ID: id}, Base: &sdk.Product{}})
		}
		links = append(links, store.Link{Connector: "shop", Key: "k4", Remote: sdk.Remote{ID: "4"}, Base: &sdk.Product{}, Archived: true})
		must(t, f.Record(ctx, store.Record{Connector: "shop", Links: links}))
		must(t, s.Progress(ctx, store.Progress{Listing: store.Listing{Connector: "shop", Purpose: store.Reconciling, Run: 1}, Sightings: []store.Sighting{
			{Remote: "1", Key: "k1", Run: 1, At: start}, {Remote: "2", Key: "k2", Run: 1, At: start.Add(-time.Hour)},
		}}))
		verified, all, err := s.Verified(ctx, "shop", start)
		must(t, err)
		equal(t, "verified, all", [2]int64{verified, all}, [2]int64{1, 3})
	}},
	{"what is contended is kept and found", func(t *testing.T, f *fixture) {
		contended := &store.Contended{Times: 3, Field: "name", Wrote: `"A"`, Found: `"B"`}
		must(t, f.Record(t.Context(), store.Record{Connector: "shop", Links: []store.Link{
			{Connector: "shop", Key: "a", Remote: sdk.Remote{ID: "1"}, Contended: contended},
			{Connector: "shop", Key: "b", Remote: sdk.Remote{ID: "2"}},
			{Connector: "shop", Key: "c", Remote: sdk.Remote{ID: "3"}, Contended: contended},
		}}))
		links, err := f.listings(t).Contended(t.Context(), "shop", 1)
		must(t, err)
		if len(links) != 1 || links[0].Key != "a" || *links[0].Contended != *contended {
			t.Errorf("%+v", links)
		}
		equal(t, "in words", contended.Text(), `name: we wrote "A", found "B", 3 times`)
	}},
	{"codes are those of one rule", func(t *testing.T, f *fixture) {
		s, ctx := f.listings(t), t.Context()
		must(t, s.PutCodes(ctx, "shop", "trim", []store.Code{{Code: "A", Key: "1"}, {Code: "B", Key: "2"}, {Code: "B", Key: "3"}}, 10))
		must(t, s.PutCodes(ctx, "shop", "trim", []store.Code{{Code: "C", Key: "1"}, {Code: "", Key: "3"}}, 12))
		coded := func(codes ...string) []store.Code {
			t.Helper()
			rows, err := s.Coded(ctx, "shop", codes)
			must(t, err)
			return rows
		}
		equal(t, "codes", coded("A", "B", "C"), []store.Code{{Code: "B", Key: "2"}, {Code: "C", Key: "1"}})
		to, err := s.CodedTo(ctx, "shop", "trim")
		must(t, err)
		equal(t, "up to", to, int64(12))
		to, err = s.CodedTo(ctx, "shop", "case")
		must(t, err)
		equal(t, "by another rule", to, int64(0))
		must(t, s.PutCodes(ctx, "shop", "case", []store.Code{{Code: "a", Key: "1"}}, 3))
		equal(t, "by the new rule", coded("B", "C", "a"), []store.Code{{Code: "a", Key: "1"}})
	}},
}

var planTests = []test{
	{"a plan is what was written of it last", func(t *testing.T, f *fixture) {
		s, ctx := f.listings(t), t.Context()
		if _, err := s.Plan(ctx, 7); !errors.Is(err, store.ErrNoPlan) {
			t.Errorf("a plan that there is not: %v", err)
		}
		p := store.Plan{Connector: "shop", Started: start, State: store.PlanMaking, First: true, Product: "a"}
		var err error
		p.ID, err = s.NewPlan(ctx, p)
		must(t, err)
		p.Made, p.State, p.Reason, p.Hash, p.First, p.Only = start.Add(time.Minute), store.PlanApplied, "done", "abc", false, "adopt\ndrift"
		must(t, s.SavePlan(ctx, p))
		got, err := s.Plan(ctx, p.ID)
		must(t, err)
		equal(t, "the plan", got, p)
		other, err := s.NewPlan(ctx, store.Plan{Connector: "crm", Started: start})
		must(t, err)
		all, err := s.Plans(ctx, "", 10)
		must(t, err)
		if len(all) != 2 || all[0].ID != other || all[1].ID != p.ID {
			t.Errorf("plans: %+v", all)
		}
		one, err := s.Plans(ctx, "shop", 10)
		must(t, err)
		equal(t, "of the shop", one, []store.Plan{p})
	}},
	{"items are read by key, kind and state, in their order", func(t *testing.T, f *fixture) {
		s, ctx := f.listings(t), t.Context()
		id, err := s.NewPlan(ctx, store.Plan{Connector: "shop", Started: start})
		must(t, err)
		item := func(key, remote, kind string) store.PlanItem {
			return store.PlanItem{Plan: id, Key: key, Remote: remote, Name: "n", Code: "c", Kind: kind, Op: "upsert", Seq: 3, Finding: []byte("{}")}
		}
		items := []store.PlanItem{item("", "9", "foreign"), item("a", "1", "drift"), item("a", "2", "duplicate"), item("b", "", "missing")}
		must(t, s.Progress(ctx, store.Progress{Listing: store.Listing{Connector: "shop", Purpose: store.Reconciling, Run: 1, Plan: id}, Items: items}))
		read := func(q store.PlanQuery) (names []string) {
			t.Helper()
			q.Plan = id
			if q.Limit == 0 {
				q.Limit = 10
			}
			rows, err := s.PlanItems(ctx, q)
			must(t, err)
			for _, row := range rows {
				names = append(names, fmt.Sprint(row.Key, "/", row.Remote))
			}
			return names
		}
		equal(t, "all", read(store.PlanQuery{}), []string{"/9", "a/1", "a/2", "b/"})
		equal(t, "behind one", read(store.PlanQuery{AfterKey: "a", AfterRemote: "1"}), []string{"a/2", "b/"})
		equal(t, "two", read(store.PlanQuery{Limit: 2}), []string{"/9", "a/1"})
		equal(t, "of a product", read(store.PlanQuery{Products: []string{"a", "x"}}), []string{"a/1", "a/2"})
		equal(t, "of kinds", read(store.PlanQuery{Kinds: []string{"drift", "missing"}}), []string{"a/1", "b/"})
		items[1].State, items[1].Reason = store.ItemMarked, "because"
		must(t, s.SaveItems(ctx, items[1:2]))
		equal(t, "open ones", read(store.PlanQuery{States: []store.ItemState{store.ItemOpen}}), []string{"/9", "a/2", "b/"})
		got, err := s.PlanItems(ctx, store.PlanQuery{Plan: id, AfterRemote: "9", Limit: 1})
		must(t, err)
		equal(t, "an item", got, items[1:2])
		totals, err := s.PlanTotals(ctx, id)
		must(t, err)
		equal(t, "totals", totals, []store.PlanTotal{
			{Kind: "drift", Op: "upsert", State: store.ItemMarked, Count: 1}, {Kind: "duplicate", Op: "upsert", Count: 1},
			{Kind: "foreign", Op: "upsert", Count: 1}, {Kind: "missing", Op: "upsert", Count: 1},
		})
	}},
	{"old plans are forgotten, but for each connector's newest", func(t *testing.T, f *fixture) {
		s, ctx := f.listings(t), t.Context()
		add := func(connector string, started time.Time) int64 {
			t.Helper()
			id, err := s.NewPlan(ctx, store.Plan{Connector: connector, Started: started, Made: started})
			must(t, err)
			must(t, s.SaveItems(ctx, []store.PlanItem{{Plan: id, Key: "a", Finding: []byte{}}}))
			return id
		}
		old := add("shop", start.Add(-48*time.Hour))
		last := add("crm", start.Add(-48*time.Hour))
		fresh := add("shop", start)
		must(t, s.PrunePlans(ctx, start.Add(-24*time.Hour)))
		for id, want := range map[int64]int{old: 0, last: 1, fresh: 1} {
			items, err := s.PlanItems(ctx, store.PlanQuery{Plan: id, Limit: 10})
			must(t, err)
			if _, err := s.Plan(ctx, id); (err == nil) != (want == 1) || len(items) != want {
				t.Errorf("plan %d: %d items, %v", id, len(items), err)
			}
		}
	}},
}
