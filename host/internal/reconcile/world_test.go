package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/reconcile"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/store/sqlite"
	"github.com/synchost/synchost/sdk"
)

// shop is a platform that knows products by ids of its own and by code, and
// nothing of our keys.
type shop struct {
	mu      sync.Mutex
	items   map[string]*sdk.Item
	last    int
	page    int // items a page
	writes  []sdk.Change
	lists   int
	onList  func(page int) error     // before each page
	hides   func(*sdk.Item) bool     // what the listing leaves out
	tells   func(*sdk.Item) sdk.Item // what the listing says of one; nil: how it is
	finds   bool
	lose    func(sdk.Change) bool // says whether a change gets lost; nil: none does
	refuses func(sdk.Change) bool // what it does not take
}

func newShop() *shop { return &shop{items: map[string]*sdk.Item{}, page: 7, finds: true} }

func (s *shop) Ready(context.Context) (deliver.Port, error) { return s, nil }

func (s *shop) Opened() sdk.Opened {
	return sdk.Opened{Fields: []string{"code", "name", "prices", "stock", "status"}, Limits: sdk.Limits{Batch: 10, InFlight: 2, Timeout: time.Minute}}
}

func (s *shop) Can(what sdk.Capability) bool {
	return what == sdk.CanList || what == sdk.CanFind && s.finds
}

// put has the shop's own people add a product.
func (s *shop) put(p sdk.Product) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(p)
}

func (s *shop) add(p sdk.Product) string {
	s.last++
	id := fmt.Sprintf("S%05d", s.last)
	p.Key = ""
	s.items[id] = &sdk.Item{Remote: sdk.Remote{ID: id}, Product: p}
	return id
}

// edit has the shop's own people change a product.
func (s *shop) edit(code string, change func(*sdk.Item)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range s.items {
		if item.Product.Code == code {
			change(item)
		}
	}
}

// held are the products by code; several of one code are an error.
func (s *shop) held(t *testing.T) map[string]sdk.Item {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	held := map[string]sdk.Item{}
	for _, item := range s.items {
		if _, twin := held[item.Product.Code]; twin {
			t.Errorf("the shop has %q twice", item.Product.Code)
		}
		held[item.Product.Code] = *item
	}
	return held
}

func (s *shop) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.writes)
}

func (s *shop) Apply(_ context.Context, changes []sdk.Change) (results []sdk.Result, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		if s.lose != nil && s.lose(c) {
			results = append(results, sdk.Result{Key: c.Key, Err: errors.New("connection reset")})
			continue
		}
		if s.refuses != nil && s.refuses(c) {
			results = append(results, sdk.Result{Key: c.Key, Err: sdk.Reject("name", errors.New("422"))})
			continue
		}
		s.writes = append(s.writes, c)
		item := s.items[c.Remote.ID]
		switch {
		case item == nil && c.Remote.ID != "":
			results = append(results, sdk.Result{Key: c.Key, Err: sdk.Missing(errors.New("404"))})
			continue
		case item == nil:
			item = s.items[s.add(sdk.Product{})]
		}
		switch c.Op {
		case sdk.Upsert:
			item.Archived = false
			for _, path := range c.Fields {
				sdk.CopyField(&item.Product, &c.Product, path)
			}
		case sdk.Archive:
			item.Archived = true
		case sdk.Purge:
			delete(s.items, item.Remote.ID)
		}
		after := item.Product
		results = append(results, sdk.Result{Key: c.Key, Remote: item.Remote, After: &after})
	}
	return results, nil
}

func (s *shop) Find(_ context.Context, refs []sdk.Ref) (found []sdk.Item, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ref := range refs {
		for _, item := range s.items {
			if item.Remote.ID == ref.Remote || ref.Remote == "" && ref.Code != "" && item.Product.Code == ref.Code {
				found = append(found, *item)
			}
		}
	}
	return found, nil
}

func (s *shop) List(_ context.Context, q sdk.Query) (sdk.Page, error) {
	from, _ := strconv.Atoi(q.Cursor)
	s.mu.Lock()
	onList := s.onList
	s.lists++
	s.mu.Unlock()
	if onList != nil {
		if err := onList(from / s.page); err != nil {
			return sdk.Page{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.items))
	for id, item := range s.items {
		if s.hides == nil || !s.hides(item) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var page sdk.Page
	for _, id := range ids[min(from, len(ids)):min(from+s.page, len(ids))] {
		item := *s.items[id]
		if s.tells != nil {
			item = s.tells(&item)
		}
		page.Items = append(page.Items, item)
	}
	if from+s.page < len(ids) {
		page.Next = strconv.Itoa(from + s.page)
	}
	return page, nil
}

// world is a source, a store, a lane and a shop.
type world struct {
	t       *testing.T
	store   *sqlite.Store
	dir     string
	shop    *shop
	options reconcile.Options
	lane    *deliver.Lane
	*reconcile.Reconciler
	stop    func()
	version int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, shop: newShop(), dir: t.TempDir(), options: reconcile.Options{
		Name: "shop", Matching: plan.NewMatching([]string{"trim"}), MaxDeletes: plan.Limit{Percent: 10}, Shrink: 0.5, Log: hclog.NewNullLogger(),
	}}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start starts a host's part of it.
func (w *world) start() {
	w.t.Helper()
	db, err := sqlite.Open(w.t.Context(), sqlite.Options{Dir: w.dir, Log: hclog.NewNullLogger()})
	w.must(err)
	w.store = db
	w.lane = deliver.New(db, w.shop, deliver.Options{Name: "shop", Policy: w.options.Policy, Schedule: []time.Duration{time.Millisecond}})
	w.Reconciler = reconcile.New(db, w.shop, w.lane, w.options)
	w.must(w.Await(w.t.Context()))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := w.lane.Run(ctx); err != nil {
			w.t.Error(err)
		}
	}()
	w.stop = sync.OnceFunc(func() {
		cancel()
		<-ended
		if err := db.Close(); err != nil {
			w.t.Error(err)
		}
	})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func product(n int, price string) sdk.Product {
	code := fmt.Sprintf("SKU-%04d", n)
	return sdk.Product{Key: fmt.Sprintf("p%d", n), Code: code, Name: "Product " + code, Prices: []sdk.Price{{Amount: sdk.Decimal(price), Currency: "EUR"}}}
}

// say has the source tell of products.
func (w *world) say(op sdk.EventOp, products ...sdk.Product) {
	w.t.Helper()
	var events []event.Event
	for _, p := range products {
		w.version++
		events = append(events, event.Event{Source: "pim", ID: fmt.Sprint(w.version), Op: op, Key: p.Key, Time: time.Now(),
			Patch: event.Patch{Product: p, Fields: []string{"code", "name", "prices"}}})
	}
	_, err := w.store.Accept(w.t.Context(), events)
	w.must(err)
}

// settle waits until the lane has done what there is to do.
func (w *world) settle() {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		head, err := w.store.Head(w.t.Context())
		w.must(err)
		lane, err := w.store.Lane(w.t.Context(), "shop")
		w.must(err)
		counts, err := w.store.Counts(w.t.Context(), "shop")
		w.must(err)
		if lane.Passed() == head && counts[store.Due] == 0 && w.lane.Status().InFlight == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the lane does not settle: %+v, head %d, %v", lane, head, counts)
		}
	}
}

// totals are a plan's items by kind and op, as text.
func (w *world) totals(id int64) string {
	w.t.Helper()
	totals, err := w.store.PlanTotals(w.t.Context(), id)
	w.must(err)
	var text []string
	for _, t := range totals {
		text = append(text, strings.TrimSpace(fmt.Sprintf("%d %s %s %s", t.Count, t.Kind, t.Op, t.State)))
	}
	return strings.Join(text, ", ")
}

// newest is the newest plan.
func (w *world) newest() store.Plan {
	w.t.Helper()
	plans, err := w.store.Plans(w.t.Context(), "shop", 1)
	w.must(err)
	if len(plans) == 0 {
		w.t.Fatal("there is no plan")
	}
	return plans[0]
}

// adopted is a world whose shop was adopted: n products, all in step.
func adopted(t *testing.T, n int) *world {
	w := newWorld(t)
	w.adopt(n)
	return w
}

func (w *world) adopt(n int) {
	w.t.Helper()
	t := w.t
	for i := range n {
		w.say(sdk.Created, product(i, "10"))
		w.shop.put(product(i, "10"))
	}
	p, err := w.Plan(t.Context(), "")
	w.must(err)
	_, err = w.Apply(t.Context(), p.ID, p.Hash, nil, false)
	w.must(err)
	w.settle()
	if writes := w.shop.count(); writes > 0 {
		t.Fatalf("adoption wrote %d times", writes)
	}
}
