package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// cell is one value of a row.
type cell struct {
	text     string
	notation notation        // of a number
	value    json.RawMessage // of JSON: a list or an object, in the form of a product; else nil
}

// notation tells how a number is written in a cell.
type notation uint8

const (
	asConfigured notation = iota
	asJSON                // the options about numbers do not hold
	asSheet               // a number of a workbook, or a text to which the options hold
)

// mapping makes products of rows, and rows of products. A row has a cell for
// each of places.
type mapping struct {
	places   []place
	key      int // where the key is, in places
	bindings []binding
}

// binding connects one field with its columns.
type binding struct {
	path  string
	slots []int // in the row
	parse func(p *sdk.Product, row []cell) error
	// write sets the binding's slots to what p has.
	write func(p *sdk.Product, row []cell) error
}

const attributes = "attributes."

// slot is where the cell of a place is in a row.
func (m *mapping) slot(p place) int {
	if i := slices.Index(m.places, p); i >= 0 {
		return i
	}
	m.places = append(m.places, p)
	return len(m.places) - 1
}

// paths are the field paths of the columns, each once.
func (m *mapping) paths() []string {
	var paths []string
	for _, b := range m.bindings {
		if !slices.Contains(paths, b.path) {
			paths = append(paths, b.path)
		}
	}
	return paths
}

// keyOf is the key of a row; empty: it has none that can be read.
func (m *mapping) keyOf(row []cell) string { return trim(row[m.key].text) }

var errNoKey = errors.New("it has no key")

// product makes a product of a row.
func (m *mapping) product(row []cell) (p sdk.Product, err error) {
	err = m.fill(&p, row)
	return p, err
}

// fill sets p, which is empty but for room in its attributes.
func (m *mapping) fill(p *sdk.Product, row []cell) error {
	if p.Key = m.keyOf(row); p.Key == "" {
		return errNoKey
	}
	var errs []error
	for i := range m.bindings {
		b := &m.bindings[i]
		if err := m.read(b, p, row); err != nil {
			errs = append(errs, sdk.Reject(b.path, fmt.Errorf("in %s: %w", m.places[b.slots[0]], err)))
		}
	}
	return errors.Join(errs...)
}

// read fills one field. What JSON has as list or object is the field as a
// product has it.
func (m *mapping) read(b *binding, p *sdk.Product, row []cell) error {
	for _, slot := range b.slots {
		if row[slot].value != nil {
			return readValue(p, b.path, row[slot].value)
		}
	}
	return b.parse(p, row)
}

func readValue(p *sdk.Product, path string, value json.RawMessage) error {
	member, name, _ := strings.Cut(path, ".")
	if name != "" && name != "*" {
		value = slices.Concat([]byte("{"), quoted(name), []byte(":"), value, []byte("}"))
	}
	var whole sdk.Product
	if err := json.Unmarshal(slices.Concat([]byte("{"), quoted(member), []byte(":"), value, []byte("}")), &whole); err != nil {
		return err
	}
	switch whole.Status {
	case "", sdk.Active, sdk.Draft, sdk.Archived:
	default:
		return fmt.Errorf("%q is no status: active, draft or archived", whole.Status)
	}
	for i := range whole.Prices {
		if price := &whole.Prices[i]; price.Amount == "" || !isCurrency(price.Currency) {
			return errors.New("a price has an amount and a currency, an ISO 4217 code such as EUR")
		}
	}
	if path == attributes+"*" {
		p.Attributes = whole.Attributes
		return nil
	}
	sdk.CopyField(p, &whole, path)
	return nil
}

func quoted(text string) []byte {
	return sdk.String(text).AppendJSON(nil)
}

// write sets in row the fields that covers names to those of p. What would be read
// back as another field, or not at all, is rejected.
func (m *mapping) write(p *sdk.Product, row []cell, covers func(path string) bool) error {
	var errs []error
	for i := range m.bindings {
		b := &m.bindings[i]
		if !covers(b.path) {
			continue
		}
		for _, slot := range b.slots {
			row[slot] = cell{}
		}
		err := b.write(p, row)
		for _, slot := range b.slots {
			row[slot].text = lineEnds.Replace(row[slot].text)
		}
		if err == nil {
			err = m.read(b, &sdk.Product{}, row)
		}
		if err != nil {
			errs = append(errs, sdk.Reject(b.path, fmt.Errorf("it cannot be written in %s: %w", m.places[b.slots[0]], err)))
		}
	}
	return errors.Join(errs...)
}

// lineEnds makes all ends of lines the one that CSV gives back.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// newMapping makes the mapping that the columns tell of, or says what is wrong.
func newMapping(c *Config, f *faults) *mapping {
	m := &mapping{}
	key, ok := c.Columns["key"]
	if !ok || len(key) != 1 || key[0].Column.isZero() {
		f.add("columns.key", `is missing: name the column that identifies a product, as in key = "id"`)
		return m
	}
	m.key = m.slot(key[0].Column)
	for _, path := range slices.SortedFunc(maps.Keys(c.Columns), byField) {
		if path == "key" {
			continue
		}
		for i := range c.Columns[path] {
			option := "columns." + path
			if len(c.Columns[path]) > 1 {
				option += fmt.Sprintf("[%d]", i)
			}
			m.bind(c, f, option, path, c.Columns[path][i])
		}
		if len(c.Columns[path]) > 1 && path != "prices" && path != "stock" {
			f.add("columns."+path, "takes one column; several are for prices and stock")
		}
	}
	return m
}

// byField orders field paths as a product has them, attributes last by name.
func byField(a, b string) int {
	all := append([]string{"key"}, sdk.FieldPaths()...)
	if d := indexIn(all, a) - indexIn(all, b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

func indexIn(all []string, path string) int {
	if i := slices.Index(all, path); i >= 0 {
		return i
	}
	return len(all)
}

// ownNames is the mapping of a table whose columns are named like field paths.
func ownNames(c *Config, names []string) (*mapping, error) {
	own := *c
	own.Columns = map[string]Columns{}
	for _, name := range names {
		if name == "key" || bindable(name) {
			own.Columns[name] = Columns{{Column: place{name: name}}}
		}
	}
	var f faults
	m := newMapping(&own, &f)
	if len(m.bindings) == 0 && len(f) == 0 {
		f.add("columns", "is missing, and no column of the feed is named like a field of a product")
	}
	return m, errors.Join(f...)
}

// wholeProducts is the mapping of JSON whose objects are products.
func wholeProducts() *mapping {
	m := &mapping{}
	m.key = m.slot(place{name: "key"})
	for _, path := range sdk.FieldPaths() {
		if strings.HasPrefix(path, "variants.") {
			continue // they are in variants
		}
		m.bindings = append(m.bindings, whole(path, m.slot(place{name: strings.TrimSuffix(path, ".*")})))
	}
	return m
}

// whole is a field in the form that a product's JSON has.
func whole(path string, slot int) binding {
	b := binding{path: path, slots: []int{slot}}
	b.parse = func(p *sdk.Product, row []cell) error {
		if row[slot].text == "" {
			return nil
		}
		return readValue(p, path, quoted(row[slot].text))
	}
	b.write = func(p *sdk.Product, row []cell) error {
		one := sdk.Product{}
		if path == attributes+"*" {
			one.Attributes = p.Attributes
		} else {
			sdk.CopyField(&one, p, path)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(one.AppendJSON(nil), &members); err != nil {
			return err
		}
		value := members[strings.TrimSuffix(path, ".*")]
		if len(value) > 0 && value[0] == '"' {
			return json.Unmarshal(value, &row[slot].text)
		}
		row[slot].value = value // nil: there is nothing
		return nil
	}
	return b
}
