package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

func (d *database) config(table string, more options) options {
	c := options{"driver": d.driver, "dsn": d.dsn, "table": table, "key": "id"}
	for name, value := range more {
		c[name] = value
	}
	return c
}

// logged opens the connector, and collects what it logs.
func logged(t *testing.T, config options) (*sdk.Client, *strings.Builder) {
	t.Helper()
	var log strings.Builder
	return sdktest.OpenLogged(t, plugin, config, hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Warn})), &log
}

// listed is a whole listing in pages of limit, by remote id.
func listed(t *testing.T, client *sdk.Client, q sdk.Query) (map[string]sdk.Item, error) {
	t.Helper()
	all := map[string]sdk.Item{}
	for {
		page, err := client.List(t.Context(), q)
		if err != nil {
			return all, err
		}
		if q.Limit > 0 && len(page.Items) > q.Limit {
			t.Errorf("a page of %d, and at most %d were asked for", len(page.Items), q.Limit)
		}
		for _, item := range page.Items {
			if _, twice := all[item.Remote.ID]; twice {
				t.Fatalf("%s is listed twice", item.Remote.ID) // and so on without end
			}
			all[item.Remote.ID] = item
		}
		if page.Next == "" {
			return all, nil
		}
		q.Cursor = page.Next
	}
}

// What is exact in the database is exact here: digits beyond any float, the
// shortest text of a float, times in UTC; NULL is nothing.
func TestValuesAreReadExactly(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		exact, digits := "decimal(30,9)", "123456789012345678901.123456789"
		if d.driver == "sqlite" {
			exact = "text" // where a decimal is a float
		}
		table := d.table(t, `id varchar(20) PRIMARY KEY, title text, amount `+exact+`, old_amount `+exact+`, ratio {double}, small {float}, seen {time}, fresh {bool}, count bigint, cats {json}, tags text, weight decimal(9,3), unset text`)
		d.exec(t, `INSERT INTO `+table+` VALUES ('a', 'Bag ۱۲ 🎒', '`+digits+`', NULL, 0.1, 0.3, '2026-03-01 12:30:00.5', true, 9007199254740993, '["Bags, all","New"]', ' red , ,blue', 1.250, NULL)`)
		d.exec(t, `INSERT INTO `+table+` (id) VALUES ('b')`)
		lists := map[string]any{"lists": "text"}
		if d.driver == "mysql" {
			lists["lists"] = "json"
			d.exec(t, `UPDATE `+table+` SET tags = '["red","blue"]' WHERE id = 'a'`)
		}
		client := sdktest.Open(t, plugin, d.config(table, options{"lists": lists["lists"], "columns": options{
			"name": "title", "categories": "cats", "tags": "tags", "brand": "unset",
			"prices": []options{{"amount": "amount", "compare_at": "old_amount", "currency": "IRR"}},
			"stock":  []options{{"quantity": "count"}},
			"weight": options{"value": "weight", "unit": "kg"},
			"attributes": options{
				"ratio": "ratio", "small": "small", "seen": "seen", "fresh": "fresh", "unset": "unset",
			},
		}}))
		items, err := listed(t, client, sdk.Query{})
		if err != nil {
			t.Fatal(err)
		}
		fresh := sdk.Bool(true)
		if d.driver == "mysql" {
			fresh = sdk.Number("1") // its bool is a tinyint
		}
		want := sdk.Product{
			Key: "a", Name: "Bag ۱۲ 🎒",
			Prices:     []sdk.Price{{Amount: sdk.Decimal(digits), Currency: "IRR"}},
			Stock:      []sdk.Stock{{Quantity: "9007199254740993"}},
			Weight:     &sdk.Weight{Value: "1.250", Unit: "kg"},
			Categories: []string{"Bags, all", "New"}, Tags: []string{"red", "blue"},
			Attributes: map[string]sdk.Value{
				"ratio": sdk.Number("0.1"), "small": sdk.Number("0.3"), "fresh": fresh, "seen": sdk.String("2026-03-01T12:30:00.5Z"),
			},
		}
		if d.driver == "postgres" { // without a zone it was written in the server's
			want.Attributes["seen"] = sdk.String("2026-03-01T09:00:00.5Z")
		}
		if a := items["a"].Product; len(sdk.Diff(&a, &want)) > 0 {
			t.Errorf("%v differ:\n%s", sdk.Diff(&a, &want), cmp.Diff(string(want.AppendJSON(nil)), string(a.AppendJSON(nil))))
		}
		if b := items["b"].Product; len(sdk.Diff(&b, &sdk.Product{})) > 0 {
			t.Errorf("what is NULL is %s", b.AppendJSON(nil))
		}
	})
}

// PostgreSQL has types that the others lack.
func TestPostgresTypes(t *testing.T) {
	d := postgresServer.database(t)
	d.exec(t, `CREATE TYPE mood AS ENUM ('calm', 'loud')`)
	t.Cleanup(func() { d.exec(t, `DROP TYPE mood CASCADE`) })
	table := d.table(t, `id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tags text[] NOT NULL DEFAULT '{}', numbers int[], code char(8), mood mood, extra jsonb, day date, price money`)
	client := sdktest.Open(t, plugin, d.config(table, options{"write": true, "key": "", "remote_id": "id", "columns": options{
		"code": "code", "tags": "tags",
		"attributes": options{"mood": "mood", "extra": "extra", "day": "day", "numbers": "numbers"},
	}}))
	tags := []string{`comma, quote " and \`, "خانه"}
	p := sdk.Product{Key: "1", Code: "A-1", Tags: tags, Attributes: map[string]sdk.Value{
		"mood": sdk.String("loud"), "extra": sdk.List(sdk.String("x"), sdk.Number("1.50")), "day": sdk.String("2026-02-28"),
		"numbers": sdk.List(sdk.Number("1"), sdk.Number("2")),
	}}
	fields := []string{"code", "tags", "attributes.mood", "attributes.extra", "attributes.day", "attributes.numbers"}
	results, err := client.Apply(t.Context(), []sdk.Change{{Key: "1", Op: sdk.Upsert, Product: p, Fields: fields}})
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	if diff := sdk.Diff(results[0].After, &p); len(diff) > 0 {
		t.Errorf("%v differ: %s", diff, results[0].After.AppendJSON(nil))
	}
	p.Tags = nil
	results, err = client.Apply(t.Context(), []sdk.Change{{Key: "1", Op: sdk.Upsert, Product: p, Fields: []string{"tags"}, Remote: results[0].Remote}})
	if err != nil || results[0].Err != nil || results[0].After.Tags != nil {
		t.Errorf("%v %v: an empty list goes into a column that must be filled", err, results)
	}
	for _, ref := range []sdk.Ref{{Key: "x", Remote: "no uuid"}, {Key: "x", Remote: "zero\x00"}, {Key: "x", Code: "zero\x00"}} {
		if items, err := client.Find(t.Context(), []sdk.Ref{ref}); err != nil || len(items) > 0 {
			t.Errorf("%v: %v %v", ref, items, err)
		}
	}
}

// A listing goes by the key: rows that come and go while it runs move no other.
func TestListingSurvivesChanges(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		table := d.table(t, `id {id}, title varchar(40)`)
		for i := 1; i <= 9; i++ {
			d.exec(t, fmt.Sprintf("INSERT INTO %s VALUES (%d, 'x')", table, i*10))
		}
		config := d.config(table, options{"columns": options{"name": "title"}})
		first, err := sdktest.Open(t, plugin, config).List(t.Context(), sdk.Query{Limit: 4})
		if err != nil || len(first.Items) != 4 {
			t.Fatal(first, err)
		}
		d.exec(t, "DELETE FROM "+table+" WHERE id IN (20, 40)")
		d.exec(t, "INSERT INTO "+table+" VALUES (5, 'late'), (55, 'new')")
		// As after a restart: another process goes on.
		rest, err := listed(t, sdktest.Open(t, plugin, config), sdk.Query{Limit: 2, Cursor: first.Next})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for id := range rest {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		if want := []string{"50", "55", "60", "70", "80", "90"}; !slices.Equal(ids, want) {
			t.Errorf("it goes on with %v, want %v", ids, want)
		}
	})
}

// Keys that nothing keeps unique: those that the database takes for the same
// are all listed, and a true twin is reported.
func TestKeysWithoutIndex(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		collation := map[string]string{"sqlite": " COLLATE NOCASE", "mysql": " COLLATE utf8mb4_general_ci"}[d.driver]
		table := d.table(t, `id varchar(20)`+collation+`, title varchar(40)`)
		want := []string{"Ab", "aB", "ab", "c", "AB"}
		for _, id := range want {
			d.exec(t, "INSERT INTO "+table+" VALUES ('"+id+"', 'x')")
		}
		client, log := logged(t, d.config(table, options{"columns": options{"name": "title"}}))
		for _, limit := range []int{4, 5, 50} {
			items, err := listed(t, client, sdk.Query{Limit: limit})
			if err != nil || len(items) != len(want) {
				t.Errorf("limit %d: %d items, %v", limit, len(items), err)
			}
		}
		if !strings.Contains(log.String(), "no unique index") {
			t.Errorf("the log says %q", log)
		}
		d.exec(t, "INSERT INTO "+table+" VALUES ('c', 'twin')")
		for _, limit := range []int{4, 5, 50} {
			items, err := listed(t, client, sdk.Query{Limit: limit})
			if err != nil || len(items) != len(want) || items["c"].Unreadable == "" || items["ab"].Unreadable != "" {
				t.Errorf("a twin, limit %d: %v, %v", limit, items, err)
			}
		}
	})
}

// Since is honest: it goes back a little further, and takes a row without a
// time for changed.
func TestSince(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		table := d.table(t, `id varchar(20) PRIMARY KEY, title varchar(40), seen {time}, seconds bigint`)
		since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for id, at := range map[string]time.Time{"old": since.Add(-10 * time.Minute), "overlap": since.Add(-time.Minute), "new": since.Add(time.Minute)} {
			d.exec(t, fmt.Sprintf("INSERT INTO %s VALUES ('%s', 'x', '%s', %d)", table, id, at.Format("2006-01-02 15:04:05")+map[string]string{"postgres": "+00"}[d.driver], at.Unix()))
		}
		d.exec(t, "INSERT INTO "+table+" (id) VALUES ('unknown')")
		for _, column := range []string{"seen", "seconds"} {
			client := sdktest.Open(t, plugin, d.config(table, options{"updated_at": column, "columns": options{"name": "title"}}))
			items, err := listed(t, client, sdk.Query{Since: since, Limit: 2})
			if _, old := items["old"]; err != nil || old || len(items) != 3 {
				t.Errorf("%s: %v %v", column, items, err)
			}
		}
	})
}

// A query is read as a table is, and nothing can be written through it.
func TestQuery(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		table := d.table(t, `id {id}, title varchar(40), price decimal(9,2), gone {bool}`)
		d.exec(t, "INSERT INTO "+table+" VALUES (1, 'Bag', 12.50, false), (2, 'Hat', 3, false), (3, 'Cap', 4, true)")
		config := d.config("", options{
			"query":   "SELECT p.id, concat_it AS label, p.price FROM " + table + " p, (SELECT 'Shop' AS concat_it) s WHERE NOT gone -- on sale",
			"columns": options{"name": "label", "prices": []options{{"amount": "price", "currency": "EUR"}}},
		})
		client := sdktest.Open(t, plugin, config)
		items, err := listed(t, client, sdk.Query{Limit: 1})
		if err != nil || len(items) != 2 || items["1"].Product.Name != "Shop" || !items["1"].Product.Prices[0].Amount.Equal("12.5") {
			t.Errorf("%v %v", items, err)
		}
		found, err := client.Find(t.Context(), []sdk.Ref{{Key: "2"}, {Key: "3"}, {Key: "02"}, {Key: "99999999999999999999999"}})
		if err != nil || len(found) != 1 || found[0].Key != "2" {
			t.Errorf("%v %v", found, err)
		}
		_, err = client.Apply(t.Context(), []sdk.Change{{Key: "1", Op: sdk.Purge}})
		if sdk.KindOf(err) != sdk.Rejected {
			t.Errorf("a write: %v", err)
		}
	})
}

// The session itself is read-only: the database refuses what gets by.
func TestSourceSessionsCannotWrite(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		table := d.table(t, `id {id}, title varchar(40)`)
		db, err := dialects[d.driver].open(d.dsn, session{timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		_, err = db.ExecContext(t.Context(), "INSERT INTO "+table+" (title) VALUES ('x')")
		if v := dialects[d.driver].judge(err); v.kind != sdk.Denied {
			t.Errorf("%v is judged %v", err, v.kind)
		}
	})
}

// A row that cannot be read stops no other, and is not taken for gone: it is
// listed and found as unreadable, with the field and the reason.
func TestBadRows(t *testing.T) {
	d := newSQLite(t) // the others let no such text in
	table := d.table(t, `id text, title text, price text, ref text`)
	d.exec(t, `INSERT INTO `+table+` VALUES ('a', 'ok', '1', 'A'), ('b', CAST(x'42ff' AS text), '1', 'B'), ('c', 'ok', '1,5', 'C'), ('d', 'ok', '2', 'D'), (NULL, 'ok', '1', 'E'), ('', 'ok', '1', 'F'), ('g', 'ok', '1', NULL)`)
	more := options{"columns": options{"name": "title", "prices": []options{{"amount": "price", "currency": "EUR"}}}}
	why := map[string]string{"b": "name: column title holds bytes that are no UTF-8 text", "c": `prices: column price "1,5" is not a decimal`}
	client, log := logged(t, d.config(table, more))
	for _, limit := range []int{0, 1, 2} {
		items, err := listed(t, client, sdk.Query{Limit: limit})
		if err != nil || len(items) != 5 {
			t.Errorf("limit %d: %d items, %v", limit, len(items), err)
		}
		for id, item := range items {
			if !strings.HasPrefix(item.Unreadable, why[id]) || (item.Unreadable == "") != (why[id] == "") {
				t.Errorf("limit %d: %s is unreadable for %q", limit, id, item.Unreadable)
			}
		}
	}
	if !strings.Contains(log.String(), "rows have no key, and are left out: rows=2") {
		t.Errorf("the log says %s", log)
	}
	if found, err := client.Find(t.Context(), []sdk.Ref{{Key: "a"}, {Key: "b"}}); err != nil || len(found) != 2 {
		t.Errorf("Find gives %v %v", found, err)
	}
	more["key"], more["remote_id"] = "ref", "id"
	client, log = logged(t, d.config(table, more))
	if items, err := listed(t, client, sdk.Query{}); err != nil || len(items) != 4 || !strings.Contains(log.String(), "remote_id=g") {
		t.Errorf("%v %v, log %s", items, err, log)
	}
	// Who has only the key gives it as id, too.
	if found, err := client.Find(t.Context(), []sdk.Ref{{Key: "D", Remote: "D"}}); err != nil || len(found) != 1 || found[0].Remote.ID != "d" {
		t.Errorf("Find gives %v %v", found, err)
	}
}

// What can be asked of it depends on the options.
func TestCapabilities(t *testing.T) {
	d := newSQLite(t)
	table := d.table(t, `id text PRIMARY KEY, title text, seen datetime`)
	more := options{"columns": options{"name": "title"}}
	source := sdktest.Open(t, plugin, d.config(table, more))
	more["updated_at"], more["write"] = "seen", true
	both := sdktest.Open(t, plugin, d.config(table, more))
	if source.Can(sdk.CanSince) || !both.Can(sdk.CanSince) || !source.Can(sdk.OnlyReads) || both.Can(sdk.OnlyReads) {
		t.Errorf("%+v and %+v", source.Opened(), both.Opened())
	}
	if fields := both.Opened().Fields; !slices.Equal(fields, []string{"name"}) {
		t.Errorf("it carries %v", fields)
	}
}

// A column of SQLite without a type holds numbers and texts side by side: each
// is listed once, and found by how it is spelt.
func TestKeysWithoutType(t *testing.T) {
	d := newSQLite(t)
	table := d.table(t, `id UNIQUE, title text`)
	d.exec(t, `INSERT INTO `+table+` VALUES (7, 'a'), (10, 'b'), ('x', 'c'), ('008', 'd'), (CAST(x'62ff' AS text), 'bad'), (CAST(x'63ff' AS text), 'bad'), ('z', 'e')`)
	client, log := logged(t, d.config(table, options{"columns": options{"name": "title"}}))
	for _, limit := range []int{1, 2, 3, 50} {
		items, err := listed(t, client, sdk.Query{Limit: limit})
		if err != nil || len(items) != 5 || items["008"].Product.Name != "d" || items["7"].Product.Name != "a" {
			t.Errorf("limit %d: %v %v", limit, items, err)
		}
	}
	if !strings.Contains(log.String(), "left out") {
		t.Errorf("a key that is no text: the log says %q", log)
	}
	found, err := client.Find(t.Context(), []sdk.Ref{{Key: "7"}, {Key: "008"}, {Key: "8"}, {Key: "010"}})
	if err != nil || len(found) != 2 {
		t.Errorf("%v %v", found, err)
	}
}
