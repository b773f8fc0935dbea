package sqlite

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/synchost/synchost/host/internal/store"
)

// fill accepts batches of 10 until there is no room. It returns how many events
// were taken, which are all that are there.
func fill(t *testing.T, s *Store, prefix string) int {
	t.Helper()
	before := count(t, s)
	for taken := 0; ; taken += 10 {
		if taken == 10_000 {
			t.Fatal("there is no end of room")
		}
		_, err := s.Accept(t.Context(), passing(described(fmt.Sprint(prefix, taken), 10, 5_000)))
		if err == nil {
			continue
		}
		if !errors.Is(err, store.ErrFull) {
			t.Fatalf("a full disk is told as %v", err)
		}
		if there := count(t, s) - before; there != taken {
			t.Errorf("%d events were taken, and %d are there", taken, there)
		}
		return taken
	}
}

func TestAFullDiskLosesNothing(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	s := open(t, Options{maxPages: 100, flushBytes: 50_000, Now: func() time.Time { return now }})
	n := fill(t, s, "a")
	if n == 0 {
		t.Fatal("there was never any room")
	}
	err := s.Record(t.Context(), store.Record{Connector: "shop", Lane: &store.Lane{Connector: "shop", Cursor: 1},
		Links: []store.Link{{Connector: "shop", Key: "a", Base: &described("", 1, 100_000)[0].Patch.Product}}})
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("Record answers %v", err)
	}
	if lane, err := s.Lane(t.Context(), "shop"); err != nil || lane.Cursor != 0 {
		t.Errorf("half a record was written: %+v (%v)", lane, err)
	}
	if _, err := s.Counts(t.Context(), "shop"); err != nil {
		t.Errorf("nobody can look what is the matter: %v", err)
	}
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// What is forgotten makes room, and then it goes on by itself.
	gone, err := s.Prune(t.Context(), store.PruneLimits{EventsBefore: now.Add(time.Hour), Passed: head})
	if err != nil || gone == 0 {
		t.Fatalf("%d of %d events were forgotten (%v)", gone, n, err)
	}
	receipts, err := s.Accept(t.Context(), described("b", 2, 5_000))
	if err != nil {
		t.Fatal(err)
	}
	if receipts[0].Seq != head+1 || receipts[1].Seq != head+2 {
		t.Errorf("positions are %v behind %d", receipts, head)
	}
	if there := count(t, s); there != n-int(gone)+2 {
		t.Errorf("%d events are there, want %d, less %d, and two", there, n, gone)
	}
}

// Who waits for all to be in the tables, pruning among them, is told at once
// that there is no room; else nothing would ever make any.
func TestNobodyWaitsForAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Options{})
		release := make(chan struct{})
		go func() {
			_ = s.tables.do(func(conn *sqlite.Conn) error {
				<-release
				return sqlitex.ExecuteTransient(conn, "PRAGMA max_page_count = 1", nil) // no more than there are
			})
		}()
		synctest.Wait()
		var calls sync.WaitGroup
		for i := range 2 { // the second waits for a flush that has not begun
			accept(t, s, described(fmt.Sprint(i), 1, 100_000))
			calls.Go(func() {
				if err := s.writer.settled(t.Context()); !errors.Is(err, store.ErrFull) {
					t.Errorf("call %d is told %v", i, err)
				}
			})
			synctest.Wait()
		}
		close(release)
		calls.Wait()
	})
}
