package main

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

// only writes one change and gives its result.
func only(t *testing.T, client *sdk.Client, c sdk.Change) sdk.Result {
	t.Helper()
	results, rest := client.Apply(t.Context(), []sdk.Change{c})
	if len(results) == 1 {
		return results[0]
	}
	return sdk.Result{Key: c.Key, Err: rest}
}

func upsert(key, name string) sdk.Change {
	return sdk.Change{Key: key, ID: "1", Op: sdk.Upsert, Product: sdk.Product{Key: key, Code: "C-" + key, Name: name}, Fields: []string{"code", "name"}}
}

// A row that the database refuses fails alone, and the field is named where the
// database names the column.
func TestOneBadRowFailsAlone(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		table := d.table(t, `id {id}, ref varchar(40) UNIQUE, sku varchar(20) UNIQUE, title varchar(60) NOT NULL CHECK (title <> 'forbidden')`)
		client := sdktest.Open(t, plugin, d.config(table, options{
			"write": true, "key": "ref", "remote_id": "id", "columns": options{"code": "sku", "name": "title"},
		}))
		if r := only(t, client, upsert("taken", "first")); r.Err != nil {
			t.Fatal(r.Err)
		}
		twin := upsert("twin", "second")
		twin.Product.Code = "C-taken"
		nameless := upsert("nameless", "x")
		nameless.Fields = []string{"code"}
		changes := []sdk.Change{upsert("a", "one"), twin, upsert("b", "forbidden"), nameless, upsert("z", "two")}
		results, rest := client.Apply(t.Context(), changes)
		if rest != nil || len(results) != len(changes) {
			t.Fatal(results, rest)
		}
		fields := map[string]string{"twin": "code", "nameless": "name"}
		if d.driver == "mysql" {
			fields["twin"] = "" // it names the index
		}
		for _, r := range results {
			var e *sdk.Error
			good := r.Key == "a" || r.Key == "z"
			switch {
			case good && (r.Err != nil || r.Remote.ID == "" || r.After == nil):
				t.Errorf("%s: %+v", r.Key, r)
			case good:
			case !errors.As(r.Err, &e) || e.Kind != sdk.Rejected:
				t.Errorf("%s: %v, want a Reject", r.Key, r.Err)
			case r.Key != "b" && e.Field != fields[r.Key]:
				t.Errorf("%s: the field is %q, want %q (%v)", r.Key, e.Field, fields[r.Key], r.Err)
			}
		}
		if n := d.text(t, "SELECT COUNT(*) FROM "+table); n != "3" {
			t.Errorf("%s rows", n)
		}
	})
}

// What the database makes of a product comes back.
func TestAfterIsWhatTheDatabaseKeeps(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		if d.driver == "sqlite" {
			t.Skip("it rounds nothing")
		}
		table := d.table(t, `id {id}, ref varchar(40) UNIQUE, price decimal(9,2), qty int DEFAULT 5, title varchar(20) DEFAULT 'none'`)
		client := sdktest.Open(t, plugin, d.config(table, options{
			"write": true, "key": "ref", "remote_id": "id", "columns": options{
				"name": "title", "prices": []options{{"amount": "price", "currency": "EUR"}}, "stock": []options{{"quantity": "qty"}},
			},
		}))
		c := sdk.Change{Key: "1", Op: sdk.Upsert, Fields: []string{"prices", "stock"}, Product: sdk.Product{
			Key: "1", Prices: []sdk.Price{{Amount: "12.345", Currency: "EUR"}}, Stock: []sdk.Stock{{Quantity: "7.000"}},
		}}
		r := only(t, client, c)
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		if a := r.After; !a.Prices[0].Amount.Equal("12.35") || !a.Stock[0].Quantity.Equal("7") || a.Name != "none" || a.Key != "1" {
			t.Errorf("after: %s", a.AppendJSON(nil))
		}
		if !strings.HasPrefix(r.Exchange.Request, "INSERT INTO") || strings.Contains(r.Exchange.Request, "12.345") {
			t.Errorf("the record says %q", r.Exchange.Request)
		}
		c.Product.Prices[0].Amount, c.Remote = "12.35", r.Remote
		if r := only(t, client, c); !r.Unchanged {
			t.Errorf("it is so already: %+v", r)
		}
	})
}

// Archive has many spellings; what is wanted again comes back on sale.
func TestArchive(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		table := d.table(t, `ref varchar(40) PRIMARY KEY, title varchar(20), gone {bool}, active {bool} NOT NULL DEFAULT true, deleted_at {time}, state varchar(20)`)
		yes, no := "1", "0"
		if d.driver == "postgres" {
			yes, no = "true", "false"
		}
		notGone := "NULL"
		if d.driver != "mysql" { // whose bool is a number, and has no false
			notGone = no
		}
		for name, one := range map[string]struct {
			config  options
			look    string
			off, on string
		}{
			"flag":     {options{"archive": options{"column": "gone"}}, "gone", yes, notGone},
			"inverted": {options{"archive": options{"column": "active", "archived": "false", "live": "true"}}, "active", no, yes},
			"time":     {options{"archive": options{"column": "deleted_at", "archived": "now"}}, "deleted_at IS NULL", no, yes},
			"word":     {options{"archive": options{"column": "state", "archived": "trash", "live": "publish"}}, "state", "trash", "publish"},
			"status":   {options{"statuses": options{"archived": "bin"}, "columns": options{"name": "title", "status": "state"}}, "state", "bin", "active"},
		} {
			config := options{"write": true, "key": "ref", "columns": options{"name": "title"}}
			maps.Copy(config, one.config)
			client := sdktest.Open(t, plugin, d.config(table, config))
			change := sdk.Change{Key: name, Op: sdk.Upsert, Product: sdk.Product{Key: name, Name: "x"}, Fields: []string{"name"}}
			is := func(archived bool, want string) {
				t.Helper()
				items, err := client.Find(t.Context(), []sdk.Ref{{Key: name}})
				got := d.text(t, "SELECT "+one.look+" FROM "+table+" WHERE ref = '"+name+"'")
				if err != nil || len(items) != 1 || items[0].Archived != archived || got != want {
					t.Errorf("%s: %s is %q, want %q: %v %v", name, one.look, got, want, items, err)
				}
			}
			change.Remote = only(t, client, change).Remote
			change.Op = sdk.Archive
			for range 2 {
				if r := only(t, client, change); r.Err != nil {
					t.Fatalf("%s: %v", name, r.Err)
				}
				is(true, one.off)
			}
			change.Op = sdk.Upsert
			if r := only(t, client, change); r.Err != nil || r.Unchanged {
				t.Errorf("%s: %+v", name, r)
			}
			is(false, one.on)
		}
		client := sdktest.Open(t, plugin, d.config(table, options{"write": true, "key": "ref", "columns": options{"name": "title"}}))
		if r := only(t, client, sdk.Change{Key: "flag", Op: sdk.Archive, Product: sdk.Product{Key: "flag"}}); sdk.KindOf(r.Err) != sdk.Rejected {
			t.Errorf("no column for it: %v", r.Err)
		}
	})
}

// A row that a person deleted is gone, and one that has our key is found again.
func TestGoneAndFoundAgain(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		table := d.table(t, `id {id}, ref varchar(40), sku varchar(20), title varchar(20)`)
		client, log := logged(t, d.config(table, options{
			"write": true, "key": "ref", "remote_id": "id", "columns": options{"code": "sku", "name": "title"},
		}))
		if !strings.Contains(log.String(), "could be there twice") {
			t.Errorf("a key without an index: the log says %q", log)
		}
		c := upsert("1", "x")
		first := only(t, client, c)
		c.Remote, c.Product.Name = first.Remote, "y"
		d.exec(t, "DELETE FROM "+table)
		if r := only(t, client, c); sdk.KindOf(r.Err) != sdk.Gone {
			t.Errorf("%v, want Gone", r.Err)
		}
		c.Remote = sdk.Remote{}
		again := only(t, client, c)
		if lost := only(t, client, c); lost.Err != nil || lost.Remote != again.Remote || !lost.Unchanged {
			t.Errorf("%+v after %+v: the answer was lost, and it is there", lost, again)
		}
		// A row of the shop's own with the same code is not taken over unasked,
		d.exec(t, "INSERT INTO "+table+" (sku, title) VALUES ('C-2', 'theirs')")
		theirs := d.text(t, "SELECT id FROM "+table+" WHERE ref IS NULL")
		items, err := client.Find(t.Context(), []sdk.Ref{{Key: "2", Code: "C-2"}})
		if err != nil || len(items) != 1 || items[0].Key != "" || items[0].Remote.ID != theirs {
			t.Errorf("%v %v", items, err)
		}
		// and gets our key when it is adopted.
		c = upsert("2", "theirs")
		c.Remote = sdk.Remote{ID: theirs}
		if r := only(t, client, c); r.Err != nil || d.text(t, "SELECT ref FROM "+table+" WHERE id = "+theirs) != "2" {
			t.Errorf("%+v", r)
		}
		d.exec(t, "INSERT INTO "+table+" (ref, title) VALUES ('2', 'twin')")
		if r := only(t, client, upsert("2", "z")); sdk.KindOf(r.Err) != sdk.Rejected {
			t.Errorf("two rows with our key: %v", r.Err)
		}
	})
}

// Prices, stock, lists and weights that no column is for are not written
// elsewhere.
func TestWhatFitsNoColumnIsRejected(t *testing.T) {
	d := newSQLite(t)
	table := d.table(t, `ref text PRIMARY KEY, a text, b text, c text, d text, e text`)
	client := sdktest.Open(t, plugin, d.config(table, options{"write": true, "key": "ref", "columns": options{
		"prices": []options{{"amount": "a", "currency": "EUR"}, {"amount": "b", "currency": "EUR", "list": "b2b", "tax_included": true}},
		"stock":  []options{{"quantity": "c", "location": "north"}}, "tags": "d", "weight": options{"value": "e", "unit": "g"},
	}}))
	for field, p := range map[string]sdk.Product{
		"prices": {Prices: []sdk.Price{{Amount: "1", Currency: "USD"}}},
		"stock":  {Stock: []sdk.Stock{{Quantity: "1", Location: "south"}}},
		"tags":   {Tags: []string{"red, dark"}},
		"weight": {Weight: &sdk.Weight{Value: "1", Unit: "kg"}},
	} {
		var e *sdk.Error
		if r := only(t, client, sdk.Change{Key: "1", Op: sdk.Upsert, Product: p, Fields: []string{field}}); !errors.As(r.Err, &e) || e.Kind != sdk.Rejected || e.Field != field {
			t.Errorf("%s: %v", field, r.Err)
		}
	}
	p := sdk.Product{Prices: []sdk.Price{{Amount: "2.50", Currency: "EUR", List: "b2b", TaxIncluded: true}, {Amount: "9", Currency: "USD"}}}
	r := only(t, client, sdk.Change{Key: "1", Op: sdk.Upsert, Product: p, Fields: []string{"prices"}})
	if r.Err != nil || len(r.After.Prices) != 1 || r.After.Prices[0] != p.Prices[0] {
		t.Errorf("%+v: what has a column is written", r)
	}
}

// Names that hold quotes, dots and SQL are names.
func TestNamesAreOnlyNames(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		quote := dialects[d.driver].quote
		name := "my" + `.x"` + "`; DROP"
		column := "a " + quote + " = 1; --"
		t.Cleanup(func() { d.exec(t, "DROP TABLE "+quoted(name, quote)) })
		d.exec(t, "CREATE TABLE "+quoted(name, quote)+" ("+quoted(column, quote)+" varchar(20) PRIMARY KEY, "+quoted("select", quote)+" varchar(90))")
		client := sdktest.Open(t, plugin, d.config(quoted(name, `"`), options{"write": true, "key": column, "columns": options{"name": "select"}}))
		evil := "'; DROP TABLE x; -- \\' \""
		if r := only(t, client, sdk.Change{Key: "1", Op: sdk.Upsert, Product: sdk.Product{Key: "1", Name: evil}, Fields: []string{"name"}}); r.Err != nil || r.After.Name != evil {
			t.Errorf("%+v", r)
		}
		if items, err := client.Find(t.Context(), []sdk.Ref{{Key: "1' OR '1'='1"}}); err != nil || len(items) > 0 {
			t.Errorf("%v %v", items, err)
		}
		if r := only(t, client, sdk.Change{Key: "1", Op: sdk.Purge}); r.Err != nil {
			t.Error(r.Err)
		}
	})
}

// What is wrong is told by its option, or by what the host does next.
func TestFaults(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		table := d.table(t, `id {id}, ref varchar(40) UNIQUE, title varchar(20), data {bytes}`)
		good := d.config(table, options{"columns": options{"name": "title"}})
		for want, more := range map[string]options{
			`columns.name: there is no column "titel"; did you mean "title"?`:   {"columns": options{"name": "titel"}},
			`columns.prices[0].amount: there is no column "cost"; there are id`: {"columns": options{"prices": []options{{"amount": "cost", "currency": "EUR"}}}},
			`key: the column is of type`:                                        {"key": "data"},
			`table: the database does not have it so`:                           {"table": "nowhere"},
			`query: the database does not have it so`:                           {"table": "", "query": "SELEKT 1"},
			`updated_at: there is no column`:                                    {"updated_at": "changed"},
		} {
			config := maps.Clone(good)
			maps.Copy(config, more)
			_, problems, err := sdktest.Dial(t, plugin).Configure(t.Context(), sdk.Setup{Config: encode(t, config), Instance: "x", StateDir: t.TempDir()})
			if err != nil || len(problems) != 1 || !strings.HasPrefix(problems[0].Path+": "+problems[0].Message, want) {
				t.Errorf("want %s, got %v %v", want, problems, err)
			}
		}
		client := sdktest.Open(t, plugin, good)
		if err := client.Check(t.Context()); err != nil {
			t.Error(err)
		}
		d.exec(t, "ALTER TABLE "+table+" RENAME COLUMN title TO name")
		if err := client.Check(t.Context()); err == nil || !strings.Contains(err.Error(), `there is no column "title"`) {
			t.Errorf("a column that went: %v", err)
		}
		if _, err := client.List(t.Context(), sdk.Query{}); sdk.KindOf(err) != sdk.Denied {
			t.Errorf("a listing then: %v", err)
		}
	})
}

// A wrong password stops the lane; a server that is away is tried again. Neither
// shows the password.
func TestLoginAndAbsence(t *testing.T) {
	away := filepath.Join(shortFolder(t), "away")
	listener, err := net.Listen("unix", away) // takes the name, and is gone
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	for _, s := range []*server{&postgresServer, &mariaDBServer} {
		t.Run(s.driver, func(t *testing.T) {
			d := s.database(t)
			for name, one := range map[string]struct {
				dsn  string
				kind sdk.Kind
			}{
				"wrong password": {strings.Replace(d.dsn, password, "wrong-horse-battery", 1), sdk.Denied},
				"no such server": {strings.Replace(d.dsn, filepath.Dir(d.socket), filepath.Dir(away), 1), sdk.Temporary},
			} {
				config := d.config("x", options{"dsn": one.dsn, "columns": options{"name": "title"}})
				_, problems, err := sdktest.Dial(t, plugin).Configure(t.Context(), sdk.Setup{Config: encode(t, config), Instance: "x", StateDir: t.TempDir()})
				if err == nil || len(problems) > 0 || sdk.KindOf(err) != one.kind {
					t.Errorf("%s: %v, %v %v", name, problems, sdk.KindOf(err), err)
				} else if strings.Contains(err.Error(), "horse") {
					t.Errorf("%s shows the password: %v", name, err)
				}
			}
		})
	}
	t.Run("sqlite", func(t *testing.T) {
		config := options{"driver": "sqlite", "dsn": away, "table": "x", "key": "id", "columns": options{"name": "title"}}
		_, problems, err := sdktest.Dial(t, plugin).Configure(t.Context(), sdk.Setup{Config: encode(t, config), Instance: "x", StateDir: t.TempDir()})
		if err == nil || len(problems) > 0 || sdk.KindOf(err) != sdk.Temporary {
			t.Errorf("%v %v", problems, err)
		}
		if _, err := os.Stat(away); err == nil {
			t.Error("a file that was not there was made")
		}
	})
}

// Rows that somebody else has locked, and a deadlock, pass: the change is tried
// again.
func TestLocksPass(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		table := d.table(t, `ref varchar(40) PRIMARY KEY, title varchar(20)`)
		d.exec(t, "INSERT INTO "+table+" VALUES ('1', 'x')")
		client := sdktest.Open(t, plugin, d.config(table, options{"write": true, "timeout": "2s", "key": "ref", "columns": options{"name": "title"}}))
		conn, err := d.admin.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		begin := "BEGIN"
		if d.driver == "sqlite" {
			begin = "BEGIN IMMEDIATE"
		}
		for _, query := range []string{begin, "UPDATE " + table + " SET title = 'mine'"} {
			if _, err := conn.ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
		}
		change := sdk.Change{Key: "1", Op: sdk.Upsert, Product: sdk.Product{Key: "1", Name: "y"}, Fields: []string{"name"}}
		if r := only(t, client, change); r.Err == nil || sdk.KindOf(r.Err) != sdk.Temporary {
			t.Errorf("%v", r.Err)
		}
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		if r := only(t, client, change); r.Err != nil || r.After.Name != "y" {
			t.Errorf("%+v", r)
		}
	})
}

// The database's own words for a deadlock are of the kind that passes.
func TestDeadlock(t *testing.T) {
	for _, s := range []*server{&postgresServer, &mariaDBServer} {
		t.Run(s.driver, func(t *testing.T) {
			d := s.database(t)
			table := d.table(t, `ref varchar(40) PRIMARY KEY, title varchar(20)`)
			d.exec(t, "INSERT INTO "+table+" VALUES ('1', 'x'), ('2', 'x')")
			txs := make([]*sql.Tx, 2)
			for i := range txs {
				var err error
				if txs[i], err = d.admin.BeginTx(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				defer func() { _ = txs[i].Rollback() }()
			}
			update := func(i int, ref string) error {
				_, err := txs[i].ExecContext(context.Background(), "UPDATE "+table+" SET title = 'y' WHERE ref = '"+ref+"'")
				return err
			}
			if err := errors.Join(update(0, "1"), update(1, "2")); err != nil {
				t.Fatal(err)
			}
			first := make(chan error, 1)
			go func() {
				err := update(0, "2")
				_ = txs[0].Rollback()
				first <- err
			}()
			second := update(1, "1")
			_ = txs[1].Rollback()
			err := errors.Join(<-first, second)
			if v := dialects[d.driver].judge(err); err == nil || v.kind != sdk.Temporary {
				t.Errorf("%v is %v", err, v.kind)
			}
		})
	}
}

// Where rows are told apart by code, two new products with the same one are not
// made into twins.
func TestSameCodeInOneBatch(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		table := d.table(t, `id {id}, sku varchar(20), title varchar(20)`)
		client := sdktest.Open(t, plugin, d.config(table, options{"write": true, "key": "", "remote_id": "id", "columns": options{"code": "sku", "name": "title"}}))
		a, b := upsert("a", "one"), upsert("b", "two")
		b.Product.Code = a.Product.Code
		results, rest := client.Apply(t.Context(), []sdk.Change{a, b})
		if rest != nil || len(results) != 2 || results[0].Err != nil || sdk.KindOf(results[1].Err) != sdk.Rejected {
			t.Errorf("%v %v", results, rest)
		}
		if n := d.text(t, "SELECT COUNT(*) FROM "+table); n != "1" {
			t.Errorf("%s rows", n)
		}
	})
}

// Ids that are the same to the database, and nothing keeps unique: a write that
// would hit two rows hits none.
func TestNoWriteHitsTwoRows(t *testing.T) {
	for _, d := range []*database{newSQLite(t), mariaDBServer.database(t)} {
		t.Run(d.driver, func(t *testing.T) {
			collation := map[string]string{"sqlite": "NOCASE", "mysql": "utf8mb4_general_ci"}[d.driver]
			table := d.table(t, `ref varchar(20) COLLATE `+collation+`, title varchar(20)`)
			d.exec(t, "INSERT INTO "+table+" VALUES ('ab', 'x'), ('AB', 'x'), ('c', 'x')")
			client := sdktest.Open(t, plugin, d.config(table, options{"write": true, "key": "ref", "columns": options{"name": "title"}}))
			change := func(key string) sdk.Change {
				return sdk.Change{Key: key, Op: sdk.Upsert, Product: sdk.Product{Key: key, Name: "y"}, Fields: []string{"name"}, Remote: sdk.Remote{ID: key}}
			}
			results, rest := client.Apply(t.Context(), []sdk.Change{change("ab"), change("c")})
			for _, r := range results {
				if want := map[string]sdk.Kind{"ab": sdk.Rejected, "c": 0}[r.Key]; sdk.KindOf(r.Err) != want || want == 0 && r.Err != nil {
					t.Errorf("%s: %v", r.Key, r.Err)
				}
			}
			if n := d.text(t, "SELECT COUNT(*) FROM "+table+" WHERE title = 'y'"); rest != nil || len(results) != 2 || n != "1" {
				t.Errorf("%s rows were written: %v %v", n, results, rest)
			}
		})
	}
}
