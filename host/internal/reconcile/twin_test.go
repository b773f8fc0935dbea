package reconcile_test

import (
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// lose has the shop's own people delete a product, and remake makes it anew by
// hand, under another id.
func (w *world) lose(code string) {
	w.shop.edit(code, func(i *sdk.Item) { delete(w.shop.items, i.Remote.ID) })
}

func (w *world) remake(n int) string { return w.shop.put(product(n, "12")) }

// What was missing when a plan was made, and was made anew by hand before it is
// applied, is not made a second time.
func TestWhatWasMadeAnewSinceThePlanGetsNoTwin(t *testing.T) {
	w := adopted(t, 10)
	ctx := t.Context()
	w.lose("SKU-0003")
	p, err := w.Plan(ctx, "")
	w.must(err)
	if got, want := w.totals(p.ID), "1 missing upsert"; got != want {
		t.Fatalf("it plans %s; want %s", got, want)
	}
	w.remake(3)
	done, err := w.Apply(ctx, p.ID, p.Hash, nil, false)
	if err != nil || done.Refused != 1 {
		t.Errorf("applied: %+v, %v", done, err)
	}
	w.settle()
	if held := w.shop.held(t); len(held) != 10 {
		t.Errorf("the shop has %d products", len(held))
	}
}

// The plan of a product that was made anew by hand says so, and makes no second one.
func TestThePlanOfOneThatWasMadeAnewMakesNoTwin(t *testing.T) {
	for name, finds := range map[string]bool{"found": true, "listed": false} {
		t.Run(name, func(t *testing.T) {
			w := adopted(t, 10)
			ctx := t.Context()
			w.shop.finds = finds
			w.lose("SKU-0003")
			w.remake(3)
			p, err := w.Plan(ctx, "p3")
			w.must(err)
			if got, want := w.totals(p.ID), "1 duplicate"; got != want {
				t.Errorf("it plans %s; want %s", got, want)
			}
			_, err = w.Apply(ctx, p.ID, p.Hash, nil, false)
			w.must(err)
			w.settle()
			if held := w.shop.held(t); len(held) != 10 {
				t.Errorf("the shop has %d products", len(held))
			}
		})
	}
}

// A code that two of ours have does not make the other one's product there ours.
func TestWhatIsLinkedToAnotherIsNotFound(t *testing.T) {
	w := adopted(t, 5)
	ctx := t.Context()
	same := product(9, "10")
	same.Code = "SKU-0003"
	w.must(w.lane.Hold(ctx, []string{"p9"}, "so that nothing is made yet"))
	w.say(sdk.Created, same)
	p, err := w.Plan(ctx, "p9")
	w.must(err)
	if got, want := w.totals(p.ID), "1 missing upsert"; got != want {
		t.Errorf("it plans %s; want %s", got, want)
	}
	w.must(w.Unlink(ctx, []string{"p4"}))
	if err := w.Link(ctx, "p4", "nothing"); err == nil {
		t.Error("it is linked to something else than was said")
	}
}

// What was unlinked and is released is the one that is there, as far as its code says.
// What the destination owns there stays as it is.
func TestWhatIsReleasedIsLookedFor(t *testing.T) {
	for name, finds := range map[string]bool{"found": true, "listed": false} {
		t.Run(name, func(t *testing.T) {
			w := adopted(t, 5)
			ctx := t.Context()
			w.shop.finds = finds
			w.must(w.Unlink(ctx, []string{"p1", "p2"}))
			w.lose("SKU-0002")
			anew := w.remake(2)
			w.lose("SKU-0003")
			_, err := w.lane.Release(ctx, []string{"p1", "p2"})
			w.must(err)
			w.settle()
			if held := w.shop.held(t); len(held) != 4 || held["SKU-0002"].Product.Prices[0].Amount != "10" {
				t.Errorf("the shop has %d products", len(held))
			}
			if link := w.linkOf("p2"); link.Remote.ID != anew || link.State != store.InStep || link.Unknown {
				t.Errorf("p2 is %q, linked to %q", link.State, link.Remote.ID)
			}
		})
	}
}

func TestWhatTheDestinationOwnsStaysWhenItIsFound(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.stop()
	w.options.Policy.Own = plan.NewOwnership(map[string]plan.Mode{"name": plan.Destination, "*": plan.Source})
	w.start()
	w.adopt(2)
	w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Product.Name = "theirs" })
	w.must(w.Unlink(ctx, []string{"p1"}))
	w.say(sdk.Updated, product(1, "11"))
	_, err := w.lane.Release(ctx, []string{"p1"})
	w.must(err)
	w.settle()
	if got := w.shop.held(t)["SKU-0001"].Product; got.Name != "theirs" || got.Prices[0].Amount != "11" {
		t.Errorf("it is %+v", got)
	}
}

// A create whose answer got lost is not taken for what another product is linked to,
// although both have one code.
func TestALostCreateIsNotAnother(t *testing.T) {
	w := adopted(t, 2)
	lost := false
	w.shop.lose = func(sdk.Change) bool { was := lost; lost = true; return !was }
	same := product(7, "77")
	same.Code = "SKU-0001"
	w.say(sdk.Created, same)
	w.settle()
	if p1, p7 := w.linkOf("p1"), w.linkOf("p7"); p1.Remote.ID == p7.Remote.ID || p7.State != store.InStep {
		t.Errorf("p1 is linked to %q, p7 to %q and %q", p1.Remote.ID, p7.Remote.ID, p7.State)
	}
	if n := len(w.shop.items); n != 3 {
		t.Errorf("the shop has %d products", n)
	}
}

// What is gone at its source, after a create whose answer got lost, is not taken off
// sale because one there has its code: somebody else may have made it.
func TestNothingIsTakenOffSaleByItsCode(t *testing.T) {
	w := adopted(t, 2)
	w.must(w.lane.Pause(t.Context(), "until it is lost"))
	w.say(sdk.Created, product(7, "10"))
	w.shop.lose = func(c sdk.Change) bool {
		w.say(sdk.Deleted, product(7, "10"))
		w.shop.add(product(7, "12")) // by hand
		w.shop.lose = nil
		return true
	}
	w.must(w.lane.Resume(t.Context()))
	w.settle()
	if w.shop.held(t)["SKU-0007"].Archived {
		t.Error("what somebody else made is off sale")
	}
	if link := w.linkOf("p7"); link.State != store.Held {
		t.Errorf("nobody is told: it is %q", link.State)
	}
}

// What the catalog does not have, and is there from us, is taken off sale.
func TestAnExtraIsTakenOffSale(t *testing.T) {
	w := adopted(t, 20)
	ctx := t.Context()
	ghost := product(77, "10")
	id := w.shop.put(ghost)
	w.must(w.store.Record(ctx, store.Record{Connector: "shop", Links: []store.Link{
		{Connector: "shop", Key: "p77", Remote: sdk.Remote{ID: id}, Base: &ghost, Changed: time.Now()}}}))
	w.must(w.Run(ctx))
	w.settle()
	if got, want := w.totals(w.newest().ID), "1 extra archive marked"; got != want {
		t.Errorf("it did %s; want %s", got, want)
	}
	if link := w.linkOf("p77"); !w.shop.held(t)["SKU-0077"].Archived || !link.Archived || link.State != store.InStep {
		t.Errorf("it is on sale: %+v", link)
	}
	_, err := w.Undo(ctx, w.newest().ID)
	w.must(err)
	w.settle()
	if link := w.linkOf("p77"); w.shop.held(t)["SKU-0077"].Archived || link.State != store.OnHold {
		t.Errorf("taken back, it is off sale: %+v", link)
	}
}

// What is not there any more under its id, when a write without an answer is looked
// for, may have been made anew by hand.
func TestWhatIsGoneUnderItsIDIsLookedForByItsCode(t *testing.T) {
	for name, finds := range map[string]bool{"found": true, "listed": false} {
		t.Run(name, func(t *testing.T) {
			w := adopted(t, 3)
			w.shop.finds = finds
			w.lose("SKU-0001")
			w.remake(1)
			w.shop.lose = func(sdk.Change) bool { w.shop.lose = nil; return true }
			w.say(sdk.Updated, product(1, "11"))
			w.settle()
			if held := w.shop.held(t); len(held) != 3 || held["SKU-0001"].Product.Prices[0].Amount != "11" {
				t.Errorf("the shop has %+v", held)
			}
		})
	}
}

// A plan of what a product was linked to does not bring it back to that.
func TestAPlanDoesNotMoveALink(t *testing.T) {
	w := adopted(t, 3)
	ctx := t.Context()
	w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Product.Name = "by hand" })
	p, err := w.Plan(ctx, "")
	w.must(err)
	other := w.shop.put(sdk.Product{Code: "X-1", Name: "the right one"})
	w.must(w.Link(ctx, "p1", other))
	w.settle()
	w.shop.mu.Lock()
	w.shop.items[other].Product.Code = "X-1" // or nobody could tell which is which
	w.shop.mu.Unlock()
	done, err := w.Apply(ctx, p.ID, p.Hash, nil, false)
	if err != nil || done.Refused != 1 {
		t.Errorf("applied: %+v, %v", done, err)
	}
	if link := w.linkOf("p1"); link.Remote.ID != other {
		t.Errorf("it is linked to %q", link.Remote.ID)
	}
}

// A code that many have is no code: each of ours is told of once, and none is made
// a second time.
func TestACodeThatManyHave(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	const ours, theirs = 30, 40
	for i := range ours {
		p := product(i, "10")
		p.Code = "0"
		w.say(sdk.Created, p)
	}
	for i := range theirs {
		p := product(i, "10")
		p.Code = "0"
		w.shop.put(p)
	}
	p, err := w.Plan(ctx, "")
	w.must(err)
	if got, want := w.totals(p.ID), "69 ambiguous"; got != want {
		t.Errorf("it plans %s; want %s", got, want)
	}
	_, err = w.Apply(ctx, p.ID, p.Hash, nil, false)
	w.must(err)
	w.settle()
	if n := len(w.shop.items); n != theirs {
		t.Errorf("the shop has %d products", n)
	}
}

// Also of one product alone nobody guesses which of ours it is.
func TestThePlanOfOneProductDoesNotGuess(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	other := product(1, "10")
	other.Code = product(0, "").Code
	w.say(sdk.Created, product(0, "10"), other)
	w.shop.put(product(0, "10"))
	p, err := w.Plan(ctx, "p0")
	w.must(err)
	if got, want := w.totals(p.ID), "1 ambiguous"; got != want {
		t.Errorf("it plans %s; want %s", got, want)
	}
}
