package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/expression"
	"github.com/synchost/synchost/sdk"
)

// Problem is one thing wrong with a mapping.
type Problem struct {
	Field        string // the field path that is mapped
	Line, Column int    // in the expression's text, from 1; 0: as a whole
	Message      string // what is wrong and what to do, with its place
}

// Mapping makes fields of a product for one connector.
type Mapping struct {
	paths    []string // all of them, sorted
	products expression.Fields
	variants expression.Fields // parts of variants, which are made for each variant
	print    string
}

const variantPrefix = "variants."

// CompileMapping checks a mapping: field paths and the expressions that make
// them. All problems are found at once. An empty mapping is nil: it changes
// nothing.
func CompileMapping(fields map[string]string) (*Mapping, []Problem) {
	if len(fields) == 0 {
		return nil, nil
	}
	m := Mapping{paths: slices.Sorted(maps.Keys(fields))}
	var problems []Problem
	var texts []string
	for _, path := range m.paths {
		texts = append(texts, path, fields[path])
		if err := m.add(path, fields[path]); err != nil {
			p := Problem{Field: path, Message: err.Error()}
			if at, ok := errors.AsType[*expression.Error](err); ok {
				p.Line, p.Column = at.Line, at.Column
			}
			problems = append(problems, p)
		}
	}
	if _, whole := fields["variants"]; whole && len(m.variants) > 0 {
		problems = append(problems, Problem{Field: "variants",
			Message: "is mapped as a whole and in parts: keep either variants or " + m.variants[0].Path()})
	}
	if len(problems) > 0 {
		return nil, problems
	}
	m.print = fingerprint(texts...)
	return &m, nil
}

func (m *Mapping) add(path, text string) error {
	fields, names := &m.products, expression.OfProduct
	if strings.HasPrefix(path, variantPrefix) {
		fields, names = &m.variants, expression.OfVariant
	}
	field, err := expression.CompileField(path, text, names)
	if err == nil {
		*fields = append(*fields, field)
	}
	return err
}

// Fields are the field paths that the mapping makes, sorted. They are the
// mapping's own: nobody changes them.
func (m *Mapping) Fields() []string {
	if m == nil {
		return nil
	}
	return m.paths
}

// Apply is p with the mapped fields made anew; p itself stays as it is, and
// shares with the outcome what is not mapped. Each expression sees p as it was.
// An expression that gives nothing clears its field. Without an event, event's
// fields are empty. Many goroutines may use a Mapping at once.
func (m *Mapping) Apply(p *sdk.Product, e *sdk.Event) (sdk.Product, error) {
	out := *p
	if m == nil {
		return out, nil
	}
	scope := expression.Product(p, e, m.products.Needs()|m.variants.Needs())
	made, err := m.products.Patch(scope, expression.Clear)
	if err != nil {
		return sdk.Product{}, err
	}
	for _, path := range m.paths {
		if !strings.HasPrefix(path, variantPrefix) {
			sdk.CopyField(&out, &made.Product, path)
		}
	}
	if len(m.variants) == 0 {
		return out, nil
	}
	out.Variants = slices.Clone(p.Variants)
	for i := range out.Variants {
		made, err := m.variants.Patch(scope.Variant(&p.Variants[i]), expression.Clear)
		if err != nil {
			return sdk.Product{}, fmt.Errorf("variants[%d].%w", i, err)
		}
		for _, f := range m.variants {
			copyPart(&out.Variants[i], &made.Product, strings.TrimPrefix(f.Path(), variantPrefix))
		}
	}
	return out, nil
}

// copyPart gives a variant what was made as a product's field of that name.
func copyPart(to *sdk.Variant, from *sdk.Product, name string) {
	switch name {
	case "barcode":
		to.Barcode = from.Barcode
	case "prices":
		to.Prices = from.Prices
	case "stock":
		to.Stock = from.Stock
	case "media":
		to.Media = from.Media
	case "weight":
		to.Weight = from.Weight
	}
}

// Fingerprint changes with the mapping's paths and texts.
func (m *Mapping) Fingerprint() string {
	if m == nil {
		return ""
	}
	return m.print
}

func fingerprint(texts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", texts))
	return hex.EncodeToString(sum[:8])
}
