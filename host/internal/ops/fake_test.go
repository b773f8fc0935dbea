package ops

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/ops/inspect"
	"github.com/synchost/synchost/host/internal/schedule"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

var noon = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

// fakeStore keeps everything in slices.
type fakeStore struct {
	mu         sync.Mutex
	journal    []event.Entry
	catalog    []event.Entry
	links      []store.Link
	lanes      map[string]store.Lane
	deliveries []store.Delivery
	changed    chan struct{}
	err        error
	fakePlans
}

func newFakeStore() *fakeStore {
	return &fakeStore{changed: make(chan struct{}), lanes: map[string]store.Lane{}}
}

// accept appends events as the store does, a second apart.
func (s *fakeStore) accept(events ...event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range events {
		var row *event.Entry
		at := slices.IndexFunc(s.catalog, func(e event.Entry) bool { return e.Key == events[i].Key })
		if at >= 0 {
			row = &s.catalog[at]
		}
		entry, changes := store.Merge(row, &events[i])
		entry.Seq = s.head() + 1
		entry.Accepted = noon.Add(time.Duration(entry.Seq) * time.Second)
		s.journal = append(s.journal, entry)
		if changes {
			if at >= 0 {
				s.catalog = slices.Delete(s.catalog, at, at+1)
			}
			s.catalog = append(s.catalog, event.Entry{
				Seq: entry.Seq, Accepted: entry.Accepted, Key: entry.Key, Product: entry.Product, Deleted: entry.Deleted, Known: entry.Known,
			})
		}
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// prune forgets the first n entries of the journal.
func (s *fakeStore) prune(n int) { s.journal = s.journal[n:] }

func (s *fakeStore) head() int64 {
	if len(s.journal) == 0 {
		return 0
	}
	return s.journal[len(s.journal)-1].Seq
}

// behind are entries of list behind a position.
func (s *fakeStore) behind(list []event.Entry, after int64, limit int, match func(*event.Entry) bool) ([]event.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []event.Entry
	for i := range list {
		if list[i].Seq > after && len(found) < limit && match(&list[i]) {
			found = append(found, list[i])
		}
	}
	return found, s.err
}

func all(*event.Entry) bool { return true }

func (s *fakeStore) Journal(_ context.Context, after int64, limit int) ([]event.Entry, error) {
	return s.behind(s.journal, after, limit, all)
}

func (s *fakeStore) Catalog(_ context.Context, after int64, limit int) ([]event.Entry, error) {
	return s.behind(s.catalog, after, limit, all)
}

func (s *fakeStore) History(_ context.Context, key string, after int64, limit int) ([]event.Entry, error) {
	return s.behind(s.journal, after, limit, func(e *event.Entry) bool { return e.Key == key })
}

func (s *fakeStore) Products(_ context.Context, keys []string) ([]event.Entry, error) {
	return s.behind(s.catalog, 0, 1000, func(e *event.Entry) bool { return slices.Contains(keys, e.Key) })
}

func (s *fakeStore) Keys(_ context.Context, after string, limit int) (keys []string, _ error) {
	for _, e := range s.catalog {
		if e.Key > after {
			keys = append(keys, e.Key)
		}
	}
	slices.Sort(keys)
	return keys[:min(limit, len(keys))], s.err
}

func (s *fakeStore) Head(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head(), s.err
}

func (s *fakeStore) At(_ context.Context, t time.Time) (int64, error) {
	for _, e := range s.journal {
		if !e.Accepted.Before(t) {
			return e.Seq, s.err
		}
	}
	return s.head() + 1, s.err
}

func (s *fakeStore) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *fakeStore) Lane(_ context.Context, connector string) (store.Lane, error) {
	return s.lanes[connector], s.err
}

func (s *fakeStore) Links(_ context.Context, connector string, keys []string) (found []store.Link, _ error) {
	for _, l := range s.links {
		if l.Connector == connector && slices.Contains(keys, l.Key) {
			found = append(found, l)
		}
	}
	return found, s.err
}

func (s *fakeStore) Behind(_ context.Context, connector string, state store.State, until time.Time, limit int) (found []store.Link, _ error) {
	for _, l := range s.links {
		if l.Connector == connector && l.State == state && !l.Next.After(until) && len(found) < limit {
			found = append(found, l)
		}
	}
	return found, s.err
}

func (s *fakeStore) Counts(_ context.Context, connector string) (map[store.State]int64, error) {
	counts := map[store.State]int64{}
	for _, l := range s.links {
		if l.Connector == connector && l.State != store.InStep {
			counts[l.State]++
		}
	}
	return counts, s.err
}

func (s *fakeStore) Deliveries(_ context.Context, q store.DeliveryQuery) (found []store.Delivery, _ error) {
	for _, d := range s.deliveries {
		if (q.Connector == "" || d.Connector == q.Connector) && (q.Key == "" || d.Key == q.Key) && d.ID > q.After {
			found = append(found, d)
		}
	}
	if q.Newest && len(found) > q.Limit {
		found = found[len(found)-q.Limit:]
	}
	return found, s.err
}

func (s *fakeStore) Verified(context.Context, string, time.Time) (verified, all int64, err error) {
	return 3, 4, s.err
}

func (s *fakeStore) Contended(_ context.Context, connector string, limit int) (found []store.Link, _ error) {
	for _, l := range s.links {
		if l.Connector == connector && l.Contended != nil && len(found) < limit {
			found = append(found, l)
		}
	}
	return found, s.err
}

func (s *fakeStore) Size() int64 { return 4096 }

// fakeLane notes what it is asked.
type fakeLane struct {
	status LaneStatus
	asked  []string
}

func (l *fakeLane) Name() string       { return l.status.Connector }
func (l *fakeLane) Status() LaneStatus { return l.status }

func (l *fakeLane) Pause(_ context.Context, reason string) error {
	l.asked = append(l.asked, "pause "+reason)
	return nil
}

func (l *fakeLane) Resume(context.Context) error {
	l.asked = append(l.asked, "resume")
	return nil
}

func (l *fakeLane) Retry(_ context.Context, keys []string) (int, error) {
	l.asked = append(l.asked, "retry "+join(keys))
	return max(1, len(keys)), nil
}

func (l *fakeLane) Hold(_ context.Context, keys []string, reason string) error {
	l.asked = append(l.asked, "hold "+join(keys)+" "+reason)
	return nil
}

func (l *fakeLane) Release(_ context.Context, keys []string) ([]string, error) {
	l.asked = append(l.asked, "release "+join(keys))
	return keys[1:], nil
}

func (l *fakeLane) ReleaseAll(context.Context) (int64, error) {
	l.asked = append(l.asked, "release all")
	return 3, nil
}

func (l *fakeLane) Replay(_ context.Context, since int64) error {
	l.asked = append(l.asked, "replay "+time.Duration(since).String())
	return nil
}

func join(keys []string) string {
	text := ""
	for _, key := range keys {
		text += "[" + key + "]"
	}
	return text
}

// fakeScheduler has a job that has run, one that runs, and one that never is due.
type fakeScheduler struct{ outcome store.JobOutcome }

func (s *fakeScheduler) Next(n int) []schedule.Upcoming {
	at := func(first time.Time) []time.Time { return []time.Time{first, first.AddDate(0, 0, 1)}[:min(n, 2)] }
	return []schedule.Upcoming{
		{Job: "reconcile:shop", Schedule: "30 2 * * *", Location: time.UTC, At: at(noon.Add(14*time.Hour + 30*time.Minute)), Last: store.JobRun{
			Due: noon.Add(-time.Hour), Started: noon.Add(-time.Hour), Ended: noon, Outcome: s.outcome, Message: "the listing broke off.",
			Attempt: 2, Skipped: 1, Succeeded: noon.AddDate(0, 0, -1),
		}},
		{Job: "watch:pim", Schedule: "@hourly", Location: time.UTC, At: at(noon.Add(time.Hour)), Running: true, Last: store.JobRun{Started: noon, Attempt: 1}},
		{Job: "watch:erp", Schedule: "@yearly", Location: time.UTC},
	}
}

func (s *fakeScheduler) Trigger(_ context.Context, job string) error {
	switch job {
	case "reconcile:shop":
		return nil
	case "watch:pim":
		return schedule.ErrRunning
	case "watch:erp":
		return schedule.ErrStopped
	}
	return schedule.ErrNoJob
}

// world is a host with a shop (latest), a hook (every), a broken crm and a disabled erp.
type world struct {
	store      *fakeStore
	shop, hook *fakeLane
	reconciler fakeReconciler // of the shop
	connectors []ConnectorStatus
	scheduler  fakeScheduler
	bin        *inspect.Bin
	full       error
	deps       Deps
}

func newWorld() *world {
	w := &world{
		store: newFakeStore(),
		shop:  &fakeLane{status: LaneStatus{Connector: "shop", Deliver: "latest", State: LaneRunning, Delivered: 7, LastSuccess: noon}},
		hook:  &fakeLane{status: LaneStatus{Connector: "hook", Deliver: "every", State: LaneRunning}},
		bin:   inspect.New(10),

		scheduler: fakeScheduler{outcome: store.JobInterrupted},
		connectors: []ConnectorStatus{
			{Name: "shop", Plugin: "shopware", Version: "1.2.0", State: ConnectorReady, PID: 42, Since: noon, Capabilities: []string{"check", "find"}},
			{Name: "hook", Plugin: "webhook", Version: "1.0.0", State: ConnectorReady, PID: 43, Since: noon},
			{Name: "erp", Plugin: "odoo", State: ConnectorDisabled},
		},
	}
	w.deps = Deps{
		Store:      w.store,
		Writable:   func() error { return w.full },
		Lanes:      func() []Lane { return []Lane{w.shop, w.hook} },
		Connectors: func() []ConnectorStatus { return w.connectors },

		Reconcilers: func() []Reconciler { return []Reconciler{&w.reconciler} },
		Receivers: func() []ReceiverStatus {
			return []ReceiverStatus{
				{Name: "pim", Scheme: "product", Path: "/in/products", URL: "https://sync.example/in/products", Accepted: 3, LastEvent: noon, LastRefused: noon, LastRefusal: "No."},
				{Name: "crm", Scheme: "payamgostar", Path: "/in/crm", URL: "http://127.0.0.1:8470/in/crm?code={secret}"},
				{Name: "bank", Scheme: "paypal", Path: "/in/bank", URL: "http://127.0.0.1:8470/in/bank"},
			}
		},
		Try: fakeTry,
		Check: func(_ context.Context, connector string) error {
			if connector == "hook" {
				return errors.ErrUnsupported
			}
			return errors.New("the shop answers 401: the token is not valid")
		},
		Restart:   func(string) error { return nil },
		Scheduler: &w.scheduler,
		Inspector: w.bin,
		Version:   Version{Version: "0.1.0", Go: "go1.26", Platform: "linux/amd64"},
		Started:   noon,
	}
	return w
}

// fakeTry keeps nothing; pim takes "good" only.
func fakeTry(_ context.Context, receiver string, r TrialRequest) (Tried, error) {
	switch {
	case receiver == "bank":
		return Tried{}, ErrSenderSigns
	case receiver == "crm" && r.Body != nil:
		return Tried{}, ErrNoBody
	case string(r.Body) == "good":
		return Tried{Status: 202, Answer: `{"accepted":1}`, Kept: r.Keep, Events: NewTriedEvents(
			[]event.Event{product(sdk.Created, "7", "Shirt", "5"), {ID: "r", Op: sdk.Received, Key: "r", Time: noon, Raw: &sdk.Raw{Method: "POST"}}},
			[]store.Receipt{{Seq: 8, Duplicate: true}})}, nil
	}
	return Tried{Status: 400, Answer: "No.", Events: []TriedEvent{}}, nil
}

// product is an event about a product's name and stock.
func product(op sdk.EventOp, key, name, stock string) event.Event {
	return event.Event{
		Source: "pim", ID: "id-" + key + "-" + stock, Op: op, Key: key, Time: noon,
		Patch: event.Patch{
			Product: sdk.Product{Name: name, Stock: []sdk.Stock{{Quantity: sdk.Decimal(stock)}}},
			Fields:  []string{"name", "stock"},
		},
	}
}

// serve answers one request from memory.
func (w *world) serve(t *testing.T, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	NewAPI(w.deps).ServeHTTP(recorder, r.WithContext(t.Context()))
	return recorder
}
