package reconcile_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/event"
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
	if got := w.shop.held(t)["SKU-0001"]; !got.Archived || got.Product.Prices[0].Amount != "10" {
		t.Errorf("it is %+v", got)
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

// What a plan put on sale is off sale again when that is undone, and as it was; also if
// the host ends when half of it is done, which is not done a second time then.
func TestUndoOfWhatWasPutOnSaleBringsItsFieldsBack(t *testing.T) {
	w, p := putOnSale(t)
	half := make(chan struct{})
	tried := sync.OnceFunc(func() { close(half) })
	w.shop.mu.Lock()
	w.shop.lose = func(c sdk.Change) bool {
		if c.Op == sdk.Archive {
			tried()
		}
		return c.Op == sdk.Archive
	}
	w.shop.mu.Unlock()
	_, err := w.Undo(t.Context(), p.ID)
	w.must(err)
	<-half
	w.stop()
	w.shop.lose = nil
	if got := w.shop.held(t)[" SKU-0001"]; got.Archived || got.Product.Name != "their name" {
		t.Errorf("half of it makes it %+v", got)
	}
	w.start()
	_, err = w.lane.Retry(t.Context(), []string{"p1"}) // by now it may have been given up
	w.must(err)
	w.settle()
	if got := w.shop.held(t)[" SKU-0001"]; !got.Archived || got.Product.Name != "their name" || got.Product.Prices[0].Amount != "10" {
		t.Errorf("it is %+v", got)
	}
	writes, changes := 0, map[string]bool{}
	for _, c := range w.shop.writes {
		if c.Key != "p1" {
			continue
		}
		if c.Op == sdk.Upsert {
			writes++
		}
		if changes[c.ID] {
			t.Errorf("the %s looks like a repeat", c.Op)
		}
		changes[c.ID] = true
	}
	if link := w.linkOf("p1"); writes != 2 || link.State != store.OnHold || !link.Archived {
		t.Errorf("it was written %d times, and its link is %+v", writes, link)
	}
	_, err = w.lane.Release(t.Context(), []string{"p1"})
	w.must(err)
	w.settle()
	if got := w.shop.held(t)["SKU-0001"]; got.Archived || got.Product.Name != "Product SKU-0001" {
		t.Errorf("released, it is %+v", got)
	}
}

// putOnSale is a world in which a plan has put on sale and renamed what people had
// taken off sale: SKU-0001.
func putOnSale(t *testing.T) (*world, store.Plan) {
	t.Helper()
	w := newWorld(t)
	w.stop()
	w.options.Policy.Own = plan.NewOwnership(map[string]plan.Mode{"*": plan.Source})
	w.start()
	for i := range 3 {
		p := product(i, "10")
		p.Status = sdk.Active
		w.version++
		_, err := w.store.Accept(t.Context(), []event.Event{{Source: "pim", ID: fmt.Sprint(w.version), Op: sdk.Created, Key: p.Key, Time: time.Now(),
			Patch: event.Patch{Product: p, Fields: []string{"code", "name", "prices", "status"}}}})
		w.must(err)
		p.Name = "their name"
		w.shop.put(p)
	}
	w.shop.edit("SKU-0001", func(i *sdk.Item) { i.Archived, i.Product.Code = true, " SKU-0001" })
	made, err := w.Plan(t.Context(), "")
	w.must(err)
	_, err = w.Apply(t.Context(), made.ID, made.Hash, nil, false)
	w.must(err)
	w.settle()
	if got := w.shop.held(t)["SKU-0001"]; got.Archived || got.Product.Name != "Product SKU-0001" {
		t.Fatalf("the plan made it %+v", got)
	}
	return w, made
}

// What people made by hand in the place of what is to be off sale is not taken for it.
func TestUndoTakesNothingOffSaleThatIsNotSurelyOurs(t *testing.T) {
	w, p := putOnSale(t)
	w.shop.edit("SKU-0001", func(i *sdk.Item) { delete(w.shop.items, i.Remote.ID) })
	theirs := product(1, "10")
	theirs.Code, theirs.Name = " SKU-0001", "made by hand"
	w.shop.put(theirs)
	_, err := w.Undo(t.Context(), p.ID)
	w.must(err)
	w.settle()
	if got := w.shop.held(t)[" SKU-0001"]; got.Archived || got.Product.Name != "made by hand" {
		t.Errorf("what people made is %+v", got)
	}
	if link := w.linkOf("p1"); link.State != store.Held {
		t.Errorf("the link is %+v", link)
	}
}

// Where the platform does not take the old fields, it is off sale all the same.
func TestUndoTakesOffSaleWhatDoesNotGetItsFieldsBack(t *testing.T) {
	w, p := putOnSale(t)
	w.shop.mu.Lock()
	w.shop.refuses = func(c sdk.Change) bool { return c.Op == sdk.Upsert }
	w.shop.mu.Unlock()
	_, err := w.Undo(t.Context(), p.ID)
	w.must(err)
	w.settle()
	if got := w.shop.held(t)["SKU-0001"]; !got.Archived {
		t.Errorf("it is %+v", got)
	}
	if link := w.linkOf("p1"); link.State != store.OnHold || !link.Archived {
		t.Errorf("the link is %+v", link)
	}
}
