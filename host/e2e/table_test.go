//go:build unix

package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// table is a shop that is one table, which keeps a record of all that is done to it.
type table struct {
	t  *testing.T
	db *sql.DB
}

// shopColumns are those of the table that the connector is told of; of others it
// knows nothing.
const shopColumns = `
[connectors.shop.config]
driver = "sqlite"
dsn = { env = "E2E_SHOP" }
table = "products"
write = true
remote_id = "id"
key = "ref"
archive = { column = "deleted" }

[connectors.shop.config.columns]
code = "sku"
name = "title"
prices = [{ amount = "price", currency = "EUR" }]
stock = [{ quantity = "stock" }]
`

// newTable is a shop, and a host that reconciles it when it is told to. The lines
// of block are of the connector.
func newTable(t *testing.T, block string) (*host, *table) {
	t.Helper()
	h := newHost(t, productReceiver+"\n[connectors.shop]\nplugin = \"sql\"\nreconcile = \"0 0 1 1 *\"\n"+soonAgain+block+shopColumns)
	file := filepath.Join(h.dir, "shop.db")
	h.env = append(h.env, "E2E_SHOP="+file)
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(20000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	s := &table{t, db}
	s.do(`CREATE TABLE products (id integer PRIMARY KEY, ref text UNIQUE, sku text, title text, price text,
		stock integer, shelf text DEFAULT 'here', deleted boolean NOT NULL DEFAULT false)`)
	return h, s
}

// record has the table keep what is done to it from now on: a column that is named
// in an UPDATE counts as written, also where it stays the same.
func (s *table) record() {
	s.t.Helper()
	s.do(`CREATE TABLE log (op text, id integer, sku text)`)
	s.do(`CREATE TRIGGER inserted AFTER INSERT ON products BEGIN INSERT INTO log VALUES ('insert', new.id, new.sku); END`)
	s.do(`CREATE TRIGGER removed AFTER DELETE ON products BEGIN INSERT INTO log VALUES ('delete', old.id, old.sku); END`)
	for _, column := range []string{"id", "ref", "sku", "title", "price", "stock", "shelf", "deleted"} {
		s.do(fmt.Sprintf(`CREATE TRIGGER %s_set AFTER UPDATE OF %[1]s ON products BEGIN INSERT INTO log VALUES ('%[1]s', new.id, new.sku); END`, column))
	}
}

func (s *table) do(statement string, args ...any) {
	s.t.Helper()
	if _, err := s.db.ExecContext(s.t.Context(), statement, args...); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

// byHand does something to the table that its record is not to tell of.
func (s *table) byHand(statement string) {
	s.t.Helper()
	s.do("BEGIN IMMEDIATE")
	before := s.one("SELECT coalesce(max(rowid), 0) FROM log")
	s.do(statement)
	s.do("DELETE FROM log WHERE rowid > " + before)
	s.do("COMMIT")
}

// one is the first column of the first row.
func (s *table) one(query string) (value string) {
	s.t.Helper()
	if err := s.db.QueryRowContext(s.t.Context(), query).Scan(&value); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return value
}

// all are rows as text, one a line.
func (s *table) all(query string) string {
	s.t.Helper()
	rows, err := s.db.QueryContext(s.t.Context(), query)
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	var text strings.Builder
	for rows.Next() && err == nil {
		cells := make([]any, len(names))
		for i := range cells {
			cells[i] = new(sql.NullString)
		}
		err = rows.Scan(cells...)
		for _, cell := range cells {
			fmt.Fprintf(&text, "%s|", cell.(*sql.NullString).String)
		}
		text.WriteByte('\n')
	}
	if err != nil || rows.Err() != nil {
		s.t.Fatalf("%s: %v, %v", query, err, rows.Err())
	}
	return text.String()
}

// is waits until a query answers what it should.
func (s *table) is(query, want string) {
	s.t.Helper()
	until(s.t, query+" is "+want, func() bool { return s.one(query) == want })
}

// fill has the shop's own people add products: code C-001 to C-n, each at one
// Euro, and one of their own.
func (s *table) fill(n int) {
	s.t.Helper()
	s.do(fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO products (id, sku, title, price, stock) SELECT 9000 + i, printf('C-%%03d', i), 'Tea ' || i, '1', 1 FROM n`, n))
	s.do(`INSERT INTO products (id, sku, title, price, stock) VALUES (1, 'GIFT', 'Gift card', '10', 1), (2, NULL, 'Wrapping', '1', 9)`)
}

// offer has the source tell of products from a number to another, as fill writes
// them but for the price.
func (h *host) offer(from, to int, price string) {
	h.t.Helper()
	var list []string
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprintf(`{"key":"%d","code":"C-%03[1]d","name":"Tea %[1]d","prices":[{"amount":%q,"currency":"EUR"}],"stock":[{"quantity":1}]}`, i, price))
	}
	h.accept("[" + strings.Join(list, ",") + "]")
}

// drop has the source delete products.
func (h *host) drop(from, to int) {
	h.t.Helper()
	var list []string
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprintf(`{"key":"%d","op":"delete"}`, i))
	}
	h.accept("[" + strings.Join(list, ",") + "]")
}

// quiet waits until the shop's lane has nothing to do.
func (h *host) quiet() {
	h.t.Helper()
	until(h.t, "the lane has nothing to do", func() bool {
		l := h.lane("shop")
		return l.State == "running" && l.Lag+l.Behind == 0
	})
}

// adopted is a shop of n products that are ours, and of two that are none, with
// all of it in step, and recorded from then on.
func adopted(t *testing.T, n int, block string) (*host, *table) {
	t.Helper()
	h, s := newTable(t, block)
	s.fill(n)
	h.start()
	h.offer(1, n, "1")
	h.must("plan", "shop")
	if out := h.must("apply", "1"); !strings.HasPrefix(out, fmt.Sprintf("%d products brought", n)) {
		t.Fatalf("adopted: %s", out)
	}
	h.quiet()
	s.record()
	return h, s
}

// reconcile runs the shop's reconciliation as its schedule would, and returns how
// it ended.
func (h *host) reconcile() (outcome, message string) {
	h.t.Helper()
	was := h.lastRun()
	h.must("cron", "run", "reconcile:shop")
	var now *jobRun
	until(h.t, "the reconciliation has ended", func() bool {
		now = h.lastRun()
		return now != nil && !now.Ended.IsZero() && (was == nil || now.Started.After(was.Started))
	})
	return now.Outcome, now.Message
}

// jobRun is a run as "synchost cron --json" tells of it.
type jobRun struct {
	Started, Ended   time.Time
	Outcome, Message string
}

func (h *host) lastRun() *jobRun {
	h.t.Helper()
	var cron struct {
		Jobs []struct {
			Job  string
			Last *jobRun
		}
	}
	if err := json.Unmarshal([]byte(h.must("cron", "--json")), &cron); err != nil {
		h.t.Fatal(err)
	}
	for _, j := range cron.Jobs {
		if j.Job == "reconcile:shop" {
			return j.Last
		}
	}
	h.t.Fatal("there is no job reconcile:shop")
	return nil
}
