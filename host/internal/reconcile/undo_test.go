package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/reconcile"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/store/sqlite"
	"github.com/synchost/synchost/sdk"
)

// undoSince takes back what was written since a time, and waits until that is done.
func (w *world) undoSince(key string, since time.Time, want int64) {
	w.t.Helper()
	n, err := w.UndoProducts(w.t.Context(), key, since)
	if w.must(err); n != want {
		w.t.Errorf("%d products are taken back, want %d", n, want)
	}
	w.settle()
}

// What was written since a time is taken back: what was changed, put on sale, taken
// off, deleted and created.
func TestAllThatWasWrittenSinceATimeIsTakenBack(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.options.Policy.OnDelete = plan.DeleteThere
	w.start()
	w.adopt(5)
	w.say(sdk.Updated, product(1, "11"))
	w.settle()
	since := time.Now()
	w.say(sdk.Updated, product(1, "12"))
	w.settle()
	w.say(sdk.Updated, product(1, "13"))
	w.say(sdk.Deleted, product(2, "10"))
	w.say(sdk.Created, product(7, "10"))
	w.settle()
	w.undoSince("", since, 3)
	held := w.shop.held(t)
	if price := held["SKU-0001"].Product.Prices[0].Amount; price != "11" {
		t.Errorf("what was changed costs %s", price)
	}
	if deleted, there := held["SKU-0002"]; !there || deleted.Archived || deleted.Product.Name != "Product SKU-0002" {
		t.Errorf("what was deleted is %+v", deleted)
	}
	if !held["SKU-0007"].Archived {
		t.Error("what was created is on sale")
	}
}

func TestWhatWasTakenOffSaleAndPutBackIsAsItWas(t *testing.T) {
	w := adopted(t, 3)
	start := time.Now()
	w.say(sdk.Deleted, product(1, "10"))
	w.settle()
	between := time.Now()
	w.say(sdk.Created, product(1, "12"))
	w.settle()
	w.undoSince("p1", between, 1)
	if !w.shop.held(t)["SKU-0001"].Archived {
		t.Error("it is on sale, and was not")
	}
	_, err := w.lane.Release(t.Context(), []string{"p1"})
	w.must(err)
	w.settle()
	w.undoSince("p1", start, 1)
	if got := w.shop.held(t)["SKU-0001"]; got.Archived || got.Product.Prices[0].Amount != "10" {
		t.Errorf("it is %+v", got)
	}
}

// What was written can be taken back although its event is not kept any more.
func TestUndoNeedsNoEvents(t *testing.T) {
	w := adopted(t, 3)
	ctx := t.Context()
	start := time.Now()
	w.say(sdk.Updated, product(1, "11"))
	w.settle()
	w.say(sdk.Updated, product(1, "12"))
	w.settle()
	head, err := w.store.Head(ctx)
	w.must(err)
	_, err = w.store.Prune(ctx, store.PruneLimits{EventsBefore: time.Now(), Passed: head})
	w.must(err)
	w.undoSince("p1", start, 1)
	if price := w.shop.held(t)["SKU-0001"].Product.Prices[0].Amount; price != "10" {
		t.Errorf("it costs %s", price)
	}
}

// However many records there are between two writes of a product, it is brought back
// to before the first.
func TestUndoOfALongHistory(t *testing.T) {
	w := adopted(t, 3)
	ctx := t.Context()
	start := time.Now()
	w.say(sdk.Updated, product(1, "11"))
	w.settle()
	others := store.Record{Connector: "shop"}
	for i := range 2500 {
		others.Deliveries = append(others.Deliveries, store.Delivery{Connector: "shop", Key: fmt.Sprint("x", i), At: time.Now(), Outcome: store.Unchanged})
	}
	w.must(w.store.Record(ctx, others))
	w.say(sdk.Updated, product(1, "12"), product(2, "12"))
	w.settle()
	w.undoSince("", start, 2)
	for _, code := range []string{"SKU-0001", "SKU-0002"} {
		if price := w.shop.held(t)[code].Product.Prices[0].Amount; price != "10" {
			t.Errorf("%s costs %s", code, price)
		}
	}
}

// busy is a store to which something is written while its deliveries are read.
type busy struct {
	*sqlite.Store
	write func()
}

func (s *busy) Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error) {
	list, err := s.Store.Deliveries(ctx, q)
	s.write()
	return list, err
}

// What is written while it runs is not taken back.
func TestUndoHasAnEnd(t *testing.T) {
	w := adopted(t, 3)
	start := time.Now()
	w.say(sdk.Updated, product(1, "11"))
	w.settle()
	writes := 0
	w.Reconciler = reconcile.New(&busy{w.store, func() {
		if writes++; writes < 10 {
			w.must(w.store.Record(t.Context(), store.Record{Connector: "shop", Deliveries: []store.Delivery{
				{Connector: "shop", Key: "p2", Op: "upsert", Fields: []string{"name"}, Outcome: store.Done, At: time.Now()}}}))
		}
	}}, w.shop, w.lane, w.options)
	w.undoSince("", start, 1)
	if link := w.linkOf("p2"); link.Restore != nil || link.State != store.InStep {
		t.Errorf("p2 is %+v", link)
	}
}
