package sdk

import (
	"maps"
	"slices"
	"strings"
)

// Field paths name parts of a product: "name", "prices", "stock". Attributes are
// "attributes.<name>", all of them "attributes.*". Parts of variants can be
// carried alone: "variants.prices", "variants.stock", "variants.media",
// "variants.barcode", "variants.weight"; "variants" alone is which variants
// there are, with their codes and options, and covers its parts when a path is
// matched. RawField is carried by connectors that take events of no product.

// RawField is the field path of connectors that take Forward changes. It names
// no part of a product.
const RawField = "raw"

// FieldPaths are all field paths of a product, in the order of its struct.
// "attributes.*" stands for every attribute. The slice is the caller's.
func FieldPaths() []string {
	paths := make([]string, 0, len(fields)+1)
	for _, f := range fields {
		paths = append(paths, f.path)
	}
	return append(paths, attributes+"*")
}

const attributes = "attributes."

// field is one part of a product that is compared and written by itself.
type field struct {
	path  string
	equal func(a, b *Product) bool
	copy  func(to, from *Product)
}

var fields = []field{
	text("code", func(p *Product) *string { return &p.Code }),
	text("name", func(p *Product) *string { return &p.Name }),
	text("description", func(p *Product) *string { return &p.Description }),
	text("status", func(p *Product) *Status { return &p.Status }),
	text("brand", func(p *Product) *string { return &p.Brand }),
	text("unit", func(p *Product) *string { return &p.Unit }),
	text("barcode", func(p *Product) *string { return &p.Barcode }),
	text("tax_code", func(p *Product) *string { return &p.TaxCode }),
	list("prices", func(p *Product) *[]Price { return &p.Prices }, Price.equal),
	list("stock", func(p *Product) *[]Stock { return &p.Stock }, Stock.equal),
	list("categories", func(p *Product) *[]string { return &p.Categories }, same[string]),
	list("tags", func(p *Product) *[]string { return &p.Tags }, same[string]),
	list("media", func(p *Product) *[]Media { return &p.Media }, same[Media]),
	{"weight", func(a, b *Product) bool { return equalWeight(a.Weight, b.Weight) },
		func(to, from *Product) { to.Weight = from.Weight }},
	{"size", func(a, b *Product) bool { return equalSize(a.Size, b.Size) },
		func(to, from *Product) { to.Size = from.Size }},
	{"variants", equalVariants, func(to, from *Product) { to.Variants = from.Variants }},
	variant("barcode", func(a, b *Variant) bool { return a.Barcode == b.Barcode },
		func(to, from *Variant) { to.Barcode = from.Barcode }),
	variant("prices", func(a, b *Variant) bool { return slices.EqualFunc(a.Prices, b.Prices, Price.equal) },
		func(to, from *Variant) { to.Prices = from.Prices }),
	variant("stock", func(a, b *Variant) bool { return slices.EqualFunc(a.Stock, b.Stock, Stock.equal) },
		func(to, from *Variant) { to.Stock = from.Stock }),
	variant("media", func(a, b *Variant) bool { return slices.Equal(a.Media, b.Media) },
		func(to, from *Variant) { to.Media = from.Media }),
	variant("weight", func(a, b *Variant) bool { return equalWeight(a.Weight, b.Weight) },
		func(to, from *Variant) { to.Weight = from.Weight }),
}

var fieldByPath = func() map[string]field {
	m := make(map[string]field, len(fields))
	for _, f := range fields {
		m[f.path] = f
	}
	return m
}()

// KnownField says whether path names a field of a product, or a pattern over
// fields ("attributes.*").
func KnownField(path string) bool {
	_, ok := fieldByPath[path]
	return ok || strings.HasPrefix(path, attributes) && len(path) > len(attributes)
}

// CoversField says whether the paths in patterns name path: by itself, by
// "attributes.*", or "variants" for a part of variants.
func CoversField(patterns []string, path string) bool {
	for _, p := range patterns {
		switch {
		case p == path,
			p == attributes+"*" && strings.HasPrefix(path, attributes),
			p == "variants" && strings.HasPrefix(path, "variants."):
			return true
		}
	}
	return false
}

// Diff lists the field paths in which a and b differ, in the order of
// FieldPaths, attributes last by name. Equal products give nil. Numbers are
// compared as numbers; lists in order.
func Diff(a, b *Product) []string {
	var paths []string
	for i := range fields {
		if !fields[i].equal(a, b) {
			paths = append(paths, fields[i].path)
		}
	}
	from := len(paths)
	for name, value := range a.Attributes {
		if other, ok := b.Attributes[name]; !ok || !value.Equal(other) {
			paths = append(paths, attributes+name)
		}
	}
	for name := range b.Attributes {
		if _, ok := a.Attributes[name]; !ok {
			paths = append(paths, attributes+name)
		}
	}
	slices.Sort(paths[from:])
	return paths
}

// EqualField says whether a and b agree in the field of that path. An unknown
// path is equal.
func EqualField(a, b *Product, path string) bool {
	if f, ok := fieldByPath[path]; ok {
		return f.equal(a, b)
	}
	if name, ok := strings.CutPrefix(path, attributes); ok {
		left, inA := a.Attributes[name]
		right, inB := b.Attributes[name]
		return inA == inB && left.Equal(right)
	}
	return true
}

// CopyField makes the field of that path in to what it is in from; empty there
// means cleared. The slices are shared, not copied: both are read-only after
// it. A part of variants is copied into the variants that both have. An
// unknown path copies nothing.
func CopyField(to, from *Product, path string) {
	if f, ok := fieldByPath[path]; ok {
		f.copy(to, from)
		return
	}
	name, ok := strings.CutPrefix(path, attributes)
	if !ok {
		return
	}
	value, there := from.Attributes[name]
	if _, had := to.Attributes[name]; !there && !had {
		return
	}
	changed := maps.Clone(to.Attributes)
	if !there {
		delete(changed, name)
	} else {
		if changed == nil {
			changed = make(map[string]Value, 1)
		}
		changed[name] = value
	}
	to.Attributes = changed
}

// Clone is a copy that shares nothing with p.
func (p Product) Clone() Product {
	p.Prices = slices.Clone(p.Prices)
	p.Stock = slices.Clone(p.Stock)
	p.Categories = slices.Clone(p.Categories)
	p.Tags = slices.Clone(p.Tags)
	p.Media = slices.Clone(p.Media)
	p.Weight = clone(p.Weight)
	p.Size = clone(p.Size)
	p.Variants = slices.Clone(p.Variants)
	for i := range p.Variants {
		v := &p.Variants[i]
		v.Options = slices.Clone(v.Options)
		v.Prices = slices.Clone(v.Prices)
		v.Stock = slices.Clone(v.Stock)
		v.Media = slices.Clone(v.Media)
		v.Weight = clone(v.Weight)
	}
	p.Attributes = maps.Clone(p.Attributes)
	return p
}

func text[T comparable](path string, of func(*Product) *T) field {
	return field{path,
		func(a, b *Product) bool { return *of(a) == *of(b) },
		func(to, from *Product) { *of(to) = *of(from) }}
}

func list[T any](path string, of func(*Product) *[]T, equal func(a, b T) bool) field {
	return field{path,
		func(a, b *Product) bool { return slices.EqualFunc(*of(a), *of(b), equal) },
		func(to, from *Product) { *of(to) = *of(from) }}
}

// variant is a part of the variants that both products have.
func variant(part string, equal func(a, b *Variant) bool, copyPart func(to, from *Variant)) field {
	return field{"variants." + part,
		func(a, b *Product) bool {
			for i := range a.Variants {
				if w := counterpart(a.Variants, i, b.Variants); w != nil && !equal(&a.Variants[i], w) {
					return false
				}
			}
			return true
		},
		func(to, from *Product) {
			to.Variants = slices.Clone(to.Variants)
			for i := range to.Variants {
				if w := counterpart(to.Variants, i, from.Variants); w != nil {
					copyPart(&to.Variants[i], w)
				}
			}
		}}
}

func same[T comparable](a, b T) bool { return a == b }

func (p Price) equal(q Price) bool {
	return p.Currency == q.Currency && p.List == q.List && p.TaxIncluded == q.TaxIncluded &&
		p.Amount.Equal(q.Amount) && p.CompareAt.Equal(q.CompareAt)
}

func (s Stock) equal(t Stock) bool {
	return s.Location == t.Location && s.Quantity.Equal(t.Quantity)
}

func equalWeight(a, b *Weight) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Unit == b.Unit && a.Value.Equal(b.Value)
}

func equalSize(a, b *Size) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Unit == b.Unit && a.Length.Equal(b.Length) && a.Width.Equal(b.Width) && a.Height.Equal(b.Height)
}

func equalVariants(a, b *Product) bool {
	return slices.EqualFunc(a.Variants, b.Variants, func(v, w Variant) bool {
		return v.is(w) && v.Code == w.Code && slices.Equal(v.Options, w.Options)
	})
}

// is says whether both are the same variant.
func (v Variant) is(w Variant) bool {
	if v.Key != "" && w.Key != "" {
		return v.Key == w.Key
	}
	return v.Code == w.Code
}

// counterpart is the variant in other that variants[i] is compared with. The
// one at the same place comes first, so that a product whose variants cannot be
// told apart still equals itself.
func counterpart(variants []Variant, i int, other []Variant) *Variant {
	if i < len(other) && variants[i].is(other[i]) {
		return &other[i]
	}
	if j := slices.IndexFunc(other, variants[i].is); j >= 0 {
		return &other[j]
	}
	return nil
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
