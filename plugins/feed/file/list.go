package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
)

// What is on a page, where the host does not say: rows, and bytes of them.
const (
	pageRows  = 1000
	pageBytes = 16 << 20
)

var errCursor = errors.New("the cursor is not one of this feed's")

// List reads one page. The first call goes over the whole feed before it takes
// anything of it. Bad rows are unreadable items; a listing that cannot tell what
// is gone ends in an error behind its last page. Since is not used: a file does
// not tell when its rows were changed.
func (f *feed) List(ctx context.Context, q sdk.Query) (sdk.Page, error) {
	v, err := f.look()
	if err != nil {
		return sdk.Page{}, err
	}
	rows, err := f.position(q.Cursor, v)
	if err != nil {
		return sdk.Page{}, err
	}
	c, err := f.census(ctx, v)
	if err != nil {
		return sdk.Page{}, err
	}
	w, err := f.resume(ctx, v, rows)
	if err != nil {
		return sdk.Page{}, err
	}
	page, err := f.page(ctx, w, c, cmp.Or(min(q.Limit, pageRows), pageRows))
	if err == nil {
		err = f.same(v)
	}
	if err != nil {
		return sdk.Page{}, errors.Join(err, w.close())
	}
	if page.Next != "" {
		f.park(w)
	}
	return page, nil
}

// position is how many rows a cursor has behind it.
func (f *feed) position(cursor string, v version) (int, error) {
	if cursor == "" {
		if wait := f.unrest(v, time.Now()); wait > 0 {
			return 0, sdk.Retry(wait, fmt.Errorf("the feed was written to a moment ago, less than settle = %q", f.Settle))
		}
		return 0, nil
	}
	id, count, _ := strings.Cut(cursor, "-")
	rows, err := strconv.Atoi(count)
	switch {
	case err != nil || rows < 0:
		return 0, errCursor
	case id != v.id:
		return 0, sdk.Changed(errReplaced)
	}
	return rows, nil
}

// page reads on from w.
func (f *feed) page(ctx context.Context, w *walk, c *census, limit int) (sdk.Page, error) {
	page := sdk.Page{Items: make([]sdk.Item, 0, min(limit, max(c.rows-w.rows, 0)))}
	from := w.rows
	for size := 0; len(page.Items) < limit && size < pageBytes; {
		r, err := w.next(ctx)
		if errors.Is(err, io.EOF) {
			if err := c.complete(f.MaxBadRows); err == nil || w.rows == from {
				return page, err
			}
			break // the error comes with the next page: this one is good
		}
		if err != nil && !errors.As(err, new(*badRow)) {
			return page, err
		}
		if err != nil {
			continue // it has no key; the census told of it
		}
		if item, ok := f.item(w, r, c); ok {
			page.Items = append(page.Items, item)
		}
		size += len(r.raw)
	}
	page.Next = cursorOf(w)
	return page, nil
}

func cursorOf(w *walk) string { return w.version.id + "-" + strconv.Itoa(w.rows) }

// item is a product as the feed has it; not ok: the row has no key, or comes later
// than another one with the same.
func (f *feed) item(w *walk, r row, c *census) (item sdk.Item, ok bool) {
	p, err := f.mapping.product(r.cells)
	item = sdk.Item{Key: p.Key, Remote: f.remote(p.Key, r.cells)}
	switch twin := c.twice[p.Key]; {
	case p.Key == "":
		return item, false
	case twin != nil:
		item.Unreadable = twin.why
		return item, twin.first == w.at(r)
	case err != nil:
		item.Unreadable = w.at(r) + ": " + err.Error()
	default:
		item.Product, item.Archived = p, p.Status == sdk.Archived
	}
	return item, true
}
