package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/reconcile"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/store/sqlite"
	"github.com/synchost/synchost/sdk"
)

// awaits says whether the lane still waits for its first plan.
func (w *world) awaits() bool {
	w.t.Helper()
	lane, err := w.store.Lane(w.t.Context(), "shop")
	w.must(err)
	return lane.State == store.Paused && lane.Reason == store.AwaitsPlan
}

func (w *world) linkOf(key string) store.Link {
	w.t.Helper()
	links, err := w.store.Links(w.t.Context(), "shop", []string{key})
	w.must(err)
	if len(links) == 0 {
		return store.Link{}
	}
	return links[0]
}

// The plan of one product says nothing of the others, which are not made a second
// time because it was applied.
func TestAPlanOfOneProductIsNoFirstPlan(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for i := range 3 {
		w.say(sdk.Created, product(i, "10"))
		w.shop.put(product(i, "10"))
	}
	p, err := w.Plan(ctx, "p1")
	w.must(err)
	_, err = w.Apply(ctx, p.ID, p.Hash, nil, false)
	w.must(err)
	if !w.awaits() {
		t.Fatal("the lane goes on")
	}
	if p, err = w.Plan(ctx, ""); err != nil || !p.First {
		t.Errorf("the first plan of all is none: %+v, %v", p, err)
	}
	_, err = w.Apply(ctx, p.ID, p.Hash, nil, false)
	w.must(err)
	w.settle()
	if held := w.shop.held(t); len(held) != 3 {
		t.Errorf("the shop has %d products", len(held))
	}
}

// What of a first plan was not applied is not made by the lane: it waits until a plan
// was applied whole, also for what a later run finds.
func TestNothingIsMadeThatNobodyApproved(t *testing.T) {
	for _, kind := range []plan.Kind{plan.Missing, plan.Adopt} {
		t.Run("only "+string(kind), func(t *testing.T) {
			w := newWorld(t)
			ctx := t.Context()
			for i := range 5 {
				w.say(sdk.Created, product(i, "10"))
			}
			for i := range 3 {
				w.shop.put(product(i, "10"))
			}
			p, err := w.Plan(ctx, "")
			w.must(err)
			done, err := w.Apply(ctx, p.ID, p.Hash, []plan.Kind{kind}, false)
			w.must(err)
			if !w.awaits() || !strings.Contains(done.Waits, "the rest of its first plan") {
				t.Fatalf("the lane goes on: %+v", done)
			}
			w.must(w.Run(ctx))
			if p = w.newest(); !p.First || p.State != store.PlanOpen || !w.awaits() || w.shop.count() > 0 {
				t.Fatalf("what is left is not waited for: %+v, %d writes", p, w.shop.count())
			}
			done, err = w.Apply(ctx, p.ID, p.Hash, nil, false)
			if err != nil || done.Waits != "" {
				t.Fatalf("applied whole: %+v, %v", done, err)
			}
			w.settle()
			if held := w.shop.held(t); len(held) != 5 {
				t.Errorf("the shop has %d products", len(held))
			}
		})
	}
}

// A part that is all there is to do is the whole.
func TestAPartMayBeTheWhole(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.say(sdk.Created, product(0, "10"))
	w.shop.put(product(0, "10"))
	w.shop.put(product(7, "10"))
	p, err := w.Plan(ctx, "")
	w.must(err)
	_, err = w.Apply(ctx, p.ID, p.Hash, []plan.Kind{plan.Adopt}, false)
	w.must(err)
	if w.awaits() {
		t.Error("the lane waits")
	}
	if p, err = w.Plan(ctx, ""); err != nil || p.First {
		t.Errorf("it is the first once more: %+v, %v", p, err)
	}
}

// Of what does not hold any more when the first plan is applied, the lane makes
// nothing: it may be there by now. The next run does what is left.
func TestWhatDoesNotHoldGetsNoTwin(t *testing.T) {
	for name, meanwhile := range map[string]func(*world){
		"one to adopt has changed": func(w *world) {
			w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Product.Name = "by hand" })
		},
		"one that was missing is there": func(w *world) { w.shop.put(product(4, "10")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ctx := t.Context()
			for i := range 5 {
				w.say(sdk.Created, product(i, "10"))
			}
			for i := range 3 {
				w.shop.put(product(i, "10"))
			}
			p, err := w.Plan(ctx, "")
			w.must(err)
			meanwhile(w)
			done, err := w.Apply(ctx, p.ID, p.Hash, nil, false)
			w.must(err)
			if !w.awaits() || done.Waits == "" {
				t.Fatal("the lane goes on")
			}
			w.must(w.Run(ctx))
			w.settle()
			if held := w.shop.held(t); len(held) != 5 {
				t.Errorf("the shop has %d products", len(held))
			}
		})
	}
}

// What the source tells of only after the first plan was made may be there already,
// too, and is not made a second time.
func TestWhatIsNewSinceTheFirstPlanGetsNoTwin(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for i := range 3 {
		w.say(sdk.Created, product(i, "10"))
	}
	for i := range 5 {
		w.shop.put(product(i, "10"))
	}
	p, err := w.Plan(ctx, "")
	w.must(err)
	for i := 3; i < 6; i++ {
		w.say(sdk.Created, product(i, "11"))
	}
	_, err = w.Apply(ctx, p.ID, p.Hash, nil, false)
	w.must(err)
	w.settle()
	if held := w.shop.held(t); len(held) != 6 || held["SKU-0004"].Product.Prices[0].Amount != "11" {
		t.Errorf("the shop has %d products", len(held))
	}
}

// A product that carries our key there is ours, although its code is that of another
// there that may be of several of ours.
func TestOneThatIsOursIsAdoptedBesideOneThatIsNotClear(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	other := product(1, "10")
	other.Code = product(0, "").Code
	w.say(sdk.Created, product(0, "10"), other)
	ours := w.shop.put(product(0, "10"))
	w.shop.items[ours].Key = "p0"
	w.shop.put(product(0, "10"))
	p, err := w.Plan(ctx, "")
	w.must(err)
	if got, want := w.totals(p.ID), "1 adopt, 2 ambiguous"; got != want {
		t.Fatalf("it plans %s; want %s", got, want)
	}
	_, err = w.Apply(ctx, p.ID, p.Hash, nil, false)
	w.must(err)
	if got, want := w.totals(p.ID), "1 adopt  marked, 1 ambiguous  marked, 1 ambiguous  refused"; got != want {
		t.Errorf("it did %s; want %s", got, want)
	}
	if p0, p1 := w.linkOf("p0"), w.linkOf("p1"); p0.Remote.ID != ours || p0.State != store.InStep || p1.State != store.OnHold {
		t.Errorf("p0 is linked to %q and %q, p1 is %q", p0.Remote.ID, p0.State, p1.State)
	}
}

// A delete that was taken back before it was done is not followed by a second one
// of what is still there.
func TestAnUndoneDeleteThatWasNotDoneMakesNoTwin(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.stop()
	w.options.Policy.OnDelete, w.options.MaxDeletes = plan.DeleteThere, plan.Limit{Count: 5}
	w.start()
	w.adopt(3)
	w.must(w.lane.Pause(ctx, "so that nothing is done yet"))
	w.say(sdk.Deleted, sdk.Product{Key: "p1"})
	p, err := w.Plan(ctx, "")
	w.must(err)
	if got, want := w.totals(p.ID), "1 tombstone-late purge"; got != want {
		t.Fatalf("it plans %s; want %s", got, want)
	}
	_, err = w.Apply(ctx, p.ID, p.Hash, nil, false)
	w.must(err)
	_, err = w.Undo(ctx, p.ID)
	w.must(err)
	w.must(w.lane.Resume(ctx))
	w.settle()
	if held := w.shop.held(t); len(held) != 3 {
		t.Errorf("the shop has %d products", len(held))
	}
}

// What was unlinked is not linked again by a look.
func TestWhatWasUnlinkedStaysSo(t *testing.T) {
	w := adopted(t, 3)
	ctx := t.Context()
	w.must(w.Unlink(ctx, []string{"p1"}))
	w.must(w.Run(ctx))
	if link := w.linkOf("p1"); link.Remote.ID != "" || link.State != store.OnHold {
		t.Errorf("it is %s, linked to %q", link.State, link.Remote.ID)
	}
}

// What is said by link, after a plan was made, is not undone by that plan.
func TestAPlanDoesNotContradictALink(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for i := range 2 {
		w.say(sdk.Created, product(i, "10"))
	}
	one := w.shop.put(product(0, "10"))
	two := w.shop.put(product(0, "10")) // its twin
	other := w.shop.put(product(1, "10"))
	p, err := w.Plan(ctx, "")
	w.must(err)
	w.must(w.Link(ctx, "p0", other)) // somebody knows better
	applied, err := w.Apply(ctx, p.ID, p.Hash, nil, false)
	w.must(err)
	if applied.Marked != 0 || w.linkOf("p0").State == store.OnHold || w.linkOf("p1").Remote.ID != "" {
		t.Errorf("%d are done, p0 is %s, p1 is linked to %q (%s and %s are twins)", applied.Marked, w.linkOf("p0").State, w.linkOf("p1").Remote.ID, one, two)
	}
}

// A listing that was interrupted long ago is begun anew: its pages are others by now.
func TestAnOldListingIsNotGoneOnWith(t *testing.T) {
	w := adopted(t, 30)
	ctx := t.Context()
	w.shop.onList = func(page int) error {
		if page == 2 {
			w.stop()
			return sdk.Deny(errors.New("the host ends"))
		}
		return nil
	}
	if _, err := w.Plan(ctx, ""); err == nil {
		t.Fatal("a plan was made")
	}
	w.shop.onList, w.shop.lists = nil, 0
	w.options.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	w.start()
	w.must(w.Run(ctx))
	if w.shop.lists != 5 {
		t.Errorf("%d of 5 pages were asked for", w.shop.lists)
	}
	if got := w.totals(w.newest().ID); got != "" {
		t.Errorf("it plans %s", got)
	}
	if p := w.Progress(); p.Doing != reconcile.Idle {
		t.Errorf("it is %s", p.Doing)
	}
}

// forgetful is a store that fails once to write what became of a plan's items.
type forgetful struct {
	*sqlite.Store
	failed bool
}

func (s *forgetful) SaveItems(ctx context.Context, items []store.PlanItem) error {
	if !s.failed {
		s.failed = true
		return errors.New("the host ends")
	}
	return s.Store.SaveItems(ctx, items)
}

// interrupted is a plan that was applied by a host that ended before it had noted what
// it had marked.
func (w *world) interrupted() store.Plan {
	w.t.Helper()
	p, err := w.Plan(w.t.Context(), "")
	w.must(err)
	w.Reconciler = reconcile.New(&forgetful{Store: w.store}, w.shop, w.lane, w.options)
	if _, err = w.Apply(w.t.Context(), p.ID, p.Hash, nil, false); err == nil {
		w.t.Fatal("it was not interrupted")
	}
	return p
}

// What a plan did just before it was interrupted counts as done when it goes on, so
// that it can be taken back.
func TestWhatWasDoneBeforeAnInterruptionCanBeUndone(t *testing.T) {
	for name, goesOn := range map[string]bool{"when it has gone on": true, "at once": false} {
		t.Run(name, func(t *testing.T) { undoInterrupted(t, goesOn) })
	}
}

func undoInterrupted(t *testing.T, goesOn bool) {
	w := newWorld(t)
	ctx := t.Context()
	for i := range 4 {
		w.say(sdk.Created, product(i, "10"))
	}
	w.shop.put(product(0, "10"))
	w.shop.put(product(1, "12"))
	p := w.interrupted()
	w.must(w.lane.Resume(ctx)) // the lane is faster than we are
	w.settle()
	if goesOn {
		_, err := w.Apply(ctx, p.ID, p.Hash, nil, false)
		w.must(err)
	}
	if got, want := w.totals(p.ID), "1 adopt  marked, 1 adopt upsert marked, 2 missing upsert marked"; goesOn && got != want {
		t.Errorf("it did %s; want %s", got, want)
	}
	_, err := w.Undo(ctx, p.ID)
	w.must(err)
	w.settle()
	held := w.shop.held(t)
	if len(held) != 4 || held["SKU-0001"].Product.Prices[0].Amount != "12" || !held["SKU-0002"].Archived || !held["SKU-0003"].Archived {
		t.Errorf("taken back, there is %+v", held)
	}
}

// So does what it had made anew in the place of one that was removed, which has
// another id there.
func TestWhatWasMadeAnewBeforeAnInterruptionCanBeUndone(t *testing.T) {
	for name, finds := range map[string]bool{"it can be asked for": true, "it is listed": false} {
		t.Run(name, func(t *testing.T) {
			w := adopted(t, 3)
			ctx := t.Context()
			w.shop.finds = finds
			w.shop.edit("SKU-0001", func(i *sdk.Item) { delete(w.shop.items, i.Remote.ID) })
			p := w.interrupted()
			w.settle()
			_, err := w.Apply(ctx, p.ID, p.Hash, nil, false)
			w.must(err)
			if got, want := w.totals(p.ID), "1 missing upsert marked"; got != want {
				t.Errorf("it did %s; want %s", got, want)
			}
			_, err = w.Undo(ctx, p.ID)
			w.must(err)
			w.settle()
			if held := w.shop.held(t); len(held) != 3 || !held["SKU-0001"].Archived {
				t.Errorf("taken back, there is %+v", held)
			}
		})
	}
}

// Calls that began before the plan was made may be recorded behind what it did.
func TestSlowCallsHideNothingOfWhatAPlanDid(t *testing.T) {
	w := adopted(t, 3)
	ctx := t.Context()
	w.shop.edit("SKU-0001", func(i *sdk.Item) { delete(w.shop.items, i.Remote.ID) })
	before := time.Now()
	p := w.interrupted()
	w.settle()
	for range 100 {
		w.must(w.store.Record(ctx, store.Record{Connector: "slow", Deliveries: []store.Delivery{{Connector: "slow", Key: "p2", Op: "upsert", At: before, Outcome: store.Done}}}))
	}
	_, err := w.Apply(ctx, p.ID, p.Hash, nil, false)
	w.must(err)
	if got, want := w.totals(p.ID), "1 missing upsert marked"; got != want {
		t.Errorf("it did %s; want %s", got, want)
	}
}

// A plan that is older than what was written since makes nothing a second time, also
// where the platform cannot be asked for single products.
func TestAnOldPlanMakesNothingTwice(t *testing.T) {
	w := adopted(t, 5)
	ctx := t.Context()
	w.shop.finds = false
	w.shop.edit("SKU-0001", func(i *sdk.Item) { delete(w.shop.items, i.Remote.ID) })
	old, err := w.Plan(ctx, "")
	w.must(err)
	newer, err := w.Plan(ctx, "p1")
	w.must(err)
	for _, p := range []store.Plan{newer, old} {
		_, err = w.Apply(ctx, p.ID, p.Hash, nil, false)
		w.must(err)
		w.settle()
	}
	if held := w.shop.held(t); len(held) != 5 {
		t.Errorf("the shop has %d products", len(held))
	}
}

// A kind that does not exist does not make a plan one that was applied.
func TestAnUnknownKindIsAnError(t *testing.T) {
	w := adopted(t, 1)
	w.shop.edit("SKU-0000", func(i *sdk.Item) { i.Product.Name = "by hand" })
	p, err := w.Plan(t.Context(), "")
	w.must(err)
	for _, kind := range []plan.Kind{"archive", ""} {
		if _, err := w.Apply(t.Context(), p.ID, p.Hash, []plan.Kind{kind}, false); err == nil {
			t.Errorf("%q is applied", kind)
		}
	}
	if got := w.newest().State; got != store.PlanOpen {
		t.Errorf("the plan is %s", got)
	}
}
