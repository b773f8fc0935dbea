package sdk

import (
	"slices"
	"strings"
	"testing"
)

// fieldEdits change exactly the field they are filed under, in a full product.
var fieldEdits = map[string]func(*Product){
	"code":             func(p *Product) { p.Code = "x" },
	"name":             func(p *Product) { p.Name = "x" },
	"description":      func(p *Product) { p.Description = "" },
	"status":           func(p *Product) { p.Status = Draft },
	"brand":            func(p *Product) { p.Brand = "x" },
	"unit":             func(p *Product) { p.Unit = "x" },
	"barcode":          func(p *Product) { p.Barcode = "x" },
	"tax_code":         func(p *Product) { p.TaxCode = "x" },
	"prices":           func(p *Product) { p.Prices[0].Amount = "99" },
	"stock":            func(p *Product) { p.Stock = nil },
	"categories":       func(p *Product) { p.Categories = append(p.Categories, "x") },
	"tags":             func(p *Product) { slices.Reverse(p.Tags) },
	"media":            func(p *Product) { p.Media[0].Alt = "x" },
	"weight":           func(p *Product) { p.Weight = nil },
	"size":             func(p *Product) { p.Size.Height = "9" },
	"variants":         func(p *Product) { p.Variants[0].Options[0].Value = "L" },
	"variants.barcode": func(p *Product) { p.Variants[0].Barcode = "x" },
	"variants.prices":  func(p *Product) { p.Variants[0].Prices[0].TaxIncluded = true },
	"variants.stock":   func(p *Product) { p.Variants[0].Stock[0].Quantity = "8" },
	"variants.media":   func(p *Product) { p.Variants[0].Media = nil },
	"variants.weight":  func(p *Product) { p.Variants[0].Weight.Unit = "oz" },
	"attributes.text":  func(p *Product) { p.Attributes["text"] = String("x") },
	"attributes.new":   func(p *Product) { p.Attributes["new"] = Bool(true) },
	"attributes.list":  func(p *Product) { delete(p.Attributes, "list") },
}

func TestEveryFieldIsComparedAndCopiedByItself(t *testing.T) {
	for _, path := range FieldPaths() {
		if _, ok := fieldEdits[path]; !ok && path != "attributes.*" {
			t.Errorf("no case changes %s", path)
		}
	}
	for path, edit := range fieldEdits {
		t.Run(path, func(t *testing.T) {
			before, after := full(), full().Clone()
			edit(&after)
			if got := Diff(&before, &after); !slices.Equal(got, []string{path}) {
				t.Fatalf("Diff = %v", got)
			}
			if EqualField(&before, &after, path) {
				t.Error("EqualField says equal")
			}
			untouched := before.Clone()
			copied := before
			CopyField(&copied, &after, path)
			if got := Diff(&copied, &after); got != nil {
				t.Errorf("after CopyField they still differ in %v", got)
			}
			if got := Diff(&before, &untouched); got != nil {
				t.Errorf("CopyField changed what it copied into by sharing: %v", got)
			}
			CopyField(&copied, &before, path)
			if got := Diff(&copied, &before); got != nil {
				t.Errorf("copied back, they differ in %v", got)
			}
		})
	}
}

func TestNumbersAreComparedAsNumbers(t *testing.T) {
	a, b := full(), full()
	b.Prices[0].Amount, b.Stock[1].Quantity, b.Weight.Value = "12.5", "0.500", "0.25"
	b.Attributes["number"] = Number("01.5")
	if paths := Diff(&a, &b); paths != nil {
		t.Errorf("equal numbers differ in %v", paths)
	}
}

func TestVariantsAreMatchedByKeyElseByCode(t *testing.T) {
	keyed := Product{Variants: []Variant{{Key: "k1", Code: "c1", Barcode: "1"}, {Key: "k2", Code: "c2", Barcode: "2"}}}
	for name, c := range map[string]struct {
		other Product
		want  []string
	}{
		"the platform keeps codes only": {Product{Variants: []Variant{{Code: "c1", Barcode: "1"}, {Code: "c2", Barcode: "2"}}}, nil},
		"a part differs":                {Product{Variants: []Variant{{Code: "c1", Barcode: "1"}, {Code: "c2", Barcode: "x"}}}, []string{"variants.barcode"}},
		"other order":                   {Product{Variants: []Variant{keyed.Variants[1], keyed.Variants[0]}}, []string{"variants"}},
		"one is missing":                {Product{Variants: keyed.Variants[:1]}, []string{"variants"}},
		"another key":                   {Product{Variants: []Variant{{Key: "k1", Code: "c1", Barcode: "1"}, {Key: "k3", Code: "c2", Barcode: "x"}}}, []string{"variants"}},
	} {
		if got := Diff(&keyed, &c.other); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if got := Diff(&c.other, &keyed); !slices.Equal(got, c.want) {
			t.Errorf("%s, the other way round: %v, want %v", name, got, c.want)
		}
	}
	nameless := Product{Variants: []Variant{{Barcode: "1"}, {Barcode: "2"}}}
	if paths := Diff(&nameless, &nameless); paths != nil {
		t.Errorf("a product differs from itself in %v", paths)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	for path, edit := range fieldEdits {
		original, want := full(), full()
		clone := original.Clone()
		edit(&clone)
		if paths := Diff(&original, &want); paths != nil {
			t.Errorf("changing %s of a clone changed %v of the original", path, paths)
		}
	}
}

func TestFieldPatterns(t *testing.T) {
	for _, c := range []struct {
		patterns, path string
		want           bool
	}{
		{"name", "name", true},
		{"name", "names", false},
		{"attributes.*", "attributes.colour", true},
		{"attributes.colour", "attributes.size", false},
		{"variants", "variants.stock", true},
		{"variants.stock", "variants", false},
		{"variants.stock", "variants.prices", false},
		{"", "name", false},
		{"prices stock", "stock", true},
	} {
		if got := CoversField(strings.Fields(c.patterns), c.path); got != c.want {
			t.Errorf("CoversField(%q, %q) = %v", c.patterns, c.path, got)
		}
	}
	for path, want := range map[string]bool{
		"name": true, "attributes.x": true, "attributes.*": true, "variants.stock": true,
		"attributes.": false, "key": false, "": false, "price": false, RawField: false,
	} {
		if KnownField(path) != want {
			t.Errorf("KnownField(%q) = %v", path, !want)
		}
	}
	for _, path := range FieldPaths() {
		if !KnownField(path) {
			t.Errorf("FieldPaths has %q, which KnownField does not know", path)
		}
	}
}

func TestUnknownPathsDoNothing(t *testing.T) {
	a, b := full(), Product{}
	CopyField(&a, &b, "no_such_field")
	want := full()
	if paths := Diff(&a, &want); paths != nil || !EqualField(&a, &b, "no_such_field") {
		t.Errorf("an unknown path changed %v", paths)
	}
}
