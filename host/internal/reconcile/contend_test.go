package reconcile_test

import (
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

func (w *world) link(key string) store.Link {
	w.t.Helper()
	links, err := w.store.Links(w.t.Context(), "shop", []string{key})
	w.must(err)
	if len(links) == 0 {
		w.t.Fatalf("%s is not linked", key)
	}
	return links[0]
}

// putBack has the shop rename a product again, and a run look at it.
func (w *world) putBack() {
	w.t.Helper()
	w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Product.Name = "theirs" })
	w.must(w.Run(w.t.Context()))
	w.settle()
}

func TestContentionIsNamedAndThenLeftAlone(t *testing.T) {
	w := adopted(t, 5)
	const ours = "Product SKU-0001"
	for range 3 {
		w.putBack()
	}
	if c := w.link("p1").Contended; c == nil || c.Text() != `name: we wrote "Product SKU-0001", found "theirs", 3 times` {
		t.Errorf("after three times it says %+v", c)
	}
	if got := w.shop.held(t)["SKU-0001"].Product.Name; got != ours {
		t.Errorf("the shop has %q", got)
	}
	changes := map[string]bool{}
	for _, c := range w.shop.writes {
		changes[c.ID] = true
	}
	if len(changes) != 3 || w.shop.count() != 3 {
		t.Errorf("%d writes have %d ids: a platform would take some for repeats", w.shop.count(), len(changes))
	}
	w.putBack()
	w.putBack()
	link := w.link("p1")
	if link.State != store.OnHold || !strings.Contains(link.Reason, "5 times") {
		t.Errorf("after five times it is %q: %s", link.State, link.Reason)
	}
	if got := w.totals(w.newest().ID); got != "1 drift upsert refused" {
		t.Errorf("the plan in which it is left alone has %s", got)
	}
	writes := w.shop.count()
	w.must(w.Run(t.Context()))
	w.settle()
	if got := w.totals(w.newest().ID); got != "1 contended" {
		t.Errorf("the next plan has %s", got)
	}
	if got := w.shop.held(t)["SKU-0001"].Product.Name; got != "theirs" || w.shop.count() != writes {
		t.Errorf("the shop has %q, after %d more writes", got, w.shop.count()-writes)
	}

	_, err := w.lane.Release(t.Context(), []string{"p1"})
	w.must(err)
	w.settle()
	if got := w.shop.held(t)["SKU-0001"].Product.Name; got != ours || w.link("p1").Contended != nil {
		t.Errorf("released, the shop has %q: %+v", got, w.link("p1").Contended)
	}
}

func TestContentionIsOverWhenItIsFoundAsItWasWritten(t *testing.T) {
	w := adopted(t, 5)
	w.putBack()
	w.putBack()
	if c := w.link("p1").Contended; c == nil || c.Times != 2 {
		t.Errorf("%+v", c)
	}
	w.must(w.Run(t.Context()))
	if c := w.link("p1").Contended; c != nil {
		t.Errorf("%+v", c)
	}
}
