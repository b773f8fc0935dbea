package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
)

// Config is the block [connectors.<name>.config].
type Config struct {
	Driver string     `json:"driver" required:"true" choices:"postgres,mysql,sqlite" doc:"The database; mysql is MariaDB's too."`
	DSN    sdk.Secret `json:"dsn" required:"true" doc:"Where the database is and how to log in, as its driver writes it; see below. TLS is set here too."`

	Table string `json:"table" doc:"Table or view, with its schema where that is not the default: shop.products. A name with a dot in it stands in double quotes."`
	Query string `json:"query" doc:"A SELECT in place of table. It can only be read."`
	Write bool   `json:"write" doc:"Let the host write to the table. Without it every change is turned down, and the session is read-only."`

	Key       string  `json:"key" doc:"Column with the host's product key. Of key and remote_id one is needed."`
	RemoteID  string  `json:"remote_id" doc:"Column with the table's own id, where that is another one: the database fills it."`
	UpdatedAt string  `json:"updated_at" doc:"Column with the time of the last change, or Unix seconds. A listing since a time reads only later rows."`
	Archive   Archive `json:"archive" doc:"How a row says that its product is off sale."`

	Columns  Columns      `json:"columns" doc:"Which column holds which field."`
	Statuses Statuses     `json:"statuses" doc:"The texts in the column of status."`
	Lists    string       `json:"lists" default:"text" choices:"text,json" doc:"How a text column holds several categories, tags or media: parted by separator, or as a JSON array. Columns of type json and arrays need no telling."`
	Parted   string       `json:"separator" default:"," doc:"Between the parts of a list."`
	Overlap  sdk.Duration `json:"overlap" default:"5m" doc:"How far a listing since a time goes back beyond it: for transactions that were still open, and clocks that differ."`
	Timeout  sdk.Duration `json:"timeout" default:"20s" doc:"For one call, all its statements included; at most 50s. The database ends a statement then too."`
}

// Archive is the column that takes a product off sale.
type Archive struct {
	Column   string `json:"column" doc:"The column. Without it the status column is set to archived, where there is one."`
	Archived string `json:"archived" default:"true" doc:"Its value off sale; now: the time of archiving, and any value means off sale."`
	Live     string `json:"live" doc:"Its value on sale; empty: NULL, or false in a column of true and false."`
}

// Columns say which column holds which field of a product.
type Columns struct {
	Code        string            `json:"code" doc:"SKU or article number."`
	Name        string            `json:"name" doc:"Display name."`
	Description string            `json:"description" doc:"Text or HTML."`
	Status      string            `json:"status" doc:"Whether it is on sale; see statuses."`
	Brand       string            `json:"brand" doc:"Maker or brand."`
	Unit        string            `json:"unit" doc:"Unit of sale."`
	Barcode     string            `json:"barcode" doc:"GTIN, EAN or UPC."`
	TaxCode     string            `json:"tax_code" doc:"Tax class."`
	Prices      []PriceColumns    `json:"prices" doc:"One for each price list and currency."`
	Stock       []StockColumns    `json:"stock" doc:"One for each location."`
	Categories  string            `json:"categories" doc:"Category paths; a list."`
	Tags        string            `json:"tags" doc:"Tags; a list."`
	Media       string            `json:"media" doc:"Addresses of images; a list."`
	Weight      *WeightColumns    `json:"weight" doc:"Its mass."`
	Size        *SizeColumns      `json:"size" doc:"Its outer measure."`
	Attributes  map[string]string `json:"attributes" doc:"Name of an attribute = column."`
}

// PriceColumns hold one price.
type PriceColumns struct {
	Amount         string `json:"amount" required:"true" doc:"Column of the amount."`
	Currency       string `json:"currency" doc:"Currency of all amounts in it, such as EUR; or currency_column."`
	CurrencyColumn string `json:"currency_column" doc:"Column of the currency."`
	CompareAt      string `json:"compare_at" doc:"Column of the struck-through price."`
	List           string `json:"list" doc:"Price list; empty: the default list."`
	TaxIncluded    bool   `json:"tax_included" doc:"Whether the amounts hold the tax."`
}

// StockColumns hold the quantity at one location.
type StockColumns struct {
	Quantity string `json:"quantity" required:"true" doc:"Column of the quantity."`
	Location string `json:"location" doc:"Location; empty: the only or default one."`
}

// WeightColumns hold a weight.
type WeightColumns struct {
	Value string `json:"value" required:"true" doc:"Column of the number."`
	Unit  string `json:"unit" required:"true" choices:"g,kg,oz,lb" doc:"Unit of the numbers."`
}

// SizeColumns hold a size.
type SizeColumns struct {
	Length string `json:"length" doc:"Column of the length."`
	Width  string `json:"width" doc:"Column of the width."`
	Height string `json:"height" doc:"Column of the height."`
	Unit   string `json:"unit" required:"true" choices:"mm,cm,m,in" doc:"Unit of the numbers."`
}

// Statuses are the texts that stand for a status.
type Statuses struct {
	Active   string `json:"active" default:"active" doc:"On sale."`
	Draft    string `json:"draft" default:"draft" doc:"Not yet on sale."`
	Archived string `json:"archived" default:"archived" doc:"No longer on sale."`
}

// maxTimeout leaves room in Limits.Timeout for what surrounds the statements.
const maxTimeout = 50 * time.Second

// archivedNow is the value of Archive.Archived that stands for the time.
const archivedNow = "now"

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// faults collects everything that is wrong with the options.
type faults []error

func (f *faults) add(option, format string, args ...any) {
	*f = append(*f, sdk.Reject(option, fmt.Errorf(format, args...)))
}

// Validate finds what is wrong without asking the database.
func (c *Config) Validate() error {
	var f faults
	c.validateSource(&f)
	c.validateRoles(&f)
	if c.Timeout.Std() <= 0 || c.Timeout.Std() > maxTimeout {
		f.add("timeout", "must be more than 0s and at most %s", maxTimeout)
	}
	if c.Overlap < 0 {
		f.add("overlap", "must not be negative")
	}
	if c.Parted == "" {
		f.add("separator", "must not be empty")
	}
	for i, p := range c.Columns.Prices {
		option := fmt.Sprintf("columns.prices[%d].currency", i)
		switch {
		case (p.Currency == "") == (p.CurrencyColumn == ""):
			f.add(option, "of currency and currency_column write one")
		case p.Currency != "" && !currencyCode.MatchString(p.Currency):
			f.add(option, "is no ISO 4217 code, such as EUR")
		}
	}
	if s := c.Columns.Size; s != nil && s.Length == "" && s.Width == "" && s.Height == "" {
		f.add("columns.size", "names no column: write length, width or height")
	}
	uses := c.uses()
	if len(c.parts()) == 0 {
		f.add("columns", "map at least one field, such as name = \"title\"")
	}
	for _, option := range slices.Sorted(maps.Keys(uses)) {
		if err := checkName(uses[option]); err != nil {
			f.add(option, "%w", err)
		}
	}
	return errors.Join(f...)
}

func (c *Config) validateSource(f *faults) {
	if db, err := dialects[c.Driver].open(c.DSN.Reveal(), session{timeout: time.Second}); err != nil {
		f.add("dsn", "%w", err)
	} else {
		_ = db.Close() // opening connects to nothing
	}
	switch {
	case (c.Table == "") == (c.Query == ""):
		f.add("table", "of table and query write one")
	case c.Query != "" && c.Write:
		f.add("write", "a query can only be read: name a table")
	case strings.Contains(c.Query, ";"):
		f.add("query", "must be one SELECT without a semicolon")
	}
	if c.Table != "" {
		if _, err := parseIdentifier(c.Table); err != nil {
			f.add("table", "%w", err)
		}
	}
}

// validateRoles looks at the columns that are more than a field.
func (c *Config) validateRoles(f *faults) {
	switch {
	case c.Key == "" && c.RemoteID == "":
		f.add("key", "of key and remote_id name one at least")
	case c.Key == "" && !c.Write:
		f.add("key", "a source needs a key: name the column")
	case c.Key == "" && c.Columns.Code == "":
		f.add("key", "with neither key nor columns.code a product could not be found again, and would be there twice")
	}
	if c.Key != "" && c.Key == c.RemoteID {
		f.add("remote_id", "is the same column as key: leave it out")
	}
	s := c.Statuses
	if s.Active == s.Draft || s.Draft == s.Archived || s.Active == s.Archived {
		f.add("statuses", "two of them are the same text")
	}
	if a := c.Archive; a.Column != "" && a.Archived == a.Live {
		f.add("archive.live", "is the same as archive.archived")
	}
}

// identity names the column that tells rows apart, and its option.
func (c *Config) identity() (option, column string) {
	if c.RemoteID != "" {
		return "remote_id", c.RemoteID
	}
	return "key", c.Key
}

// uses are all columns that are named, by their options.
func (c *Config) uses() map[string]string {
	all := map[string]string{}
	for option, name := range map[string]string{
		"key": c.Key, "remote_id": c.RemoteID, "updated_at": c.UpdatedAt, "archive.column": c.Archive.Column,
	} {
		if name != "" {
			all[option] = name
		}
	}
	for _, p := range c.parts() {
		for _, u := range p.uses {
			all[u.option] = u.column
		}
	}
	return all
}

func tableName(c *Config) identifier {
	name, _ := parseIdentifier(c.Table) // Validate has seen it
	return name
}
