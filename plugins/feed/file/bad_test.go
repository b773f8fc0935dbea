package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
)

// A row that cannot be read stops no other, is told of by its place, and is not
// gone.
func TestBadRowsAreUnreadable(t *testing.T) {
	columns := options{"key": "id", "name": "name", "prices": options{"column": "price", "currency": "EUR"}, "status": "status"}
	for name, feed := range map[string]struct {
		text string
		line int // of the bad row
	}{
		"feed.csv":    {"id,name,price,status\n1,\"A\nB\",1,\n2,B,many,\n3,C,3,\n", 4},
		"feed.ndjson": {"{\"id\":1,\"price\":1}\n\n{\"id\":2,\"price\":\"many\"}\n{\"id\":3,\"price\":3}\n", 3},
		"feed.json":   {"[{\"id\":1,\"price\":1},\n{\"id\":2,\n\"price\":\"many\"}\n,{\"id\":3,\"price\":3}]", 2},
	} {
		t.Run(name, func(t *testing.T) {
			c, log := openLogged(t, options{"path": put(t, t.TempDir(), name, feed.text), "columns": columns})
			if got := keys(complete(t, c)); got != "1 3" {
				t.Errorf("listed %s", got)
			}
			at := fmt.Sprintf("%s:%d", name, feed.line)
			want := at + `: prices: in column "price": "many" is no number`
			if why := unreadable(t, c)["2"]; !strings.HasPrefix(why, want) {
				t.Errorf("unreadable: %s\nwant %s", why, want)
			}
			if text := log.String(); strings.Count(text, "bad row: at="+at) != 1 || !strings.Contains(text, "rows=3 bad=1") {
				t.Errorf("the log tells it otherwise than once:\n%s", text)
			}
			items, err := c.Find(t.Context(), []sdk.Ref{{Key: "2"}, {Key: "3"}})
			if err != nil || len(items) != 2 || items[0].Unreadable == "" || items[1].Unreadable != "" {
				t.Errorf("found %v, %v", items, err)
			}
		})
	}
}

// A row whose key cannot be read may be any product's: nothing counts as gone.
func TestRowsWithoutKey(t *testing.T) {
	for name, text := range map[string]string{
		"empty.csv":  "key,name\n1,A\n \u200f,B\n3,C\n",
		"short.csv":  "key,name\n1,A\n2\n3,C\n",
		"long.csv":   "key,name\n1,A\n2,a,b\n3,C\n",
		"quote.csv":  "key,name\n1,A\n2,\"B\"x\n3,C\n",
		"bytes.csv":  "key,name\n1,A\n2,\xff\n3,C\n",
		"a.ndjson":   "{\"key\":\"1\"}\n{\"key\":\"2\"\n{\"key\":\"3\"}\n",
		"b.ndjson":   "{\"key\":\"1\"}\n\"2\"\n{\"key\":\"3\"}\n",
		"c.ndjson":   "{\"key\":\"1\"}\nnull\n{\"key\":\"3\"}\n",
		"d.ndjson":   "{\"key\":\"1\"}\n{\"key\":{\"a\":1}}\n{\"key\":\"3\"}\n",
		"e.ndjson":   "{\"key\":\"1\"}\n{\"key\":\"\xff\"}\n{\"key\":\"3\"}\n",
		"array.json": "[{\"key\":\"1\"},\n{\"key\":\"2\",,},{\"key\":\"3\"}]",
	} {
		t.Run(name, func(t *testing.T) {
			line := 3
			if strings.HasSuffix(name, "json") {
				line = 2
			}
			c := open(t, options{"path": put(t, t.TempDir(), name, text)})
			all, err := list(t, c)
			if keys(all) != "1 3" {
				t.Errorf("listed %s", keys(all))
			}
			want := fmt.Sprintf("1 of 3 rows have no key that can be read; nothing that is missing counts as gone: %s:%d: ", name, line)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("the listing ended with %v\nwant %s", err, want)
			}
			if items, err := c.Find(t.Context(), []sdk.Ref{{Key: "3"}}); err != nil || len(items) != 1 {
				t.Errorf("finding what is there: %v, %v", items, err)
			}
			if items, err := c.Find(t.Context(), []sdk.Ref{{Key: "3"}, {Key: "2"}}); err == nil {
				t.Errorf("what may be there is told to be absent: %v", items)
			}
		})
	}
}

// Of two rows with one key none is chosen.
func TestKeysThatComeTwice(t *testing.T) {
	folder := t.TempDir()
	put(t, folder, "a.csv", "key,code,name\n1,K1,A\n2,K2,B\n2,K2,b\n5,K5,E\n")
	put(t, folder, "b.csv", "key,code,name\n3,K3,C\n 5 ,K5,F\n2,K2,\n")
	c, log := openLogged(t, options{"path": folder + "/*.csv", "max_bad_rows": 5})
	if got := keys(complete(t, c)); got != "1 3" {
		t.Errorf("listed %s", got)
	}
	want := map[string]string{
		"2": `the key "2" is in a.csv:3 and a.csv:4: neither is taken`,
		"5": `the key "5" is in a.csv:5 and b.csv:3: neither is taken`,
	}
	if got := unreadable(t, c); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("unreadable: %v\nwant %v", got, want)
	}
	for _, line := range []string{`at=a.csv:4 key=2 error="the key \"2\" is that of a.csv:3 too`, `at=b.csv:4 key=2`, `at=b.csv:3 key=5`, "rows=7 bad=5"} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log lacks %s:\n%s", line, log)
		}
	}
	items, err := c.Find(t.Context(), []sdk.Ref{{Key: "2"}, {Key: "3"}})
	if err != nil || len(items) != 2 || items[0].Unreadable != want["2"] || items[1].Product.Name != "C" {
		t.Errorf("found %v, %v", items, err)
	}
	c = open(t, options{"path": folder + "/*.csv", "max_bad_rows": 4})
	if _, err := list(t, c); err == nil || !strings.HasPrefix(err.Error(), "5 of 7 rows are bad, more than max_bad_rows; nothing that is missing counts as gone: a.csv:4: ") {
		t.Errorf("the listing ended with %v", err)
	}
}

// With more bad rows than the limit a listing is not complete; the good rows are
// in it all the same.
func TestFeedWithTooManyBadRows(t *testing.T) {
	var text strings.Builder
	text.WriteString("key,stock\n")
	for i := range 300 {
		stock := "1"
		if i%100 == 50 {
			stock = "many"
		}
		fmt.Fprintf(&text, "%d,%s\n", i, stock)
	}
	path := put(t, t.TempDir(), "feed.csv", text.String())
	for _, one := range []struct {
		limit any
		ok    bool
	}{{nil, true}, {"1%", true}, {"0.9%", false}, {3, true}, {2, false}, {0, false}, {"0%", false}} {
		o := options{"path": path}
		if one.limit != nil {
			o["max_bad_rows"] = one.limit
		}
		all, bad, err := listing(t, open(t, o))
		if len(all) != 297 || len(bad) != 3 || (err == nil) != one.ok {
			t.Errorf("max_bad_rows = %v: %d good, %d bad, %v", one.limit, len(all), len(bad), err)
		}
	}
}

func TestLimit(t *testing.T) {
	for text, want := range map[string]map[[2]int]bool{
		`"1%"`:   {{0, 0}: true, {1, 5}: true, {2, 5}: false, {2, 200}: true, {3, 200}: false},
		`"0%"`:   {{0, 10}: true, {1, 10}: false},
		`"100%"`: {{10, 10}: true},
		`"3"`:    {{3, 3}: true, {4, 1000}: false},
		`0`:      {{0, 3}: true, {1, 1000}: false},
	} {
		var l limit
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		for rows, allowed := range want {
			if l.allows(rows[0], rows[1]) != allowed {
				t.Errorf("%s: %d of %d: %v", text, rows[0], rows[1], !allowed)
			}
		}
	}
	for _, text := range []string{`"%"`, `""`, `"-1"`, `-1`, `1.5`, `"NaN%"`, `"1e3%"`, `true`} {
		var l limit
		if err := json.Unmarshal([]byte(text), &l); err == nil {
			t.Errorf("%s is taken for %v", text, l)
		}
	}
}

// What ends before its end is no listing, so that nothing counts as gone.
func TestFilesThatAreCutOff(t *testing.T) {
	for name, text := range map[string]string{
		"a.json":   `[{"key":"1"},{"key":"2"}`,
		"b.json":   `[{"key":"1"},{"key":`,
		"c.json":   ``,
		"d.json":   `[`,
		"e.json":   `[{"key":"1"}] [`,
		"f.json":   `[{"key":"1"} {"key":"2"}]`,
		"g.json":   `{"products":[]}`,
		"a.ndjson": "{\"key\":\"1\"}\n{\"key\":",
		"b.csv":    "key,name\n1,A\n2,\"B",
	} {
		if all, err := list(t, open(t, options{"path": put(t, t.TempDir(), name, text)})); err == nil {
			t.Errorf("%s is complete with %s", name, keys(all))
		}
	}
	// Without columns the feed must be there when the connector is opened.
	path := put(t, t.TempDir(), "feed.csv", "key,name\n1,A\n")
	c := open(t, options{"path": path})
	put(t, "", path, "")
	if all, err := list(t, c); err == nil || !strings.Contains(err.Error(), "feed.csv: the file is empty: is it being written?") {
		t.Errorf("an empty file is complete with %s: %v", keys(all), err)
	}
	// A file with a header is a feed without products.
	put(t, "", path, "key,name\n")
	if all := complete(t, c); len(all) != 0 {
		t.Errorf("listed %v", all)
	}
}

// A quote that is never closed does not bring the rest of a file into memory.
func TestRowsThatAreTooLong(t *testing.T) {
	long := strings.Repeat("0123456789abcde\n", maxRow/16+1000)
	for name, text := range map[string]string{
		"feed.csv":    "key,name\n1,A\n2,\"" + long,
		"feed.json":   `[{"key":"1"},{"key":"` + long,
		"feed.ndjson": "{\"key\":\"1\"}\n" + strings.ReplaceAll(long, "\n", " "),
	} {
		_, err := list(t, open(t, options{"path": put(t, t.TempDir(), name, text)}))
		if err == nil || !strings.Contains(err.Error(), "a row is longer than 4 MiB") {
			t.Errorf("%s: the listing ended with %v", name, err)
		}
	}
}
