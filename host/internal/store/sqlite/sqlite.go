// Package sqlite keeps the store in one SQLite file: nothing to install, and
// every answered commit is on the disk.
//
// One goroutine writes. Whatever waits for it while a commit is being synced
// shares the next one (group commit), which is what makes it fast. Readers have
// connections of their own and never wait for the writer.
package sqlite

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitemigration"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/synchost/synchost/host/internal/store"
)

//go:embed schema.sql
var schema string

// migrations only grows at its end: a step that has been released is never edited.
var migrations = sqlitemigration.Schema{
	AppID:      0x73796e63, // "sync": an unrelated SQLite file is refused
	Migrations: []string{schema},
}

// Options says where and how.
type Options struct {
	Dir     string // made if it is not there
	Log     hclog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time // default time.Now
	Damaged func(error)      // called when a check of a large file, which runs on after Open, finds damage

	// MaxPages bounds the file, in pages of 4 KiB; 0: only the disk does.
	MaxPages int64
}

// Store is a store.Store in one SQLite file.
type Store struct {
	options Options
	file    string
	lock    *flock.Flock
	readers *sqlitex.Pool
	writer  *writer

	checking context.CancelFunc
	checked  sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

const (
	fileName    = "synchost.db"
	readerCount = 6
	// A file up to this size is checked before Open returns, a larger one after.
	checkFirst = 32 << 20
)

// Open opens or makes the store in options.Dir. It fails with store.ErrLocked
// when another host has it open.
func Open(ctx context.Context, options Options) (_ *Store, err error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if err := os.MkdirAll(options.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	s := &Store{
		options: options,
		file:    filepath.Join(options.Dir, fileName),
		lock:    flock.New(filepath.Join(options.Dir, "synchost.lock")),
	}
	switch locked, err := s.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("data folder: %w", err)
	case !locked:
		return nil, fmt.Errorf("%s: %w", options.Dir, store.ErrLocked)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", s.file, err), s.lock.Unlock())
		}
	}()

	conn, err := openWriter(ctx, s.file, options.MaxPages)
	if err != nil {
		return nil, err
	}
	s.readers, err = sqlitex.NewPool(s.file, sqlitex.PoolOptions{
		Flags:    sqlite.OpenReadWrite, // WAL readers keep the shared index, which is a write
		PoolSize: readerCount,
		PrepareConn: func(conn *sqlite.Conn) error {
			return sqlitex.ExecuteScript(conn, "PRAGMA query_only = 1; PRAGMA cache_size = -4096;", nil)
		},
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := s.check(ctx); err != nil {
		return nil, errors.Join(err, s.readers.Close(), conn.Close())
	}
	if s.writer, err = startWriter(conn, options); err != nil {
		return nil, errors.Join(err, s.readers.Close(), conn.Close())
	}
	return s, nil
}

// openWriter opens the one connection that writes, and brings the schema up to date.
func openWriter(ctx context.Context, file string, maxPages int64) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(file)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(5 * time.Second)
	pragmas := []string{
		"synchronous = FULL",
		"cache_size = -32768",
		"temp_store = MEMORY",
		"wal_autocheckpoint = 4000",
		"journal_size_limit = 67108864",
	}
	if maxPages > 0 {
		pragmas = append(pragmas, fmt.Sprintf("max_page_count = %d", maxPages))
	}
	for _, pragma := range pragmas {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+pragma, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	if err := sqlitemigration.Migrate(ctx, conn, migrations); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// check looks for damage: before Open returns in a small file, and beside the
// work in a large one, so that a large journal does not hold up a start.
func (s *Store) check(ctx context.Context) error {
	if s.Size() <= checkFirst {
		return s.quickCheck(ctx)
	}
	background, cancel := context.WithCancel(context.Background())
	s.checking = cancel
	s.checked.Go(func() {
		err := s.quickCheck(background)
		if err == nil || background.Err() != nil {
			return
		}
		s.options.Log.Error("the store's file is damaged: stop the host and restore it from a backup", "file", s.file, "error", err)
		if s.options.Damaged != nil {
			s.options.Damaged(err)
		}
	})
	return nil
}

func (s *Store) quickCheck(ctx context.Context) error {
	return s.read(ctx, func(conn *sqlite.Conn) error {
		return sqlitex.ExecuteTransient(conn, "PRAGMA quick_check(1)", &sqlitex.ExecOptions{
			ResultFunc: func(stmt *sqlite.Stmt) error {
				if found := stmt.ColumnText(0); found != "ok" {
					return fmt.Errorf("the file is damaged (%s): restore it from a backup", found)
				}
				return nil
			},
		})
	})
}

// read runs fn with a connection of its own, in one consistent view.
func (s *Store) read(ctx context.Context, fn func(*sqlite.Conn) error) error {
	conn, err := s.readers.Take(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("store: %w", store.ErrClosed)
	}
	defer s.readers.Put(conn)
	if err := fn(conn); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Changed is closed at the next append.
func (s *Store) Changed() <-chan struct{} { return s.writer.appended() }

// Size is what the file and its log take on disk.
func (s *Store) Size() int64 {
	var size int64
	for _, file := range []string{s.file, s.file + "-wal"} {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	return size
}

// Close waits for what is being written, refuses what comes after, and lets
// another host have the folder.
func (s *Store) Close() error {
	if s.checking != nil {
		s.checking()
	}
	s.checked.Wait()
	s.writer.stop()
	return errors.Join(s.readers.Close(), s.writer.conn.Close(), s.lock.Unlock())
}
