package main

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

func encode(t testing.TB, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What is wrong with the options is told without a database.
func TestValidate(t *testing.T) {
	good := options{"driver": "sqlite", "dsn": "shop.db", "table": "products", "key": "id", "columns": options{"name": "title"}}
	for name, one := range map[string]struct {
		more options
		want string // path and the beginning of the message; empty: nothing
	}{
		"good":                {options{}, ""},
		"a schema":            {options{"table": `shop."my.products"`}, ""},
		"no table":            {options{"table": ""}, "table: of table and query write one"},
		"both":                {options{"query": "SELECT 1"}, "table: of table and query write one"},
		"a third part":        {options{"table": "a.b.c"}, "table: has more than a schema"},
		"an open quote":       {options{"table": `"a`}, "table: has a quote"},
		"an empty part":       {options{"table": "a."}, "table: has an empty name"},
		"two statements":      {options{"table": "", "query": "SELECT 1; DROP TABLE x"}, "query: must be one SELECT"},
		"a query to write":    {options{"table": "", "query": "SELECT 1", "write": true}, "write: a query can only be read"},
		"no key":              {options{"key": ""}, "key: of key and remote_id"},
		"a source needs one":  {options{"key": "", "remote_id": "id"}, "key: a source needs a key"},
		"nothing to find by":  {options{"key": "", "remote_id": "id", "write": true}, "key: with neither"},
		"key twice":           {options{"remote_id": "id"}, "remote_id: is the same"},
		"no columns":          {options{"columns": options{}}, "columns: map at least one"},
		"a control character": {options{"key": "a\nb"}, "key: holds a character"},
		"a long name":         {options{"columns": options{"name": strings.Repeat("x", 64)}}, "columns.name: is longer"},
		"two currencies":      {options{"columns": options{"prices": []options{{"amount": "a", "currency": "EUR", "currency_column": "c"}}}}, "columns.prices[0].currency: of currency"},
		"no currency":         {options{"columns": options{"prices": []options{{"amount": "a", "currency": "euro"}}}}, "columns.prices[0].currency: is no ISO"},
		"same statuses":       {options{"statuses": options{"draft": "active"}}, "statuses: two of them"},
		"same archive":        {options{"archive": options{"column": "x", "live": "true"}}, "archive.live: is the same"},
		"long timeout":        {options{"timeout": "51s"}, "timeout: must be"},
		"negative overlap":    {options{"overlap": "-1s"}, "overlap: must not"},
		"memory":              {options{"dsn": ":memory:"}, "dsn: names a database that only"},
		"postgres":            {options{"driver": "postgres", "dsn": "postgres://u:a-secret@host:port/x"}, "dsn: is no address of PostgreSQL"},
		"mysql":               {options{"driver": "mysql", "dsn": "u:a-secret@host"}, "dsn: is no address of MySQL"},
		"mysql nowhere":       {options{"driver": "mysql", "dsn": "u:a-secret@tcp(host)/"}, "dsn: names no database"},
		"another database":    {options{"driver": "oracle"}, "driver: \"oracle\" is not one of"},
		"a misspelt column":   {options{"columns": options{"nane": "x"}}, "columns.nane: unknown option; did you mean \"name\"?"},
	} {
		config := maps.Clone(good)
		maps.Copy(config, one.more)
		_, problems, err := sdktest.Dial(t, plugin).Validate(t.Context(), sdk.Setup{Config: encode(t, config)})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(problems) > 0 {
			got = problems[0].Path + ": " + problems[0].Message
		}
		if one.want == "" && got != "" || !strings.HasPrefix(got, one.want) || strings.Contains(got, "a-secret") {
			t.Errorf("%s: %q, want %q", name, got, one.want)
		}
	}
}

// Whatever is written as dsn, nothing of it is shown, and nothing breaks.
func FuzzDSN(f *testing.F) {
	for _, dsn := range []string{"postgres://u:p@h/d?sslmode=disable", "host=/tmp user=u password='a b'", "u:p@tcp(h:3306)/d?tls=true", "u@unix(/s)/d", "/var/shop.db", "file:shop.db?mode=ro", "C:\\shop.db", "%zz?#"} {
		f.Add(dsn)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		for name, d := range dialects {
			db, err := d.open(dsn, session{timeout: 1})
			if err == nil {
				_ = db.Close()
			} else if len(dsn) > 12 && strings.Contains(err.Error(), dsn) {
				t.Errorf("%s shows it: %v", name, err)
			}
		}
	})
}

// An identifier is refused, or names what is between its quotes and nothing
// else: what it is made of comes out again.
func FuzzIdentifier(f *testing.F) {
	for _, name := range []string{"products", "shop.products", `"my.shop"."pro""ducts"`, `"`, ".", `a"b`, "a.b.c", `""`} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := parseIdentifier(text)
		if err != nil {
			return
		}
		parts := make([]string, len(name))
		for i, part := range name {
			parts[i] = quoted(part, `"`)
			for _, quote := range []string{`"`, "`"} {
				inside := strings.TrimSuffix(strings.TrimPrefix(quoted(part, quote), quote), quote)
				if strings.Contains(strings.ReplaceAll(inside, quote+quote, ""), quote) {
					t.Errorf("%q ends early as %s", part, quoted(part, quote))
				}
			}
		}
		again, err := parseIdentifier(strings.Join(parts, "."))
		if err != nil || strings.Join(again, "\x00") != strings.Join(name, "\x00") {
			t.Errorf("%q is %q, and then %q: %v", text, name, again, err)
		}
	})
}

// A cursor is refused, or is spelt as it is read.
func FuzzCursor(f *testing.F) {
	for _, text := range []string{"i:42", "t:ABC", "t:", "i:18446744073709551615", "i:007", "x", "t:a:b", "x:ff", "x:41", "-1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		behind, err := parseCursor(text)
		if err != nil {
			return
		}
		if again, err := formatCursor(behind); err != nil || again != text {
			t.Errorf("%q is read as %v, written as %q: %v", text, behind, again, err)
		}
	})
}
