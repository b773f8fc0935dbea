package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
)

// rows is a feed of n products, CSV.
func rows(n int, name string) string {
	var b strings.Builder
	b.WriteString("key,name\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,%s %d\n", i, name, i)
	}
	return b.String()
}

// A listing goes on in another process where the last one ended.
func TestListingOutlivesItsProcess(t *testing.T) {
	folder := t.TempDir()
	put(t, folder, "a.csv", rows(5, "A"))
	put(t, folder, "b.csv", strings.TrimSuffix(strings.ReplaceAll(rows(5, "B"), "\n", "\nb"), "b"))
	put(t, folder, "c.csv", "key,name\n\n\n")
	o := options{"path": folder + "/*.csv"}
	seen := map[string]bool{}
	q := sdk.Query{Limit: 3}
	for pages := 1; ; pages++ {
		page, err := open(t, o).List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			if seen[item.Key] {
				t.Errorf("%s is listed twice", item.Key)
			}
			seen[item.Key] = true
		}
		if page.Next == "" {
			if len(seen) != 10 || pages != 4 {
				t.Errorf("%d items on %d pages", len(seen), pages)
			}
			return
		}
		q.Cursor = page.Next
	}
}

// Two versions of a feed are never in one listing.
func TestFeedReplacedInTheMiddle(t *testing.T) {
	for what, change := range map[string]func(t *testing.T, path string){
		"by renaming": func(t *testing.T, path string) {
			if err := os.Rename(put(t, filepath.Dir(path), "new", rows(9, "B")), path); err != nil {
				t.Fatal(err)
			}
		},
		"in place": func(t *testing.T, path string) { put(t, "", path, rows(8, "B")) },
		"by one more": func(t *testing.T, path string) {
			put(t, filepath.Dir(path), "other.csv", "key,name\nx,X\n")
		},
	} {
		t.Run(what, func(t *testing.T) {
			path := put(t, t.TempDir(), "feed.csv", rows(9, "A"))
			o := options{"path": filepath.Dir(path) + "/*.csv"}
			c := open(t, o)
			page, err := c.List(t.Context(), sdk.Query{Limit: 3})
			if err != nil {
				t.Fatal(err)
			}
			change(t, path)
			for _, c := range []*sdk.Client{c, open(t, o)} {
				if page, err := c.List(t.Context(), sdk.Query{Limit: 3, Cursor: page.Next}); sdk.KindOf(err) != sdk.Conflict {
					t.Errorf("the next page: %v, %v", page, err)
				}
			}
			complete(t, c) // of the new version
		})
	}
	c := open(t, options{"path": put(t, t.TempDir(), "feed.csv", rows(9, "A"))})
	for _, cursor := range []string{"x", "-", "1-2", "-1-", "x--1"} {
		if page, err := c.List(t.Context(), sdk.Query{Cursor: cursor}); err == nil {
			t.Errorf("the cursor %q gives %v", cursor, page)
		}
	}
}

// A cursor of a page that was lost gives the same page again, though the listing
// went on.
func TestPageAgain(t *testing.T) {
	c := open(t, options{"path": put(t, t.TempDir(), "feed.csv", rows(20, "A"))})
	first, err := c.List(t.Context(), sdk.Query{Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for range 2 {
		page, err := c.List(t.Context(), sdk.Query{Limit: 3, Cursor: first.Next})
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, fmt.Sprint(page))
	}
	if pages[0] != pages[1] {
		t.Errorf("%s\n%s", pages[0], pages[1])
	}
}

// A file that is being written to is not read, and the host is told when it can be.
func TestFeedAtRest(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", rows(2, "A"))
	c := open(t, options{"path": path, "settle": "1h"})
	_, err := c.List(t.Context(), sdk.Query{})
	if e := waitOf(err); sdk.KindOf(err) != sdk.Temporary || e <= 50*time.Minute || e > time.Hour {
		t.Errorf("a file that was just written: %v, after %v", err, e)
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	complete(t, c)
}

func TestFilesThatAreNotThere(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{folder + "/feed.csv", folder + "/*.csv", folder} {
		c := open(t, options{"path": path, "format": "csv", "columns": options{"key": "id"}})
		if all, err := list(t, c); err == nil {
			t.Errorf("%s: complete with %v", path, all)
		}
		if err := c.Check(t.Context()); err == nil {
			t.Errorf("%s: the check passes", path)
		}
	}
}

// Listings that nobody goes on with are closed.
func TestAbandonedListings(t *testing.T) {
	f, err := build(&Config{Path: put(t, t.TempDir(), "feed.csv", rows(20, "A")), Header: true, Decimal: ".", ListSeparator: "|", Encoding: "utf-8",
		Columns: map[string]Columns{"key": {{Column: place{name: "key"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := f.look()
	if err != nil {
		t.Fatal(err)
	}
	var walks []*walk
	for range mostParked + 2 {
		w := f.walk(v)
		if _, err := w.next(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.park(w)
		walks = append(walks, w)
	}
	for i, w := range walks {
		if closed := w.table == nil; closed != (i < 2) {
			t.Errorf("listing %d is closed: %v", i, closed)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for i, w := range walks {
		if w.table != nil {
			t.Errorf("listing %d is open", i)
		}
	}
}
