package deliver_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/store/sqlite"
)

// simulatedStore is the store as a host sees it that may be killed at any
// moment, on a disk that is slow at times, and full at others.
type simulatedStore struct {
	*sqlite.Store
	host *host
}

// write writes, or fails to. An answer may be lost, unless an operator waits for it.
func (s *simulatedStore) write(mayLose bool, do func() error) error {
	sim := s.host.sim
	sim.alive()
	d := sim.again("write", "")
	time.Sleep(sim.latency(d, sim.diskSlow))
	if err := s.fails(d); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	time.Sleep(sim.latency(d, sim.diskSlow))
	sim.mu.Lock()
	defer sim.mu.Unlock()
	if s.host.killed {
		return errKilled
	}
	if mayLose && chance(d, sim.faults.written) {
		return errDisk
	}
	return nil
}

func (s *simulatedStore) fails(d *rand.Rand) error {
	sim := s.host.sim
	sim.mu.Lock()
	defer sim.mu.Unlock()
	switch {
	case s.host.killed:
		return errKilled
	case sim.inTrouble(diskFull), chance(d, sim.faults.disk):
		sim.logLocked("the disk is full")
		return store.ErrFull
	}
	return nil
}

func (s *simulatedStore) Record(ctx context.Context, r store.Record) error {
	return s.write(len(r.Deliveries) > 0, func() error {
		s.host.sim.records(&r)
		return s.Store.Record(ctx, r)
	})
}

func (s *simulatedStore) Retry(ctx context.Context, connector string, keys []string, states []store.State, at time.Time) (n int64, err error) {
	err = s.write(false, func() error {
		n, err = s.Store.Retry(ctx, connector, keys, states, at)
		return err
	})
	return n, err
}

func (s *simulatedStore) Rewind(ctx context.Context, connector string, seq int64) error {
	return s.write(false, func() error { return s.Store.Rewind(ctx, connector, seq) })
}

func (s *simulatedStore) Journal(ctx context.Context, after int64, limit int) ([]event.Entry, error) {
	return s.read(func() ([]event.Entry, error) { return s.Store.Journal(ctx, after, limit) })
}

func (s *simulatedStore) Catalog(ctx context.Context, after int64, limit int) ([]event.Entry, error) {
	return s.read(func() ([]event.Entry, error) { return s.Store.Catalog(ctx, after, limit) })
}

func (s *simulatedStore) History(ctx context.Context, key string, after int64, limit int) ([]event.Entry, error) {
	return s.read(func() ([]event.Entry, error) { return s.Store.History(ctx, key, after, limit) })
}

func (s *simulatedStore) Products(ctx context.Context, keys []string) ([]event.Entry, error) {
	return s.read(func() ([]event.Entry, error) { return s.Store.Products(ctx, keys) })
}

// read reads, or fails to. A disk that is full can be read.
func (s *simulatedStore) read(do func() ([]event.Entry, error)) ([]event.Entry, error) {
	sim := s.host.sim
	sim.alive()
	d := sim.again("read", "")
	sim.mu.Lock()
	fails := chance(d, sim.faults.disk)
	sim.mu.Unlock()
	if fails {
		return nil, errDisk
	}
	return do()
}

// Behind has one order, so that a seed takes the same course again.
func (s *simulatedStore) Behind(ctx context.Context, connector string, state store.State, until time.Time, limit int) ([]store.Link, error) {
	s.host.sim.alive()
	links, err := s.Store.Behind(ctx, connector, state, until, limit)
	slices.SortStableFunc(links, func(a, b store.Link) int {
		return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.Key, b.Key))
	})
	return links, err
}

func (s *simulatedStore) Links(ctx context.Context, connector string, keys []string) ([]store.Link, error) {
	s.host.sim.alive()
	return s.Store.Links(ctx, connector, keys)
}

// records notes what is about to be written.
func (s *simulation) records(r *store.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range r.Deliveries {
		if d.Outcome == store.Done || d.Outcome == store.Unchanged {
			s.truth.products[d.Key].unrecorded = false
		}
	}
	s.logLocked("record: %s", describe(r))
}

func describe(r *store.Record) string {
	var links []string
	for _, l := range r.Links {
		links = append(links, fmt.Sprintf("%s is %q at %d, unknown %t", l.Key, l.State, l.Seq, l.Unknown))
	}
	slices.Sort(links)
	return fmt.Sprintf("%d, open %v %s; %s; forget %v", r.Lane.Cursor, r.Lane.Open, r.Lane.State, strings.Join(links, ", "), slices.Sorted(slices.Values(r.Forget)))
}
