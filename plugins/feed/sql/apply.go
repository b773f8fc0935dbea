package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/synchost/synchost/sdk"
)

// Apply writes a batch in one transaction. If the database refuses one of its
// rows, nothing of it is kept, and each change gets a transaction of its own:
// so the bad one fails alone.
func (r *relation) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	if !r.config.Write {
		return nil, sdk.Reject("", errors.New("write = true is not set: this connector only reads"))
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	results, err := r.transact(ctx, changes)
	if len(changes) == 1 || sdk.KindOf(err) != sdk.Rejected {
		return results, err
	}
	return sdk.Each(ctx, 1, changes, func(ctx context.Context, c sdk.Change) (sdk.Result, error) {
		results, err := r.transact(ctx, []sdk.Change{c})
		if err != nil {
			return sdk.Result{}, err
		}
		return results[0], nil
	})
}

// transact writes changes, all or none. Its error is that of the database; what
// is refused before a row is touched is the result of that change alone.
func (r *relation) transact(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{Isolation: r.dialect.isolation})
	if err != nil {
		return nil, r.fault(err)
	}
	defer func() { _ = tx.Rollback() }() // what was committed stays
	w := writer{relation: r, tx: tx, now: time.Now()}
	// In one order, so that two batches never wait for each other.
	w.changes = slices.SortedFunc(slices.Values(changes), func(a, b sdk.Change) int { return cmp.Compare(a.Key, b.Key) })
	if err := w.write(ctx); err != nil {
		return nil, r.fault(err)
	}
	if err := tx.Commit(); err != nil {
		return nil, r.fault(err)
	}
	return w.results, nil
}

// writer is one transaction.
type writer struct {
	*relation
	tx      *sql.Tx
	now     time.Time
	changes []sdk.Change

	there   []row        // what changes may mean, locked
	codes   []string     // of rows that were inserted
	results []sdk.Result // one for each of changes
}

func (w *writer) write(ctx context.Context) error {
	refs := make([]sdk.Ref, len(w.changes))
	for i, c := range w.changes {
		refs[i] = w.ref(c)
	}
	var err error
	if w.there, err = w.lookup(ctx, w.tx, refs, w.dialect.lock); err != nil {
		return err
	}
	for i, c := range w.changes {
		result, err := w.one(ctx, c, refs[i])
		var own *sdk.Error
		if errors.As(err, &own) {
			result, err = sdk.Result{Err: err}, nil
		}
		if err != nil {
			return err
		}
		result.Key = c.Key
		w.results = append(w.results, result)
	}
	return w.readBack(ctx, refs)
}

// ref is what a change is found by. Where the table keeps our key, the code is
// not asked: a row that has the code and another key, or none, is another's
// until it is adopted.
func (w *writer) ref(c sdk.Change) sdk.Ref {
	ref := sdk.Ref{Key: c.Key, Remote: c.Remote.ID}
	if w.layout.key == nil {
		ref.Code = c.Product.Code
	}
	return ref
}

// find is the row that ref means; nil: there is none.
func (w *writer) find(ref sdk.Ref) (*row, error) {
	var found *row
	for i := range w.there {
		item := &w.there[i].item
		switch {
		case ref.Remote != "" && item.Remote.ID != ref.Remote,
			ref.Remote == "" && w.layout.key != nil && item.Key != ref.Key,
			ref.Remote == "" && w.layout.key == nil && (ref.Code == "" || item.Product.Code != ref.Code):
			continue
		case found != nil:
			return nil, sdk.Reject("", fmt.Errorf("several rows may be meant, one of them is %s: remove the twins, or link one", item.Remote.ID))
		}
		found = &w.there[i]
	}
	return found, nil
}

// one carries out a change. Its Remote and Exchange are in the result; After
// follows when all are written.
func (w *writer) one(ctx context.Context, c sdk.Change, ref sdk.Ref) (sdk.Result, error) {
	there, err := w.find(ref)
	if err != nil {
		return sdk.Result{}, err
	}
	switch {
	case c.Op == sdk.Upsert && there == nil && ref.Remote != "":
		return sdk.Result{}, sdk.Missing(fmt.Errorf("there is no row %s any more", ref.Remote))
	case c.Op == sdk.Upsert && there == nil && ref.Code != "" && slices.Contains(w.codes, ref.Code):
		return sdk.Result{}, sdk.Reject("code", fmt.Errorf("another new product has the code %q, and rows are told apart by it", ref.Code))
	case c.Op == sdk.Upsert && there == nil:
		w.codes = append(w.codes, ref.Code)
		return w.create(ctx, c)
	case c.Op == sdk.Upsert:
		return w.bring(ctx, c, there)
	case c.Op == sdk.Archive && w.layout.archive == nil:
		return sdk.Result{}, sdk.Reject("status", errors.New("no column takes a product off sale: set archive.column, map columns.status, or let it be deleted"))
	case there == nil:
		return sdk.Result{Unchanged: true}, nil
	case c.Op == sdk.Archive && there.item.Archived:
		return sdk.Result{Remote: there.item.Remote, Unchanged: true}, nil
	case c.Op == sdk.Archive:
		a := w.layout.archive
		return w.execute(ctx, there.item.Remote, w.update(there.item.Remote.ID, []assignment{{a.column, a.param(w.dialect, w.now)}}))
	case c.Op == sdk.Purge:
		return w.execute(ctx, sdk.Remote{}, w.remove(there.item.Remote.ID))
	}
	return sdk.Result{}, sdk.Reject("", fmt.Errorf("the operation %s is not for a table", c.Op))
}

// bring makes the row what the change wants, in its fields.
func (w *writer) bring(ctx context.Context, c sdk.Change, there *row) (sdk.Result, error) {
	same := there.problem == nil && !there.item.Archived && (there.item.Key != "" || w.layout.key == nil) &&
		!slices.ContainsFunc(c.Fields, func(path string) bool { return !sdk.EqualField(&there.item.Product, &c.Product, path) })
	if same {
		return sdk.Result{Remote: there.item.Remote, Unchanged: true}, nil
	}
	values, err := w.values(c, there.item.Archived)
	if err != nil {
		return sdk.Result{}, err
	}
	values = slices.DeleteFunc(values, func(v assignment) bool {
		return v.column == w.layout.id || v.column == w.layout.key && there.item.Key != ""
	})
	if len(values) == 0 {
		return sdk.Result{Remote: there.item.Remote, Unchanged: true}, nil
	}
	return w.execute(ctx, there.item.Remote, w.update(there.item.Remote.ID, values))
}

// values are the columns that a change writes: those of its fields, the key,
// and for what comes back on sale the column of archive.
func (w *writer) values(c sdk.Change, back bool) ([]assignment, error) {
	var all []assignment
	set := func(to *column, value any, path string) error {
		at := slices.IndexFunc(all, func(v assignment) bool { return v.column == to })
		switch {
		case at < 0:
			all = append(all, assignment{to, value})
		case all[at].value != value:
			return sdk.Reject(path, fmt.Errorf("the column %s would have to hold %v and %v", to.name, all[at].value, value))
		}
		return nil
	}
	if w.layout.key != nil {
		_ = set(w.layout.key, c.Key, "")
	}
	for _, p := range w.layout.parts {
		if !sdk.CoversField(c.Fields, p.path) {
			continue
		}
		to := make([]*column, len(p.at))
		for i, at := range p.at {
			to[i] = &w.layout.columns[at]
		}
		params, err := p.write(&c.Product, to)
		if err != nil {
			return nil, sdk.Reject(p.path, err)
		}
		for i, param := range params {
			if err := set(to[i], param, p.path); err != nil {
				return nil, err
			}
		}
	}
	if a := w.layout.archive; a != nil && back && !slices.ContainsFunc(all, func(v assignment) bool { return v.column == a.column }) {
		all = append(all, assignment{a.column, a.column.textParam(a.live)})
	}
	return all, nil
}

// create inserts a row, and learns its id.
func (w *writer) create(ctx context.Context, c sdk.Change) (sdk.Result, error) {
	a := w.layout.archive
	values, err := w.values(c, a != nil && a.live != "")
	if err != nil {
		return sdk.Result{}, err
	}
	// What is NULL anyhow is left to the column's default.
	values = slices.DeleteFunc(values, func(v assignment) bool { return v.value == nil })
	if w.layout.id != w.layout.key {
		values = slices.DeleteFunc(values, func(v assignment) bool { return v.column == w.layout.id })
	}
	if len(values) == 0 {
		return sdk.Result{}, sdk.Reject("", errors.New("no column would be filled"))
	}
	s := w.insert(values)
	id, err := w.insertedID(ctx, s)
	if w.layout.id == w.layout.key {
		id = c.Key
	}
	return sdk.Result{Remote: sdk.Remote{ID: id}, Exchange: exchange(s, 1)}, err
}

// insertedID inserts, and is the id of the new row; empty where the database
// does not tell it, as MySQL of one that its trigger or default made.
func (w *writer) insertedID(ctx context.Context, s *statement) (string, error) {
	if w.dialect.returning {
		var id any
		if err := w.tx.QueryRowContext(ctx, s.text.String(), s.args...).Scan(&id); err != nil {
			return "", err
		}
		return cell{w.layout.id, id}.text()
	}
	done, err := w.tx.ExecContext(ctx, s.text.String(), s.args...)
	if err != nil {
		return "", err
	}
	id, err := done.LastInsertId()
	if err != nil || id == 0 {
		return "", err
	}
	return strconv.FormatInt(id, 10), nil
}

// execute runs a statement that writes one row.
func (w *writer) execute(ctx context.Context, remote sdk.Remote, s *statement) (sdk.Result, error) {
	done, err := w.tx.ExecContext(ctx, s.text.String(), s.args...)
	if err != nil {
		return sdk.Result{}, err
	}
	count, err := done.RowsAffected()
	if err != nil {
		return sdk.Result{}, err
	}
	switch {
	case count == 0:
		return sdk.Result{}, sdk.Missing(errors.New("the row is not there any more, or must not be written"))
	case count > 1:
		return sdk.Result{}, fmt.Errorf("%w: %d", errSeveral, count)
	}
	return sdk.Result{Remote: remote, Exchange: exchange(s, count)}, nil
}

// errSeveral undoes the transaction.
var errSeveral = errors.New("several rows would have been written in place of one: their ids are the same to the database")

// exchange is what was done, for the record. The values are the product's.
func exchange(s *statement, count int64) sdk.Exchange {
	return sdk.Exchange{Request: s.text.String(), Response: fmt.Sprintf("rows: %d", count)}
}

// readBack reads what the rows hold now: the database rounds, cuts off, fills
// in, and its triggers do as they like.
func (w *writer) readBack(ctx context.Context, refs []sdk.Ref) error {
	var written []sdk.Ref
	for i := range w.results {
		result := &w.results[i]
		if result.Err != nil || w.changes[i].Op != sdk.Upsert {
			continue
		}
		refs[i].Remote = result.Remote.ID
		written = append(written, refs[i])
	}
	var err error
	if w.there, err = w.lookup(ctx, w.tx, written, ""); err != nil {
		return err
	}
	for i := range w.results {
		result := &w.results[i]
		if result.Err != nil || w.changes[i].Op != sdk.Upsert {
			continue
		}
		now, err := w.find(refs[i])
		switch {
		case err != nil || now == nil && result.Remote.ID == "":
			return fmt.Errorf("the row of %s was inserted and cannot be found by key or code: %w", refs[i].Key, cmp.Or(err, errors.New("it is not there")))
		case now != nil:
			if result.Remote = now.item.Remote; now.problem == nil {
				after := now.item.Product
				after.Key = refs[i].Key
				result.After = &after
			}
		}
	}
	return nil
}
