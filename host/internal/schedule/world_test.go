package schedule

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/synchost/synchost/host/internal/store"
)

// memory is a store.Jobs that outlives schedulers.
type memory struct {
	mu   sync.Mutex
	runs map[string]store.JobRun
	err  error
}

func (m *memory) LastRun(_ context.Context, job string) (store.JobRun, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.runs[job]
	r.Job = job
	return r, m.err
}

func (m *memory) SaveRun(ctx context.Context, r store.JobRun) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.err == nil {
		m.runs[r.Job] = r
	}
	return m.err
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// world is a machine on which schedulers run one after the other.
type world struct {
	t        *testing.T
	store    *memory
	registry *prometheus.Registry // of the newest scheduler
	log      strings.Builder      // likewise
	shift    atomic.Int64         // of the machine's clock against the true one

	mu  sync.Mutex
	ran []time.Time // by the machine's clock
}

// newWorld begins at a time.
func newWorld(t *testing.T, at time.Time) *world {
	w := &world{t: t, store: &memory{runs: map[string]store.JobRun{}}}
	w.set(at)
	return w
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.shift.Load())) }

// set sets the machine's clock.
func (w *world) set(at time.Time) { w.shift.Store(int64(time.Until(at))) }

// run notes a run that takes no time.
func (w *world) run(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ran = append(w.ran, w.now())
	return nil
}

// times are those of the runs since it was last asked.
func (w *world) times() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var times []string
	for _, at := range w.ran {
		times = append(times, at.UTC().Format("02 15:04:05"))
	}
	w.ran = nil
	return times
}

func (w *world) ranAt(want ...string) {
	w.t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, w.times()); diff != "" {
		w.t.Errorf("it ran (-want +got):\n%s", diff)
	}
}

func (w *world) new(jobs ...Job) *Scheduler {
	w.t.Helper()
	w.registry = prometheus.NewRegistry()
	w.log.Reset()
	s, err := New(jobs, Options{
		Store: w.store, Metrics: w.registry, Now: w.now,
		Log: hclog.New(&hclog.LoggerOptions{Output: &w.log, Level: hclog.Info}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// start runs a scheduler until stop is called.
func (w *world) start(jobs ...Job) (s *Scheduler, stop func()) {
	w.t.Helper()
	s = w.new(jobs...)
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	synctest.Wait()
	return s, func() {
		w.t.Helper()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			w.t.Errorf("Run: %v", err)
		}
	}
}

// counted is how many runs of a job the metrics tell of.
func (w *world) counted(job string, want map[string]int) {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	got := map[string]int{}
	for _, family := range families {
		for _, m := range family.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			if n := int(m.GetCounter().GetValue()); labels["job"] == job && n > 0 {
				got[labels["outcome"]] = n
			}
		}
	}
	if !maps.Equal(got, want) {
		w.t.Errorf("runs of %s by outcome: %v, want %v", job, got, want)
	}
}

// noon is a day without changes of any clock.
var noon = time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)

func (w *world) nightly() Job {
	return Job{Name: "nightly", Spec: "30 2 * * *", Location: time.UTC, Run: w.run}
}
