package sqlite

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"sort"

	"zombiezen.com/go/sqlite"
)

// Events are found by id, and those of a product by its key, through runs. A
// flush adds one: the hashes of its events' ids and keys, sorted, each with its
// position. It takes in the runs before it that are not much larger, so that
// there are never many, and none is written often.
//
// Indexes of SQLite's own took three fifths of all that it costs to accept an
// event: ids have no order, so that in a large index nearly every one has a page
// to itself, which is read, summed up, and written twice for it.
//
// A hash only says where to look. Who looks compares what is there, if it still is.

// sortedRun is where the events from one position to another are.
type sortedRun struct {
	first, last int64
	count       int
	refs        [2][]ref // byID and byKey
}

// ref says at which position there is something of this hash.
type ref struct {
	hash uint64
	seq  int64
}

// What a hash is of.
const (
	byID = iota
	byKey
)

const (
	// maxRun bounds what is read and written at once.
	maxRun = 1 << 18
	// A bucket has so many refs, more or less: they fit a page of the file.
	bucketRefs = 512
	refSize    = 8 + 4 // the hash, and how far it is from the run's first position
	// A bucket's id is made of its run, of what it finds, and of so many bits of its hashes.
	bucketBits = 16
)

func compareRefs(a, b ref) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.seq, b.seq)) }

// addRun has entries be found, which are behind all that were added before.
func addRun(conn *sqlite.Conn, salt salt, entries []logged) error {
	if len(entries) == 0 {
		return nil
	}
	r := &sortedRun{first: entries[0].Seq, last: entries[len(entries)-1].Seq, count: len(entries)}
	for i := range entries {
		e := &entries[i]
		r.refs[byID] = append(r.refs[byID], ref{salt.ofID(eventID{e.Source, e.ID}), e.Seq})
		r.refs[byKey] = append(r.refs[byKey], ref{salt.ofKey(e.Key), e.Seq})
	}
	for of := range r.refs {
		slices.SortFunc(r.refs[of], compareRefs)
	}
	return r.write(conn)
}

// thinRuns takes out what was pruned from the run that has the first of gone, and
// returns what is left of gone.
func thinRuns(conn *sqlite.Conn, gone []int64) (rest []int64, err error) {
	r, err := findRun(conn, "last >= ? ORDER BY last", gone[0])
	if err != nil || r == nil {
		return nil, err
	}
	n, _ := slices.BinarySearch(gone, r.last+1)
	if err := r.take(conn); err != nil {
		return nil, err
	}
	for of := range r.refs {
		r.refs[of] = slices.DeleteFunc(r.refs[of], func(ref ref) bool {
			_, found := slices.BinarySearch(gone[:n], ref.seq)
			return found
		})
	}
	if r.count = len(r.refs[byID]); r.count == 0 {
		return gone[n:], nil
	}
	return gone[n:], r.write(conn)
}

// write writes r, and with it what it takes in.
func (r *sortedRun) write(conn *sqlite.Conn) error {
	for {
		before, err := findRun(conn, "last < ? ORDER BY last DESC", r.first)
		if err != nil {
			return err
		}
		if before == nil || before.count >= 2*r.count || before.count+r.count > maxRun || r.last-before.first > math.MaxUint32 {
			break
		}
		if err := before.take(conn); err != nil {
			return err
		}
		r.first, r.count = before.first, before.count+r.count
		for of := range r.refs {
			r.refs[of] = merge(before.refs[of], r.refs[of])
		}
	}
	width := max(0, bits.Len(uint(r.count-1)/bucketRefs))
	err := run(conn, "INSERT INTO runs (last, first, count, bits) VALUES (?, ?, ?, ?)", func(c *columns) {
		c.int(r.last).int(r.first).int(int64(r.count)).int(int64(width))
	})
	var data []byte
	for of, refs := range r.refs {
		for err == nil && len(refs) > 0 {
			bucket := refs[0].hash >> (64 - width)
			n := sort.Search(len(refs), func(i int) bool { return refs[i].hash>>(64-width) > bucket })
			data = data[:0]
			for _, ref := range refs[:n] {
				data = binary.LittleEndian.AppendUint64(data, ref.hash)
				data = binary.LittleEndian.AppendUint32(data, uint32(ref.seq-r.first))
			}
			refs = refs[n:]
			err = run(conn, "INSERT INTO buckets (id, refs) VALUES (?, ?)", func(c *columns) {
				c.int(firstBucket(r.last, of) + int64(bucket)).blob(data)
			})
		}
	}
	return err
}

// firstBucket is the id of a run's first bucket; all are less than the next's.
func firstBucket(last int64, of int) int64 { return (2*last + int64(of)) << bucketBits }

// findRun is the first run of which a condition holds, without its refs; nil: none.
func findRun(conn *sqlite.Conn, where string, seq int64) (r *sortedRun, err error) {
	s := prepare(conn, "SELECT first, last, count FROM runs WHERE "+where+" LIMIT 1")
	s.int(seq)
	err = s.each(func(v *values) { r = &sortedRun{first: v.int(), last: v.int(), count: int(v.int())} })
	return r, err
}

// take reads a run's refs, and removes them where they are.
func (r *sortedRun) take(conn *sqlite.Conn) error {
	for of := range r.refs {
		r.refs[of] = make([]ref, 0, r.count)
		s := prepare(conn, "SELECT refs FROM buckets WHERE id >= ? AND id < ? ORDER BY id")
		s.int(firstBucket(r.last, of)).int(firstBucket(r.last, of+1))
		err := s.each(func(v *values) { r.refs[of] = appendRefs(r.refs[of], r.first, v.blob()) })
		if err != nil {
			return err
		}
	}
	err := run(conn, "DELETE FROM buckets WHERE id >= ? AND id < ?", func(c *columns) { c.int(firstBucket(r.last, byID)).int(firstBucket(r.last+1, byID)) })
	if err != nil {
		return err
	}
	return run(conn, "DELETE FROM runs WHERE last = ?", func(c *columns) { c.int(r.last) })
}

func appendRefs(refs []ref, first int64, data []byte) []ref {
	for ; len(data) >= refSize; data = data[refSize:] {
		refs = append(refs, readRef(first, data))
	}
	return refs
}

func readRef(first int64, data []byte) ref {
	return ref{binary.LittleEndian.Uint64(data), first + int64(binary.LittleEndian.Uint32(data[8:]))}
}

// merge joins two sorted lists.
func merge(a, b []ref) []ref {
	merged := make([]ref, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if compareRefs(a[0], b[0]) < 0 {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	return append(append(merged, a...), b...)
}

// positions are up to limit places, ascending, where something of a hash was from
// one position on to another.
func positions(conn *sqlite.Conn, of int, hash uint64, from, to int64, limit int) (found []int64, err error) {
	s := prepare(conn, "SELECT r.first, b.refs FROM runs r CROSS JOIN buckets b ON b.id = ((2 * r.last + ?) << ?) + (? >> (? - r.bits))"+
		" WHERE r.last >= ? AND r.first <= ? ORDER BY r.last")
	s.int(int64(of)).int(bucketBits).int(int64(hash >> (64 - bucketBits))).int(bucketBits).int(from).int(to)
	err = s.each(func(v *values) {
		first, data := v.int(), v.blob()
		at := sort.Search(len(data)/refSize, func(i int) bool { return readRef(first, data[i*refSize:]).hash >= hash })
		for data = data[at*refSize:]; len(data) >= refSize && len(found) < limit; data = data[refSize:] {
			r := readRef(first, data)
			if r.hash != hash {
				break
			}
			if r.seq >= from && r.seq <= to {
				found = append(found, r.seq)
			}
		}
		v.last = len(found) >= limit
	})
	return found, err
}
