// Package sqlite keeps the store in one folder: nothing to install, and every
// answered commit is on the disk.
//
// A commit is one write at the end of a log, and one sync. One goroutine makes
// them, and whatever waits for it meanwhile shares the next (group commit). What
// is new is kept in memory, too, where lanes read it, and goes to the tables of a
// SQLite file in its own time, thousands of rows in a transaction: so a product
// that changed a hundred times is one row there, and a page of an index is written
// once for many entries. A host that died takes over at its start what the log has
// and the tables do not.
//
// The way of a row: writer (accept, record) → log and memory → tables. Readers
// look into memory first, and then into the tables; nothing is ever in neither.
package sqlite

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	Now     func() time.Time // default time.Now; asked once for each Accept, while it is being written
	Damaged func(error)      // called, once or twice, when damage is found after Open: in a large file, or because the file was taken away

	// For tests; zero: the default.
	maxPages   int64 // bounds the file, in pages of 8 KiB
	maxWaiting int64 // events that may wait for the disk
	flushBytes int   // of a tail that goes to the tables
	checkFirst int64 // a file up to this size is checked before Open returns
	watchEvery time.Duration
}

// Store is a store.Store in one SQLite file.
type Store struct {
	options Options
	file    string
	lock    *flock.Flock
	conn    *sqlite.Conn // that writes to the tables
	readers *sqlitex.Pool
	reader  *sqlite.Conn // the writer's
	log     *log
	memory  *memory
	tables  *tables
	seen    *seen
	salt    salt // of its hashes
	writer  *writer
	close   func() error

	lost          atomic.Bool // the file is not in its place any more
	background    sync.WaitGroup
	endBackground context.CancelFunc
}

var _ store.Store = (*Store)(nil)

const (
	fileName    = "synchost.db"
	lockName    = "synchost.lock"
	readerCount = 6

	defaultCheckFirst = 32 << 20
)

// Open opens or makes the store in options.Dir. It fails with store.ErrLocked
// when another host has it open.
func Open(ctx context.Context, options Options) (*Store, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	options.checkFirst = cmp.Or(options.checkFirst, defaultCheckFirst)
	options.flushBytes = cmp.Or(options.flushBytes, defaultFlushBytes)
	options.maxWaiting = cmp.Or(options.maxWaiting, defaultMaxWaiting)
	options.watchEvery = cmp.Or(options.watchEvery, defaultWatchEvery)
	lock, err := lockDir(options.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{options: options, file: filepath.Join(options.Dir, fileName), lock: lock}
	s.close = sync.OnceValue(s.shut)
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.endBackground = cancel
	if err = s.connect(ctx); err != nil {
		err = explain(err)
	} else if err = s.check(ctx, background); err == nil {
		err = s.watch(background)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.file, err), s.Close())
	}
	s.background.Go(func() { s.learn(background) })
	return s, nil
}

func (s *Store) connect(ctx context.Context) (err error) {
	if s.writer, err = newWriter(s.options); err != nil {
		return err
	}
	// SQLite would let every user read a file that it makes. Its log takes after it.
	made, err := os.OpenFile(s.file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return unwritable(err)
	}
	if err := made.Close(); err != nil {
		return err
	}
	if s.conn, err = openTables(ctx, s.file, s.options.maxPages); err != nil {
		return err
	}
	if s.salt, err = readSalt(s.conn); err != nil {
		return err
	}
	number, err := recoverLog(s.conn, s.salt, s.options.Dir)
	if err != nil {
		return err
	}
	s.readers, err = sqlitex.NewPool(s.file, sqlitex.PoolOptions{
		Flags:    sqlite.OpenReadWrite, // WAL readers keep the shared index, which is a write
		PoolSize: readerCount + 1,
		PrepareConn: func(conn *sqlite.Conn) error {
			return sqlitex.ExecuteScript(conn, "PRAGMA query_only = 1; PRAGMA cache_size = -1024;", nil)
		},
	})
	if err != nil {
		return err
	}
	if s.reader, err = s.readers.Take(ctx); err != nil {
		return err
	}
	s.reader.SetInterrupt(nil) // it outlives ctx
	// Pruning never takes the newest row, so a position is never given twice.
	next, err := one(ctx, s, "SELECT coalesce(max(seq), 0) + 1 FROM events", none)
	if err != nil {
		return err
	}
	if s.log, err = openLog(s.options.Dir, number); err != nil {
		return err
	}
	s.memory = newMemory(next)
	s.seen = newSeen(next - 1)
	s.tables = startTables(s.conn, s.salt, s.memory, s.log)
	s.writer.start(s, next)
	return nil
}

// lockDir makes the data folder this process's own. The system lets go of the
// lock when the process ends, however it does.
func lockDir(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unwritable(err)
	}
	lock := flock.New(filepath.Join(dir, lockName))
	switch locked, err := lock.TryLock(); {
	case err != nil:
		return nil, unwritable(err)
	case !locked:
		return nil, fmt.Errorf("data folder %s: %w", dir, store.ErrLocked)
	}
	return lock, nil
}

// openTables opens the one connection that writes, and brings the schema up to
// date. A file that is not ours is left as it is.
func openTables(ctx context.Context, file string, maxPages int64) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(file, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	if err := prepareTables(ctx, conn, maxPages); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func prepareTables(ctx context.Context, conn *sqlite.Conn, maxPages int64) error {
	conn.SetBusyTimeout(5 * time.Second)
	if err := recognise(conn); err != nil {
		return err
	}
	// The writer takes the log into the file itself, a little at a time: when
	// another connection does, SQLite before 3.51.3 can lose what is written
	// meanwhile (https://sqlite.org/wal.html#walresetbug).
	pragmas := []string{
		"page_size = 8192", // of a new file: larger pages are split less often, which takes a fifth of the work
		"journal_mode = WAL",
		"synchronous = FULL",
		"cache_size = -10240",
		"temp_store = MEMORY",
		"wal_autocheckpoint = 2000",
		"journal_size_limit = 134217728",
	}
	if maxPages > 0 {
		pragmas = append(pragmas, fmt.Sprintf("max_page_count = %d", maxPages))
	}
	for _, pragma := range pragmas {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+pragma, nil); err != nil {
			return err
		}
	}
	return sqlitemigration.Migrate(ctx, conn, migrations)
}

// recognise refuses a file that another program, or a later version, wrote.
func recognise(conn *sqlite.Conn) error {
	var tables, app, version int64
	for query, value := range map[string]*int64{
		"SELECT count(*) FROM sqlite_schema": &tables,
		"PRAGMA application_id":              &app,
		"PRAGMA user_version":                &version,
	} {
		if err := prepare(conn, query).each(func(v *values) { *value = v.int() }); err != nil {
			return err
		}
	}
	switch {
	case app != int64(migrations.AppID) && (app != 0 || tables > 0):
		return errors.New("this file is another program's: move it away, or name another data folder")
	case version > int64(len(migrations.Migrations)):
		return fmt.Errorf("a later version of synchost wrote this file (schema %d; this version knows up to %d): use that version, or restore a backup from before",
			version, len(migrations.Migrations))
	}
	return nil
}

// check looks for damage: before Open returns in a small file, and beside the
// work in a large one, so that a large journal does not hold up a start.
func (s *Store) check(ctx, background context.Context) error {
	if s.Size() <= s.options.checkFirst {
		return s.quickCheck(ctx)
	}
	s.background.Go(func() {
		if err := s.quickCheck(background); err != nil && background.Err() == nil {
			s.damaged(fmt.Errorf("%s: %w", s.file, err))
		}
	})
	return nil
}

// damaged tells of damage that was found while the store is in use.
func (s *Store) damaged(err error) {
	s.options.Log.Error("the store is damaged", "error", err)
	if s.options.Damaged != nil {
		s.options.Damaged(err)
	}
}

func (s *Store) quickCheck(ctx context.Context) error {
	found, err := collect(ctx, s, "PRAGMA quick_check(1)", none, (*values).text)
	if err == nil && !slices.Equal(found, []string{"ok"}) {
		err = damaged(errors.New(strings.Join(found, "; ")))
	}
	return err
}

// read runs fn with a connection of its own.
func (s *Store) read(ctx context.Context, fn func(*sqlite.Conn) error) error {
	conn, err := s.readers.Take(ctx)
	if err == nil {
		err = fn(conn)
		s.readers.Put(conn)
	}
	switch {
	case err == nil:
		return nil
	case s.writer.closing():
		return store.ErrClosed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return explain(err)
}

// usable says why nothing can be read from memory.
func (s *Store) usable(ctx context.Context) error {
	if s.writer.closing() {
		return store.ErrClosed
	}
	return context.Cause(ctx)
}

// Changed is closed at the next append.
func (s *Store) Changed() <-chan struct{} { return s.memory.appended() }

// Size is what the file and the logs take on disk.
func (s *Store) Size() int64 {
	files := []string{s.file, s.file + "-wal", filepath.Join(s.options.Dir, spareName)}
	if numbers, err := segments(s.options.Dir); err == nil {
		for _, number := range numbers {
			files = append(files, filepath.Join(s.options.Dir, segmentName(number)))
		}
	}
	var size int64
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	return size
}

// Close waits for what is being written, refuses what comes after, and lets
// another host have the folder.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	s.endBackground()
	var errs []error
	if s.tables != nil {
		errs = append(errs, s.writer.stop())
		s.tables.stop()
	}
	s.background.Wait()
	if s.log != nil {
		errs = append(errs, s.log.close())
	}
	if s.reader != nil {
		s.readers.Put(s.reader)
	}
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	if s.conn != nil { // last, so that it takes SQLite's own log into the file
		errs = append(errs, s.conn.Close())
	}
	return errors.Join(append(errs, s.lock.Unlock())...)
}
