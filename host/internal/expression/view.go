package expression

import (
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
)

// ProductScope is what expressions see of a product. The tags are the names they
// use. It is for one goroutine.
type ProductScope struct {
	Product productView `expr:"product"`
	Event   eventView   `expr:"event"`
	Steps   budget      `expr:"the steps left"` // no name that can be written
}

// VariantScope is what the expressions of variants.… see.
type VariantScope struct {
	ProductScope
	Variant variantView `expr:"variant"`
}

// budget counts down the rounds of all loops in one scope.
type budget struct{ left *int }

func newBudget() budget {
	left := maxSteps
	return budget{&left}
}

// productView is a product to expressions: numbers are Decimals that can be
// calculated with, texts are plain strings, and attributes hold what they hold.
type productView struct {
	Key         string         `expr:"key"`
	Code        string         `expr:"code"`
	Name        string         `expr:"name"`
	Description string         `expr:"description"`
	Status      string         `expr:"status"`
	Brand       string         `expr:"brand"`
	Unit        string         `expr:"unit"`
	Barcode     string         `expr:"barcode"`
	TaxCode     string         `expr:"tax_code"`
	Prices      []priceView    `expr:"prices"`
	Stock       []stockView    `expr:"stock"`
	Categories  []string       `expr:"categories"`
	Tags        []string       `expr:"tags"`
	Media       []mediaView    `expr:"media"`
	Weight      weightView     `expr:"weight"`
	Size        sizeView       `expr:"size"`
	Variants    []variantView  `expr:"variants"`
	Attributes  map[string]any `expr:"attributes"`

	source *sdk.Product
}

type priceView struct {
	Amount      Decimal `expr:"amount"`
	Currency    string  `expr:"currency"`
	List        string  `expr:"list"`
	TaxIncluded bool    `expr:"tax_included"`
	CompareAt   Decimal `expr:"compare_at"`
}

type stockView struct {
	Location string  `expr:"location"`
	Quantity Decimal `expr:"quantity"`
}

type mediaView struct {
	URL    string `expr:"url"`
	Alt    string `expr:"alt"`
	Digest string `expr:"digest"`
}

// weightView and sizeView are no pointers, so that product.weight.value of a
// product without weight is nothing rather than an error.
type weightView struct {
	Value Decimal `expr:"value"`
	Unit  string  `expr:"unit"`
}

type sizeView struct {
	Length Decimal `expr:"length"`
	Width  Decimal `expr:"width"`
	Height Decimal `expr:"height"`
	Unit   string  `expr:"unit"`
}

type variantView struct {
	Key     string       `expr:"key"`
	Code    string       `expr:"code"`
	Options []optionView `expr:"options"`
	Barcode string       `expr:"barcode"`
	Prices  []priceView  `expr:"prices"`
	Stock   []stockView  `expr:"stock"`
	Media   []mediaView  `expr:"media"`
	Weight  weightView   `expr:"weight"`

	source *sdk.Variant
}

type optionView struct {
	Name  string `expr:"name"`
	Value string `expr:"value"`
}

type eventView struct {
	ID     string   `expr:"id"`
	Source string   `expr:"source"`
	Op     string   `expr:"op"`
	Time   string   `expr:"time"` // RFC 3339 in UTC, whole seconds: sorts as text
	Fields []string `expr:"fields"`
	Hint   bool     `expr:"hint"`

	// Of an event about no product, which is a request as it came.
	Body    any               `expr:"body"`
	Headers map[string]string `expr:"headers"` // by their names in lower case
	Query   map[string]string `expr:"query"`
	Method  string            `expr:"method"`
}

// Parts are what of a product or its event must be converted for an expression.
// The rest is always there: most filters look at a text or two, and cost no
// conversion.
type Parts uint8

const (
	pricesPart Parts = 1 << iota
	stockPart
	mediaPart
	variantsPart
	attributesPart
	requestPart
	allParts = pricesPart | stockPart | mediaPart | variantsPart | attributesPart | requestPart
)

var partByName = map[string]Parts{
	"prices": pricesPart, "stock": stockPart, "media": mediaPart, "variants": variantsPart, "attributes": attributesPart,
}

var partOfEvent = map[string]Parts{"body": requestPart, "headers": requestPart, "query": requestPart, "method": requestPart}

// Product is the scope of a product, for expressions that need these parts of it.
// Without an event, event's fields are empty.
func Product(p *sdk.Product, e *sdk.Event, needed Parts) *ProductScope {
	s := &ProductScope{Product: viewProduct(p, needed), Steps: newBudget()}
	if e != nil {
		s.Event = viewEvent(e, needed)
	}
	return s
}

func viewEvent(e *sdk.Event, needed Parts) eventView {
	v := eventView{ID: e.ID, Source: e.Source, Op: string(e.Op), Fields: e.Fields, Hint: e.Hint}
	if !e.Time.IsZero() {
		v.Time = e.Time.UTC().Format(time.RFC3339)
	}
	if raw := e.Raw; raw != nil && needed&requestPart != 0 {
		v.Method, v.Query, v.Headers = raw.Method, map[string]string{}, make(map[string]string, len(raw.Headers))
		// A body or a parameter that cannot be read is as if it were not there:
		// such a request was taken in as it is, too.
		v.Body, _ = ParseBody(sdk.MediaType(raw.ContentType), raw.Body)
		query, _ := url.ParseQuery(raw.Query)
		for name, values := range query {
			v.Query[name] = values[0]
		}
		for name, value := range raw.Headers {
			v.Headers[strings.ToLower(name)] = value
		}
	}
	return v
}

// Variant is the scope of a variant of the product.
func (s *ProductScope) Variant(v *sdk.Variant) *VariantScope {
	return &VariantScope{*s, viewVariant(v)}
}

func viewProduct(p *sdk.Product, needed Parts) productView {
	v := productView{
		Key: p.Key, Code: p.Code, Name: p.Name, Description: p.Description, Status: string(p.Status),
		Brand: p.Brand, Unit: p.Unit, Barcode: p.Barcode, TaxCode: p.TaxCode,
		Categories: p.Categories, Tags: p.Tags, Weight: viewWeight(p.Weight), source: p,
	}
	if s := p.Size; s != nil {
		v.Size = sizeView{viewDecimal(s.Length), viewDecimal(s.Width), viewDecimal(s.Height), s.Unit}
	}
	if needed&pricesPart != 0 {
		v.Prices = each(p.Prices, viewPrice)
	}
	if needed&stockPart != 0 {
		v.Stock = each(p.Stock, viewStock)
	}
	if needed&mediaPart != 0 {
		v.Media = each(p.Media, viewMedia)
	}
	if needed&variantsPart != 0 {
		v.Variants = each(p.Variants, viewVariant)
	}
	if needed&attributesPart != 0 {
		v.Attributes = make(map[string]any, len(p.Attributes))
		for name, value := range p.Attributes {
			v.Attributes[name] = viewValue(&value)
		}
	}
	return v
}

func viewDecimal(d sdk.Decimal) Decimal { return Decimal{text: d} }

func viewPrice(p *sdk.Price) priceView {
	return priceView{viewDecimal(p.Amount), p.Currency, p.List, p.TaxIncluded, viewDecimal(p.CompareAt)}
}

func viewStock(s *sdk.Stock) stockView { return stockView{s.Location, viewDecimal(s.Quantity)} }

func viewMedia(m *sdk.Media) mediaView { return mediaView{m.URL, m.Alt, m.Digest} }

func viewWeight(w *sdk.Weight) weightView {
	if w == nil {
		return weightView{}
	}
	return weightView{viewDecimal(w.Value), w.Unit}
}

func viewVariant(v *sdk.Variant) variantView {
	return variantView{
		Key: v.Key, Code: v.Code, Barcode: v.Barcode, Weight: viewWeight(v.Weight), source: v,
		Options: each(v.Options, func(o *sdk.VariantOption) optionView { return optionView{o.Name, o.Value} }),
		Prices:  each(v.Prices, viewPrice), Stock: each(v.Stock, viewStock), Media: each(v.Media, viewMedia),
	}
}

func viewValue(v *sdk.Value) any {
	switch v.Kind() {
	case sdk.StringValue:
		return v.Text()
	case sdk.NumberValue:
		return viewDecimal(v.Decimal())
	case sdk.BoolValue:
		return v.IsTrue()
	case sdk.ListValue:
		return each(v.Items(), viewValue)
	}
	return nil
}

func each[T, V any](items []T, view func(*T) V) []V {
	views := make([]V, len(items))
	for i := range items {
		views[i] = view(&items[i])
	}
	return views
}

// offers are the prices and stock of a product or a variant.
func offers(view any) ([]sdk.Price, []sdk.Stock) {
	switch v := view.(type) {
	case productView:
		if v.source != nil {
			return v.source.Prices, v.source.Stock
		}
	case variantView:
		if v.source != nil {
			return v.source.Prices, v.source.Stock
		}
	}
	return nil, nil
}

// names are those that expressions use for the fields of a view.
func names(view reflect.Type) []string {
	var all []string
	for _, f := range reflect.VisibleFields(view) {
		if name := f.Tag.Get("expr"); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// rootsOf are the names that are known by themselves in a scope.
func rootsOf(scope any) []string {
	return slices.DeleteFunc(names(reflect.TypeOf(scope).Elem()), func(name string) bool { return strings.Contains(name, " ") })
}

// member is the field that expressions call name.
func member(view reflect.Type, name string) (reflect.StructField, bool) {
	for i := range view.NumField() {
		if f := view.Field(i); f.Tag.Get("expr") == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}
