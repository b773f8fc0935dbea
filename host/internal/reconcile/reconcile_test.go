package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// A shop that has many of our products already, under ids of its own, gets none
// of them twice, and nothing at all before somebody has seen the plan.
func TestAFullShopIsAdopted(t *testing.T) {
	w := newWorld(t)
	for i := range 50 {
		w.say(sdk.Created, product(i, "10"))
	}
	for i := range 30 {
		price := "10"
		if i%10 == 0 {
			price = "12" // as the shop has it
		}
		p := product(i, price)
		p.Code = " " + p.Code
		w.shop.put(p)
	}
	for i := range 4 {
		w.shop.put(sdk.Product{Code: fmt.Sprint("own-", i), Name: "the shop's own"})
	}
	w.must(w.Run(t.Context()))
	p := w.newest()
	if p.State != store.PlanOpen || !p.First || w.shop.count() > 0 {
		t.Fatalf("the first plan is %q (first: %t) and wrote %d times", p.State, p.First, w.shop.count())
	}
	if got, want := w.totals(p.ID), "30 adopt upsert, 4 foreign, 20 missing upsert"; got != want {
		t.Errorf("it plans %s; want %s", got, want)
	}
	done, err := w.Apply(t.Context(), p.ID, p.Hash, nil, false)
	if err != nil || done.Marked != 50 || done.Refused != 0 {
		t.Fatalf("applied: %+v, %v", done, err)
	}
	w.settle()
	held := w.shop.held(t)
	if len(held) != 54 {
		t.Errorf("the shop has %d products", len(held))
	}
	for i := range 50 {
		p := product(i, "10")
		if got := held[p.Code]; !sdk.EqualField(&got.Product, &p, "prices") {
			t.Errorf("%s costs %v", p.Code, got.Product.Prices)
		}
	}
	writes := w.shop.count()
	w.must(w.Run(t.Context()))
	if got := w.totals(w.newest().ID); got != "4 foreign" {
		t.Errorf("afterwards there is %s", got)
	}
	if w.shop.count() != writes {
		t.Error("a second run wrote again")
	}
}

// Which of two it is, nobody guesses, and neither is made a third time, also when
// only a part of the plan is applied.
func TestTwinsAreListedAndNotChosen(t *testing.T) {
	w := newWorld(t)
	for i := range 6 {
		w.say(sdk.Created, product(i, "10"))
	}
	same := product(6, "10")
	same.Code = product(5, "").Code
	w.say(sdk.Created, same)
	for range 2 {
		w.shop.put(product(0, "10"))
	}
	w.shop.put(product(5, "10")) // which two of ours may be
	p, err := w.Plan(t.Context(), "")
	w.must(err)
	if got, want := w.totals(p.ID), "2 ambiguous, 2 duplicate, 4 missing upsert"; got != want {
		t.Errorf("it plans %s; want %s", got, want)
	}
	_, err = w.Apply(t.Context(), p.ID, p.Hash, []plan.Kind{plan.Missing}, false)
	w.must(err)
	w.settle()
	if n := len(w.shop.items); n != 3+4 {
		t.Errorf("the shop has %d products", n)
	}
}

// What people deleted and made again by hand, under another id, is not made a
// third time: which one it is is said by link.
func TestWhatWasMadeAnewByHandGetsNoTwin(t *testing.T) {
	w := adopted(t, 20)
	ctx := t.Context()
	w.shop.edit("SKU-0003", func(i *sdk.Item) { delete(w.shop.items, i.Remote.ID) })
	anew := w.shop.put(product(3, "12"))
	w.must(w.Run(ctx))
	w.settle()
	if got, want := w.totals(w.newest().ID), "1 duplicate"; got != want {
		t.Errorf("it plans %s; want %s", got, want)
	}
	if held := w.shop.held(t); len(held) != 20 {
		t.Errorf("the shop has %d products", len(held))
	}
	w.must(w.Link(ctx, "p3", anew))
	w.settle()
	if price := w.shop.held(t)["SKU-0003"].Product.Prices[0].Amount; price != "10" {
		t.Errorf("linked, it costs %s", price)
	}
}

func TestDriftIsMended(t *testing.T) {
	w := adopted(t, 20)
	w.shop.edit("SKU-0003", func(i *sdk.Item) { i.Product.Name = "changed by hand" })
	w.shop.mu.Lock()
	for id, item := range w.shop.items {
		if item.Product.Code == "SKU-0004" {
			delete(w.shop.items, id)
		}
	}
	w.shop.mu.Unlock()
	w.must(w.Run(t.Context()))
	w.settle()
	if got, want := w.totals(w.newest().ID), "1 drift upsert marked, 1 missing upsert marked"; got != want {
		t.Errorf("it did %s; want %s", got, want)
	}
	held := w.shop.held(t)
	if len(held) != 20 || held["SKU-0003"].Product.Name != "Product SKU-0003" || w.shop.count() != 2 {
		t.Errorf("%d products, %d writes, %q", len(held), w.shop.count(), held["SKU-0003"].Product.Name)
	}
}

// TestAListingThatCannotBeRightIsNoPlan: half a shop that is gone is a listing
// that failed, and not half a shop to be made again.
func TestAListingThatCannotBeRightIsNoPlan(t *testing.T) {
	w := adopted(t, 30)
	for name, lie := range map[string]func(page int) error{
		"it fails": func(page int) error { return sdk.Deny(errors.New("401")) },
		"it fails late": func(page int) error {
			if page > 1 {
				return sdk.Reject("", errors.New("500"))
			}
			return nil
		},
	} {
		w.shop.mu.Lock()
		w.shop.onList = lie
		w.shop.mu.Unlock()
		if err := w.Run(t.Context()); err == nil {
			t.Errorf("%s: the run succeeds", name)
		}
		if p := w.newest(); p.State != store.PlanFailed {
			t.Errorf("%s: the plan is %s", name, p.State)
		}
	}
	w.shop.mu.Lock()
	w.shop.onList = nil
	hidden := w.shop.items
	w.shop.items = map[string]*sdk.Item{}
	for id, item := range hidden {
		if len(w.shop.items) < 10 {
			w.shop.items[id] = item
		}
	}
	w.shop.mu.Unlock()
	if err := w.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "10 products where about 30 were expected") {
		t.Errorf("a listing of a third gives %v", err)
	}
	w.settle()
	if w.shop.count() > 0 {
		t.Errorf("%d writes", w.shop.count())
	}
}

func TestManyDeletesAreAskedFor(t *testing.T) {
	w := adopted(t, 20)
	ctx := t.Context()
	w.must(w.lane.Pause(ctx, "so that the reconciliation finds them"))
	for i := range 5 {
		w.say(sdk.Deleted, product(i, "10"))
	}
	w.must(w.Run(ctx))
	p := w.newest()
	if p.State != store.PlanAsks || w.totals(p.ID) != "5 tombstone-late archive" {
		t.Fatalf("the plan is %s: %s (%s)", p.State, p.Reason, w.totals(p.ID))
	}
	if _, err := w.Apply(ctx, p.ID, p.Hash, nil, false); err == nil {
		t.Error("it is applied without being approved")
	}
	_, err := w.Apply(ctx, p.ID, p.Hash, nil, true)
	w.must(err)
	w.must(w.lane.Resume(ctx))
	w.settle()
	off := 0
	for _, item := range w.shop.held(t) {
		if item.Archived {
			off++
		}
	}
	if off != 5 {
		t.Errorf("%d are off sale", off)
	}
}

// TestAPlanDoesWhatItSaid is promise 7: or it refuses what is not so any more.
func TestAPlanDoesWhatItSaid(t *testing.T) {
	w := adopted(t, 10)
	ctx := t.Context()
	for _, code := range []string{"SKU-0001", "SKU-0002", "SKU-0003"} {
		w.shop.edit(code, func(i *sdk.Item) { i.Product.Name = "by hand" })
	}
	p, err := w.Plan(ctx, "")
	w.must(err)
	w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Product.Name = "by hand again" })
	w.say(sdk.Updated, product(2, "11"))
	w.settle()
	if _, err := w.Apply(ctx, p.ID, "0000", nil, false); err == nil {
		t.Error("a plan is applied that says something else than was shown")
	}
	done, err := w.Apply(ctx, p.ID, p.Hash, nil, false)
	if err != nil || done.Marked != 1 || done.Refused != 2 {
		t.Errorf("applied: %+v, %v", done, err)
	}
	w.settle()
	held := w.shop.held(t)
	if name := held["SKU-0001"].Product.Name; name != "by hand again" {
		t.Errorf("what moved was written: %q", name)
	}
	if name := held["SKU-0003"].Product.Name; name != "Product SKU-0003" {
		t.Errorf("what did not move was not: %q", name)
	}
	if _, err := w.Apply(ctx, p.ID, p.Hash, nil, false); err == nil {
		t.Error("a plan is applied twice")
	}
}

func TestUndoBringsBackAndHolds(t *testing.T) {
	w := adopted(t, 10)
	ctx := t.Context()
	w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Product.Name = "by hand" })
	w.must(w.lane.Pause(ctx, "for the plan"))
	w.say(sdk.Created, product(10, "10"))
	w.must(w.Run(ctx))
	w.must(w.lane.Resume(ctx))
	w.settle()
	p := w.newest()
	if got := w.totals(p.ID); got != "1 drift upsert marked, 1 missing upsert marked" {
		t.Fatalf("it did %s", got)
	}
	n, err := w.Undo(ctx, p.ID)
	if err != nil || n != 2 {
		t.Fatalf("%d are taken back, %v", n, err)
	}
	w.settle()
	held := w.shop.held(t)
	if name := held["SKU-0001"].Product.Name; name != "by hand" {
		t.Errorf("the name is %q", name)
	}
	if !held["SKU-0010"].Archived {
		t.Error("what was created is still on sale")
	}
	w.say(sdk.Updated, product(1, "99"))
	w.settle()
	if price := w.shop.held(t)["SKU-0001"].Product.Prices[0].Amount; price != "10" {
		t.Errorf("what is held was written: %s", price)
	}
	_, err = w.lane.Release(ctx, []string{"p1"})
	w.must(err)
	w.settle()
	got := w.shop.held(t)["SKU-0001"].Product
	if got.Prices[0].Amount != "99" || got.Name != "Product SKU-0001" {
		t.Errorf("released, it is %+v", got)
	}
}

// What an operator holds or has unlinked is left alone by reconciliations, too.
func TestWhatIsOnHoldIsNotReconciled(t *testing.T) {
	w := adopted(t, 20)
	ctx := t.Context()
	w.must(w.lane.Hold(ctx, []string{"p1"}, "the photo is being retouched"))
	w.must(w.Unlink(ctx, []string{"p2"}))
	for _, code := range []string{"SKU-0001", "SKU-0002", "SKU-0003"} {
		w.shop.edit(code, func(i *sdk.Item) { i.Product.Name = "by hand" })
	}
	w.must(w.Run(ctx))
	w.settle()
	if got, want := w.totals(w.newest().ID), "1 adopt upsert refused, 1 drift upsert marked, 1 drift upsert refused"; got != want {
		t.Errorf("it did %s; want %s", got, want)
	}
	held := w.shop.held(t)
	for code, want := range map[string]string{"SKU-0001": "by hand", "SKU-0002": "by hand", "SKU-0003": "Product SKU-0003"} {
		if name := held[code].Product.Name; name != want {
			t.Errorf("%s is named %q; want %q", code, name, want)
		}
	}
}

// An adoption that was taken back and released is the same product there, and no
// second one.
func TestAnUndoneAdoptionMakesNoTwin(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.say(sdk.Created, product(1, "10"))
	w.shop.put(product(1, "10"))
	made, err := w.Plan(ctx, "")
	w.must(err)
	_, err = w.Apply(ctx, made.ID, made.Hash, nil, false)
	w.must(err)
	w.settle()
	if n, err := w.Undo(ctx, made.ID); n != 1 || err != nil {
		t.Fatalf("%d are taken back, %v", n, err)
	}
	w.settle()
	w.must(w.Run(ctx))
	_, err = w.lane.Release(ctx, []string{"p1"})
	w.must(err)
	w.settle()
	if held := w.shop.held(t); len(held) != 1 {
		t.Errorf("the shop has %d products", len(held))
	}
}

// An interrupted reconciliation goes on where it was, and says what it would have.
func TestAnInterruptedRunGoesOn(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.say(sdk.Created, product(i, "10"))
		if i < 40 {
			w.shop.put(product(i, "10"))
		}
	}
	for stop := 1; stop <= 4; stop++ {
		ctx, cancel := context.WithCancel(t.Context())
		w.shop.mu.Lock()
		w.shop.onList = func(page int) error {
			if page == stop {
				cancel()
			}
			return nil
		}
		w.shop.mu.Unlock()
		if err := w.Run(ctx); err == nil {
			t.Fatal("it was not interrupted")
		}
		w.stop()
		w.start()
	}
	w.shop.onList = nil
	w.must(w.Run(t.Context()))
	if got, want := w.totals(w.newest().ID), "40 adopt, 20 missing upsert"; got != want {
		t.Errorf("it plans %s; want %s", got, want)
	}
	if w.newest().ID != 1 {
		t.Errorf("it took %d plans", w.newest().ID)
	}
	if w.shop.lists > 6+4 {
		t.Errorf("%d pages were read for 6", w.shop.lists)
	}
}

func TestOneProductIsPlanned(t *testing.T) {
	w := adopted(t, 10)
	w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Product.Name = "by hand" })
	w.shop.edit("SKU-0002", func(i *sdk.Item) { i.Product.Name = "by hand" })
	lists := w.shop.lists
	p, err := w.Plan(t.Context(), "p1")
	w.must(err)
	if got := w.totals(p.ID); got != "1 drift upsert" || w.shop.lists != lists {
		t.Errorf("it plans %s, with %d pages", got, w.shop.lists-lists)
	}
	if _, err := w.Plan(t.Context(), "nothing"); err == nil {
		t.Error("a product that there is not is planned")
	}
	items, err := w.store.PlanItems(t.Context(), store.PlanQuery{Plan: p.ID, Kinds: []string{string(plan.Drift)}, Limit: 10})
	if err != nil || len(items) != 1 || items[0].Name != "Product SKU-0001" {
		t.Errorf("%+v, %v", items, err)
	}
}

// What people changed and may keep is kept from the moment it was seen, whether or
// not anything is applied.
func TestAnEditThatWasSeenIsKept(t *testing.T) {
	w := newWorld(t)
	w.options.Policy.Own = plan.NewOwnership(map[string]plan.Mode{"name": plan.UntilEdited, "*": plan.Source})
	w.options.PlanOnly = true
	w.stop()
	w.start()
	w.adopt(5)
	w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Product.Name = "a better name" })
	w.must(w.Run(t.Context()))
	if got := w.totals(w.newest().ID); got != "1 edited" {
		t.Errorf("it plans %s", got)
	}
	changed := product(1, "11")
	changed.Name = "the source's new name"
	w.say(sdk.Updated, changed)
	w.settle()
	got := w.shop.held(t)["SKU-0001"].Product
	if got.Name != "a better name" || got.Prices[0].Amount != "11" {
		t.Errorf("it is now %+v", got)
	}
}
