package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
)

// layout is what a row holds, and where.
type layout struct {
	columns []column // those that are read, in the order of the statement
	parts   []placed
	id      *column // tells rows apart
	key     *column // with the host's key; nil: there is none
	code    *column // to find by; nil: there is none
	updated *column // time of the last change; nil: there is none
	archive *archive
}

// placed is a part whose columns were found.
type placed struct {
	part
	at []int // of its uses in layout.columns
}

// archive is how a row is taken off sale; nil: it cannot be.
type archive struct {
	column         *column
	archived, live string
}

// newLayout finds the configuration's columns among those that there are.
func newLayout(d *dialect, c *Config, there []column) (*layout, error) {
	l := &layout{}
	var f faults
	at := map[string]int{}
	find := func(option, name string) int {
		if i, ok := at[name]; ok {
			return i
		}
		i := slices.IndexFunc(there, func(c column) bool { return c.name == name })
		if i < 0 {
			f.add(option, "%s", explainMissing(name, there))
			return 0
		}
		at[name] = len(l.columns)
		l.columns = append(l.columns, there[i])
		return at[name]
	}
	role := func(option, name string) int {
		if name == "" {
			return -1
		}
		return find(option, name)
	}
	idOption, idName := c.identity()
	id, key, code := find(idOption, idName), role("key", c.Key), role("columns.code", c.Columns.Code)
	updated, archived := role("updated_at", c.UpdatedAt), role("archive.column", c.Archive.Column)
	for _, p := range c.parts() {
		one := placed{part: p}
		for _, u := range p.uses {
			one.at = append(one.at, find(u.option, u.column))
		}
		l.parts = append(l.parts, one)
	}
	if len(f) > 0 {
		return nil, errors.Join(f...)
	}
	l.id, l.key, l.code, l.updated = &l.columns[id], l.column(key), l.column(code), l.column(updated)
	l.archive = l.archiving(c, l.column(archived))
	l.checkKinds(d, c, &f)
	return l, errors.Join(f...)
}

// column is one of those that are read, or nil.
func (l *layout) column(at int) *column {
	if at < 0 {
		return nil
	}
	return &l.columns[at]
}

// explainMissing says what else there is.
func explainMissing(name string, there []column) string {
	names := make([]string, len(there))
	for i, c := range there {
		names[i] = c.name
	}
	if near := sdk.Nearest(name, names); near != "" {
		return fmt.Sprintf("there is no column %q; did you mean %q?", name, near)
	}
	if len(names) > 20 {
		names = append(names[:20], "…")
	}
	return fmt.Sprintf("there is no column %q; there are %s", name, strings.Join(names, ", "))
}

// archiving is by a column of its own, else by the column of status.
func (l *layout) archiving(c *Config, own *column) *archive {
	if own != nil {
		live := c.Archive.Live
		if live == "" && own.kind == booleanKind {
			live = "false"
		}
		return &archive{own, own.flag(c.Archive.Archived), own.flag(live)}
	}
	for _, p := range l.parts {
		if p.path == "status" {
			return &archive{&l.columns[p.at[0]], c.Statuses.Archived, c.Statuses.Active}
		}
	}
	return nil
}

// flag is how the column spells a configured truth value when it is read.
func (c *column) flag(text string) string {
	yes := text == "true" || text == "1"
	switch {
	case !yes && text != "false" && text != "0":
	case c.kind == booleanKind:
		return fmt.Sprint(yes)
	case c.kind == integerKind && yes:
		return "1"
	case c.kind == integerKind:
		return "0"
	}
	return text
}

// is says whether a row with this cell is off sale.
func (a *archive) is(c cell) bool {
	if a.archived == archivedNow {
		return !c.isNull()
	}
	text, _ := c.text()
	return text == a.archived
}

// param is the cell's value off sale.
func (a *archive) param(d *dialect, now time.Time) any {
	if a.archived == archivedNow {
		return d.moment(a.column, now)
	}
	return a.column.textParam(a.archived)
}

// checkKinds refuses what could not be compared.
func (l *layout) checkKinds(d *dialect, c *Config, f *faults) {
	option, _ := c.identity()
	if !l.id.matches() {
		f.add(option, "the column is of type %s: a key is text, a whole number or a UUID; a query can turn it into text", l.id.typeName)
	} else if l.key != nil && !l.key.matches() {
		f.add("key", "the column is of type %s: a key is text, a whole number or a UUID", l.key.typeName)
	}
	if l.code != nil && !l.code.matches() {
		if l.key == nil {
			f.add("columns.code", "the column is of type %s: to find products by it, it must be text or a whole number", l.code.typeName)
		}
		l.code = nil
	}
	if u := l.updated; u != nil && !d.textTimes && u.kind != momentKind && u.kind != integerKind {
		f.add("updated_at", "the column is of type %s: it must be a time, or a whole number of Unix seconds", u.typeName)
	}
	if a := l.archive; a != nil && a.archived == archivedNow && a.column.notNull {
		f.add("archive.column", "with archived = \"now\" the column must take NULL")
	}
}

// matches says whether rows can be found by a text in the column.
func (c *column) matches() bool {
	switch c.kind {
	case textKind:
		return !strings.Contains(c.typeName, "BLOB") && !strings.Contains(c.typeName, "BINARY") && c.typeName != "BYTEA"
	case integerKind:
		return c.typeName != "BIT"
	}
	return c.kind == uuidKind || c.kind == anyKind
}

// risks are what the operator should know about the table.
func (l *layout) risks(c *Config) []string {
	if c.Table == "" {
		return nil
	}
	var all []string
	option, _ := c.identity()
	if !l.id.unique {
		all = append(all, fmt.Sprintf("no unique index is on the column %q of %s by itself: each page of a listing is read twice where keys repeat, and rows with the same one are reported", l.id.name, option))
	}
	lookup := l.key
	if lookup == nil {
		lookup = l.code
	}
	if c.Write && lookup != nil && !lookup.unique {
		all = append(all, fmt.Sprintf("no unique index is on the column %q by itself: a product whose insert is still under way when it is tried again could be there twice; create one", lookup.name))
	}
	return all
}

// row is one that was read.
type row struct {
	item    sdk.Item
	id      any   // identity as the driver gave it
	problem error // why a field cannot be read
	size    int   // bytes of text
}

// row makes an item of the values of l.columns.
func (l *layout) row(values []any) row {
	cells := make([]cell, len(values))
	r := row{}
	var problems faults
	for i, value := range values {
		value = l.columns[i].readTime(value)
		switch v := value.(type) {
		case string:
			r.size += len(v)
		case []byte:
			r.size += len(v)
		}
		cells[i] = cell{&l.columns[i], value}
		if l.id == &l.columns[i] {
			r.id = value
			r.item.Remote.ID = cells[i].label()
		}
		if l.key == &l.columns[i] {
			r.item.Key = cells[i].label()
		}
		if l.archive != nil && l.archive.column == &l.columns[i] {
			r.item.Archived = l.archive.is(cells[i])
		}
	}
	r.item.Product.Key = r.item.Key
	for _, p := range l.parts {
		of := make([]cell, len(p.at))
		for i, at := range p.at {
			of[i] = cells[at]
		}
		if err := p.read(&r.item.Product, of); err != nil {
			problems.add(p.path, "column %s %w", of[0].name, err)
		}
	}
	r.problem = errors.Join(problems...)
	return r
}
