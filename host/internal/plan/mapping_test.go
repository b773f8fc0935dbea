package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synchost/synchost/sdk"
)

// bag is a product with something in most of its fields, but no weight.
func bag() sdk.Product {
	return sdk.Product{
		Key: "k", Code: "B-1", Name: "Bag", Status: sdk.Active, Brand: "Acme",
		Prices: []sdk.Price{
			{Amount: "12.50", Currency: "EUR", List: "b2b"},
			{Amount: "10", Currency: "IRR", CompareAt: "15"}},
		Stock:    []sdk.Stock{{Location: "main", Quantity: "3"}, {Quantity: "0.5"}},
		Tags:     []string{"new", "bag"},
		Variants: []sdk.Variant{{Code: "v1", Prices: []sdk.Price{{Amount: "1.10", Currency: "EUR"}}, Stock: []sdk.Stock{{Quantity: "2"}}}, {Code: "v2"}},
		Attributes: map[string]sdk.Value{"colour": sdk.String("red"), "rank": sdk.Number("3.0"), "grade": sdk.String("3"),
			"fragile": sdk.Bool(true), "sizes": sdk.List(sdk.String("S"), sdk.Number("42"))},
	}
}

var noon = sdk.Event{ID: "e1", Source: "crm", Op: sdk.Updated, Time: time.Date(2026, 5, 1, 12, 0, 0, 5, time.FixedZone("", 3600)), Fields: []string{"name"}}

func TestNoFilterPassesEverything(t *testing.T) {
	for _, text := range []string{"", " \n"} {
		filter, err := CompileFilter(text)
		if filter != nil || err != nil {
			t.Fatalf("CompileFilter(%q) = %v, %v; want nil", text, filter, err)
		}
		if passes, err := filter.Match(&sdk.Product{}, nil); err != nil || !passes {
			t.Errorf("passes: %t, %v; want true", passes, err)
		}
	}
}

func TestMapping(t *testing.T) {
	for name, test := range map[string]struct {
		fields map[string]string
		want   func(*sdk.Product)
	}{
		"a text": {map[string]string{"name": `product.brand + " " + product.name`},
			func(p *sdk.Product) { p.Name = "Acme Bag" }},
		"a number where people see a text": {map[string]string{"code": `product.prices[0].amount`, "barcode": `12 * 3`, "unit": `1 == 1`},
			func(p *sdk.Product) { p.Code, p.Barcode, p.Unit = "12.50", "36", "true" }},
		"expressions see the product as it was": {map[string]string{"code": `product.name`, "name": `product.code`},
			func(p *sdk.Product) { p.Code, p.Name = "Bag", "B-1" }},
		"toman to rial": {map[string]string{"prices": `map(product.prices, {{amount: .amount * 10, currency: "IRR", list: .list}})`},
			func(p *sdk.Product) {
				p.Prices = []sdk.Price{{Amount: "125", Currency: "IRR", List: "b2b"}, {Amount: "100", Currency: "IRR"}}
			}},
		"toman to rial in variants": {map[string]string{"variants.prices": `map(variant.prices, {{amount: .amount * 10, currency: "IRR"}})`},
			func(p *sdk.Product) { p.Variants[0].Prices = []sdk.Price{{Amount: "11", Currency: "IRR"}} }},
		"every part of variants": {map[string]string{"variants.barcode": `variant.code + product.code`, "variants.weight": `{value: 1, unit: "kg"}`,
			"variants.stock": `[{quantity: default(stock(variant), 0)}]`, "variants.media": `[{url: "u"}]`},
			func(p *sdk.Product) {
				for i, quantity := range []sdk.Decimal{"2", "0"} {
					v := &p.Variants[i]
					v.Barcode, v.Weight = v.Code+"B-1", &sdk.Weight{Value: "1", Unit: "kg"}
					v.Stock, v.Media = []sdk.Stock{{Quantity: quantity}}, []sdk.Media{{URL: "u"}}
				}
			}},
		"variants as a whole": {map[string]string{"variants": `map(filter(product.variants, len(.prices) > 0),
			{{code: upper(.code), options: [{name: "size", value: "M"}], prices: map(.prices, {{amount: round(.amount * 1.5, 1), currency: .currency}}), stock: .stock}})`},
			func(p *sdk.Product) {
				p.Variants = []sdk.Variant{{Code: "V1", Options: []sdk.VariantOption{{Name: "size", Value: "M"}},
					Prices: []sdk.Price{{Amount: "1.7", Currency: "EUR"}}, Stock: []sdk.Stock{{Quantity: "2"}}}}
			}},
		"parts of the product as they are": {map[string]string{"prices": `filter(product.prices, .list == "b2b")`, "stock": `product.stock`},
			func(p *sdk.Product) { p.Prices = p.Prices[:1] }},
		"a buffer of stock": {map[string]string{"stock": `[{location: "shop", quantity: max(0, stock(product) - 5)}]`},
			func(p *sdk.Product) { p.Stock = []sdk.Stock{{Location: "shop", Quantity: "0"}} }},
		"lists of texts": {map[string]string{"tags": `uniq(concat(product.tags, ["sale", "new"]))`, "categories": `split("a/b,c", ",")`},
			func(p *sdk.Product) { p.Tags, p.Categories = []string{"new", "bag", "sale"}, []string{"a/b", "c"} }},
		"objects": {map[string]string{"weight": `{value: 2.50, unit: "kg"}`, "size": `{length: 1, width: 2, unit: "cm"}`},
			func(p *sdk.Product) {
				p.Weight, p.Size = &sdk.Weight{Value: "2.50", Unit: "kg"}, &sdk.Size{Length: "1", Width: "2", Unit: "cm"}
			}},
		"attributes": {map[string]string{"attributes.colour": `"blue"`, "attributes.net price": `round(price(product) / 1.19, 2)`,
			"attributes.cheap": `price(product) < 20`, "attributes.copy": `product.attributes.sizes`, "attributes.count": `len(product.tags)`},
			func(p *sdk.Product) {
				p.Attributes["colour"], p.Attributes["net price"], p.Attributes["cheap"] = sdk.String("blue"), sdk.Number("10.50"), sdk.Bool(true)
				p.Attributes["copy"], p.Attributes["count"] = p.Attributes["sizes"], sdk.Number("2")
			}},
		"nothing clears": {map[string]string{"brand": `product.attributes.missing`, "weight": `product.weight`, "prices": `nil`,
			"attributes.colour": `nil`, "tags": `[]`},
			func(p *sdk.Product) {
				p.Brand, p.Prices, p.Tags = "", nil, nil
				delete(p.Attributes, "colour")
			}},
		"a condition": {map[string]string{"status": `default(stock(product), 0) > 0 ? "active" : "archived"`, "tax_code": `event.op`},
			func(p *sdk.Product) { p.TaxCode = "updated" }},
	} {
		t.Run(name, func(t *testing.T) {
			mapping, problems := CompileMapping(test.fields)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			product, want := bag(), bag()
			test.want(&want)
			got, err := mapping.Apply(&product, &noon)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(bag(), product); diff != "" {
				t.Errorf("the input was changed (-want +got):\n%s", diff)
			}
			if fields := mapping.Fields(); len(fields) != len(test.fields) || !slices.IsSorted(fields) {
				t.Errorf("fields %q", fields)
			}
		})
	}
}

// Whatever a product holds, expressions see it and can give it back.
func TestEveryFieldCanBeGivenBack(t *testing.T) {
	product := bag()
	product.Description, product.Unit, product.Barcode, product.TaxCode = "a", "pcs", "123", "std"
	product.Prices[0].TaxIncluded = true
	product.Categories = []string{"a/b"}
	product.Media = []sdk.Media{{URL: "u", Alt: "alt", Digest: "sha256:" + strings.Repeat("0", 64)}}
	product.Weight = &sdk.Weight{Value: "01.50", Unit: "kg"}
	product.Size = &sdk.Size{Length: "1", Height: "3.0", Unit: "cm"}
	v := &product.Variants[0]
	v.Key, v.Barcode, v.Options = "x", "9", []sdk.VariantOption{{Name: "size", Value: "M"}}
	v.Media, v.Weight = product.Media, product.Weight
	fields, parts := map[string]string{}, map[string]string{}
	for _, path := range sdk.FieldPaths() {
		switch {
		case path == "attributes.*":
		case strings.HasPrefix(path, "variants."):
			parts[path] = strings.Replace(path, "variants.", "variant.", 1)
		default:
			fields[path] = "product." + path
		}
	}
	for name := range product.Attributes {
		fields["attributes."+name] = "product.attributes." + name
	}
	for _, fields := range []map[string]string{fields, parts} {
		mapping, problems := CompileMapping(fields)
		if problems != nil {
			t.Fatal(problems)
		}
		got, err := mapping.Apply(&product, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := sdk.Diff(&product, &got); diff != nil {
			t.Errorf("differs in %q: %s", diff, cmp.Diff(product, got))
		}
	}
}

func TestNoMappingChangesNothing(t *testing.T) {
	mapping, problems := CompileMapping(nil)
	if mapping != nil || problems != nil || mapping.Fields() != nil {
		t.Fatalf("CompileMapping(nil) = %v, %v", mapping, problems)
	}
	product := bag()
	if got, err := mapping.Apply(&product, nil); err != nil || len(sdk.Diff(&product, &got)) > 0 || got.Key != "k" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestMappingTellsAllProblems(t *testing.T) {
	_, got := CompileMapping(map[string]string{
		"nmae":              `1`,
		"key":               `"x"`,
		"attributes.*":      `1`,
		"attributes.a":      `{a: 1}`,
		"variants.options":  `[]`,
		"variants.barcode":  `varient.code`,
		"variants":          `[{code: 5, prices: [{amount: true}]}]`,
		"prices":            "map(product.prices,\n\t{{amuont: .amount, currency: \"IRR\"}})",
		"media":             `map(product.media, {url: .url})`,
		"stock":             `product.prices`,
		"tags":              `product.prices`,
		"categories":        `true ? ["a", 5] : nil`,
		"status":            `product.tags`,
		"weight":            `product.size`,
		"size":              `let x = {lenght: 1}; {lenght: 1}`,
		"description":       `product`,
		"attributes.\x00":   `1`,
		"attributes.filter": `round`,
	})
	place := func(line, column int, field, message string) Problem { return Problem{field, line, column, message} }
	want := []Problem{
		place(0, 0, "attributes.\x00", `the name of an attribute has a control character in it`),
		place(0, 0, "attributes.*", `"attributes.*" is no field that can be mapped: map a product's field or attributes.<name>`),
		place(1, 1, "attributes.a", `gives an object, and should give true or false or a number or a text or a list (line 1, character 1 of the expression)`),
		place(1, 1, "attributes.filter", `gives a function, and should give true or false or a number or a text or a list (line 1, character 1 of the expression)`),
		place(1, 14, "categories", `gives a whole number, and should give a text (line 1, character 14 of the expression)`),
		place(1, 1, "description", `gives a product, and should give true or false or a number or a text (line 1, character 1 of the expression)`),
		place(0, 0, "key", `"key" is no field that can be mapped: map a product's field or attributes.<name>`),
		place(1, 24, "media", `":" does not belong here: an object in a loop has two pairs of braces, as in map(product.prices, {{amount: .amount}}) (line 1, character 24 of the expression)`),
		place(0, 0, "nmae", `"nmae" is no field that can be mapped: map a product's field or attributes.<name>; did you mean "name"?`),
		place(2, 4, "prices", `"amuont" is not known in a price; did you mean "amount"? (line 2, character 4 of the expression)`),
		place(1, 23, "size", `"lenght" is not known in a size; did you mean "length"? (line 1, character 23 of the expression)`),
		place(1, 9, "status", `gives a list, and should give true or false or a number or a text (line 1, character 9 of the expression)`),
		place(1, 9, "stock", `gives a list in which each is a price, and should be a stock (line 1, character 9 of the expression)`),
		place(1, 9, "tags", `gives a list in which each is a price, and should be a text (line 1, character 9 of the expression)`),
		place(1, 9, "variants", `gives a whole number, and should give a text (line 1, character 9 of the expression)`),
		place(1, 1, "variants.barcode", `there is no "varient"; did you mean "variant"? (line 1, character 1 of the expression)`),
		place(0, 0, "variants.options", `"variants.options" is no field that can be mapped: map a product's field or attributes.<name>; did you mean "variants"?`),
		place(1, 9, "weight", `gives a size, and should give a weight (line 1, character 9 of the expression)`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMappingRefusesVariantsTwice(t *testing.T) {
	_, problems := CompileMapping(map[string]string{"variants": `[]`, "variants.stock": `[]`})
	want := []Problem{{Field: "variants", Message: "is mapped as a whole and in parts: keep either variants or variants.stock"}}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is mapped is held to the same rules as what is received.
func TestMappingFailsOnProduct(t *testing.T) {
	for name, test := range map[string]struct{ path, text, want string }{
		"no such status":      {"status", `product.name`, `status: "Bag" is not a status: want active, draft or archived`},
		"no currency":         {"prices", `[{amount: 1}]`, `prices[0]: "" is not a currency: want the three letters of ISO 4217, such as EUR`},
		"no amount":           {"prices", `[{amount: product.prices[0].compare_at, currency: "EUR"}]`, `prices[0]: a price needs an amount`},
		"digits without end":  {"attributes.x", `1 / 3`, `attributes.x: the number has digits without end: round it, as in round(x, 2)`},
		"deep inside":         {"variants", `[{code: "a", prices: [{amount: 1 / 3, currency: "EUR"}]}]`, `variants[0].prices[0].amount: the number has digits without end: round it, as in round(x, 2)`},
		"too many digits":     {"name", `decimal("0.0000000001") * decimal("` + strings.Repeat("9", 64) + `")`, `name: the number has more digits than can be written: round it, as in round(x, 2)`},
		"nothing to count":    {"name", `price(product, "none") * 2`, `name: * does not take nothing and a whole number: write default(…, 0) around what may be missing (line 1, character 24 of the expression)`},
		"a part of a variant": {"variants.weight", `variant.code == "v2" ? {value: 1, unit: "stone"} : nil`, `variants[1].weight: "stone" is not a unit here: want one of g, kg, oz, lb`},
		"a list in a list":    {"attributes.x", `[[1]]`, `attributes.x[0]: want a text, a number, true, false or a list of these, not a list`},
		"an object, late":     {"attributes.x", `first([product.prices[0]])`, `attributes.x: want a text, a number, true, false or a list of these, not an object`},
		"an unknown name, late": {"stock", `[default({quantity: 1, place: "x"}, nil)]`,
			`stock[0].place: "place" is not known here`},
	} {
		t.Run(name, func(t *testing.T) {
			mapping, problems := CompileMapping(map[string]string{test.path: test.text})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			product := bag()
			_, err := mapping.Apply(&product, nil)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFingerprintsTellChanges(t *testing.T) {
	met := map[string]bool{}
	for _, text := range []string{"", `product.name == "a"`, `product.name == "b"`} {
		filter, err := CompileFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		met[filter.Fingerprint()] = true
	}
	for _, fields := range []map[string]string{{"name": `"a"`}, {"name": `"b"`}, {"code": `"a"`}, {"attributes.name": `"a"`},
		{"barcode": `"a"`}, {"variants.barcode": `"a"`}, {"name": `"a"`, "code": `"a"`}} {
		mapping, problems := CompileMapping(fields)
		again, _ := CompileMapping(fields)
		if problems != nil || mapping.Fingerprint() != again.Fingerprint() {
			t.Fatal(problems, mapping.Fingerprint(), again.Fingerprint())
		}
		met[mapping.Fingerprint()] = true
	}
	if len(met) != 10 {
		t.Errorf("%d fingerprints of 10 expressions", len(met))
	}
}
