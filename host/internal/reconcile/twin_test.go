package reconcile_test

import (
	"testing"

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
