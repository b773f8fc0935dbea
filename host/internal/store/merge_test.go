package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// TestMergeIsRFC7396 compares Merge with the algorithm in the RFC, on the JSON
// forms of random products and patches.
func TestMergeIsRFC7396(t *testing.T) {
	for seed := range uint64(2_000) {
		random := rand.New(rand.NewPCG(seed, 0))
		row := &event.Entry{Key: "a", Product: event.Patch{Product: randomProduct(random)}.Product}
		want := toJSON(t, row.Product)
		for range 4 {
			patch, document := randomPatch(random)
			e := &event.Event{Key: "a", Op: sdk.Updated, Patch: patch}
			before, kept := clone(row), clonePatch(patch)
			entry, catalog := Merge(row, e)

			want = mergePatch(want, document).(map[string]any)
			if attributes, _ := want["attributes"].(map[string]any); len(attributes) == 0 {
				delete(want, "attributes")
			}
			if diff := cmp.Diff(want, toJSON(t, entry.Product)); diff != "" {
				t.Fatalf("seed %d, patch %v: (-want +got)\n%s", seed, document, diff)
			}
			if changed := sdk.Diff(&before.Product, &entry.Product); !slices.Equal(changed, entry.Fields) {
				t.Fatalf("seed %d: Fields = %v, but what changed is %v", seed, entry.Fields, changed)
			}
			if news := len(entry.Known) > len(before.Known); catalog != (news || len(entry.Fields) > 0) {
				t.Fatalf("seed %d: changes the catalog = %v with fields %v and news %v", seed, catalog, entry.Fields, news)
			}
			if !reflect.DeepEqual(*row, before) || !reflect.DeepEqual(e.Patch, kept) {
				t.Fatalf("seed %d: Merge changed what it was given", seed)
			}
			row = &entry
		}
	}
}

// mergePatch is the MergePatch of RFC 7396, section 2.
func mergePatch(target, patch any) any {
	members, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for name, value := range members {
		if value == nil {
			delete(object, name)
		} else {
			object[name] = mergePatch(object[name], value)
		}
	}
	return object
}

func toJSON(t *testing.T, p sdk.Product) map[string]any {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func randomProduct(random *rand.Rand) sdk.Product {
	patch, _ := randomPatch(random)
	patch.Product.Key = "a"
	return patch.Product
}

// randomPatch makes a patch, and the merge patch document that it was read from.
func randomPatch(random *rand.Rand) (event.Patch, map[string]any) {
	var p event.Patch
	document := map[string]any{}
	texts := map[string]*string{"name": &p.Product.Name, "brand": &p.Product.Brand, "code": &p.Product.Code}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		switch random.IntN(4) {
		case 0:
			*texts[name] = fmt.Sprint(random.IntN(3))
			document[name] = *texts[name]
		case 1:
			document[name] = nil
		default:
			continue
		}
		p.Fields = append(p.Fields, name)
	}
	switch random.IntN(4) {
	case 0:
		p.Product.Tags = slices.Repeat([]string{fmt.Sprint(random.IntN(3))}, 1+random.IntN(2))
		list := []any{}
		for _, tag := range p.Product.Tags {
			list = append(list, tag)
		}
		document["tags"] = list
		p.Fields = append(p.Fields, "tags")
	case 1:
		document["tags"] = nil
		p.Fields = append(p.Fields, "tags")
	}
	if random.IntN(6) == 0 {
		document["attributes"] = nil
		p.Fields = append(p.Fields, "attributes.*")
		return p, document
	}
	p.Product.Attributes = map[string]sdk.Value{}
	attributes := map[string]any{}
	for _, name := range []string{"x", "y", "z"} {
		switch random.IntN(4) {
		case 0:
			value := fmt.Sprint(random.IntN(3))
			p.Product.Attributes[name] = sdk.String(value)
			attributes[name] = value
		case 1:
			attributes[name] = nil
		default:
			continue
		}
		p.Fields = append(p.Fields, "attributes."+name)
	}
	if len(attributes) > 0 {
		document["attributes"] = attributes
	}
	return p, document
}

func clone(e *event.Entry) event.Entry {
	c := *e
	c.Product = e.Product.Clone()
	c.Fields, c.Known = slices.Clone(e.Fields), slices.Clone(e.Known)
	return c
}

func clonePatch(p event.Patch) event.Patch {
	p.Product = p.Product.Clone()
	p.Fields = slices.Clone(p.Fields)
	return p
}

func TestMergeOfAWholeSnapshotKeepsTheKey(t *testing.T) {
	row := &event.Entry{Key: "a", Product: sdk.Product{Key: "a", Name: "Socks", Brand: "Acme"}}
	entry, changed := Merge(row, &event.Event{
		Key: "a", Op: sdk.Created, Patch: event.Patch{Whole: true, Product: sdk.Product{Key: "other", Name: "Socks"}},
	})
	if want := (sdk.Product{Key: "a", Name: "Socks"}); !changed || !reflect.DeepEqual(entry.Product, want) {
		t.Errorf("changed = %v, product %+v, want %+v", changed, entry.Product, want)
	}
}

func TestMergeCopiesPartsOfVariants(t *testing.T) {
	price := func(amount sdk.Decimal) []sdk.Price { return []sdk.Price{{Amount: amount, Currency: "EUR"}} }
	row := &event.Entry{Key: "a", Product: sdk.Product{Key: "a", Variants: []sdk.Variant{
		{Code: "M", Barcode: "1", Prices: price("5")}, {Code: "L", Barcode: "2", Prices: price("6")},
	}}}
	before := clone(row)
	entry, _ := Merge(row, &event.Event{Key: "a", Op: sdk.Updated, Patch: event.Patch{
		Product: sdk.Product{Variants: []sdk.Variant{{Code: "L", Prices: price("7")}}}, Fields: []string{"variants.prices"},
	}})
	want := []sdk.Variant{{Code: "M", Barcode: "1", Prices: price("5")}, {Code: "L", Barcode: "2", Prices: price("7")}}
	if diff := cmp.Diff(want, entry.Product.Variants); diff != "" {
		t.Errorf("variants (-want +got):\n%s", diff)
	}
	if fields := strings.Join(entry.Fields, " "); fields != "variants.prices" {
		t.Errorf("fields = %s", fields)
	}
	if !reflect.DeepEqual(*row, before) {
		t.Error("the catalog's row was changed in place")
	}
}

func TestMergeKnownIsSortedAndOnlyGrows(t *testing.T) {
	row := (*event.Entry)(nil)
	for _, path := range []string{"name", "attributes.z", "brand", "name", "attributes.a"} {
		entry, _ := Merge(row, &event.Event{Key: "a", Op: sdk.Updated, Patch: event.Patch{Fields: []string{path}}})
		if !slices.IsSorted(entry.Known) || !slices.Contains(entry.Known, path) || row != nil && len(entry.Known) < len(row.Known) {
			t.Errorf("after %s, known = %v", path, entry.Known)
		}
		row = &entry
	}
	if len(row.Known) != 4 {
		t.Errorf("known = %v", row.Known)
	}
}
