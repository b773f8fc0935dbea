package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// part binds a field of a product to the columns that hold it.
type part struct {
	path  string // of the field
	uses  []use
	read  func(p *sdk.Product, cells []cell) error          // cells are those of uses
	write func(p *sdk.Product, to []*column) ([]any, error) // a parameter for each of uses
}

// use is a column that an option names.
type use struct{ option, column string }

// parts are the fields that the configuration maps, in the order of a product.
func (c *Config) parts() []part {
	t, form := &c.Columns, listForm{json: c.Lists == "json", separator: c.Parted}
	all := []part{
		textPart("code", t.Code, func(p *sdk.Product) *string { return &p.Code }),
		textPart("name", t.Name, func(p *sdk.Product) *string { return &p.Name }),
		textPart("description", t.Description, func(p *sdk.Product) *string { return &p.Description }),
		statusPart(t.Status, &c.Statuses),
		textPart("brand", t.Brand, func(p *sdk.Product) *string { return &p.Brand }),
		textPart("unit", t.Unit, func(p *sdk.Product) *string { return &p.Unit }),
		textPart("barcode", t.Barcode, func(p *sdk.Product) *string { return &p.Barcode }),
		textPart("tax_code", t.TaxCode, func(p *sdk.Product) *string { return &p.TaxCode }),
		pricesPart(t.Prices),
		stockPart(t.Stock),
		listPart("categories", t.Categories, form, func(p *sdk.Product) *[]string { return &p.Categories }),
		listPart("tags", t.Tags, form, func(p *sdk.Product) *[]string { return &p.Tags }),
		mediaPart(t.Media, form),
		weightPart(t.Weight),
		sizePart(t.Size),
	}
	for _, name := range slices.Sorted(maps.Keys(t.Attributes)) {
		all = append(all, attributePart(name, t.Attributes[name], form))
	}
	return slices.DeleteFunc(all, func(p part) bool { return len(p.uses) == 0 })
}

// one is the use of a single column; none if it is not named.
func one(option, column string) []use {
	if column == "" {
		return nil
	}
	return []use{{"columns." + option, column}}
}

func textPart(path, from string, of func(*sdk.Product) *string) part {
	return part{path: path, uses: one(path, from),
		read: func(p *sdk.Product, cells []cell) (err error) {
			*of(p), err = cells[0].text()
			return err
		},
		write: func(p *sdk.Product, to []*column) ([]any, error) { return []any{to[0].textParam(*of(p))}, nil },
	}
}

func statusPart(from string, words *Statuses) part {
	texts := map[sdk.Status]string{sdk.Active: words.Active, sdk.Draft: words.Draft, sdk.Archived: words.Archived}
	return part{path: "status", uses: one("status", from),
		read: func(p *sdk.Product, cells []cell) error {
			text, err := cells[0].text()
			if err != nil || text == "" {
				return err
			}
			for status, word := range texts {
				if word == text {
					p.Status = status
					return nil
				}
			}
			return fmt.Errorf("holds %q, which is none of statuses", text)
		},
		write: func(p *sdk.Product, to []*column) ([]any, error) {
			return []any{to[0].textParam(texts[p.Status])}, nil
		},
	}
}

func pricesPart(prices []PriceColumns) part {
	made := part{path: "prices"}
	for i, m := range prices {
		option := fmt.Sprintf("columns.prices[%d].", i)
		made.uses = append(made.uses, use{option + "amount", m.Amount})
		if m.CurrencyColumn != "" {
			made.uses = append(made.uses, use{option + "currency_column", m.CurrencyColumn})
		}
		if m.CompareAt != "" {
			made.uses = append(made.uses, use{option + "compare_at", m.CompareAt})
		}
	}
	made.read = func(p *sdk.Product, cells []cell) error {
		for i := range prices {
			if err := readPrice(p, &prices[i], &cells); err != nil {
				return err
			}
		}
		return nil
	}
	made.write = func(p *sdk.Product, to []*column) ([]any, error) {
		var params []any
		fitted := 0
		for i := range prices {
			m := &prices[i]
			price := sdk.Price{}
			if at := slices.IndexFunc(p.Prices, m.fits); at >= 0 {
				price = p.Prices[at]
				fitted++
			}
			params = append(params, to[len(params)].decimalParam(price.Amount))
			if m.CurrencyColumn != "" {
				params = append(params, to[len(params)].textParam(price.Currency))
			}
			if m.CompareAt != "" {
				params = append(params, to[len(params)].decimalParam(price.CompareAt))
			}
		}
		if len(p.Prices) > 0 && fitted == 0 {
			first := p.Prices[0]
			return nil, fmt.Errorf("no column is for the price %s %s (list %q, tax included: %t)", first.Amount, first.Currency, first.List, first.TaxIncluded)
		}
		return params, nil
	}
	return made
}

// fits says whether the columns are for this price.
func (m *PriceColumns) fits(p sdk.Price) bool {
	return p.List == m.List && p.TaxIncluded == m.TaxIncluded && (m.CurrencyColumn != "" || p.Currency == m.Currency)
}

// readPrice takes its cells off the front.
func readPrice(p *sdk.Product, m *PriceColumns, cells *[]cell) error {
	next := func() cell {
		c := (*cells)[0]
		*cells = (*cells)[1:]
		return c
	}
	price := sdk.Price{List: m.List, TaxIncluded: m.TaxIncluded, Currency: m.Currency}
	var err error
	if price.Amount, err = next().decimal(); err != nil {
		return err
	}
	if m.CurrencyColumn != "" {
		text, err := next().text()
		if err != nil {
			return err
		}
		price.Currency = strings.ToUpper(strings.TrimSpace(text))
	}
	if m.CompareAt != "" {
		if price.CompareAt, err = next().decimal(); err != nil {
			return err
		}
	}
	if price.Amount == "" {
		return nil
	}
	if !currencyCode.MatchString(price.Currency) {
		return fmt.Errorf("holds an amount in the currency %q, which is no ISO 4217 code", price.Currency)
	}
	p.Prices = append(p.Prices, price)
	return nil
}

func stockPart(stock []StockColumns) part {
	made := part{path: "stock"}
	for i, m := range stock {
		made.uses = append(made.uses, use{fmt.Sprintf("columns.stock[%d].quantity", i), m.Quantity})
	}
	made.read = func(p *sdk.Product, cells []cell) error {
		for i, m := range stock {
			quantity, err := cells[i].decimal()
			if err != nil {
				return err
			}
			if quantity != "" {
				p.Stock = append(p.Stock, sdk.Stock{Location: m.Location, Quantity: quantity})
			}
		}
		return nil
	}
	made.write = func(p *sdk.Product, to []*column) ([]any, error) {
		params := make([]any, len(stock))
		fitted := 0
		for i, m := range stock {
			at := slices.IndexFunc(p.Stock, func(s sdk.Stock) bool { return s.Location == m.Location })
			if at >= 0 {
				params[i] = to[i].decimalParam(p.Stock[at].Quantity)
				fitted++
			}
		}
		if len(p.Stock) > 0 && fitted == 0 {
			return nil, fmt.Errorf("no column is for the location %q", p.Stock[0].Location)
		}
		return params, nil
	}
	return made
}

func listPart(path, from string, form listForm, of func(*sdk.Product) *[]string) part {
	return part{path: path, uses: one(path, from),
		read: func(p *sdk.Product, cells []cell) (err error) {
			*of(p), err = cells[0].list(form)
			return err
		},
		write: func(p *sdk.Product, to []*column) ([]any, error) {
			param, err := to[0].listParam(*of(p), form)
			return []any{param}, err
		},
	}
}

func mediaPart(from string, form listForm) part {
	return part{path: "media", uses: one("media", from),
		read: func(p *sdk.Product, cells []cell) error {
			addresses, err := cells[0].list(form)
			for _, address := range addresses {
				p.Media = append(p.Media, sdk.Media{URL: address})
			}
			return err
		},
		write: func(p *sdk.Product, to []*column) ([]any, error) {
			var addresses []string
			for _, m := range p.Media {
				addresses = append(addresses, m.URL)
			}
			param, err := to[0].listParam(addresses, form)
			return []any{param}, err
		},
	}
}

func weightPart(m *WeightColumns) part {
	if m == nil {
		return part{}
	}
	return part{path: "weight", uses: one("weight.value", m.Value),
		read: func(p *sdk.Product, cells []cell) error {
			value, err := cells[0].decimal()
			if value != "" {
				p.Weight = &sdk.Weight{Value: value, Unit: m.Unit}
			}
			return err
		},
		write: func(p *sdk.Product, to []*column) ([]any, error) {
			w := p.Weight
			switch {
			case w == nil:
				return []any{nil}, nil
			case w.Unit != m.Unit:
				return nil, fmt.Errorf("is in %s, and the column in %s", w.Unit, m.Unit)
			}
			return []any{to[0].decimalParam(w.Value)}, nil
		},
	}
}

func sizePart(m *SizeColumns) part {
	if m == nil {
		return part{}
	}
	made := part{path: "size"}
	var sides []func(*sdk.Size) *sdk.Decimal
	for _, side := range []struct {
		name, column string
		of           func(*sdk.Size) *sdk.Decimal
	}{
		{"length", m.Length, func(s *sdk.Size) *sdk.Decimal { return &s.Length }},
		{"width", m.Width, func(s *sdk.Size) *sdk.Decimal { return &s.Width }},
		{"height", m.Height, func(s *sdk.Size) *sdk.Decimal { return &s.Height }},
	} {
		if side.column != "" {
			made.uses = append(made.uses, use{"columns.size." + side.name, side.column})
			sides = append(sides, side.of)
		}
	}
	made.read = func(p *sdk.Product, cells []cell) error {
		size := sdk.Size{Unit: m.Unit}
		for i, side := range sides {
			var err error
			if *side(&size), err = cells[i].decimal(); err != nil {
				return err
			}
		}
		if size != (sdk.Size{Unit: m.Unit}) {
			p.Size = &size
		}
		return nil
	}
	made.write = func(p *sdk.Product, to []*column) ([]any, error) {
		params := make([]any, len(sides))
		if p.Size == nil {
			return params, nil
		}
		if p.Size.Unit != m.Unit {
			return nil, fmt.Errorf("is in %s, and the columns in %s", p.Size.Unit, m.Unit)
		}
		for i, side := range sides {
			params[i] = to[i].decimalParam(*side(p.Size))
		}
		return params, nil
	}
	return made
}

func attributePart(name, from string, form listForm) part {
	return part{path: "attributes." + name, uses: one("attributes."+name, from),
		read: func(p *sdk.Product, cells []cell) error {
			value, err := cells[0].attribute(form)
			if value.Kind() != sdk.NoValue {
				if p.Attributes == nil {
					p.Attributes = map[string]sdk.Value{}
				}
				p.Attributes[name] = value
			}
			return err
		},
		write: func(p *sdk.Product, to []*column) ([]any, error) {
			param, err := to[0].attributeParam(p.Attributes[name], form)
			return []any{param}, err
		},
	}
}
