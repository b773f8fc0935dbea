package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/synchost/synchost/sdk"
)

// scope is what there is to tell of a change: what styles write and templates use.
type scope struct {
	ID      string      // of the change: the same on every attempt
	Key     string      // of the product
	Op      string      // created, updated, deleted or received
	Time    time.Time   // of this attempt
	Event   sdk.Event   // in lanes without events: made from the change
	Product sdk.Product // as of the event

	raw *sdk.Raw // to pass on as it came; nil: tell of the product

	body    any // what Body gives, once it was asked for
	bodyErr error
	parsed  bool
	sample  bool // made up, to try templates on
}

// Attribute is the text of an attribute, empty where the product has none of
// that name. (.Product.Attributes.name is an error then.)
func (s *scope) Attribute(name string) string { return s.Product.Attributes[name].Text() }

// Header is a header of an event about no product, in any spelling; empty where
// it is not there.
func (s *scope) Header(name string) string {
	if s.Event.Raw == nil {
		return ""
	}
	return s.Event.Raw.Headers[http.CanonicalHeaderKey(name)]
}

// Body is what is in the body of an event about no product.
func (s *scope) Body() (any, error) {
	if s.sample {
		return unknown{}, nil
	}
	if !s.parsed {
		s.parsed = true
		s.body, s.bodyErr = parseBody(s.Event.Raw)
	}
	return s.body, s.bodyErr
}

func newScope(c *sdk.Change, at time.Time) *scope {
	s := &scope{ID: c.ID, Key: c.Key, Time: at.UTC(), Product: c.Product}
	if c.Event != nil {
		s.Event = *c.Event
	} else {
		s.Event = sdk.Event{ID: c.ID, Op: sdk.Updated, Time: s.Time, Fields: c.Fields}
		if c.Op == sdk.Archive || c.Op == sdk.Purge {
			s.Event.Op = sdk.Deleted
		}
	}
	if s.Op = string(s.Event.Op); c.Op == sdk.Forward {
		s.raw = s.Event.Raw
	}
	return s
}

// samples are an event of each operation, about a product that has everything,
// two of what is a list.
func samples() []*scope {
	prices := []sdk.Price{{Amount: "12.50", Currency: "EUR"}, {Amount: "11", Currency: "USD", CompareAt: "13"}}
	stock := []sdk.Stock{{Location: "north", Quantity: "3"}, {Location: "south", Quantity: "4"}}
	media := []sdk.Media{{URL: "https://example.com/1.jpg", Alt: "front"}, {URL: "https://example.com/2.jpg", Alt: "back"}}
	weight := &sdk.Weight{Value: "1.5", Unit: "kg"}
	variant := sdk.Variant{
		Key: "1-m", Code: "K-1-M", Barcode: "4006381333931", Prices: prices, Stock: stock, Media: media, Weight: weight,
		Options: []sdk.VariantOption{{Name: "size", Value: "M"}, {Name: "colour", Value: "red"}},
	}
	product := sdk.Product{
		Description: "A bag.", Status: sdk.Active, Brand: "Acme", Unit: "pcs",
		Barcode: "4006381333931", TaxCode: "standard", Prices: prices, Stock: stock,
		Categories: []string{"Bags", "Bags/Leather"}, Tags: []string{"new", "leather"}, Media: media, Weight: weight,
		Size:     &sdk.Size{Length: "10", Width: "20", Height: "30", Unit: "cm"},
		Variants: []sdk.Variant{variant, variant},
	}
	raw := &sdk.Raw{Method: "POST", Query: "a=1", ContentType: "application/json", Body: []byte("{}")}
	var all []*scope
	for i, op := range []sdk.EventOp{sdk.Created, sdk.Updated, sdk.Deleted, sdk.Received} {
		n := strconv.Itoa(i + 1)
		at := time.Date(2026, 1, 2, 3, 4, i, 0, time.UTC)
		product.Key, product.Code, product.Name = n, "K-"+n, "Bag "+n
		event := sdk.Event{ID: "e" + n, Source: "shop", Op: op, Time: at, Fields: []string{"name", "prices"}, Raw: raw}
		all = append(all, &scope{ID: "shop_e" + n, Key: n, Op: string(op), Time: at, Event: event, Product: product, sample: true})
	}
	return all
}
