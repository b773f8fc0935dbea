package reconcile_test

import (
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// A listing that leaves out what people took off sale says nothing of its being
// gone: it is asked for, and not made a second time, now or when it changes later.
func TestWhatAListingLeavesOutIsAskedFor(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.options.Policy.OnDelete = plan.KeepThere
	w.start()
	w.adopt(10)
	w.shop.hides = func(i *sdk.Item) bool { return i.Archived }
	for _, code := range []string{"SKU-0001", "SKU-0002"} {
		w.shop.edit(code, func(i *sdk.Item) { i.Archived = true })
	}
	w.say(sdk.Deleted, sdk.Product{Key: "p2"})
	w.settle()
	w.must(w.Run(t.Context()))
	if got := w.totals(w.newest().ID); got != "" {
		t.Errorf("it plans %s", got)
	}
	w.say(sdk.Updated, product(1, "11"), product(2, "11"))
	w.settle()
	if held := w.shop.held(t); len(held) != 10 || held["SKU-0002"].Product.Prices[0].Amount != "11" {
		t.Errorf("the shop has %d products: %+v", len(held), held["SKU-0002"])
	}
}

// What is on no listing for long is not remembered for ever; what is missing is found
// all the same.
func TestWhatIsLongGoneIsForgotten(t *testing.T) {
	w := adopted(t, 20)
	now := time.Now()
	w.stop()
	w.options.Now = func() time.Time { return now }
	w.start()
	foreign := w.shop.put(sdk.Product{Code: "foreign"})
	w.must(w.Run(t.Context()))
	seen := func() int {
		t.Helper()
		rows, err := w.store.Sightings(t.Context(), "shop", store.Reconciling, []string{"p1", "p2", "p3"})
		w.must(err)
		return len(rows)
	}
	w.shop.mu.Lock()
	delete(w.shop.items, foreign)
	w.shop.mu.Unlock()
	w.say(sdk.Deleted, sdk.Product{Key: "p1"})
	w.settle()
	w.shop.edit("SKU-0001", func(i *sdk.Item) { delete(w.shop.items, i.Remote.ID) })
	for _, c := range []struct {
		later time.Duration
		fails bool
		want  int
	}{{time.Hour, false, 3}, {72 * time.Hour, true, 3}, {time.Hour, false, 1}} {
		now = now.Add(c.later)
		w.shop.hides = func(i *sdk.Item) bool { return i.Product.Code == "SKU-0002" || c.fails && i.Product.Code > "SKU-0003" }
		if err := w.Run(t.Context()); (err != nil) != c.fails {
			t.Fatal(err)
		}
		if got := seen(); got != c.want {
			t.Errorf("%s later, %d of 3 are known to have been seen, want %d", c.later, got, c.want)
		}
		if got := w.totals(w.newest().ID); got != "" {
			t.Errorf("%s later it plans %s", c.later, got)
		}
	}
	w.shop.hides = nil
	w.shop.edit("SKU-0003", func(i *sdk.Item) { delete(w.shop.items, i.Remote.ID) })
	w.must(w.Run(t.Context()))
	w.settle()
	if _, there := w.shop.held(t)["SKU-0003"]; !there || w.totals(w.newest().ID) != "1 missing upsert marked" {
		t.Errorf("what went missing is there: %t; it plans %s", there, w.totals(w.newest().ID))
	}
}

// Where single products cannot be asked for, two listings must agree that one of
// ours is missing before it is made again.
func TestWhatOneListingLeavesOutIsNotMadeAgain(t *testing.T) {
	w := adopted(t, 10)
	w.shop.finds = false
	left := 1
	w.shop.hides = func(i *sdk.Item) bool {
		if hidden := i.Product.Code == "SKU-0003"; !hidden || left == 0 {
			return false
		}
		left--
		return true
	}
	w.shop.edit("SKU-0004", func(i *sdk.Item) { delete(w.shop.items, i.Remote.ID) })
	w.shop.page = 100
	w.must(w.Run(t.Context()))
	w.settle()
	if got, want := w.totals(w.newest().ID), "1 missing upsert marked, 1 missing upsert refused"; got != want {
		t.Errorf("it did %s; want %s", got, want)
	}
	if held := w.shop.held(t); len(held) != 10 {
		t.Errorf("the shop has %d products", len(held))
	}
}

// A page that is older than our own last write tells of no person: what was there
// before it is not kept from then on, where the platform can be asked.
func TestAnOldPageIsNoEdit(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.options.Policy.Own = plan.NewOwnership(map[string]plan.Mode{"name": plan.UntilEdited, "*": plan.Source})
	w.start()
	w.adopt(5)
	old := map[string]sdk.Item{}
	for code, item := range w.shop.held(t) {
		old[code] = item
	}
	renamed := product(1, "10")
	renamed.Name = "the source's new name"
	w.say(sdk.Updated, renamed)
	w.settle()
	w.shop.tells = func(i *sdk.Item) sdk.Item { return old[i.Product.Code] }
	w.must(w.Run(t.Context()))
	w.shop.tells = nil
	renamed.Name = "its newest name"
	w.say(sdk.Updated, renamed)
	w.settle()
	if name := w.shop.held(t)["SKU-0001"].Product.Name; name != renamed.Name {
		t.Errorf("it is named %q", name)
	}
}
