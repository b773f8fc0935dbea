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
	maxTold   = 20       // bad rows of a page that are logged by name
	findBatch = 1000     // refs in one statement
)

// List reads a page in the order of the identity.
//
// Since is answered by updated_at: rows that changed since then and a little
// before, never those that were deleted. Without that column all are listed.
func (r *relation) List(ctx context.Context, q sdk.Query) (sdk.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	from := cursor{}
	if q.Cursor != "" {
		var err error
		if from, err = parseCursor(q.Cursor); err != nil {
			return sdk.Page{}, err
		}
		if from.behind == nil {
			return sdk.Page{}, fmt.Errorf("%d rows could not be read, the log names them: what this listing lacks may still be there", from.bad)
		}
	} else if err := r.tellUnidentified(ctx); err != nil {
		return sdk.Page{}, r.fault(err)
	}
	limit := min(cmp.Or(q.Limit, pageRows), maxRows)
	rows, more, err := r.readPage(ctx, from.behind, q, limit)
	if err != nil {
		return sdk.Page{}, r.fault(err)
	}
	page, bad := r.items(rows)
	next := cursor{bad: from.bad + bad}
	switch {
	case more:
		if next.behind, err = position(rows[len(rows)-1].id); err != nil {
			return sdk.Page{}, err
		}
		page.Next = next.String()
	case next.bad > 0: // what was read is taken in before the listing fails
		page.Next = next.String()
	}
	return page, nil
}

// position is an identity as a cursor keeps it.
func position(id any) (any, error) {
	switch v := id.(type) {
	case int64, uint64, string:
		return v, nil
	case []byte:
		return string(v), nil
	}
	return nil, fmt.Errorf("a row's identity is a %T: it must be text or a whole number", id)
}

// tellUnidentified reports rows that have no identity, once a listing.
func (r *relation) tellUnidentified(ctx context.Context) error {
	if id := r.layout.id; id.notNull && id.kind != textKind && id.kind != anyKind {
		return nil
	}
	s := r.unidentified()
	var count int
	err := r.db.QueryRowContext(ctx, s.text.String(), s.args...).Scan(&count)
	if count > 0 {
		option, column := r.config.identity()
		r.log.Error("rows left out: they have no key", "rows", count, option, column)
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

// items are the rows of a page that can be told, and how many had to be left
// out though the product is there.
func (r *relation) items(rows []row) (page sdk.Page, bad int) {
	told := 0
	tell := func(what string, args ...any) {
		if told++; told <= maxTold {
			r.log.Error(what, args...)
		}
	}
	seen := make(map[string]bool, len(rows))
	for _, row := range rows {
		id := row.item.Remote.ID
		switch {
		case id == "": // one without a type may be the empty text
			tell("row left out: it has no key that is text")
		case seen[id]:
			tell("row left out: another has the same key", "key", id)
			bad++
		case row.item.Key == "" && !r.config.Write:
			tell("row left out: it has no key", "remote_id", id)
		case row.problem != nil && !r.config.Write:
			tell("row left out: it cannot be read", "key", cmp.Or(row.item.Key, id), "problem", row.problem)
			bad++
		default:
			if row.problem != nil { // of a destination, which is put right by writing
				tell("a field cannot be read, and counts as empty", "id", id, "problem", row.problem)
			}
			page.Items = append(page.Items, row.item)
		}
		seen[id] = true
	}
	if told > maxTold {
		r.log.Error("more rows of this page have problems", "rows", told-maxTold)
	}
	return page, bad
}

// Find looks for rows in one statement a batch. Of a source, a row that cannot
// be read is an error: to leave it out would be to say that it is gone.
func (r *relation) Find(ctx context.Context, refs []sdk.Ref) ([]sdk.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var items []sdk.Item
	for batch := range slices.Chunk(refs, findBatch) {
		rows, err := r.lookup(ctx, r.db, batch, "")
		if err != nil {
			return nil, r.fault(err)
		}
		for _, row := range rows {
			switch {
			case row.item.Remote.ID == "" || row.item.Key == "" && !r.config.Write:
			case row.problem != nil && !r.config.Write:
				return nil, fmt.Errorf("the row of %s cannot be read: %w", row.item.Key, row.problem)
			default:
				items = append(items, row.item)
			}
		}
	}
	return items, nil
}

// lookup reads the rows that refs may mean: by the table's id where it is known,
// else by key and by code.
func (r *relation) lookup(ctx context.Context, q querier, refs []sdk.Ref, lock string) ([]row, error) {
	var remotes, keys, codes []string
	for _, ref := range refs {
		if ref.Remote != "" {
			remotes = append(remotes, ref.Remote)
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
