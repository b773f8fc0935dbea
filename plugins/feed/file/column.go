package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Columns are the columns of one field: one, or several prices or stocks.
type Columns []Column

// Column says where a field is in a row and how it is written there. It is
// configured as a name, a number, or a table of these keys.
type Column struct {
	Column        place  `json:"column"`         // where it is
	Decimal       string `json:"decimal"`        // instead of the feed's
	Thousands     string `json:"thousands"`      // instead of the feed's
	Separator     string `json:"separator"`      // between list items, instead of the feed's
	PathSeparator string `json:"path_separator"` // of categories, between a category and one in it
	Type          string `json:"type"`           // of an attribute: text, number, bool, list

	Currency    string `json:"currency"`     // of a price
	List        string `json:"list"`         // price list
	TaxIncluded bool   `json:"tax_included"` // whether the price holds the tax
	CompareAt   place  `json:"compare_at"`   // column of the struck-through price

	Location string `json:"location"` // of a stock
	Unit     string `json:"unit"`     // of weight and size
	Length   place  `json:"length"`   // columns of size, in place of column
	Width    place  `json:"width"`
	Height   place  `json:"height"`
}

// place is a column by its name, or by its number from 1 on.
type place struct {
	name   string
	number int
}

func (p place) isZero() bool { return p == place{} }

func (p place) String() string {
	if p.number > 0 {
		return "column " + strconv.Itoa(p.number)
	}
	return fmt.Sprintf("column %q", p.name)
}

var errPlace = errors.New(`write the column's name, or its number from 1 on`)

// UnmarshalJSON reads a name or a number.
func (p *place) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &p.name) == nil && trim(p.name) != "" {
		p.name = trim(p.name)
		return nil
	}
	p.name = ""
	if json.Unmarshal(data, &p.number) != nil || p.number < 1 || p.number > 1<<14 {
		return errPlace
	}
	return nil
}

// UnmarshalJSON reads one column, or a list of them.
func (c *Columns) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if data[0] != '[' {
		*c = make(Columns, 1)
		return (*c)[0].UnmarshalJSON(data)
	}
	var all []Column
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("the list is empty: leave the field out")
	}
	*c = all
	return nil
}

// UnmarshalJSON reads a name, a number, or a table.
func (c *Column) UnmarshalJSON(data []byte) error {
	if data[0] != '{' {
		return c.Column.UnmarshalJSON(data)
	}
	type table Column // without this method
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode((*table)(c)); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}
