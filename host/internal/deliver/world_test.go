package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/store/sqlite"
	"github.com/synchost/synchost/sdk"
)

// platform is a connector and the platform behind it, in memory: a port that
// checks what every lane promises, and answers as the test says.
type platform struct {
	t      *testing.T
	opened sdk.Opened

	mu       sync.Mutex
	answer   func(c sdk.Change) sdk.Result // nil: done
	rest     error
	down     error         // what Ready says
	hang     chan struct{} // when not nil, Apply waits for it
	calls    [][]string    // keys of each Apply
	changes  []sdk.Change
	inFlight map[string]bool
	most     int // calls at once
	now      int
	remote   map[string]sdk.Product // key → product
	twins    bool
	finds    int
	lists    int

	// In place of Apply, before Find, and how long a listing takes.
	apply func(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error)
	find  func() error
	lasts time.Duration
}

func newPlatform(t *testing.T, fields ...string) *platform {
	return &platform{t: t, inFlight: map[string]bool{}, remote: map[string]sdk.Product{},
		opened: sdk.Opened{Fields: fields, Limits: sdk.Limits{Batch: 4, InFlight: 3, Timeout: 30 * time.Second}}}
}

func (p *platform) Ready(ctx context.Context) (deliver.Port, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p, p.down
}

func (p *platform) Opened() sdk.Opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
}

func (p *platform) Can(c sdk.Capability) bool { return slices.Contains(p.Opened().Capabilities, c) }

func (p *platform) List(context.Context, sdk.Query) (sdk.Page, error) {
	p.set(func() { p.lists++ })
	p.mu.Lock()
	lasts := p.lasts
	p.mu.Unlock()
	time.Sleep(lasts)
	var page sdk.Page
	p.set(func() {
		for key, product := range p.remote {
			page.Items = append(page.Items, sdk.Item{Key: key, Remote: sdk.Remote{ID: "r-" + key}, Product: product})
		}
	})
	return page, nil
}

func (p *platform) Find(_ context.Context, refs []sdk.Ref) ([]sdk.Item, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finds++; p.find != nil {
		if err := p.find(); err != nil {
			return nil, err
		}
	}
	var items []sdk.Item
	for _, ref := range refs {
		if product, ok := p.remote[ref.Key]; ok {
			items = append(items, sdk.Item{Key: ref.Key, Remote: sdk.Remote{ID: "r-" + ref.Key}, Product: product})
		}
	}
	return items, nil
}

func (p *platform) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	p.begin(changes)
	defer p.end(changes)
	p.mu.Lock()
	apply, hang := p.apply, p.hang
	p.mu.Unlock()
	if apply != nil {
		return apply(ctx, changes)
	}
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var results []sdk.Result
	for _, c := range changes {
		r := sdk.Result{Key: c.Key}
		if p.answer != nil {
			r = p.answer(c)
		}
		if r.Key == "" { // says nothing of it
			continue
		}
		if r.Err == nil {
			p.changes = append(p.changes, c)
		}
		results = append(results, r)
	}
	return results, p.rest
}

func (p *platform) begin(changes []sdk.Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(changes) > p.opened.Limits.Batch {
		p.t.Errorf("a call has %d changes, the limit is %d", len(changes), p.opened.Limits.Batch)
	}
	if p.now++; p.now > p.opened.Limits.InFlight {
		p.t.Errorf("%d calls at once, the limit is %d", p.now, p.opened.Limits.InFlight)
	}
	p.most = max(p.most, p.now)
	var keys []string
	for _, c := range changes {
		if p.inFlight[c.Key] {
			p.t.Errorf("two calls in flight for %s", c.Key)
		}
		if c.Op == sdk.Upsert && len(c.Fields) == 0 {
			p.t.Errorf("an upsert of %s without fields", c.Key)
		}
		p.inFlight[c.Key] = true
		keys = append(keys, c.Key)
	}
	p.calls = append(p.calls, keys)
}

func (p *platform) end(changes []sdk.Change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now--
	for _, c := range changes {
		delete(p.inFlight, c.Key)
	}
}

// took lists what arrived of a product, by its name.
func (p *platform) took(key string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, c := range p.changes {
		if c.Key == key {
			names = append(names, c.Product.Name)
		}
	}
	return names
}

func (p *platform) callCount() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls)
}

func (p *platform) set(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
}

// world is a store, a platform and the lane between them, under a fake clock.
type world struct {
	t        *testing.T
	store    *sqlite.Store
	platform *platform
	options  deliver.Options
	lane     *deliver.Lane
	stop     func()
	events   int
	recorded time.Duration // how long the lane's writes take; from the next start on
}

// slowStore is a store on a slow disk.
type slowStore struct {
	*sqlite.Store
	takes time.Duration
}

func (s slowStore) Record(ctx context.Context, r store.Record) error {
	time.Sleep(s.takes)
	return s.Store.Record(ctx, r)
}

// frozenStore is the store of a host that is killed: nothing it records arrives
// any more.
type frozenStore struct {
	*sqlite.Store
	dead atomic.Bool
}

func (s *frozenStore) Record(ctx context.Context, r store.Record) error {
	if s.dead.Load() {
		return errors.New("killed")
	}
	return s.Store.Record(ctx, r)
}

var schedule = []time.Duration{5 * time.Second, time.Minute, time.Hour}

// run runs test in a bubble with a lane of that mode.
func run(t *testing.T, mode deliver.Mode, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Log: hclog.NewNullLogger()})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, store: s, platform: newPlatform(t, append(sdk.FieldPaths(), "raw")...),
			options: deliver.Options{Name: "shop", Deliver: mode, Schedule: schedule}}
		w.start()
		test(w)
		w.stop()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (w *world) start() { w.startOn(slowStore{w.store, w.recorded}) }

func (w *world) startOn(s deliver.Store) {
	w.lane = deliver.New(s, w.platform, w.options)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.lane.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
}

func (w *world) restart() {
	w.stop()
	w.start()
}

// named is an event that gives a product a name.
func (w *world) named(key, name string) event.Event {
	w.events++
	return event.Event{Source: "test", ID: fmt.Sprint(w.events), Op: sdk.Updated, Key: key, Time: time.Now(),
		Patch: event.Patch{Product: sdk.Product{Name: name}, Fields: []string{"name"}}}
}

func (w *world) accept(events ...event.Event) {
	w.t.Helper()
	if _, err := w.store.Accept(context.Background(), events); err != nil {
		w.t.Fatal(err)
	}
	w.settle(0)
}

// settle lets d pass, and whatever follows from it happen.
func (w *world) settle(d time.Duration) {
	time.Sleep(d + time.Millisecond)
	synctest.Wait()
}

func (w *world) link(key string) store.Link {
	w.t.Helper()
	links, err := w.store.Links(context.Background(), "shop", []string{key})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(links) == 0 {
		return store.Link{}
	}
	return links[0]
}

func (w *world) expect(key string, names ...string) {
	w.t.Helper()
	if got := w.platform.took(key); !slices.Equal(got, names) {
		w.t.Errorf("%s arrived as %q, want %q", key, got, names)
	}
}

// creates makes the platform one that keeps products, can find them, and knows
// of twins.
func (w *world) creates() {
	w.platform.set(func() { w.platform.opened.Capabilities = []sdk.Capability{sdk.CanFind} })
	w.platform.set(func() { w.platform.answer = w.platform.create })
}

// create is called with the platform locked.
func (p *platform) create(c sdk.Change) sdk.Result {
	if c.Op == sdk.Upsert && c.Remote.ID == "" {
		_, there := p.remote[c.Key]
		p.twins = p.twins || there
		p.remote[c.Key] = c.Product
	}
	return sdk.Result{Key: c.Key, Remote: sdk.Remote{ID: "r-" + c.Key}}
}

// createAndHang creates, and never answers.
func (p *platform) createAndHang(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	p.set(func() {
		for _, c := range changes {
			p.create(c)
		}
	})
	<-ctx.Done()
	return nil, ctx.Err()
}

// noTwins wants every product once, and to have been looked for.
func (w *world) noTwins() {
	w.t.Helper()
	if w.platform.twins || w.platform.finds == 0 {
		w.t.Errorf("twins: %v, looked for %d times", w.platform.twins, w.platform.finds)
	}
}

func (w *world) pauseAndResume() {
	w.t.Helper()
	err := w.lane.Pause(context.Background(), "a test")
	if err = errors.Join(err, w.lane.Resume(context.Background())); err != nil {
		w.t.Fatal(err)
	}
}

// retryAll retries everything, which is want products.
func (w *world) retryAll(want int) {
	w.t.Helper()
	if n, err := w.lane.Retry(context.Background(), nil); n != want || err != nil {
		w.t.Fatalf("Retry = %d, %v, want %d", n, err, want)
	}
}

func (w *world) replay(since int64) {
	w.t.Helper()
	if err := w.lane.Replay(context.Background(), since); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) deliveries() []store.Delivery {
	w.t.Helper()
	deliveries, err := w.store.Deliveries(context.Background(), store.DeliveryQuery{Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	return deliveries
}

func failing(err error) func(sdk.Change) sdk.Result {
	return func(c sdk.Change) sdk.Result { return sdk.Result{Key: c.Key, Err: err} }
}

var errDown = errors.New("connection refused")
