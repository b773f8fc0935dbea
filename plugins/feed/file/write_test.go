package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

// kept are the columns of a file that is kept in step.
var kept = options{
	"key": "id", "code": "sku", "name": "title", "description": "text", "status": "state", "brand": "brand",
	"prices": options{"column": "price", "currency": "EUR"}, "stock": "stock",
	"categories": "category", "tags": "tags", "attributes.material": "material",
}

// The connector keeps the contract in every format that it writes.
func TestContract(t *testing.T) {
	for name, more := range map[string]options{
		"feed.csv":       {"columns": kept},
		"german.csv":     {"columns": kept, "decimal": ",", "separator": ";", "archive": "status", "status_words": options{"verkauft": "active"}},
		"feed.ndjson":    {"columns": kept},
		"feed.json":      {"columns": kept, "archive": "status"},
		"products.json":  {},
		"products.jsonl": {"archive": "status"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			o := options{"path": path, "write": true}
			for option, value := range more {
				o[option] = value
			}
			sdktest.Run(t, plugin, sdktest.Suite{
				Config: o,
				Refused: func(key string) sdk.Product {
					return sdk.Product{Key: key, Name: key, Tags: []string{"a|b"}, Status: "sold"}
				},
				Edit: func(context.Context, sdk.Remote) error {
					text, err := os.ReadFile(path)
					if err != nil {
						return err
					}
					return os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "Sample", "Edited")), 0o600)
				},
			})
		})
	}
}

// A source keeps what the contract asks of one.
func TestSourceContract(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", rows(7, "A"))
	c := open(t, options{"path": path})
	result := apply(t, c, sdk.Change{Key: "1", ID: "e", Op: sdk.Archive, Remote: sdk.Remote{ID: "1"}})
	if sdk.KindOf(result.Err) != sdk.Rejected || read(t, path) != rows(7, "A") {
		t.Errorf("a source was written to: %v", result.Err)
	}
}

func price(amount sdk.Decimal) []sdk.Price { return []sdk.Price{{Amount: amount, Currency: "EUR"}} }

// upsert is a change of key that writes fields.
func upsert(key string, p sdk.Product, fields ...string) sdk.Change {
	p.Key = key
	return sdk.Change{Key: key, ID: "event-" + key, Op: sdk.Upsert, Product: p, Fields: fields}
}

// What is not the connector's business stays as it is: other columns and members,
// other rows to the byte, the mark at the start and the ends of lines.
func TestWhatIsNotOursStays(t *testing.T) {
	for _, one := range []struct{ name, before, after string }{
		{"feed.csv",
			"\ufeffnote;id;title;price;tags\r\n\"x\"\"\n\";1; A ;\"1\";a\r\n\r\ny;2;B;2;b\r\nz;3;C;3;c",
			"\ufeffnote;id;title;price;tags\r\n\"x\"\"\n\";1; A ;\"1\";a\r\ny;2;B;9.50;b\r\nz;3;C;3;c\r\n;4;\"New; \"\"one\"\"\";;\r\n"},
		{"feed.ndjson",
			"{ \"id\": \"1\",  \"note\": {\"x\":[1]} }\n\n{\"price\": 2, \"id\":\"2\",\"note\":1e5,\"tags\":null}\n{\"id\":\"3\"}",
			"{ \"id\": \"1\",  \"note\": {\"x\":[1]} }\n{\"price\":9.50,\"id\":\"2\",\"note\":1e5,\"tags\":null}\n{\"id\":\"3\"}\n{\"id\":\"4\",\"title\":\"New; \\\"one\\\"\"}\n"},
		{"feed.json",
			"[ { \"id\": \"1\" }\n,{\"price\": \"2\", \"id\":\"2\",\"note\":\"<&>\"}]",
			"[\n{ \"id\": \"1\" },\n{\"price\":9.50,\"id\":\"2\",\"note\":\"<&>\"},\n{\"id\":\"4\",\"title\":\"New; \\\"one\\\"\"}\n]\n"},
	} {
		t.Run(one.name, func(t *testing.T) {
			path := put(t, t.TempDir(), one.name, one.before)
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
			c := open(t, options{"path": path, "write": true, "columns": options{"key": "id", "name": "title", "prices": options{"column": "price", "currency": "EUR"}, "tags": "tags"}})
			results, err := c.Apply(t.Context(), []sdk.Change{
				upsert("2", sdk.Product{Name: "not to be written", Prices: price("9.50")}, "prices"),
				upsert("4", sdk.Product{Name: `New; "one"`, Prices: price("1")}, "name"),
				upsert("1", sdk.Product{Tags: []string{"x|y"}}, "tags"), // cannot be written
			})
			if err != nil || len(results) != 3 {
				t.Fatalf("%v, %v", results, err)
			}
			for _, r := range results {
				if refused := sdk.KindOf(r.Err) == sdk.Rejected; refused != (r.Key == "1") || r.Unchanged || !refused && (r.Remote.ID != r.Key || r.After == nil) {
					t.Errorf("%s: %+v", r.Key, r)
				}
			}
			if got := read(t, path); got != one.after {
				t.Errorf("got  %q\nwant %q", got, one.after)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("its mode is %v, %v", info.Mode(), err)
			}
			entries, err := os.ReadDir(filepath.Dir(path))
			if err != nil || len(entries) != 1 {
				t.Errorf("the folder holds %v, %v", entries, err)
			}
		})
	}
}

// A change that makes no difference writes nothing at all.
func TestUnchangedFileIsNotWritten(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", "id,title,price\n1,A,1.00\n")
	o := options{"path": path, "write": true, "columns": options{"key": "id", "name": "title", "prices": options{"column": "price", "currency": "EUR"}}}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, o)
	for _, change := range []sdk.Change{
		upsert("1", sdk.Product{Name: "A"}, "name"),
		{Key: "9", ID: "e", Op: sdk.Archive},
		{Key: "9", ID: "e", Op: sdk.Purge},
	} {
		if r := apply(t, c, change); r.Err != nil || !r.Unchanged {
			t.Errorf("%s: %+v", change.Op, r)
		}
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the file was written: %v", err)
	}
}

// What a person changed is not overwritten unseen, and a row that is gone is told
// to be.
func TestRowsChangedByOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "feed.csv")
	o := options{"path": path, "write": true, "columns": options{"key": "id", "name": "title", "brand": "brand"}}
	c := open(t, o)
	first := apply(t, c, upsert("1", sdk.Product{Name: "A"}, "name"))
	if first.Err != nil || first.Remote.Version == "" {
		t.Fatalf("%+v", first)
	}
	put(t, "", path, "id,title,brand\n1,by hand,Acme\n")
	change := upsert("1", sdk.Product{Name: "B"}, "name")
	change.Remote = first.Remote
	if r := apply(t, c, change); sdk.KindOf(r.Err) != sdk.Conflict {
		t.Errorf("over a person's edit: %+v", r)
	}
	items, err := c.Find(t.Context(), []sdk.Ref{{Key: "1"}})
	if err != nil || len(items) != 1 {
		t.Fatalf("%v, %v", items, err)
	}
	change.Remote = items[0].Remote
	if r := apply(t, c, change); r.Err != nil || r.After.Brand != "Acme" || r.After.Name != "B" {
		t.Errorf("after another look: %+v", r)
	}
	put(t, "", path, "id,title,brand\n")
	if r := apply(t, c, change); sdk.KindOf(r.Err) != sdk.Gone {
		t.Errorf("a row that is gone: %+v", r)
	}
	put(t, "", path, "id,title,brand\n1,A,\n1,B,\n2,C,\n")
	for _, op := range []sdk.Op{sdk.Upsert, sdk.Archive, sdk.Purge} {
		twin := upsert("1", sdk.Product{Name: "D"}, "name")
		twin.Op = op
		if r := apply(t, c, twin); sdk.KindOf(r.Err) != sdk.Rejected || !strings.Contains(r.Err.Error(), "in the lines 2 3: neither row is chosen") {
			t.Errorf("%s of a key that comes twice: %+v", op, r)
		}
	}
	put(t, "", path, "id,title,brand\n1,A\n")
	if r := apply(t, c, upsert("2", sdk.Product{Name: "E"}, "name")); r.Err == nil || !strings.Contains(r.Err.Error(), "feed.csv:2: it has 2 cells, the header 3") {
		t.Errorf("beside a row that cannot be read: %+v", r)
	}
	if got := read(t, path); got != "id,title,brand\n1,A\n" {
		t.Errorf("the file is %q", got)
	}
}

// An adopted row keeps the key that it has in the file.
func TestAdoptedRow(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", "id,title\nshop-7,A\n")
	c := open(t, options{"path": path, "write": true, "columns": options{"key": "id", "name": "title"}})
	change := upsert("7", sdk.Product{Name: "B"}, "name")
	change.Remote.ID = "shop-7"
	if r := apply(t, c, change); r.Err != nil || r.Remote.ID != "shop-7" || r.After.Key != "7" {
		t.Errorf("%+v", r)
	}
	if got := read(t, path); got != "id,title\nshop-7,B\n" {
		t.Errorf("the file is %q", got)
	}
}

// A product that comes back is on sale again.
func TestArchivedByStatus(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", "id,title,state\n1,A,an\n")
	c := open(t, options{"path": path, "write": true, "archive": "status",
		"columns":      options{"key": "id", "name": "title", "status": "state"},
		"status_words": options{"an": "active", "aus": "archived"}})
	if r := apply(t, c, sdk.Change{Key: "1", ID: "e", Op: sdk.Archive}); r.Err != nil {
		t.Fatal(r.Err)
	}
	if got := read(t, path); got != "id,title,state\n1,A,aus\n" {
		t.Errorf("the file is %q", got)
	}
	if items, err := c.Find(t.Context(), []sdk.Ref{{Key: "1"}}); err != nil || len(items) != 1 || !items[0].Archived {
		t.Errorf("%v, %v", items, err)
	}
	if r := apply(t, c, upsert("1", sdk.Product{Name: "B"}, "name")); r.Err != nil {
		t.Fatal(r.Err)
	}
	if got := read(t, path); got != "id,title,state\n1,B,an\n" {
		t.Errorf("the file is %q", got)
	}
}

// What a crash left behind is in nobody's way.
func TestLeftovers(t *testing.T) {
	folder := t.TempDir()
	path := put(t, folder, "feed.csv", "id,title\n1,A\n")
	put(t, folder, ".feed.csv.synchost-tmp", "id,title\n1,half a fi")
	c := open(t, options{"path": path, "write": true, "columns": options{"key": "id", "name": "title"}})
	if r := apply(t, c, upsert("1", sdk.Product{Name: "B"}, "name")); r.Err != nil {
		t.Fatal(r.Err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 || read(t, path) != "id,title\n1,B\n" {
		t.Errorf("%v, %v: %q", entries, err, read(t, path))
	}
}

// A file that is reached through a link stays behind it.
func TestLinkedFile(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", "id,title\n1,A\n")
	link := filepath.Join(t.TempDir(), "link.csv")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	c := open(t, options{"path": link, "write": true, "columns": options{"key": "id", "name": "title"}})
	if r := apply(t, c, upsert("1", sdk.Product{Name: "B"}, "name")); r.Err != nil {
		t.Fatal(r.Err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || read(t, path) != "id,title\n1,B\n" {
		t.Errorf("the link is %v, %v; the file %q", info, err, read(t, path))
	}
}

// A batch is one rewrite: whoever looks sees all of it or none.
func TestBatchIsOneRewrite(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", rows(2000, "A"))
	c := open(t, options{"path": path, "write": true, "columns": options{"key": "key", "name": "name"}})
	var batch []sdk.Change
	for i := range 1000 {
		batch = append(batch, upsert(strconv.Itoa(i*3), sdk.Product{Name: "new"}, "name"))
	}
	versions := map[string]bool{}
	done := make(chan struct{})
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		for {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
				return
			}
			versions[string(text)] = true
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	_, err := c.Apply(t.Context(), batch)
	close(done)
	<-looked
	if err != nil {
		t.Fatal(err)
	}
	versions[read(t, path)] = true
	if len(versions) > 2 {
		t.Errorf("%d versions were seen", len(versions))
	}
}
