package sqlite

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/event"
)

// flushed adds entries as a flush does: of so many events, of few products.
func flushed(t *testing.T, s *Store, from int64, n int) []logged {
	t.Helper()
	entries := make([]logged, n)
	for i := range entries {
		seq := from + int64(i)
		entries[i] = logged{Entry: event.Entry{Seq: seq, Source: "pim", ID: fmt.Sprint("event-", seq), Key: fmt.Sprint("p", seq*seq%97)}}
	}
	err := s.tables.do(func(conn *sqlite.Conn) error { return addRun(conn, s.salt, entries) })
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// Whatever was added in however many steps, and not pruned, is found by its id
// and by its key; and to look stays cheap.
func TestRunsFindWhatIsThere(t *testing.T) {
	s := open(t, Options{})
	random := rand.New(rand.NewPCG(1, 2))
	var all []logged
	next := int64(1)
	for range 60 {
		added := flushed(t, s, next, 1+random.IntN(1<<random.IntN(12)))
		all, next = append(all, added...), next+int64(len(added))+random.Int64N(3)
		if random.IntN(4) > 0 {
			continue
		}
		var gone []int64
		all = slices.DeleteFunc(all, func(e logged) bool {
			old := e.Seq < next/2 && random.IntN(3) > 0
			if old {
				gone = append(gone, e.Seq)
			}
			return old
		})
		if err := s.thin(gone); err != nil {
			t.Fatal(err)
		}
	}

	byKeys := map[string][]int64{}
	for _, e := range all {
		byKeys[e.Key] = append(byKeys[e.Key], e.Seq)
	}
	err := s.read(t.Context(), func(conn *sqlite.Conn) error {
		for _, e := range all {
			found, err := positions(conn, byID, s.salt.ofID(eventID{e.Source, e.ID}), 1, math.MaxInt64, math.MaxInt)
			if err != nil || !slices.Equal(found, []int64{e.Seq}) {
				t.Fatalf("event %d is found at %d (%v)", e.Seq, found, err)
			}
		}
		for key, want := range byKeys {
			hash := s.salt.ofKey(key)
			found, err := positions(conn, byKey, hash, 1, math.MaxInt64, math.MaxInt)
			if err != nil || !slices.Equal(found, want) {
				t.Fatalf("%s is found at %d, not at %d (%v)", key, found, want, err)
			}
			from, to := want[len(want)/4], want[len(want)/2]
			part := want[len(want)/4 : len(want)/2+1]
			if found, err = positions(conn, byKey, hash, from, to, 3); err != nil || !slices.Equal(found, part[:min(3, len(part))]) {
				t.Fatalf("the first 3 of %s from %d to %d are found at %d (%v)", key, from, to, found, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	runs, err := one(t.Context(), s, "SELECT count(*) FROM runs", none)
	if most := int64(bits.Len(uint(len(all)))); err != nil || runs > most {
		t.Errorf("there are %d runs, of at most %d (%v)", runs, most, err)
	}
	lost, err := one(t.Context(), s, "SELECT count(*) FROM buckets WHERE (id >> 17) NOT IN (SELECT last FROM runs)", none)
	if err != nil || lost > 0 {
		t.Errorf("%d buckets are of no run (%v)", lost, err)
	}
	widest, err := one(t.Context(), s, "SELECT max(length(refs)) FROM buckets WHERE (id >> 16) & 1 = 0", none)
	if err != nil || widest > 8000 {
		t.Errorf("a bucket has %d bytes, which no page has room for (%v)", widest, err)
	}
	if len(all) == 0 {
		t.Error("nothing is left to look for")
	}
}

// A run does not grow for ever, nor does it span more than its refs can tell.
func TestRunsAreBounded(t *testing.T) {
	s := open(t, Options{})
	next := int64(1)
	for range 5 {
		flushed(t, s, next, maxRun/2)
		next += maxRun / 2
	}
	if largest, err := one(t.Context(), s, "SELECT max(count) FROM runs", none); err != nil || largest != maxRun {
		t.Errorf("the largest run has %d (%v)", largest, err)
	}
	far := next + math.MaxUint32
	flushed(t, s, far, maxRun/2)
	err := s.read(t.Context(), func(conn *sqlite.Conn) error {
		for _, seq := range []int64{1, next - 1, far, far + maxRun/2 - 1} {
			id := fmt.Sprint("event-", seq)
			if found, err := positions(conn, byID, s.salt.ofID(eventID{"pim", id}), 1, math.MaxInt64, 10); err != nil || !slices.Equal(found, []int64{seq}) {
				t.Errorf("%s is found at %d (%v)", id, found, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
