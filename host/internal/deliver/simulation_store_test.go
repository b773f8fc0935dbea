package deliver_test

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/simtest"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/store/sqlite"
)

// openDisk opens the store on the data folder that is in use, and checks that it
// has what it accepted.
func (s *simulation) openDisk() {
	disk, err := sqlite.Open(context.Background(), sqlite.Options{Dir: s.folder(s.disks), Log: hclog.NewNullLogger()})
	if err != nil {
		s.t.Fatalf("seed %d: %v\n%s", s.seed, err, s.trace.String())
	}
	if s.disk = disk; s.truth != nil {
		s.checkCatalog()
	}
}

// closeDisk closes the store when nobody uses it any more.
func (s *simulation) closeDisk() {
	s.actions.Wait()
	if err := s.disk.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *simulation) folder(n int) string { return filepath.Join(s.dir, fmt.Sprint(n)) }

// copyDisk makes the next data folder of what is in this one, as if its host had
// died now, or in the middle of writing to its log.
func (s *simulation) copyDisk(d simtest.Dice) {
	if err := simtest.Crash(s.folder(s.disks), s.folder(s.disks+1), d); err != nil {
		s.t.Error(err)
	}
}

// checkCatalog checks promise 1 of the store by itself.
func (s *simulation) checkCatalog() {
	rows, err := s.disk.Products(context.Background(), s.truth.keys())
	if err != nil {
		s.t.Error(err)
	}
	there := map[string]*event.Entry{}
	for i := range rows {
		there[rows[i].Key] = &rows[i]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, h := range s.truth.products {
		if len(h.states) == 0 {
			continue
		}
		want, row := h.states[len(h.states)-1], there[key]
		if row == nil {
			s.breaks("promise 1: the store has no product %s", key)
			continue
		}
		for _, field := range fieldNames {
			if got := valueOf(&row.Product, field); got != want.values[field] || row.Deleted != want.deleted {
				s.breaks("promise 1: the store has %s with the %s %q, deleted %t, want %v", key, field, got, row.Deleted, want)
			}
		}
	}
}

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
	sim.mu.Lock()
	sim.passes()
	sim.mu.Unlock()
	time.Sleep(sim.latency(d, sim.diskSlow))
	sim.mu.Lock()
	defer sim.mu.Unlock()
	if s.host.killed {
		return errKilled
	}
	if mayLose && d.Chance(sim.faults.written) {
		return errDisk
	}
	return nil
}

func (s *simulatedStore) fails(d simtest.Dice) error {
	sim := s.host.sim
	sim.mu.Lock()
	defer sim.mu.Unlock()
	switch {
	case s.host.killed:
		return errKilled
	case sim.inTrouble(diskFull), d.Chance(sim.faults.disk):
		sim.logLocked("the disk is full")
		return store.ErrFull
	}
	return nil
}

func (s *simulatedStore) Record(ctx context.Context, r store.Record) error {
	return s.write(len(r.Deliveries) > 0, func() error {
		s.host.sim.log("record: %s", describe(&r))
		err := s.Store.Record(ctx, r)
		if err == nil {
			s.host.sim.mu.Lock()
			defer s.host.sim.mu.Unlock()
			s.host.sim.truth.recorded(r.Deliveries)
		}
		return err
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
	fails := d.Chance(sim.faults.disk)
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

func describe(r *store.Record) string {
	var links []string
	for _, l := range r.Links {
		links = append(links, fmt.Sprintf("%s is %q at %d, unknown %t", l.Key, l.State, l.Seq, l.Unknown))
	}
	slices.Sort(links)
	return fmt.Sprintf("%d, open %v %s; %s; forget %v", r.Lane.Cursor, r.Lane.Open, r.Lane.State, strings.Join(links, ", "), slices.Sorted(slices.Values(r.Forget)))
}
