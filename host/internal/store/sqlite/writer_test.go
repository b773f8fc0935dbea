package sqlite

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/synchost/synchost/host/internal/store"
)

// commits reads the metric of rows in a commit.
func commits(t *testing.T, metrics *prometheus.Registry) *dto.Histogram {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "synchost_store_commit_rows" {
			return family.GetMetric()[0].GetHistogram()
		}
	}
	t.Fatal("there is no metric of rows in a commit")
	return nil
}

func TestWhatWaitsSharesACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewRegistry()
		release := make(chan struct{})
		s := open(t, Options{Metrics: metrics, Now: func() time.Time { <-release; return time.Now() }})
		var calls sync.WaitGroup
		send := func(i int) {
			calls.Go(func() {
				if _, err := s.Accept(t.Context(), described(fmt.Sprint(i), 1, 10)); err != nil {
					t.Error(err)
				}
			})
		}
		send(0)
		synctest.Wait() // the first is being written
		for i := range 64 {
			send(1 + i)
		}
		calls.Go(func() {
			if err := s.Record(t.Context(), store.Record{Connector: "shop", Lane: &store.Lane{Connector: "shop"}}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // the others wait for it
		close(release)
		calls.Wait()
		if n := commits(t, metrics).GetSampleCount(); n != 2 {
			t.Errorf("66 calls took %d commits, want 2: the first, and the others together", n)
		}
		if n := count(t, s); n != 65 {
			t.Errorf("the journal has %d entries", n)
		}
	})
}

func TestACommitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewRegistry()
		release := make(chan struct{})
		s := open(t, Options{Metrics: metrics, Now: func() time.Time { <-release; return time.Now() }})
		var calls sync.WaitGroup
		for i := range 30 {
			calls.Go(func() {
				if _, err := s.Accept(t.Context(), described(fmt.Sprint(i), 100, 10)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		close(release)
		calls.Wait()
		// The first goes alone, of 200 rows each; then groups of at most maxGroup rows.
		if n, want := commits(t, metrics).GetSampleCount(), uint64(1+(29*200+maxGroup-1)/maxGroup); n != want {
			t.Errorf("it took %d commits, want %d", n, want)
		}
	})
}

func TestACommitIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewRegistry()
		release := make(chan struct{})
		s := open(t, Options{Metrics: metrics, Now: func() time.Time { <-release; return time.Now() }})
		var calls sync.WaitGroup
		for i := range 11 {
			calls.Go(func() {
				if _, err := s.Accept(t.Context(), described(fmt.Sprint(i), 1, maxGroupBytes/4)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		close(release)
		calls.Wait()
		// The first alone; then four are as much as it may be, and a little more.
		if n := commits(t, metrics).GetSampleCount(); n != 4 {
			t.Errorf("it took %d commits, want 4", n)
		}
		if n := count(t, s); n != 11 {
			t.Errorf("%d events are there, want 11", n)
		}
	})
}

func TestPruneWritesNothingWhenThereIsNothingToForget(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	s := open(t, Options{Now: func() time.Time { return now }})
	accept(t, s, described("a", 10, 10))
	settle(t, s)
	log, err := os.ReadFile(s.file + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Prune(t.Context(), store.PruneLimits{EventsBefore: now, DeliveriesBefore: now, Passed: 10}); err != nil || gone != 0 {
		t.Fatalf("%d went (%v)", gone, err)
	}
	after, err := os.ReadFile(s.file + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if string(log) != string(after) {
		t.Error("it wrote to the disk")
	}
}
