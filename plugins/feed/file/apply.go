package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// edit is what a change makes of the file's row.
type edit struct {
	change *sdk.Change
	old    []cell // the row as it is; nil: there is none
	lines  []int  // where it is
	row    []cell // what it becomes
	remove bool
	result sdk.Result
}

// Apply brings the file in step with all changes in one rewrite: a first pass
// finds their rows, and, unless all is so already, a second one copies the file
// with what is changed. Rows of other products are copied byte for byte.
func (t *target) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	t.writing.Lock()
	defer t.writing.Unlock()
	v, err := t.look()
	if err != nil {
		return nil, err
	}
	edits := map[string]*edit{} // by the key in the file
	var results []sdk.Result
	for i := range changes {
		e := &edit{change: &changes[i], result: sdk.Result{Key: changes[i].Key}}
		key := rowKey(e.change)
		if edits[key] != nil {
			e.result.Err = sdk.Reject("", fmt.Errorf("the row %q is that of %q too", key, edits[key].change.Key))
			results = append(results, e.result)
			continue
		}
		edits[key] = e
	}
	if err := t.find(ctx, v, edits); err != nil {
		return results, err
	}
	write := false
	for _, e := range edits {
		e.result.Err = t.decide(e)
		write = write || e.writes()
	}
	if write {
		err = t.rewrite(ctx, v, edits)
	}
	for _, e := range edits {
		if err == nil || !e.writes() {
			results = append(results, e.result)
		}
	}
	return results, err
}

func (e *edit) writes() bool { return e.remove || e.row != nil }

// rowKey is the key of a change's row: an adopted row keeps its own.
func rowKey(c *sdk.Change) string {
	if c.Remote.ID != "" {
		return c.Remote.ID
	}
	return c.Key
}

// find looks for the rows of the edits. Rows whose key cannot be read could be
// any product's: nothing is written beside them.
func (t *target) find(ctx context.Context, v version, edits map[string]*edit) error {
	w := t.walk(v)
	for {
		r, err := w.next(ctx)
		if errors.Is(err, io.EOF) {
			return w.close()
		}
		if err == nil && t.mapping.keyOf(r.cells) == "" {
			err = errNoKey
		}
		if err != nil {
			if w.table != nil && (errors.As(err, new(*badRow)) || errors.Is(err, errNoKey)) {
				err = fmt.Errorf("nothing is written beside a row that cannot be read: %s: %w", w.at(r), err)
			}
			return errors.Join(err, w.close())
		}
		if e := edits[t.mapping.keyOf(r.cells)]; e != nil {
			e.lines = append(e.lines, r.line)
			e.old = slices.Clone(r.cells)
		}
	}
}

// decide says what becomes of the row, or why nothing does.
func (t *target) decide(e *edit) error {
	c := e.change
	if len(e.lines) > 1 {
		return sdk.Reject("", fmt.Errorf("the key %q is in the lines %s: neither row is chosen", rowKey(c), strings.Trim(fmt.Sprint(e.lines), "[]")))
	}
	switch c.Op {
	case sdk.Upsert:
		return t.upsert(e)
	case sdk.Archive, sdk.Purge:
		if e.old == nil {
			e.result.Unchanged = true
			return nil
		}
		if c.Op == sdk.Purge || t.Config.Archive == "remove" {
			e.remove = true
			return nil
		}
		archived := sdk.Product{Status: sdk.Archived}
		return t.set(e, &archived, slices.Clone(e.old), func(path string) bool { return path == "status" })
	}
	return sdk.Reject("", fmt.Errorf("a file cannot take the operation %s", c.Op))
}

func (t *target) upsert(e *edit) error {
	c := e.change
	switch {
	case e.old == nil && c.Remote.ID != "":
		return sdk.Missing(fmt.Errorf("there is no row %q any more", c.Remote.ID))
	case e.old == nil && trim(c.Key) != c.Key:
		return sdk.Reject("key", errors.New("it starts or ends with a blank, which a file does not keep"))
	case e.old != nil && c.Remote.Version != "" && c.Remote.Version != rowVersion(e.old):
		return sdk.Changed(errors.New("the row was changed since it was read"))
	}
	fields := c.Fields
	row := slices.Clone(e.old)
	var wanted sdk.Product
	if row == nil {
		row = make([]cell, len(t.mapping.places))
		row[t.mapping.key].text = c.Key
	} else {
		wanted, _ = t.mapping.product(row) // what cannot be read stays as it is, or is overwritten
		if wanted.Status == sdk.Archived && c.Product.Status == "" {
			c.Product.Status = sdk.Active // it is on sale again
		}
		if wanted.Status == sdk.Archived && !slices.Contains(fields, "status") {
			fields = append(slices.Clone(fields), "status")
		}
	}
	for _, path := range fields {
		sdk.CopyField(&wanted, &c.Product, path)
	}
	return t.set(e, &wanted, row, func(path string) bool {
		return slices.ContainsFunc(fields, func(field string) bool {
			return field == path || strings.HasPrefix(field, strings.TrimSuffix(path, "*")) && path == attributes+"*" ||
				path == "variants" && strings.HasPrefix(field, "variants.")
		})
	})
}

// set makes row what p is in the fields that covers names.
func (t *target) set(e *edit, p *sdk.Product, row []cell, covers func(string) bool) error {
	if err := t.mapping.write(p, row, covers); err != nil {
		return err
	}
	after, _ := t.mapping.product(row) // fields that were not written may be bad still
	after.Key = e.change.Key
	e.result.After = &after
	e.result.Remote = t.remote(t.mapping.keyOf(row), row)
	if e.result.Unchanged = e.old != nil && slices.EqualFunc(row, e.old, cell.equal); !e.result.Unchanged {
		e.row = row
	}
	return nil
}

// Normalize is a product as the file would hold it.
func (t *target) Normalize(p sdk.Product) (sdk.Product, error) {
	row := make([]cell, len(t.mapping.places))
	row[t.mapping.key].text = p.Key
	if err := t.mapping.write(&p, row, func(string) bool { return true }); err != nil {
		return p, err
	}
	return t.mapping.product(row)
}

func (c cell) equal(d cell) bool { return c.text == d.text && string(c.value) == string(d.value) }

// remote names a row. Rows of a file that is written have a version, so that one
// that was changed by others is not overwritten unseen.
func (f *feed) remote(key string, row []cell) sdk.Remote {
	if !f.Write {
		return sdk.Remote{ID: key}
	}
	return sdk.Remote{ID: key, Version: rowVersion(row)}
}

func rowVersion(row []cell) string {
	h := fnv.New64a()
	for _, c := range row {
		_, _ = fmt.Fprintf(h, "%q %q\n", c.text, c.value) // it never fails
	}
	return strconv.FormatUint(h.Sum64(), 16)
}
