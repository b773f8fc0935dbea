package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// texts are the fields that are a text.
var texts = map[string]func(*sdk.Product) *string{
	"code":        func(p *sdk.Product) *string { return &p.Code },
	"name":        func(p *sdk.Product) *string { return &p.Name },
	"description": func(p *sdk.Product) *string { return &p.Description },
	"brand":       func(p *sdk.Product) *string { return &p.Brand },
	"unit":        func(p *sdk.Product) *string { return &p.Unit },
	"barcode":     func(p *sdk.Product) *string { return &p.Barcode },
	"tax_code":    func(p *sdk.Product) *string { return &p.TaxCode },
}

// others are the fields whose columns need more than their place.
var others = map[string]func(*mapping, *Config, Column) (binding, error){
	"status": statusIn, "prices": priceIn, "stock": stockIn, "weight": weightIn, "size": sizeIn,
	"categories": listIn(func(p *sdk.Product) *[]string { return &p.Categories }),
	"tags":       listIn(func(p *sdk.Product) *[]string { return &p.Tags }),
	"media":      mediaIn,
}

// bindable says whether a column can hold the field of that path.
func bindable(path string) bool {
	name, attribute := strings.CutPrefix(path, attributes)
	return texts[path] != nil || others[path] != nil || attribute && name != "" && name != "*"
}

// bind adds the binding of one column.
func (m *mapping) bind(c *Config, f *faults, option, path string, col Column) {
	if !bindable(path) {
		known := append(slices.DeleteFunc(sdk.FieldPaths(), func(p string) bool { return !bindable(p) }), "key", "attributes.NAME")
		f.add(option, "is no field that a column can hold; did you mean %q? Known: %s", cmp.Or(sdk.Nearest(path, known), "attributes."+path), strings.Join(known, ", "))
		return
	}
	if col.Column.isZero() && path != "size" {
		f.add(option, `does not say which column: add column = "…"`)
		return
	}
	col.Decimal = cmp.Or(col.Decimal, c.Decimal)
	col.Thousands = cmp.Or(col.Thousands, c.Thousands)
	col.Separator = cmp.Or(col.Separator, c.ListSeparator)
	col.Currency = cmp.Or(col.Currency, c.Currency)
	checkNumbers(f, option+".", col.Decimal, col.Thousands)
	build := others[path]
	if text := texts[path]; text != nil {
		build = textIn(text)
	} else if build == nil {
		build = attributeIn(strings.TrimPrefix(path, attributes))
	}
	b, err := build(m, c, col)
	if err != nil {
		f.add(option, "%w", err)
		return
	}
	b.path = path
	m.bindings = append(m.bindings, b)
}

func (c Column) numbers() numbers { return numbers{[]rune(c.Decimal)[0], c.Thousands} }

// number reads a cell; empty is the empty Decimal.
func (c cell) number(n numbers) (sdk.Decimal, error) {
	switch text := trim(c.text); {
	case text == "":
		return "", nil
	case c.notation == asJSON:
		return plain(text)
	case c.notation == asSheet:
		return n.parseStored(text)
	default:
		return n.parse(text)
	}
}

func textIn(of func(*sdk.Product) *string) func(*mapping, *Config, Column) (binding, error) {
	return func(m *mapping, _ *Config, col Column) (binding, error) {
		slot := m.slot(col.Column)
		return binding{
			slots: []int{slot},
			parse: func(p *sdk.Product, row []cell) error { *of(p) = trim(row[slot].text); return nil },
			write: func(p *sdk.Product, row []cell) error { row[slot].text = trim(*of(p)); return nil },
		}, nil
	}
}

func statusIn(m *mapping, c *Config, col Column) (binding, error) {
	slot := m.slot(col.Column)
	meaning := map[string]sdk.Status{"": ""}
	word := map[sdk.Status]string{}
	for _, s := range []sdk.Status{sdk.Active, sdk.Draft, sdk.Archived} {
		meaning[string(s)], word[s] = s, string(s)
	}
	for _, text := range slices.Backward(slices.Sorted(maps.Keys(c.StatusWords))) {
		s := sdk.Status(c.StatusWords[text])
		meaning[strings.ToLower(trim(text))] = s
		word[s] = text // of several words the first in the alphabet is written
	}
	return binding{
		slots: []int{slot},
		parse: func(p *sdk.Product, row []cell) error {
			s, ok := meaning[strings.ToLower(trim(row[slot].text))]
			if !ok {
				return fmt.Errorf("%q is no status: say in status_words what it means", row[slot].text)
			}
			p.Status = s
			return nil
		},
		write: func(p *sdk.Product, row []cell) error { row[slot].text = word[p.Status]; return nil },
	}, nil
}

func isCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// priceIn is one price; a currency behind the amount, as in 12.50 EUR, is read too.
func priceIn(m *mapping, _ *Config, col Column) (binding, error) {
	if col.Currency != "" && !isCurrency(col.Currency) {
		return binding{}, errors.New("currency is an ISO 4217 code such as EUR")
	}
	n, slots := col.numbers(), []int{m.slot(col.Column)}
	if !col.CompareAt.isZero() {
		slots = append(slots, m.slot(col.CompareAt))
	}
	amount := func(c cell, price *sdk.Price) (d sdk.Decimal, err error) {
		c.text = trim(c.text)
		if last := len(c.text) - 3; last > 0 && isCurrency(c.text[last:]) {
			if price.Currency != "" && price.Currency != c.text[last:] {
				return "", fmt.Errorf("%q is in another currency than %s", c.text, price.Currency)
			}
			price.Currency, c.text = c.text[last:], c.text[:last]
		}
		return c.number(n)
	}
	parse := func(p *sdk.Product, row []cell) (err error) {
		price := sdk.Price{Currency: col.Currency, List: col.List, TaxIncluded: col.TaxIncluded}
		if price.Amount, err = amount(row[slots[0]], &price); err == nil && len(slots) > 1 {
			price.CompareAt, err = amount(row[slots[1]], &price)
		}
		switch {
		case err != nil:
			return err
		case price.Amount == "":
			return nil
		case price.Currency == "":
			return fmt.Errorf("%q has no currency: set currency", row[slots[0]].text)
		}
		p.Prices = append(p.Prices, price)
		return nil
	}
	return binding{slots: slots, parse: parse, write: func(p *sdk.Product, row []cell) error {
		for _, price := range p.Prices {
			if price.List != col.List || price.TaxIncluded != col.TaxIncluded || col.Currency != "" && price.Currency != col.Currency {
				continue
			}
			unit := ""
			if col.Currency == "" {
				unit = " " + price.Currency
			}
			row[slots[0]] = n.cell(price.Amount, unit)
			if len(slots) > 1 && price.CompareAt != "" {
				row[slots[1]] = n.cell(price.CompareAt, unit)
			}
			return nil
		}
		return nil
	}}, nil
}

func stockIn(m *mapping, _ *Config, col Column) (binding, error) {
	n, slot := col.numbers(), m.slot(col.Column)
	return binding{
		slots: []int{slot},
		parse: func(p *sdk.Product, row []cell) error {
			d, err := row[slot].number(n)
			if d != "" {
				p.Stock = append(p.Stock, sdk.Stock{Location: col.Location, Quantity: d})
			}
			return err
		},
		write: func(p *sdk.Product, row []cell) error {
			for _, stock := range p.Stock {
				if stock.Location == col.Location {
					row[slot] = n.cell(stock.Quantity, "")
					break
				}
			}
			return nil
		},
	}, nil
}

// weightIn is a weight; without a unit it is read from behind the number.
func weightIn(m *mapping, _ *Config, col Column) (binding, error) {
	n, slot := col.numbers(), m.slot(col.Column)
	return binding{
		slots: []int{slot},
		parse: func(p *sdk.Product, row []cell) error {
			c, unit := row[slot], col.Unit
			c.text = trim(c.text)
			if bare := strings.TrimRight(c.text, "abcdefghijklmnopqrstuvwxyz"); unit == "" && c.text != "" {
				c.text, unit = bare, c.text[len(bare):]
				if unit == "" {
					return fmt.Errorf("%q has no unit: set unit", c.text)
				}
			}
			d, err := c.number(n)
			if d != "" {
				p.Weight = &sdk.Weight{Value: d, Unit: unit}
			}
			return err
		},
		write: func(p *sdk.Product, row []cell) error {
			switch w := p.Weight; {
			case w == nil:
			case col.Unit == "":
				row[slot] = n.cell(w.Value, " "+w.Unit)
			case w.Unit != col.Unit:
				return fmt.Errorf("it is in %s, the column in %s", w.Unit, col.Unit)
			default:
				row[slot] = n.cell(w.Value, "")
			}
			return nil
		},
	}, nil
}

func sizeIn(m *mapping, _ *Config, col Column) (binding, error) {
	if col.Unit == "" || col.Length.isZero() && col.Width.isZero() && col.Height.isZero() {
		return binding{}, errors.New(`size is written { length = "…", width = "…", height = "…", unit = "cm" }`)
	}
	sides := []struct {
		place place
		of    func(*sdk.Size) *sdk.Decimal
		slot  int
	}{
		{place: col.Length, of: func(s *sdk.Size) *sdk.Decimal { return &s.Length }},
		{place: col.Width, of: func(s *sdk.Size) *sdk.Decimal { return &s.Width }},
		{place: col.Height, of: func(s *sdk.Size) *sdk.Decimal { return &s.Height }},
	}
	n, b := col.numbers(), binding{}
	for i := range sides {
		sides[i].slot = -1
		if !sides[i].place.isZero() {
			sides[i].slot = m.slot(sides[i].place)
			b.slots = append(b.slots, sides[i].slot)
		}
	}
	b.parse = func(p *sdk.Product, row []cell) error {
		size := sdk.Size{Unit: col.Unit}
		var errs []error
		for _, side := range sides {
			if side.slot >= 0 {
				d, err := row[side.slot].number(n)
				*side.of(&size) = d
				errs = append(errs, err)
			}
		}
		if size != (sdk.Size{Unit: col.Unit}) {
			p.Size = &size
		}
		return errors.Join(errs...)
	}
	b.write = func(p *sdk.Product, row []cell) error {
		if p.Size == nil {
			return nil
		}
		if p.Size.Unit != col.Unit {
			return fmt.Errorf("it is in %s, the columns in %s", p.Size.Unit, col.Unit)
		}
		for _, side := range sides {
			if side.slot >= 0 {
				row[side.slot] = n.cell(*side.of(p.Size), "")
			}
		}
		return nil
	}
	return b, nil
}

// listIn is a list of texts in one cell.
func listIn(of func(*sdk.Product) *[]string) func(*mapping, *Config, Column) (binding, error) {
	return func(m *mapping, _ *Config, col Column) (binding, error) {
		slot := m.slot(col.Column)
		return binding{
			slots: []int{slot},
			parse: func(p *sdk.Product, row []cell) error {
				*of(p) = col.split(row[slot].text)
				return nil
			},
			write: func(p *sdk.Product, row []cell) (err error) {
				row[slot].text, err = col.join(*of(p))
				return err
			},
		}, nil
	}
}

func mediaIn(m *mapping, _ *Config, col Column) (binding, error) {
	slot := m.slot(col.Column)
	return binding{
		slots: []int{slot},
		parse: func(p *sdk.Product, row []cell) error {
			for _, url := range col.split(row[slot].text) {
				p.Media = append(p.Media, sdk.Media{URL: url})
			}
			return nil
		},
		write: func(p *sdk.Product, row []cell) (err error) {
			var urls []string
			for _, media := range p.Media {
				urls = append(urls, media.URL)
			}
			row[slot].text, err = col.join(urls)
			return err
		},
	}, nil
}

// split cuts a cell into its list; what is empty is no item.
func (c Column) split(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, c.Separator) {
		if c.PathSeparator != "" {
			parts := strings.Split(item, c.PathSeparator)
			for i := range parts {
				parts[i] = trim(parts[i])
			}
			item = strings.Join(parts, "/")
		}
		if item = trim(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func (c Column) join(items []string) (string, error) {
	written := make([]string, len(items))
	for i, item := range items {
		if strings.Contains(item, c.Separator) {
			return "", fmt.Errorf("%q holds the separator %q", item, c.Separator)
		}
		if c.PathSeparator != "" {
			item = strings.ReplaceAll(item, "/", c.PathSeparator)
		}
		written[i] = item
	}
	return strings.Join(written, c.Separator), nil
}

var truths = map[string]bool{"true": true, "yes": true, "1": true, "false": false, "no": false, "0": false}

// attributeIn is one attribute. Without a type it is a text, and what JSON says
// itself.
func attributeIn(name string) func(*mapping, *Config, Column) (binding, error) {
	return func(m *mapping, _ *Config, col Column) (binding, error) {
		n, slot := col.numbers(), m.slot(col.Column)
		value := func(c cell) (sdk.Value, error) {
			switch text := trim(c.text); col.Type {
			case "number":
				d, err := c.number(n)
				return sdk.Number(d), err
			case "bool":
				truth, ok := truths[strings.ToLower(text)]
				if !ok {
					return sdk.Value{}, fmt.Errorf("%q is neither true nor false", text)
				}
				return sdk.Bool(truth), nil
			case "list":
				var items []sdk.Value
				for _, item := range col.split(text) {
					items = append(items, sdk.String(item))
				}
				return sdk.List(items...), nil
			case "":
				if c.notation == asJSON {
					var v sdk.Value
					return v, v.UnmarshalJSON([]byte(text))
				}
			}
			return sdk.String(trim(c.text)), nil
		}
		switch col.Type {
		case "", "text", "number", "bool", "list":
		default:
			return binding{}, errors.New("type is one of text, number, bool, list")
		}
		return binding{
			slots: []int{slot},
			parse: func(p *sdk.Product, row []cell) error {
				if trim(row[slot].text) == "" {
					return nil
				}
				v, err := value(row[slot])
				if err == nil && p.Attributes == nil {
					p.Attributes = map[string]sdk.Value{}
				}
				if err == nil {
					p.Attributes[name] = v
				}
				return err
			},
			write: func(p *sdk.Product, row []cell) (err error) {
				v := p.Attributes[name]
				row[slot].text = v.Text()
				if v.Kind() == sdk.BoolValue {
					row[slot].notation = asJSON
				} else if v.Kind() == sdk.NumberValue {
					row[slot] = n.cell(v.Decimal(), "")
				} else if v.Kind() == sdk.ListValue {
					var items []string
					for _, item := range v.Items() {
						items = append(items, item.Text())
					}
					row[slot].text, err = col.join(items)
				}
				return err
			},
		}, nil
	}
}
