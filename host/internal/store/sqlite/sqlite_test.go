package sqlite

import (
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return open(t, Options{Now: now, maxWaiting: storetest.MaxWaiting})
	})
}

// What is in memory only for a moment is read, mixed with the tables, as ever.
func TestStoreWithATailOfOneCommit(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return open(t, Options{Now: now, maxWaiting: storetest.MaxWaiting, flushBytes: 1})
	})
}

// open opens a store that lives until the end of the test.
func open(t testing.TB, options Options) *Store {
	t.Helper()
	if options.Dir == "" {
		options.Dir = t.TempDir()
	}
	options.Log = hclog.NewNullLogger()
	s, err := Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
