package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/sdk"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
)

// mapped are the columns of most tests here.
var mapped = options{
	"key":               "id",
	"code":              "SKU",
	"name":              "Title",
	"status":            "State",
	"prices":            []any{options{"column": "Price", "currency": "EUR", "tax_included": true, "compare_at": "Was"}, options{"column": "Trade", "currency": "EUR", "list": "trade"}},
	"stock":             []any{"Stock", options{"column": "Stock B", "location": "b"}},
	"categories":        options{"column": "Category", "separator": ";", "path_separator": ">"},
	"tags":              options{"column": "Tags", "separator": ","},
	"media":             "Images",
	"weight":            options{"column": "Kilos", "unit": "kg"},
	"size":              options{"length": "L", "width": "W", "unit": "cm"},
	"attributes.colour": "Colour",
	"attributes.watts":  options{"column": "Watts", "type": "number"},
	"attributes.new":    options{"column": "New", "type": "bool"},
	"attributes.fits":   options{"column": "Fits", "type": "list"},
}

const (
	mappedHeader = `id,SKU,Title,State,Price,Was,Trade,Stock,Stock B,Category,Tags,Images,Kilos,L,W,Colour,Watts,New,Fits,Ignored`
	mappedRow    = `7,K-7,"A ""big""
bag, red",on,"1.234,50","1.300",999,۱۲,-1,Bags > Big;Sale,"red, new",https://a/1.jpg|https://a/2.jpg,"0,5",10,"20,5",red,60,yes,A|B,x`
	mappedProduct = `{"key":"7","code":"K-7","name":"A \"big\"\nbag, red","status":"active",
		"prices":[{"amount":"1234.50","currency":"EUR","tax_included":true,"compare_at":"1300"},{"amount":"999","currency":"EUR","list":"trade"}],
		"stock":[{"quantity":"12"},{"location":"b","quantity":"-1"}],
		"categories":["Bags/Big","Sale"],"tags":["red","new"],"media":[{"url":"https://a/1.jpg"},{"url":"https://a/2.jpg"}],
		"weight":{"value":"0.5","unit":"kg"},"size":{"length":"10","width":"20.5","unit":"cm"},
		"attributes":{"colour":"red","watts":60,"new":true,"fits":["A","B"]}}`
)

func mappedOptions(path string) options {
	return options{"path": path, "columns": mapped, "decimal": ",", "thousands": ".", "status_words": options{"On": "active", "off": "draft"}}
}

func TestCSVWithColumns(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", mappedHeader+"\n"+mappedRow+"\n\n8"+strings.Repeat(",", 19)+"\n"+strings.Repeat(",", 19)+"\n")
	c := open(t, mappedOptions(path))
	all := complete(t, c)
	if keys(all) != "7 8" {
		t.Errorf("keys %s", keys(all))
	}
	same(t, all["7"], mappedProduct)
	same(t, all["8"], `{"key":"8"}`)
	want := []string{"code", "name", "status", "prices", "stock", "categories", "tags", "media", "weight", "size",
		"attributes.colour", "attributes.fits", "attributes.new", "attributes.watts"}
	if got := c.Opened().Fields; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("it carries %v", got)
	}
}

// Columns that are named like field paths need no options.
func TestCSVWithOwnNames(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", "key;name;prices;stock;attributes.colour;warranty\n 1 ;A;12.50;3;red;2\n2;B;9.90 USD;;;\n")
	c := open(t, options{"path": path, "currency": "EUR"})
	if got := fmt.Sprint(c.Opened().Fields); got != "[name prices stock attributes.colour]" {
		t.Errorf("it carries %s", got)
	}
	same(t, complete(t, c)["1"], `{"key":"1","name":"A","prices":[{"amount":"12.50","currency":"EUR"}],"stock":[{"quantity":"3"}],"attributes":{"colour":"red"}}`)
	if why := unreadable(t, c)["2"]; why != `feed.csv:3: prices: in column "prices": "9.90 USD" is in another currency than EUR` {
		t.Errorf("unreadable: %s", why)
	}
	c = open(t, options{"path": path})
	same(t, complete(t, c)["2"], `{"key":"2","name":"B","prices":[{"amount":"9.90","currency":"USD"}]}`)
	if why := unreadable(t, c)["1"]; why != `feed.csv:2: prices: in column "prices": "12.50" has no currency: set currency` {
		t.Errorf("unreadable: %s", why)
	}
}

func TestColumnsByNumber(t *testing.T) {
	path := put(t, t.TempDir(), "feed.tsv", "1\tA\tx\n2\tB\ty\n")
	c := open(t, options{"path": path, "header": false, "columns": options{"key": 1, "name": 2}})
	all := complete(t, c)
	same(t, all["1"], `{"key":"1","name":"A"}`)
	same(t, all["2"], `{"key":"2","name":"B"}`)
}

func TestSeparators(t *testing.T) {
	for _, one := range []struct{ set, text string }{
		{"", "key,name\n1,A\n"},
		{"", "key;name\n1;A\n"},
		{"", "key\tname\n1\tA\n"},
		{"", "key|name\r\n1|A\r\n"},
		{"", "\"key\";\"name,,,\";name\n1;;A\n"},
		{"~", "key~name\n1~A"},
	} {
		o := options{"path": put(t, t.TempDir(), "feed.csv", one.text)}
		if one.set != "" {
			o["separator"] = one.set
		}
		same(t, complete(t, open(t, o))["1"], `{"key":"1","name":"A"}`)
	}
}

func TestEncodings(t *testing.T) {
	const text = "key,name\n1,کیف چرمی\n2,bag\n"
	arabic, err := charmap.Windows1256.NewEncoder().String("key,name\n1,كيف €\n2,bag\n")
	if err != nil {
		t.Fatal(err)
	}
	little, big := "\xff\xfe", "\xfe\xff"
	for _, unit := range utf16.Encode([]rune(text)) {
		little += string([]byte{byte(unit), byte(unit >> 8)})
		big += string([]byte{byte(unit >> 8), byte(unit)})
	}
	for _, one := range []struct{ encoding, text, name string }{
		{"utf-8", text, "کیف چرمی"},
		{"utf-8", "\ufeff" + text, "کیف چرمی"},
		{"utf-8", little, "کیف چرمی"},
		{"windows-1256", big, "کیف چرمی"}, // the mark wins
		{"utf-16le", little[2:], "کیف چرمی"},
		{"utf-16be", big[2:], "کیف چرمی"},
		{"windows-1256", arabic, "كيف €"},
	} {
		c := open(t, options{"path": put(t, t.TempDir(), "feed.csv", one.text), "encoding": one.encoding})
		all := complete(t, c)
		if all["1"].Name != one.name || all["2"].Name != "bag" {
			t.Errorf("%s: %v", one.encoding, all)
		}
	}
	// What is in another encoding than it says is no name.
	all, err := list(t, open(t, options{"path": put(t, t.TempDir(), "feed.csv", arabic)}))
	if keys(all) != "2" || err == nil || !strings.Contains(err.Error(), "feed.csv:2: it is not in UTF-8: set encoding") {
		t.Errorf("%s, %v", keys(all), err)
	}
}

func TestJSONOfProducts(t *testing.T) {
	const first = `{"key":"1","name":"A","prices":[{"amount":"12.50","currency":"EUR"}],"variants":[{"key":"v","code":"K","stock":[{"quantity":"3"}]}],"attributes":{"colour":"red","watts":60},"weight":{"value":"1","unit":"kg"}}`
	const second = `{"key":2,"name":null,"tags":["a","b"],"status":"draft","unknown":{"x":[1,2]}}`
	for name, text := range map[string]string{
		"feed.json":   "\ufeff [\n" + first + "\n , " + second + "]\n",
		"feed.ndjson": first + "\n\n" + second,
		"feed.jsonl":  first + "\r\n" + second + "\r\n",
	} {
		all := complete(t, open(t, options{"path": put(t, t.TempDir(), name, text)}))
		same(t, all["1"], first)
		same(t, all["2"], `{"key":"2","tags":["a","b"],"status":"draft"}`)
	}
}

func TestJSONWithColumns(t *testing.T) {
	path := put(t, t.TempDir(), "feed.json", `[
		{"id": 7, "title": "A", "price": {"net": 12.50}, "stock": "۱۲", "colours": ["red", "blue"], "tags": "x|y", "watts": 60, "new": true},
		{"id": "8", "price": {"net": "1.234,5"}}]`)
	c := open(t, options{"path": path, "decimal": ",", "thousands": ".", "columns": options{
		"key": "id", "name": "title", "prices": options{"column": "price.net", "currency": "EUR"}, "stock": "stock",
		"attributes.colours": "colours", "tags": "tags", "attributes.watts": "watts", "attributes.new": "new",
	}})
	all := complete(t, c)
	same(t, all["7"], `{"key":"7","name":"A","prices":[{"amount":"12.50","currency":"EUR"}],"stock":[{"quantity":"12"}],"tags":["x","y"],
		"attributes":{"colours":["red","blue"],"watts":60,"new":true}}`)
	same(t, all["8"], `{"key":"8","prices":[{"amount":"1234.5","currency":"EUR"}]}`)
}

func workbook(t testing.TB, folder, name string, rows ...[]any) string {
	t.Helper()
	book := excelize.NewFile()
	if _, err := book.NewSheet("Second"); err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if err := book.SetSheetRow("Second", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, name)
	if err := book.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestXLSX(t *testing.T) {
	path := workbook(t, t.TempDir(), "feed.xlsx",
		[]any{"id", " Title ", "Price", "Stock", "Code"},
		[]any{1, "کیف", 19.99, "۱۲", "0012"},
		[]any{},
		[]any{"2", "B", "1.234,5"},
		[]any{3, "C", "many"},
	)
	o := options{"path": path, "sheet": "Second", "decimal": ",", "thousands": ".", "columns": options{
		"key": "id", "name": "Title", "prices": options{"column": "Price", "currency": "EUR"}, "stock": "Stock", "code": 5}}
	c := open(t, o)
	all := complete(t, c)
	if why := unreadable(t, c)["3"]; !strings.HasPrefix(why, `feed.xlsx:5: prices: in column "Price": "many" is no number`) {
		t.Errorf("unreadable: %s", why)
	}
	same(t, all["1"], `{"key":"1","name":"کیف","code":"0012","prices":[{"amount":"19.99","currency":"EUR"}],"stock":[{"quantity":"12"}]}`)
	same(t, all["2"], `{"key":"2","name":"B","prices":[{"amount":"1234.5","currency":"EUR"}]}`)

	o["sheet"] = "Secnod"
	if err := open(t, o).Check(t.Context()); err == nil || !strings.Contains(err.Error(), `did you mean "Second"?`) {
		t.Errorf("a sheet that is not there: %v", err)
	}
	delete(o, "columns")
	o["sheet"] = "Second"
	o["path"] = workbook(t, t.TempDir(), "own.xlsx", []any{"key", "name"}, []any{1, "A"})
	same(t, complete(t, open(t, o))["1"], `{"key":"1","name":"A"}`)
}

// A large workbook is unpacked into the connector's folder, and nothing of it stays.
func TestLargeXLSX(t *testing.T) {
	const n = 15_000
	book := excelize.NewFile()
	sheet, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range n + 1 {
		values := []any{i, fmt.Sprintf("Bag %d %s", i, strings.Repeat("x", 100))}
		if i == 0 {
			values = []any{"key", "name"}
		}
		if err := sheet.SetRow(fmt.Sprintf("A%d", i+1), values); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "feed.xlsx")
	if err := errors.Join(sheet.Flush(), book.SaveAs(path), book.Close()); err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	c, err := plugin.Open(t.Context(), sdk.Env{Log: hclog.NewNullLogger(), StateDir: state}, Config{
		Path: path, Header: true, Decimal: ".", ListSeparator: "|", Encoding: "utf-8", MaxBadRows: limit{rows: 0}})
	if err != nil {
		t.Fatal(err)
	}
	count, unpacked := 0, 0
	for _, err := range sdk.All(t.Context(), c.(sdk.Lister), sdk.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if count++; count == n/2 {
			files, err := os.ReadDir(state)
			if err != nil {
				t.Fatal(err)
			}
			unpacked = len(files)
		}
	}
	left, err := os.ReadDir(state)
	if count != n || unpacked == 0 || len(left) > 0 || err != nil {
		t.Errorf("%d rows, %d files in use, %v left, %v", count, unpacked, left, err)
	}
}

func TestFind(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", "key,code,name\n1,K1,A\n2,K2,B\n3,K3,C\n4,K4,D\n")
	c := open(t, options{"path": path})
	items, err := c.Find(t.Context(), []sdk.Ref{{Key: "3"}, {Key: "x", Remote: "1"}, {Key: "none"}, {Key: "other", Code: "K4"}})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, item := range items {
		found[item.Key] = true
	}
	if len(items) != 3 || !found["3"] || !found["1"] || !found["4"] {
		t.Errorf("found %v", items)
	}
}

// The columns that are not there are named, and so is what was probably meant.
func TestMissingColumns(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", "id,Title,Title\n1,A,B\n")
	for _, one := range []struct {
		columns options
		want    string
	}{
		{options{"key": "id", "stock": "Stock"}, `feed.csv: there is no column "Stock"`},
		{options{"key": "id", "name": "title "}, `did you mean "Title"?`},
		{options{"key": "id", "name": "Title"}, `two columns are named "Title"`},
	} {
		c := open(t, options{"path": path, "columns": one.columns})
		if err := c.Check(t.Context()); err == nil || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%v: %v", one.columns, err)
		}
		if _, err := list(t, c); err == nil || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%v: %v", one.columns, err)
		}
	}
}

func TestProblems(t *testing.T) {
	for _, one := range []struct {
		o    options
		want string
	}{
		{options{"path": "feed"}, "format: is missing"},
		{options{"path": "/a*/feed.csv"}, "path: *, ? and [ are for its last part only"},
		{options{"path": "[.csv"}, "path: is no glob"},
		{options{"path": "f.csv", "separator": ";;"}, "separator: is one character"},
		{options{"path": "f.csv", "decimal": "x"}, "decimal: is . or ,"},
		{options{"path": "f.csv", "thousands": "."}, `thousands: cannot hold '.'`},
		{options{"path": "f.csv", "currency": "Euro"}, "currency: is an ISO 4217 code"},
		{options{"path": "f.csv", "encoding": "klingon"}, `encoding: "klingon" is not one of`},
		{options{"path": "f.csv", "max_bad_rows": "some"}, `max_bad_rows: write a number of rows`},
		{options{"path": "f.csv", "max_bad_rows": "101%"}, `max_bad_rows: write a number of rows`},
		{options{"path": "f.csv", "header": false}, "columns: is missing: without a header"},
		{options{"path": "f.csv", "header": false, "columns": options{"key": "id"}}, `columns: column "id": without a header, columns are given by number`},
		{options{"path": "f.json", "columns": options{"key": 1}}, "columns: column 1: members of JSON are given by name"},
		{options{"path": "f.csv", "columns": options{"name": "Title"}}, "columns.key: is missing"},
		{options{"path": "f.csv", "columns": options{"key": "id", "titel": "Title"}}, "columns.titel: is no field that a column can hold; did you mean"},
		{options{"path": "f.csv", "columns": options{"key": "id", "variants": "V"}}, "columns.variants: is no field that a column can hold"},
		{options{"path": "f.csv", "columns": options{"key": "id", "prices": options{"column": "P", "curency": "EUR"}}}, `unknown field "curency"`},
		{options{"path": "f.csv", "columns": options{"key": "id", "prices": options{"currency": "EUR"}}}, `columns.prices: does not say which column`},
		{options{"path": "f.csv", "columns": options{"key": "id", "prices": []any{}}}, `columns.prices: the list is empty`},
		{options{"path": "f.csv", "columns": options{"key": "id", "name": []any{"a", "b"}}}, `columns.name: takes one column`},
		{options{"path": "f.csv", "columns": options{"key": "id", "name": 0}}, `columns.name: write the column's name, or its number`},
		{options{"path": "f.csv", "columns": options{"key": "id", "size": "L"}}, `columns.size: size is written {`},
		{options{"path": "f.csv", "columns": options{"key": "id", "attributes.x": options{"column": "x", "type": "date"}}}, `columns.attributes.x: type is one of`},
		{options{"path": "f.csv", "columns": options{"key": "id", "stock": options{"column": "x", "decimal": "·"}}}, `columns.stock.decimal: is . or ,`},
		{options{"path": "*.csv", "write": true, "columns": options{"key": "id"}}, "path: must name one file"},
		{options{"path": "f.xlsx", "write": true, "columns": options{"key": "id"}}, "format: xlsx is read only"},
		{options{"path": "f.csv", "write": true}, "columns: is missing"},
		{options{"path": "f.csv", "write": true, "encoding": "utf-16le", "columns": options{"key": "id"}}, "encoding: must be utf-8"},
		{options{"path": "f.csv", "write": true, "columns": options{"key": 1}}, "columns: column 1: where write is set"},
		{options{"path": "f.json", "write": true, "columns": options{"key": "id", "name": "a.b"}}, "members in members are not supported"},
		{options{"path": "f.csv", "write": true, "columns": options{"key": "id", "name": "x", "code": "x"}}, `holds code already`},
		{options{"path": "f.csv", "write": true, "archive": "status", "columns": options{"key": "id"}}, "archive: needs a column for status"},
	} {
		if got := strings.Join(problems(t, one.o), "\n"); !strings.Contains(got, one.want) {
			t.Errorf("%v: %q\nwant %q", one.o, got, one.want)
		}
	}
}
