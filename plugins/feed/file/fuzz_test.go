package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/synchost/synchost/sdk"
)

// readAll reads every row of a feed, and gives what stands in the file for each.
func readAll(t *testing.T, r rowReader, m *mapping) (raw [][]byte, bad int, err error) {
	t.Helper()
	line := 0
	for {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			return append(raw, bytes.Clone(row.raw)), bad, nil
		}
		if row.line < line {
			t.Fatalf("line %d after line %d", row.line, line)
		}
		line = row.line
		if errors.As(err, new(*badRow)) {
			bad++
		} else if err != nil {
			return raw, bad, err
		} else if p, err := m.product(row.cells); err == nil && (p.Key == "" || p.Key != trim(p.Key)) {
			t.Fatalf("the key is %q", p.Key)
		}
		raw = append(raw, bytes.Clone(row.raw))
	}
}

// Whatever a file holds, its rows are what stands in it, from its first byte to
// its last; only rows without any value are left out.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{
		"id,title,price,tags,colour\n1,A,\"1,5\",a|b,red\n", "id;title;price;tags;colour\r\n1;\"A\"\"\nB\";2;;\r\n\r\n;;;;\r\n2;B;;;",
		"id\ttitle\tprice\ttags\tcolour\n\xff\t\"x\n", "\ufeffid|title|price|tags|colour\n۱|کیف|۱۲٫۵||\n",
		"id,title,price,tags,colour\n1,\"A\" ,3,,\n2,b\"c,4,,\n3,,\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		feed := fuzzed(t, "feed.csv")
		in, err := decoded(bytes.NewReader([]byte(text)), "utf-8")
		if err != nil {
			t.Fatal(err)
		}
		r, err := newCSV(feed, in)
		if err != nil {
			return
		}
		utf16 := bytes.HasPrefix([]byte(text), []byte("\xff\xfe")) || bytes.HasPrefix([]byte(text), []byte("\xfe\xff"))
		raw, _, err := readAll(t, r, feed.mapping)
		if err != nil {
			return
		}
		rest := bytes.TrimPrefix([]byte(text), []byte("\ufeff"))
		for _, piece := range append([][]byte{r.header}, raw...) {
			before, after, ok := bytes.Cut(rest, piece)
			if skipped := bytes.TrimFunc(before, isNothing); !utf16 && (!ok || len(skipped) > 0) {
				t.Fatalf("of the file %q\n%q is not in the rows %q", text, skipped, raw)
			}
			rest = after
		}
		if rest = bytes.TrimFunc(rest, isNothing); !utf16 && len(rest) > 0 {
			t.Fatalf("of the file %q\n%q is not in the rows %q", text, rest, raw)
		}
	})
}

// isNothing says what a row without values is made of.
func isNothing(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`,;|"`, r) }

// An array that JSON takes has all its elements as rows, and one that is cut off
// is never complete.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		`[]`, `[{"id":"1","title":"A","price":1.5}]`, `[ {"id":1,"price":"1,5"} , {"id":{}},null,"x",[1,[2]],true ]`,
		`[{"id":"\"]},{"},{"id":"\\"}`, "[{\"id\":\"1\"\n}\n,\n{}]", `{"id":1}`, `[{"id":"1",}]`,
	} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, array bool) {
		feed := fuzzed(t, "feed.json")
		in, err := decoded(bytes.NewReader([]byte(text)), "utf-8")
		if err != nil {
			t.Fatal(err)
		}
		rows, _, err := readAll(t, newJSON(feed.mapping, in, array), feed.mapping)
		if !array || !utf8.ValidString(text) || bytes.HasPrefix([]byte(text), []byte("\ufeff")) {
			return
		}
		var elements []json.RawMessage
		good := json.Unmarshal([]byte(text), &elements) == nil && elements != nil
		if good && (err != nil || len(rows)-1 != len(elements)) {
			t.Fatalf("%d rows of %d elements, %v", len(rows)-1, len(elements), err)
		}
		for i := range elements {
			if good && !bytes.Equal(bytes.TrimSpace(rows[i]), elements[i]) {
				t.Fatalf("row %d is %q, not %q", i, rows[i], elements[i])
			}
		}
		if text := bytes.TrimSpace([]byte(text)); err == nil && (len(text) == 0 || text[len(text)-1] != ']') {
			t.Fatal("what does not end is complete")
		}
	})
}

// What is written is read back as what was told to be there.
func FuzzWritten(f *testing.F) {
	f.Add("A \"big\"\r\nbag; red", "new", "x,y\t", "1234.50", uint8(0))
	f.Add("کیف\u200f", "a|b", " <&>\u2028 ", "-0", uint8(1))
	f.Add("\r\r\n\"", "", "null", "1e5", uint8(2))
	f.Add("\\.", "#", "7", ".5", uint8(3))
	f.Fuzz(func(t *testing.T, name, tag, colour, number string, choice uint8) {
		amount, err := sdk.ParseDecimal(number)
		if err != nil || amount == "" || !utf8.ValidString(name) || !utf8.ValidString(tag) || !utf8.ValidString(colour) {
			return
		}
		feed := fuzzed(t, []string{"feed.csv", "feed.csv", "feed.ndjson", "feed.json"}[choice%4])
		p := sdk.Product{Name: name, Tags: []string{tag}, Prices: []sdk.Price{{Amount: amount, Currency: "EUR"}},
			Attributes: map[string]sdk.Value{"colour": sdk.String(colour)}}
		cells := make([]cell, len(feed.mapping.places))
		cells[feed.mapping.key].text = "7"
		if feed.mapping.write(&p, cells, func(string) bool { return true }) != nil {
			return // rejected
		}
		want, err := feed.mapping.product(cells)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		to := bufio.NewWriter(&file)
		var out output
		if choice%4 >= 2 {
			out = &jsonOutput{mapping: feed.mapping, to: to, array: choice%4 == 3}
		} else if out, err = newFileOutput(feed, to); err != nil {
			t.Fatal(err)
		} else {
			out.(*csvOutput).lines.UseCRLF = choice%4 == 1
		}
		if err := errors.Join(out.put(row{}, cells), out.end(), to.Flush()); err != nil {
			t.Fatal(err)
		}
		in, err := decoded(&file, "utf-8")
		if err != nil {
			t.Fatal(err)
		}
		var rows rowReader = newJSON(feed.mapping, in, choice%4 == 3)
		if choice%4 < 2 {
			if rows, err = newCSV(feed, in); err != nil {
				t.Fatal(err)
			}
		}
		r, err := rows.next()
		if err != nil {
			t.Fatal(err)
		}
		got, err := feed.mapping.product(r.cells)
		if diff := sdk.Diff(&got, &want); err != nil || diff != nil || got.Key != "7" {
			t.Fatalf("got  %s\nwant %s\n%v", got.AppendJSON(nil), want.AppendJSON(nil), err)
		}
	})
}

func fuzzed(t *testing.T, path string) *feed {
	t.Helper()
	f, err := build(&Config{Path: path, Header: true, Decimal: ".", ListSeparator: "|", Encoding: "utf-8", Columns: map[string]Columns{
		"key": at("id"), "name": at("title"), "prices": {{Column: place{name: "price"}, Currency: "EUR"}},
		"tags": at("tags"), "attributes.colour": at("colour"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}
