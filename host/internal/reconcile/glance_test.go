package reconcile_test

import (
	"testing"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/sdk"
)

func TestALookMendsWhatWasChangedThere(t *testing.T) {
	w := adopted(t, 5)
	plans, err := w.store.Plans(t.Context(), "shop", 100)
	w.must(err)
	lists := w.shop.lists
	w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Product.Name = "by hand" })
	w.must(w.Look(t.Context(), []string{"p1", "p2"}))
	w.settle()
	if got := w.shop.held(t)["SKU-0001"].Product.Name; got != "Product SKU-0001" {
		t.Errorf("the shop has %q", got)
	}
	after, err := w.store.Plans(t.Context(), "shop", 100)
	w.must(err)
	if len(after) != len(plans)+1 || after[0].Product != "p1" || w.shop.lists != lists {
		t.Errorf("%d plans more, the last of %q, and %d pages", len(after)-len(plans), after[0].Product, w.shop.lists-lists)
	}
}

func TestALookWritesNothingWhereAnOperatorIsToSeeIt(t *testing.T) {
	w := adopted(t, 2)
	w.stop()
	w.options.PlanOnly = true
	w.start()
	w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Product.Name = "by hand" })
	w.must(w.Look(t.Context(), []string{"p1"}))
	w.settle()
	if got := w.shop.held(t)["SKU-0001"].Product.Name; got != "by hand" {
		t.Errorf("the shop has %q", got)
	}
	if got := w.totals(w.newest().ID); got != "1 drift upsert" {
		t.Errorf("the plan has %s", got)
	}
}

func TestALookRemembersAPersonsEdit(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.options.Policy.Own = plan.NewOwnership(map[string]plan.Mode{"name": plan.UntilEdited, "*": plan.Source})
	w.start()
	w.say(sdk.Created, product(1, "10"))
	w.shop.put(product(1, "10"))
	p, err := w.Plan(t.Context(), "")
	w.must(err)
	_, err = w.Apply(t.Context(), p.ID, "", nil, false)
	w.must(err)
	w.settle()
	w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Product.Name = "by hand" })
	w.must(w.Look(t.Context(), []string{"p1"}))
	_, err = w.store.Accept(t.Context(), []event.Event{{Source: "pim", ID: "later", Op: sdk.Updated, Key: "p1",
		Patch: event.Patch{Product: sdk.Product{Name: "from the source"}, Fields: []string{"name"}}}})
	w.must(err)
	w.settle()
	if got := w.shop.held(t)["SKU-0001"].Product.Name; got != "by hand" {
		t.Errorf("the shop has %q", got)
	}
}
