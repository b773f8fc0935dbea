package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/bits-and-blooms/bloom/v3"

	"github.com/synchost/synchost/host/internal/store"
)

// seen tells for nearly every new event that it is new, without a look at the
// tables. It takes no id that is there for a new one; and one new one in a
// thousand, for each filter, for one that may be there.
type seen struct {
	mu     sync.Mutex
	tables []filter // of what was in the tables when they were last learnt
	head   int64    // up to where they are not learnt yet; 0: they are
	since  []filter
	pruned int // of all
}

// filter is a Bloom filter of up to a million ids, and of two megabytes.
type filter struct {
	bloom *bloom.BloomFilter
	count int
	span
}

// span is from one position to another.
type span struct{ first, last int64 }

const (
	filterIDs  = 1 << 20
	falseMaybe = 0.001
)

// newSeen knows nothing of the positions up to head.
func newSeen(head int64) *seen { return &seen{head: head} }

// places are where the id of a hash may be.
func (s *seen) places(hash uint64) (list []span) {
	data := binary.LittleEndian.AppendUint64(make([]byte, 0, 8), hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head > 0 {
		list = append(list, span{1, s.head})
	}
	for _, filters := range [][]filter{s.tables, s.since} {
		for _, f := range filters {
			if f.bloom.Test(data) {
				list = append(list, f.span)
			}
		}
	}
	return list
}

// add takes note of an event, whether or not it will be committed.
func (s *seen) add(hash uint64, seq int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = add(s.since, ref{hash, seq})
}

// add adds to the last of filters; they come in the order of their positions, more
// or less.
func add(filters []filter, r ref) []filter {
	if len(filters) == 0 || filters[len(filters)-1].count == filterIDs {
		filters = append(filters, filter{bloom.NewWithEstimates(filterIDs, falseMaybe), 0, span{r.seq, r.seq}})
	}
	f := &filters[len(filters)-1]
	f.bloom.Add(binary.LittleEndian.AppendUint64(make([]byte, 0, 8), r.hash))
	f.first, f.last = min(f.first, r.seq), max(f.last, r.seq)
	f.count++
	return filters
}

// outgrown takes in that events were pruned, and says whether they are so many
// that the filters, which never forget, should be made anew.
func (s *seen) outgrown(pruned int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruned += int(pruned)
	known := 0
	for _, filters := range [][]filter{s.tables, s.since} {
		for _, f := range filters {
			known += f.count
		}
	}
	if s.pruned < max(filterIDs, known/2) {
		return false
	}
	s.pruned = 0
	return true
}

// learnt takes over the filters of all that is in the tables up to head.
func (s *seen) learnt(tables []filter, head int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables, s.head = tables, 0
	for len(s.since) > 0 && s.since[0].last <= head {
		s.since = s.since[1:]
	}
}

// learn has s.seen know what is in the tables. It tries until it succeeds, or the
// store is closed.
func (s *Store) learn(ctx context.Context) {
	for err := s.learnTables(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrClosed); err = s.learnTables(ctx) {
		s.options.Log.Debug("every event is looked for in the tables for now", "error", err)
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
		}
	}
}

// learnTables reads the runs.
func (s *Store) learnTables(ctx context.Context) error {
	head := s.memory.first() - 1 // up to where all is in the tables
	var filters []filter
	for after := int64(0); ; {
		// By the run, which another may take in meanwhile.
		last := after
		_, err := collect(ctx, s, "SELECT r.first, r.last, b.refs FROM runs r JOIN buckets b ON b.id >= (2 * r.last) << ? AND b.id < (2 * r.last + 1) << ?"+
			" WHERE r.last = (SELECT min(last) FROM runs WHERE last > ?)",
			func(c *columns) { c.int(bucketBits).int(bucketBits).int(after) },
			func(v *values) struct{} {
				first := v.int()
				last = v.int()
				for data := v.blob(); len(data) >= refSize; data = data[refSize:] {
					filters = add(filters, readRef(first, data))
				}
				return struct{}{}
			})
		if err != nil {
			return err
		}
		if last == after {
			s.seen.learnt(filters, head)
			return nil
		}
		after = last
	}
}
