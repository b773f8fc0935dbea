package main

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
)

// odd is a value that is unusual, and what becomes of it.
type odd struct {
	definition string // of its column
	value      string // as SQL
	field      string // that it is read as: see oddFields
	want       string // the product, or what the row is reported for
}

var oddFields = map[string]options{
	"name":  {"name": "v"},
	"price": {"prices": []options{{"amount": "v", "currency": "EUR"}}},
	"tags":  {"tags": "v"},
	"x":     {"attributes": options{"x": "v"}},
}

// Whatever a column holds, it is a value or the report of its row, and the other rows
// are listed.
func TestOddValues(t *testing.T) {
	long := "123456789012345678901234567890"
	notDecimal := "is not a decimal"
	all := map[string][]odd{
		"postgres": {
			{"timestamptz", "'infinity'", "x", `{"x":"infinity"}`},
			{"timestamp", "'-infinity'", "name", `"-infinity"`},
			{"date", "'infinity'", "x", `{"x":"infinity"}`},
			{"date", "'infinity'", "price", notDecimal},
			{"date", "'0044-03-15 BC'", "x", `{"x":"-0043-03-15"}`},
			{"timestamp", "'4713-01-01 BC'", "x", `{"x":"-4712-01-01T00:00:00Z"}`},
			{"timestamp", "'0001-01-01'", "x", `{"x":"0001-01-01T00:00:00Z"}`},
			{"date", "'5874897-12-31'", "x", `{"x":"5874897-12-31"}`},
			{"timestamptz", "'294276-12-31 00:00+00'", "x", `{"x":"294276-12-31T00:00:00Z"}`},
			{"numeric", "'NaN'", "price", notDecimal},
			{"numeric", "'NaN'", "x", notDecimal},
			{"numeric", "'Infinity'", "price", notDecimal},
			{"numeric", long + "." + long, "price", `"` + long + "." + long + `"`},
			{"numeric", long + "." + long, "x", `{"x":` + long + "." + long + `}`},
			{"numeric", "'1e1000'", "price", "at most 64 characters"},
			{"float8", "'NaN'", "x", "holds NaN, which is no number"},
			{"float8", "'-Infinity'", "price", "holds -Inf, which is no number"},
			{"text[]", "'{a,b}'", "tags", `["a","b"]`},
			{"text[]", "'{a,NULL,b}'", "tags", `["a","b"]`},
			{"text[]", "'{{a,b},{c,d}}'", "tags", "holds no JSON array of texts"},
			{"int[]", "'{1,2}'", "tags", "holds no JSON array of texts"},
			{"int[]", "'{1,2}'", "x", `{"x":[1,2]}`},
			{"int[]", "'{1,2}'", "price", notDecimal},
			{"timestamptz[]", "'{infinity}'", "tags", `["infinity"]`},
			{"numeric[]", "'{NaN}'", "x", `{"x":["NaN"]}`},
			{"jsonb", `'{"a":[1,{"b":null}]}'`, "x", `{"x":"{\"a\": [1, {\"b\": null}]}"}`},
			{"jsonb", `'["a",1]'`, "tags", "holds no JSON array of texts"},
			{"jsonb", `'[1]'`, "price", notDecimal},
			{"jsonb", `'null'`, "tags", ""},
			{"json", `'"\u0000"'`, "x", `{"x":"\u0000"}`},
			{"bytea", `'\x00ff'`, "name", "holds bytes that are no UTF-8 text"},
			{"money", "12.5", "price", notDecimal},
		},
		"mysql": {
			{"date", "'0000-00-00'", "x", ""},
			{"datetime", "'0000-00-00'", "name", ""},
			{"timestamp NULL", "'0000-00-00'", "x", ""},
			{"date", "'2026-12-00'", "x", `holds "2026-12-00", which is no date`},
			{"datetime", "'2026-00-00 12:00:00'", "x", "which is no date"},
			{"date", "'0001-01-01'", "x", `{"x":"0001-01-01"}`},
			{"datetime(3)", "'9999-12-31 23:59:59.999'", "x", `{"x":"9999-12-31T23:59:59.999Z"}`},
			{"time", "'-838:59:59'", "x", `{"x":"-838:59:59"}`},
			{"year", "0", "x", `{"x":0}`},
			{"bigint unsigned", "18446744073709551615", "price", `"18446744073709551615"`},
			{"bigint unsigned", "18446744073709551615", "x", `{"x":18446744073709551615}`},
			{"bigint unsigned", "18446744073709551615", "name", `"18446744073709551615"`},
			{"bit(64)", "~0", "x", `{"x":18446744073709551615}`},
			{"decimal(60,30)", long + "." + long, "price", `"` + long + "." + long + `"`},
			{"decimal(65,0)", strings.Repeat("9", 65), "price", "at most 64 characters"},
			{"blob", "x'00ff'", "name", "holds bytes that are no UTF-8 text"},
			{"point", "POINT(1, 2)", "x", "holds bytes that are no UTF-8 text"},
			{"enum('a')", "'other'", "x", `{"x":""}`},
		},
		"sqlite": {
			{"integer", "x'00ff'", "price", "holds bytes that are no UTF-8 text"},
			{"integer", "x'3132'", "price", `"12"`},
			{"real", "'abc'", "x", notDecimal},
			{"real", "9e999", "x", "holds +Inf, which is no number"},
			{"numeric", "'2026-03-01'", "price", notDecimal},
			{"integer", "1.5", "x", `{"x":1.5}`},
			{"text", "1.5", "name", `"1.5"`},
			{"text", "CAST(x'ff' AS text)", "name", "holds bytes that are no UTF-8 text"},
			{"text", "'a'||char(0)||'b'", "name", `"a\u0000b"`},
			{"boolean", "'yes'", "x", `holds "yes", which is neither true nor false`},
			{"boolean", "2.5", "x", "which is neither true nor false"},
			{"boolean", "'TRUE'", "x", `{"x":true}`},
			{"boolean", "7", "x", `{"x":true}`},
			{"boolean", "''", "x", `{"x":""}`},
			{"datetime", "'no time'", "x", `{"x":"no time"}`},
			{"datetime", "x'00ff'", "x", "holds bytes that are no UTF-8 text"},
			{"date", "-1", "x", `{"x":-1}`},
			{"json", `'["a",null]'`, "tags", `["a"]`},
			{"json", "'{'", "tags", "holds no JSON array of texts"},
			{"json", "x'5b22'", "x", `{"x":"[\""}`},
		},
	}
	onEach(t, func(t *testing.T, d *database) {
		if d.driver == "mysql" {
			d = d.lenient(t)
		}
		for _, o := range all[d.driver] {
			table := d.table(t, `id varchar(20) PRIMARY KEY, v `+o.definition)
			d.exec(t, "INSERT INTO "+table+" (id, v) VALUES ('a', NULL), ('b', "+o.value+"), ('c', NULL)")
			client, _ := logged(t, d.config(table, options{"columns": oddFields[o.field]}))
			items, err := listed(t, client, sdk.Query{})
			if err != nil || len(items) != 3 || items["a"].Unreadable+items["c"].Unreadable != "" {
				t.Errorf("%s %s as %s: %v, %v", o.definition, o.value, o.field, items, err)
				continue
			}
			got := items["b"]
			got.Product.Key = ""
			text := strings.TrimPrefix(string(got.Product.AppendJSON(nil)), `{"key":""`)
			reported := got.Unreadable != "" && o.want != "" && strings.Contains(got.Unreadable, o.want)
			read := got.Unreadable == "" && strings.Contains(text, o.want) && (o.want == "") == (text == "}")
			if !reported && !read {
				t.Errorf("%s %s as %s is %s, reported %q; want %s", o.definition, o.value, o.field, text, got.Unreadable, o.want)
			}
		}
	})
}

// lenient is the database as it takes what it could refuse.
func (d *database) lenient(t *testing.T) *database {
	t.Helper()
	admin, err := sql.Open(d.driver, d.dsn+"?time_zone=%27%2B00:00%27&sql_mode=%27%27")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	return &database{driver: d.driver, dsn: d.dsn, socket: d.socket, admin: admin}
}

// A key that is no text and no whole number is reported, and its row left out: it is
// no end of the listing, nor does it begin anew there.
func TestOddKeys(t *testing.T) {
	onEach(t, func(t *testing.T, d *database) {
		definitions, values := []string{"bigint PRIMARY KEY", "varchar(20) PRIMARY KEY"}, []string{"9223372036854775807", "-2", "0"}
		want, left := values, 0
		switch d.driver {
		case "mysql":
			definitions = []string{"bigint unsigned PRIMARY KEY", "bigint unsigned", "varchar(20) PRIMARY KEY"}
			values = []string{"18446744073709551615", "18446744073709551614", "9223372036854775808", "0"}
			want = values
		case "sqlite":
			definitions = []string{"integer UNIQUE", "integer", "UNIQUE", ""}
			values = append(values, "'abc'", "1.5", "9e999", "x'00ff'", "x'3132'", "'12'||char(0)", "NULL", "'zz'")
			want, left = append(want, "abc", "12\x00", "zz"), 5
		}
		for _, definition := range definitions {
			table := d.table(t, "id "+definition+", title varchar(20)")
			for _, value := range values {
				d.exec(t, "INSERT INTO "+table+" VALUES ("+value+", 'x')")
			}
			client, log := logged(t, d.config(table, options{"columns": options{"name": "title"}}))
			for _, limit := range []int{1, 2, 50} {
				log.Reset()
				items, err := listed(t, client, sdk.Query{Limit: limit})
				var ids []string
				for id := range items {
					ids = append(ids, id)
				}
				slices.Sort(ids)
				if sorted := slices.Sorted(slices.Values(want)); err != nil || !slices.Equal(ids, sorted) {
					t.Errorf("%q, limit %d: %q, %v; want %q", definition, limit, ids, err, sorted)
				}
				if left > 0 && !strings.Contains(log.String(), fmt.Sprintf("left out: rows=%d", left)) {
					t.Errorf("%q: the log says %s", definition, log)
				}
			}
			for _, id := range want {
				if found, err := client.Find(t.Context(), []sdk.Ref{{Key: id, Remote: id}}); err != nil || len(found) != 1 || found[0].Key != id {
					t.Errorf("%q: of %q it finds %v, %v", definition, id, found, err)
				}
			}
		}
	})
}
