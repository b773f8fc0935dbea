package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/bits-and-blooms/bloom/v3"

	"github.com/synchost/synchost/host/internal/store"
)

// seen tells for nearly every new event that it is new, without a look at the
// tables: it takes no id that is there for a new one, and one new one in a
// thousand, for each filter, for one that may be there. Until it has learnt what is in the tables,
// all may be.
type seen struct {
	seed   maphash.Seed
	mu     sync.Mutex
	known  *ids
	learnt *ids // to be known, when all in the tables is in it
	pruned int  // of what is known
}

// ids are Bloom filters, of a million ids and two megabytes each. The last one
// is being filled.
type ids struct {
	filters []*bloom.BloomFilter
	count   int
}

const (
	filterIDs  = 1 << 20
	falseMaybe = 0.001
)

func newSeen() *seen { return &seen{seed: maphash.MakeSeed(), learnt: &ids{}} }

// maybe says whether an event may be there already.
func (s *seen) maybe(id eventID) bool {
	hash := s.hash(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		return true
	}
	for _, f := range s.known.filters {
		if f.Test(hash) {
			return true
		}
	}
	return false
}

// add takes note of an event, whether or not it will be committed.
func (s *seen) add(id eventID) {
	hash := s.hash(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range []*ids{s.known, s.learnt} {
		if list != nil {
			list.add(hash)
		}
	}
}

func (s *seen) hash(id eventID) []byte {
	var h maphash.Hash
	h.SetSeed(s.seed)
	_, _ = h.WriteString(id.source)
	_ = h.WriteByte(0) // which is in no source's name
	_, _ = h.WriteString(id.id)
	return binary.LittleEndian.AppendUint64(make([]byte, 0, 8), h.Sum64())
}

func (l *ids) add(hash []byte) {
	if l.count%filterIDs == 0 {
		l.filters = append(l.filters, bloom.NewWithEstimates(filterIDs, falseMaybe))
	}
	l.filters[len(l.filters)-1].Add(hash)
	l.count++
}

// outgrown says whether so much was pruned that the filters, which never forget,
// are to be made anew; and begins to.
func (s *seen) outgrown(events int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruned += int(events)
	if s.learnt != nil || s.pruned < max(filterIDs, s.known.count/2) {
		return false
	}
	s.learnt, s.pruned = &ids{}, 0
	return true
}

func (s *seen) learn(some []eventID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range some {
		s.learnt.add(s.hash(id))
	}
}

func (s *seen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.learnt = s.learnt, nil
}

// learn has s.seen know what is in the tables: all that was committed before it
// began to learn. What is committed meanwhile is noted as it comes. It tries
// until it succeeds, or the store is closed.
func (s *Store) learn(ctx context.Context) { s.insist(ctx, s.learnTables) }

// learnAgain is learn when something may not be in the tables yet.
func (s *Store) learnAgain(ctx context.Context) {
	s.insist(ctx, func(ctx context.Context) error {
		if err := s.writer.settled(ctx); err != nil {
			return err
		}
		return s.learnTables(ctx)
	})
}

func (s *Store) insist(ctx context.Context, try func(context.Context) error) {
	for err := try(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrClosed); err = try(ctx) {
		s.options.Log.Debug("every event is looked for in the tables for now", "error", err)
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
		}
	}
}

// learnStep is how many ids are read at once.
const learnStep = 2_000

func (s *Store) learnTables(ctx context.Context) error {
	for last := (eventID{}); ; {
		some, err := collect(ctx, s, "SELECT source, id FROM events WHERE (source, id) > (?, ?) ORDER BY source, id LIMIT ?",
			func(c *columns) { c.text(last.source).text(last.id).limit(learnStep) },
			func(v *values) eventID { return eventID{v.text(), v.text()} })
		if err != nil {
			return err
		}
		if len(some) == 0 {
			s.seen.end()
			return nil
		}
		s.seen.learn(some)
		last = some[len(some)-1]
	}
}
