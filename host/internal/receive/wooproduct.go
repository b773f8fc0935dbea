package receive

import (
	"encoding/json"
	"html"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
)

// wooProduct is the REST resource, as far as it has a place in ours.
type wooProduct struct {
	ID          loose             `json:"id"`
	Parent      loose             `json:"parent_id"`
	Type        string            `json:"type"`
	Name        json.RawMessage   `json:"name"`
	Description json.RawMessage   `json:"description"`
	SKU         json.RawMessage   `json:"sku"`
	Barcode     json.RawMessage   `json:"global_unique_id"`
	TaxClass    json.RawMessage   `json:"tax_class"`
	Slug        json.RawMessage   `json:"slug"`
	Status      string            `json:"status"`
	Price       *loose            `json:"price"`
	Regular     loose             `json:"regular_price"`
	Counted     *bool             `json:"manage_stock"`
	Quantity    loose             `json:"stock_quantity"`
	Brands      []wooTerm         `json:"brands"`
	Tags        []wooTerm         `json:"tags"`
	Images      []wooImage        `json:"images"`
	Variations  []json.RawMessage `json:"variations"`
	Changed     string            `json:"date_modified_gmt"`
}

type wooTerm struct {
	Name string `json:"name"` // as HTML
}

type wooImage struct {
	URL string `json:"src"`
	Alt string `json:"alt"`
}

// varies says whether the product has variations, which are not told.
func (p *wooProduct) varies() bool {
	return strings.HasPrefix(p.Type, "variable") || len(p.Variations) > 0
}

// changed is when it was, which is told without a zone.
func (p *wooProduct) changed(arrival time.Time) time.Time {
	if at, err := time.Parse("2006-01-02T15:04:05", p.Changed); err == nil && !at.IsZero() {
		return at
	}
	return arrival
}

// wooStatus are the statuses of ours. What is private, pending or of the future is
// not on sale yet, and what is unknown is said nothing of.
var wooStatus = map[string]sdk.Status{
	"publish": sdk.Active, "draft": sdk.Draft, "pending": sdk.Draft, "private": sdk.Draft, "future": sdk.Draft, "trash": sdk.Archived,
}

// snapshot leaves categories out: of each there is the name and not where it hangs,
// and weights: their unit is a setting of the shop that is not told.
func (p *wooProduct) snapshot(currency string) snapshot {
	s := snapshot{}
	s.tell("name", p.Name)
	s.tell("description", p.Description)
	s.tell("code", p.SKU)
	s.tell("barcode", p.Barcode)
	s.tell("tax_code", p.TaxClass)
	if p.Slug != nil {
		s["attributes"] = snapshot{"slug": p.Slug}
	}
	if status := wooStatus[p.Status]; status != "" {
		s["status"] = status
	}
	if p.Tags != nil {
		s["tags"] = wooNames(p.Tags)
	}
	if names := wooNames(p.Brands); len(names) > 0 {
		s["brand"] = names[0]
	} else if p.Brands != nil {
		s["brand"] = nil
	}
	if p.Images != nil {
		media := make([]sdk.Media, len(p.Images))
		for i, image := range p.Images {
			media[i] = sdk.Media{URL: image.URL, Alt: image.Alt}
		}
		s["media"] = media
	}
	if !p.varies() {
		p.tellSale(s, currency)
	}
	return s
}

// tellSale tells price and quantity of a product that is sold as it is.
func (p *wooProduct) tellSale(s snapshot, currency string) {
	if p.Price != nil && currency != "" {
		s["prices"] = price(*p.Price, p.Regular, currency)
	}
	switch {
	case p.Counted == nil:
	case *p.Counted && p.Quantity != "":
		s["stock"] = []sdk.Stock{{Quantity: sdk.Decimal(p.Quantity)}}
	default:
		s["stock"] = nil // nobody counts it
	}
	if p.Variations != nil {
		s["variants"] = nil
	}
}

func wooNames(terms []wooTerm) []string {
	names := make([]string, len(terms))
	for i, term := range terms {
		names[i] = html.UnescapeString(term.Name)
	}
	return names
}
