package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// described makes n events with size bytes of text each.
func described(prefix string, n, size int) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		id := fmt.Sprintf("%s-%d", prefix, i)
		events[i] = event.Event{Source: "pim", ID: id, Op: sdk.Updated, Key: id, Patch: event.Patch{
			Product: sdk.Product{Description: strings.Repeat("x", size)}, Fields: []string{"description"},
		}}
	}
	return events
}

// passing makes raw events of events: nothing of them stays in the catalog.
func passing(events []event.Event) []event.Event {
	for i := range events {
		events[i].Op, events[i].Raw = sdk.Received, &sdk.Raw{Body: []byte(events[i].Patch.Product.Description)}
	}
	return events
}

func accept(t testing.TB, s *Store, events []event.Event) {
	t.Helper()
	if _, err := s.Accept(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, s *Store) int {
	t.Helper()
	return len(journal(t, s))
}

// journal reads all of it.
func journal(t testing.TB, s *Store) (list []event.Entry) {
	t.Helper()
	for after := int64(0); ; after = list[len(list)-1].Seq {
		entries, err := s.Journal(t.Context(), after, 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return list
		}
		list = append(list, entries...)
	}
}

// settle has all that was committed in the tables.
func settle(t testing.TB, s *Store) {
	t.Helper()
	if err := s.writer.settled(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// filled is a closed store's folder.
func filled(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, Options{Dir: dir})
	accept(t, s, described("a", 60, 6_000))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, fileName)
}

func tryOpen(t *testing.T, dir string) error {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir, Log: hclog.NewNullLogger()})
	if err == nil {
		_ = s.Close()
	}
	return err
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it was opened")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not tell %q: %v", part, err)
		}
	}
}

func TestEverythingIsThereAfterReopening(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	s := open(t, Options{Dir: dir})
	accept(t, s, described("a", 3, 10))
	lane := store.Lane{Connector: "shop", Cursor: 3, Open: []int64{2}, State: store.Paused, Reason: "by operator", Policy: "p"}
	if err := s.Record(t.Context(), store.Record{
		Connector: "shop", Lane: &lane,
		Links:      []store.Link{{Connector: "shop", Key: "a-0", Seq: 1, Base: &sdk.Product{Key: "a-0"}}},
		Deliveries: []store.Delivery{{Connector: "shop", Key: "a-0", Seq: 1, Outcome: store.Done}},
	}); err != nil {
		t.Fatal(err)
	}
	before := dump(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Dir: dir})
	if after := dump(t, s); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	receipts, err := s.Accept(t.Context(), append(described("a", 1, 10), described("b", 1, 10)...))
	if err != nil {
		t.Fatal(err)
	}
	if want := []store.Receipt{{Seq: 1, Duplicate: true}, {Seq: 4}}; receipts[0] != want[0] || receipts[1] != want[1] {
		t.Errorf("receipts are %v, want %v", receipts, want)
	}
}

// dump prints all that is in a store.
func dump(t *testing.T, s *Store) string {
	t.Helper()
	settle(t, s)
	var b strings.Builder
	for _, table := range []string{"events", "products", "lanes", "links", "deliveries"} {
		if err := s.read(t.Context(), func(conn *sqlite.Conn) error {
			return sqlitex.ExecuteTransient(conn, "SELECT * FROM "+table, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
				fmt.Fprint(&b, table)
				for i := range stmt.ColumnCount() {
					fmt.Fprintf(&b, " %q", stmt.ColumnText(i))
				}
				b.WriteByte('\n')
				return nil
			}})
		}); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestAFolderHasOneHost(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	if err := tryOpen(t, dir); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second Open answers %v", err)
	}
	if out, err := childProcess(t, dir).Output(); err != nil || string(out) != "locked\n" {
		t.Errorf("a second process says %q (%v)", out, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tryOpen(t, dir); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

func TestCommitsAreDurable(t *testing.T) {
	s := open(t, Options{})
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		var got string
		if err := prepare(s.conn, "PRAGMA "+pragma).each(func(v *values) { got = v.text() }); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
}

func TestADamagedFileIsRefused(t *testing.T) {
	for name, damage := range map[string]func(data []byte) []byte{
		"flipped bytes in the middle": flipMiddle,
		"cut in half":                 func(data []byte) []byte { return data[:len(data)/2/4096*4096] },
		"a first page of zeros":       func(data []byte) []byte { clear(data[:4096]); return data },
		"not a database at all":       func([]byte) []byte { return bytes.Repeat([]byte("once upon a time "), 1000) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := filled(t)
			rewrite(t, file, damage)
			for range 2 { // the first failure lets go of the folder
				wantError(t, tryOpen(t, dir), file, "damaged", "restore", "backup")
			}
		})
	}
}

func flipMiddle(data []byte) []byte {
	const page = 8192
	middle := len(data) / 2 / page * page
	for i := range data[middle : middle+page] {
		data[middle+i] ^= 0xff
	}
	return data
}

func rewrite(t *testing.T, file string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestALargeFileIsCheckedBesideTheWork(t *testing.T) {
	dir, file := filled(t)
	rewrite(t, file, flipMiddle)
	found := make(chan error, 1)
	s := open(t, Options{Dir: dir, checkFirst: 1, Damaged: func(err error) { found <- err }})
	if _, err := s.Head(t.Context()); err != nil {
		t.Errorf("it cannot be read: %v", err)
	}
	wantError(t, <-found, file, "damaged", "restore", "backup")
}

func TestACheckOfALargeFileEndsWithTheStore(t *testing.T) {
	dir, _ := filled(t)
	s := open(t, Options{Dir: dir, checkFirst: 1, Damaged: func(err error) { t.Error(err) }})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestAForeignFileIsRefused also tells that it is left as it was.
func TestAForeignFileIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ script, tells string }{
		"another program's":      {"CREATE TABLE t (x); PRAGMA application_id = 42;", "another program"},
		"an unnamed program's":   {"CREATE TABLE t (x);", "another program"},
		"a later version's":      {fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; CREATE TABLE t (x);", migrations.AppID, len(migrations.Migrations)+1), "later version"},
		"an empty one of others": {"PRAGMA application_id = 42;", "another program"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, fileName)
			script(t, file, c.script)
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			wantError(t, tryOpen(t, dir), file, c.tells)
			after, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

// TestAnInterruptedFirstStartIsTakenUp has the file of a host that died before
// it made its tables.
func TestAnInterruptedFirstStartIsTakenUp(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "named": fmt.Sprintf("PRAGMA application_id = %d;", migrations.AppID)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			script(t, filepath.Join(dir, fileName), text)
			accept(t, open(t, Options{Dir: dir}), described("a", 1, 10))
		})
	}
}

func script(t *testing.T, file, text string) {
	t.Helper()
	conn, err := sqlite.OpenConn(file, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sqlitex.ExecuteScript(conn, text, nil), conn.Close()); err != nil {
		t.Fatal(err)
	}
}
