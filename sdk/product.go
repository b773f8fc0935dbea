package sdk

import (
	"errors"
	"math/big"
	"mime"
	"strings"
	"time"
)

// Product is the host's product, whole: the wanted state at every destination
// and the state that a source or platform reports. The zero value of a field
// means "empty"; which fields a caller speaks of is always told beside it (see
// Change.Fields, Plugin.Fields).
//
// Money and quantities are [Decimal], never floats. A Product is a value: copy
// it with Clone before changing what its slices and maps hold.
type Product struct {
	Key         string           `json:"key"`                   // the source's id: identifies the product for ever
	Code        string           `json:"code,omitempty"`        // SKU or article number, as people know it
	Name        string           `json:"name,omitempty"`        // display name
	Description string           `json:"description,omitempty"` // text or HTML, as the source keeps it
	Status      Status           `json:"status,omitempty"`      // empty: the source does not say
	Brand       string           `json:"brand,omitempty"`       // maker or brand name
	Unit        string           `json:"unit,omitempty"`        // unit of sale: "pcs", "kg", as the source names it
	Barcode     string           `json:"barcode,omitempty"`     // GTIN/EAN/UPC digits
	TaxCode     string           `json:"tax_code,omitempty"`    // the source's tax class
	Prices      []Price          `json:"prices,omitempty"`      // what it costs, by list and currency
	Stock       []Stock          `json:"stock,omitempty"`       // what is on hand, by location
	Categories  []string         `json:"categories,omitempty"`  // paths from the root, parts joined by "/"
	Tags        []string         `json:"tags,omitempty"`        // words to find it by
	Media       []Media          `json:"media,omitempty"`       // in display order
	Weight      *Weight          `json:"weight,omitempty"`      // nil: not known
	Size        *Size            `json:"size,omitempty"`        // nil: not known
	Variants    []Variant        `json:"variants,omitempty"`    // in display order; none: it is sold as it is
	Attributes  map[string]Value `json:"attributes,omitempty"`  // everything that has no field of its own
}

// Status says whether a product is on sale.
type Status string

// The statuses of a product.
const (
	Active   Status = "active"   // on sale
	Draft    Status = "draft"    // not yet on sale
	Archived Status = "archived" // no longer on sale, kept
)

// Price is one amount for which the product, or a variant of it, is sold.
type Price struct {
	Amount      Decimal `json:"amount"`                 // in units of Currency: "12.50"; never empty
	Currency    string  `json:"currency"`               // ISO 4217 code, upper case: "EUR", "IRR"
	List        string  `json:"list,omitempty"`         // price list; empty: the default list
	TaxIncluded bool    `json:"tax_included,omitempty"` // whether Amount holds the tax
	CompareAt   Decimal `json:"compare_at,omitempty"`   // the struck-through price; empty: none
}

// Stock is a quantity on hand at one location.
type Stock struct {
	Location string  `json:"location,omitempty"` // warehouse; empty: the only or default one
	Quantity Decimal `json:"quantity"`           // may be negative (oversold) or fractional (kg)
}

// Media is an image or file of a product.
type Media struct {
	URL    string `json:"url"`              // where it can be fetched; never empty
	Alt    string `json:"alt,omitempty"`    // text for those who cannot see it
	Digest string `json:"digest,omitempty"` // "sha256:" and hex of the bytes; empty: not known
}

// Weight is a mass with its unit.
type Weight struct {
	Value Decimal `json:"value"` // in Unit; never empty
	Unit  string  `json:"unit"`  // "g", "kg", "oz", "lb"
}

// Size is the outer measure of a product, each side in Unit.
type Size struct {
	Length Decimal `json:"length,omitempty"` // empty: not known
	Width  Decimal `json:"width,omitempty"`  // empty: not known
	Height Decimal `json:"height,omitempty"` // empty: not known
	Unit   string  `json:"unit"`             // "mm", "cm", "m", "in"
}

// Variant is one buyable form of a product. Variants are matched by Key where
// both have one, else by Code.
type Variant struct {
	Key     string          `json:"key,omitempty"`     // the source's id; of Key and Code one is there
	Code    string          `json:"code,omitempty"`    // SKU or article number
	Options []VariantOption `json:"options,omitempty"` // in display order
	Barcode string          `json:"barcode,omitempty"` // GTIN/EAN/UPC digits
	Prices  []Price         `json:"prices,omitempty"`  // its own
	Stock   []Stock         `json:"stock,omitempty"`   // its own
	Media   []Media         `json:"media,omitempty"`   // its own, in display order
	Weight  *Weight         `json:"weight,omitempty"`  // its own; nil: not known
}

// VariantOption is one choice that makes a variant: size = M.
type VariantOption struct {
	Name  string `json:"name"`  // "size"; never empty
	Value string `json:"value"` // "M"
}

// Decimal is an exact decimal number as text: "12.50", "-3", "0.001". Empty
// means "no number". Texts that differ only by trailing zeros are the same
// number for Equal. At most 64 characters, no exponent.
type Decimal string

// Rat is the exact value, for arithmetic. The empty Decimal and one that
// ParseDecimal would refuse give nil.
func (d Decimal) Rat() *big.Rat {
	if _, err := ParseDecimal(string(d)); err != nil || d == "" {
		return nil
	}
	r, _ := new(big.Rat).SetString(string(d))
	return r
}

// Event tells why a change came, in lanes that deliver every event.
type Event struct {
	ID     string    // the source's event id, or one the host made; same on every retry
	Source string    // the receiver or watched connector that brought it
	Op     EventOp   // what happened at the source
	Time   time.Time // when, by the source's clock where it says so, else when it arrived
	Hint   bool      // the source said only that something changed: the product may be older than the event
	Fields []string  // field paths that this event changed
	Raw    *Raw      // the request as it came, for events that map to no product
}

// EventOp is what happened to a product at its source.
type EventOp string

// The operations of an event.
const (
	Created  EventOp = "created"
	Updated  EventOp = "updated"
	Deleted  EventOp = "deleted"
	Received EventOp = "received" // a raw event: nothing is known of a product
)

// Raw is a request as a catch receiver took it.
type Raw struct {
	Method      string            `json:"method"`                 // HTTP method
	Query       string            `json:"query,omitempty"`        // without the leading "?", protection parameters removed
	ContentType string            `json:"content_type,omitempty"` // as sent, with its parameters
	Headers     map[string]string `json:"headers,omitempty"`      // canonical names; credentials and hop-by-hop headers removed
	Body        []byte            `json:"body,omitempty"`         // as it came
}

// MediaType is the type that a Content-Type names, in lower case and without its
// parameters; empty where it names none. The charset stays where it is none that
// reads as UTF-8: "text/plain; charset=latin1".
func MediaType(contentType string) string {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	switch charset := params["charset"]; strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii":
		return media
	default:
		return media + "; charset=" + charset
	}
}
