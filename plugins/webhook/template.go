package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/synchost/synchost/sdk"
)

// scope is what templates can use.
type scope struct {
	ID      string      // of the change: the same on every attempt
	Key     string      // of the product
	Op      string      // created, updated, deleted or received
	Time    time.Time   // of this attempt
	Event   sdk.Event   // in lanes without events: made from the change
	Product sdk.Product // as of the event

	raw *sdk.Raw // to pass on as it came; nil: tell of the product
}

// Attribute is the text of an attribute, empty where the product has none of
// that name. (.Product.Attributes.name is an error then.)
func (s *scope) Attribute(name string) string { return s.Product.Attributes[name].Text() }

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

// text is an option that may be a template.
type text struct {
	option   string
	template *template.Template // nil: the text is constant
	constant string
	sample   string // what came out for the first sample, or the constant
	fixed    bool   // it came out the same for all samples: it does not depend on the product
	discreet bool   // it uses a secret, and what it fails on may be that
}

// templates compiles options; it has the functions that they may call.
type templates struct {
	functions template.FuncMap
	faults    *faults
}

func newTemplates(secrets map[string]sdk.Secret, f *faults) templates {
	return templates{faults: f, functions: template.FuncMap{
		"json":    toJSON,
		"query":   url.QueryEscape,
		"path":    url.PathEscape,
		"base64":  toBase64,
		"default": orElse,
		"lower":   strings.ToLower,
		"upper":   strings.ToUpper,
		"secret": func(name string) (string, error) {
			secret, ok := secrets[name]
			if !ok {
				return "", errNoSecret // the name itself may be a secret: secret (secret "a")
			}
			return secret.Reveal(), nil
		},
	}}
}

var errNoSecret = errors.New("template_secrets has no such name")

// compile reads an option and tries it on samples, so that a field that does not
// exist is found now and not at the first product.
func (t templates) compile(option, source string) *text {
	parsed, err := template.New(option).Funcs(t.functions).Parse(source)
	if err != nil {
		t.faults.add(option, "%s", templateError(err))
		return &text{option: option}
	}
	if constant, ok := constantOf(parsed); ok {
		return &text{option: option, constant: constant, sample: constant, fixed: true}
	}
	compiled := &text{option: option, template: parsed.Option("missingkey=error"), fixed: true, discreet: strings.Contains(source, "secret")}
	trial, err := parsed.Clone()
	if err != nil {
		t.faults.add(option, "%w", err)
		return compiled
	}
	trial.Option("missingkey=zero") // a sample cannot have every attribute that may be asked for
	for i, sample := range samples() {
		var out bytes.Buffer
		if err := trial.Execute(&out, sample); err != nil {
			t.faults.add(option, "%s", compiled.failure(err))
			break
		}
		if i == 0 {
			compiled.sample = out.String()
		}
		compiled.fixed = compiled.fixed && out.String() == compiled.sample
	}
	return compiled
}

// constantOf is the text of a template that has nothing but text.
func constantOf(t *template.Template) (string, bool) {
	var constant strings.Builder
	if t.Tree == nil || t.Root == nil {
		return "", true
	}
	for _, node := range t.Root.Nodes {
		part, ok := node.(*parse.TextNode)
		if !ok {
			return "", false
		}
		constant.Write(part.Text)
	}
	return constant.String(), true
}

// prefix is the constant text at the start.
func (t *text) prefix() string {
	if t.template == nil || t.template.Tree == nil || len(t.template.Root.Nodes) == 0 {
		return t.constant
	}
	if first, ok := t.template.Root.Nodes[0].(*parse.TextNode); ok {
		return string(first.Text)
	}
	return ""
}

// render fails with a rejection of this product: the template asks for
// something that it does not have.
func (t *text) render(s *scope) ([]byte, error) {
	if t.template == nil {
		return []byte(t.constant), nil
	}
	var out bytes.Buffer
	if err := t.template.Execute(&out, s); err != nil {
		return nil, sdk.Reject(t.option, errors.New(t.failure(err)))
	}
	return out.Bytes(), nil
}

// failure says where the template fails, and why if that can be told.
func (t *text) failure(err error) string {
	said := templateError(err)
	if where, _, found := strings.Cut(said, ">: "); found && t.discreet && !errors.Is(err, errNoSecret) {
		return where + ">: it fails on a value that is not shown, since the template uses a secret"
	}
	return said
}

// templateError is the message without the words "template: " and the option,
// which is named beside it.
func templateError(err error) string {
	said := strings.TrimPrefix(err.Error(), "template: ")
	if _, after, ok := strings.Cut(said, ": executing "); ok {
		if _, at, ok := strings.Cut(after, " at "); ok {
			return "template, at " + at
		}
	}
	if _, after, ok := strings.Cut(said, ":"); ok {
		return "template, line " + after
	}
	return said
}

// toBase64 takes text, bytes such as .Event.Raw.Body, or what prints as text.
func toBase64(v any) string {
	data, ok := v.([]byte)
	if !ok {
		data = []byte(fmt.Sprint(v))
	}
	return base64.StdEncoding.EncodeToString(data)
}

func toJSON(v any) (string, error) {
	data, err := marshal(v)
	return string(data), err
}

// marshal is JSON as people write it: without \u003c for "<".
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func orElse(fallback, value any) any {
	if truth, _ := template.IsTrue(value); truth {
		return value
	}
	return fallback
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
		all = append(all, &scope{ID: "shop_e" + n, Key: n, Op: string(op), Time: at, Event: event, Product: product})
	}
	return all
}
