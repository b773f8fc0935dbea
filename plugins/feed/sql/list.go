package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/synchost/synchost/sdk"
)

// The bounds of a page.
const (
	pageRows  = 500 // where the host does not say
	maxRows   = 1000
	maxBytes  = 16 << 20 // of text; the row that passes it is the last
	findBatch = 1000     // refs in one statement
)

// List reads a page in the order of the identity.
//
// Since is answered by updated_at: rows that changed since then and a little
// before, never those that were deleted. Without that column all are listed.
func (r *relation) List(ctx context.Context, q sdk.Query) (sdk.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var behind any
	var err error
	if q.Cursor != "" {
		if behind, err = parseCursor(q.Cursor); err != nil {
			return sdk.Page{}, err
		}
	} else if err := r.tellUnidentified(ctx); err != nil {
		return sdk.Page{}, r.fault(err)
	}
	rows, more, err := r.readPage(ctx, behind, q, min(cmp.Or(q.Limit, pageRows), maxRows))
	if err != nil {
		return sdk.Page{}, r.fault(err)
	}
	page := sdk.Page{Items: r.items(rows)}
	if more {
		page.Next, err = formatCursor(rows[len(rows)-1].id)
	}
	return page, err
}

// ListsSince says whether there is a column to tell it by.
func (r *relation) ListsSince() bool { return r.layout.updated != nil }

// tellUnidentified reports rows without identity, once a listing.
func (r *relation) tellUnidentified(ctx context.Context) error {
	if id := r.layout.id; !r.dialect.anyType && id.notNull && id.kind != textKind && id.kind != anyKind {
		return nil
	}
	s := r.unidentified()
	var count int
	err := r.db.QueryRowContext(ctx, s.text.String(), s.args...).Scan(&count)
	if count > 0 {
		option, column := r.config.identity()
		r.log.Error("rows have no key, and are left out", "rows", count, option, column)
	}
	return err
}

// readPage reads rows, and says whether there may be more.
func (r *relation) readPage(ctx context.Context, behind any, q sdk.Query, limit int) ([]row, bool, error) {
	rows, more, err := r.read(ctx, r.db, r.page(behind, q.Since, limit), limit)
	if err != nil || !more || r.layout.id.unique {
		return rows, more, err
	}
	// Nothing says that identities are unique: rows whose identity is to the
	// database the same as the last one's would be lost between two pages. They
	// all go to the next page, or are this one.
	last := rows[len(rows)-1].id
	ties, tooMany, err := r.read(ctx, r.db, r.ties(last, limit+1), limit+1)
	if err != nil || len(ties) < 2 {
		return rows, more, err
	}
	tied := map[string]bool{}
	for _, tie := range ties {
		tied[tie.item.Remote.ID] = true
	}
	before := slices.DeleteFunc(slices.Clone(rows), func(one row) bool { return tied[one.item.Remote.ID] })
	switch {
	case len(before) > 0:
		return before, true, nil
	case tooMany:
		return nil, false, fmt.Errorf("more than %d rows are the same by their column %s: name another as key", limit, r.layout.id.name)
	}
	return ties, true, nil
}

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// read runs a statement that was begun by rows. With a limit it stops there, or
// when the rows have become large, and says whether there may be more.
func (r *relation) read(ctx context.Context, q querier, s *statement, limit int) (rows []row, more bool, err error) {
	found, err := q.QueryContext(ctx, s.text.String(), s.args...)
	if err != nil {
		return nil, false, err
	}
	defer found.Close()
	values, targets := make([]any, len(r.layout.columns)), make([]any, len(r.layout.columns))
	for i := range values {
		targets[i] = &values[i]
	}
	size := 0
	for found.Next() {
		if err := found.Scan(targets...); err != nil {
			return nil, false, err
		}
		one := r.layout.row(values)
		rows = append(rows, one)
		if size += one.size; limit > 0 && (size > maxBytes || len(rows) == limit) {
			return rows, true, errors.Join(found.Close(), found.Err())
		}
	}
	return rows, false, found.Err()
}

// items are rows as the host sees them. Of rows with the same key there is one
// item, which cannot be read: nobody knows which of them is meant.
func (r *relation) items(rows []row) []sdk.Item {
	items := make([]sdk.Item, 0, len(rows))
	at := make(map[string]int, len(rows))
	for _, row := range rows {
		item := row.item
		id := item.Remote.ID
		twin, seen := at[id]
		switch {
		case id == "":
			r.log.Error("a row has no key that is text, and is left out", "column", r.layout.id.name)
			continue
		case item.Key == "" && !r.config.Write:
			r.log.Error("a row has no key that is text, and is left out", "column", r.layout.key.name, "remote_id", id)
			continue
		case seen:
			items[twin].Unreadable = "several rows have this key"
			continue
		case row.problem != nil:
			item.Product, item.Unreadable = sdk.Product{Key: item.Key}, row.problem.Error()
		}
		at[id] = len(items)
		items = append(items, item)
	}
	return items
}

// Find looks for rows in one statement a batch.
func (r *relation) Find(ctx context.Context, refs []sdk.Ref) ([]sdk.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var items []sdk.Item
	for batch := range slices.Chunk(refs, findBatch) {
		rows, err := r.lookup(ctx, r.db, batch, "")
		if err != nil {
			return nil, r.fault(err)
		}
		items = append(items, r.items(rows)...)
	}
	return items, nil
}

// lookup reads the rows that refs may mean: by the table's id where it is known,
// else by key and by code. Who knows a product of a source only by what it is
// called there gives that for both, id and key.
func (r *relation) lookup(ctx context.Context, q querier, refs []sdk.Ref, lock string) ([]row, error) {
	var remotes, keys, codes []string
	for _, ref := range refs {
		if ref.Remote != "" {
			remotes = append(remotes, ref.Remote)
			if ref.Remote == ref.Key && r.layout.key != r.layout.id {
				keys = append(keys, ref.Key)
			}
			continue
		}
		keys = append(keys, ref.Key)
		if ref.Code != "" {
			codes = append(codes, ref.Code)
		}
	}
	s, glue := r.rows(), " WHERE "
	for _, by := range []struct {
		column *column
		texts  []string
	}{{r.layout.id, remotes}, {r.layout.key, keys}, {r.layout.code, codes}} {
		if by.column != nil && s.among(by.column, by.texts, glue) {
			glue = " OR "
		}
	}
	if len(s.args) == 0 {
		return nil, nil
	}
	rows, _, err := r.read(ctx, q, s.add(lock), 0)
	return rows, err
}
