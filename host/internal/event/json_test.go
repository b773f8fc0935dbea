package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synchost/synchost/sdk"
)

const full = `{
	"key": "K-100", "code": "K-100", "name": "کیف چرم", "description": "<p>a \"bag\"</p>", "status": "active",
	"brand": "Acme", "unit": "pcs", "barcode": "4006381333931", "tax_code": "std",
	"prices": [{"amount": 19.90, "currency": "EUR", "list": "b2b", "tax_included": true, "compare_at": "25"}],
	"stock": [{"location": "main", "quantity": -3}, {"quantity": "0.5"}],
	"categories": ["bags/leather"], "tags": ["new"],
	"media": [{"url": "https://example.com/1.jpg", "alt": "front", "digest": "sha256:0a8c16b085420b960dc78664279fe09e936a2a01b1f91064869d9e77dfd64529"}],
	"weight": {"value": "1.2", "unit": "kg"},
	"size": {"length": 1, "width": 2, "height": null, "unit": "cm"},
	"variants": [{"key": "v1", "code": "K-100-M", "options": [{"name": "size", "value": "M"}], "barcode": "1",
		"prices": [{"amount": "1", "currency": "EUR"}], "stock": [{"quantity": 4}], "media": [{"url": "u"}], "weight": {"value": 1, "unit": "g"}}],
	"attributes": {"color": "red", "count": 12345678901234567890, "fragile": false, "sizes": ["S", 1, true], "old": null}
}`

func TestParseReadsEveryField(t *testing.T) {
	e, err := Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	var want sdk.Product // the standard library's reading is the reference
	if err := json.Unmarshal([]byte(full), &want); err != nil {
		t.Fatal(err)
	}
	delete(want.Attributes, "old")
	want.Size.Height = ""
	if diff := cmp.Diff(want, e.Patch.Product); diff != "" {
		t.Errorf("product (-want +got):\n%s", diff)
	}
	fields := []string{"code", "name", "description", "status", "brand", "unit", "barcode", "tax_code", "prices", "stock",
		"categories", "tags", "media", "weight", "size", "variants",
		"attributes.color", "attributes.count", "attributes.fragile", "attributes.sizes", "attributes.old"}
	if diff := cmp.Diff(fields, e.Patch.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if e.Key != "K-100" || e.Op != sdk.Updated || e.Patch.Whole || e.Hint || !e.Time.IsZero() || e.ID != "" {
		t.Errorf("event = %+v", e)
	}
}

func TestParse(t *testing.T) {
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		data string
		want Event
	}{
		"absent is unchanged": {`{"key":"k","name":"n"}`,
			Event{Op: sdk.Updated, Key: "k", Patch: Patch{Product: sdk.Product{Key: "k", Name: "n"}, Fields: []string{"name"}}}},
		"null clears": {`{"key":"k","name":null,"prices":null,"weight":null}`,
			Event{Op: sdk.Updated, Key: "k", Patch: Patch{Product: sdk.Product{Key: "k"}, Fields: []string{"name", "prices", "weight"}}}},
		"an empty list clears": {`{"key":"k","tags":[]}`,
			Event{Op: sdk.Updated, Key: "k", Patch: Patch{Product: sdk.Product{Key: "k"}, Fields: []string{"tags"}}}},
		"null attributes clear all": {`{"key":"k","attributes":null}`,
			Event{Op: sdk.Updated, Key: "k", Patch: Patch{Product: sdk.Product{Key: "k"}, Fields: []string{"attributes.*"}}}},
		"directly, with its event": {`{"id":"e1","op":"delete","time":"2026-05-01T12:00:00Z","key":"k"}`,
			Event{ID: "e1", Op: sdk.Deleted, Time: noon, Key: "k", Patch: Patch{Product: sdk.Product{Key: "k"}}}},
		"nested, whole": {`{"product":{"key":"k","code":"c"},"whole":true,"op":"upsert"}`,
			Event{Op: sdk.Updated, Key: "k", Patch: Patch{Product: sdk.Product{Key: "k", Code: "c"}, Fields: []string{"code"}, Whole: true}}},
		"escapes": {`{"\u006bey":"k\u00e9","na\u006de":"a\nb"}`,
			Event{Op: sdk.Updated, Key: "ké", Patch: Patch{Product: sdk.Product{Key: "ké", Name: "a\nb"}, Fields: []string{"name"}}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second time with what the decoder remembers
				got, err := Parse([]byte(test.data))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct{ data, want string }{
		"no key":               {`{"name":"n"}`, `has no "key"`},
		"empty key":            {`{"key":""}`, "key: must not be empty"},
		"long key":             {`{"key":"` + strings.Repeat("k", 256) + `"}`, "key: has 256 bytes"},
		"control in key":       {`{"key":"a\u0007"}`, "key: has a control character"},
		"null key":             {`{"key":null}`, "key: want a text, not null"},
		"number as key":        {`{"key":7}`, "key: want a text, not a number"},
		"long id":              {`{"key":"k","id":"` + strings.Repeat("k", 256) + `"}`, "id: has 256 bytes"},
		"unknown field":        {`{"key":"k","pricse":[]}`, `"pricse" is not a field of a product: did you mean "prices"?`},
		"case counts":          {`{"key":"k","Name":"n"}`, `did you mean "name"?`},
		"unknown in a part":    {`{"key":"k","prices":[{"amout":1}]}`, `prices[0].amout: "amout" is not known here: did you mean "amount"?`},
		"repeated name":        {`{"key":"k","key":"l"}`, `duplicate`},
		"repeated attribute":   {`{"key":"k","attributes":{"a":1,"\u0061":2}}`, `duplicate`},
		"wrong type":           {`{"key":"k","name":3}`, "name: want a text, not a number"},
		"float with exponent":  {`{"key":"k","stock":[{"quantity":1e3}]}`, `stock[0].quantity: "1e3" is not a decimal`},
		"comma in decimal":     {`{"key":"k","prices":[{"amount":"1,5","currency":"EUR"}]}`, `prices[0].amount: "1,5" is not a decimal`},
		"no currency":          {`{"key":"k","prices":[{"amount":"1"}]}`, `prices[0]: "" is not a currency`},
		"lower-case currency":  {`{"key":"k","prices":[{"amount":"1","currency":"eur"}]}`, `"eur" is not a currency`},
		"no amount":            {`{"key":"k","prices":[{"currency":"EUR"}]}`, `prices[0]: a price needs an amount`},
		"null in a list":       {`{"key":"k","tags":[null]}`, `tags[0]: want a text, not null`},
		"no quantity":          {`{"key":"k","stock":[{}]}`, `stock[0]: a stock needs a quantity`},
		"status":               {`{"key":"k","status":"live"}`, `status: "live" is not a status`},
		"unit":                 {`{"key":"k","weight":{"value":1,"unit":"stone"}}`, `weight: "stone" is not a unit here`},
		"digest":               {`{"key":"k","media":[{"url":"u","digest":"md5:1"}]}`, `media[0]: a digest is`},
		"nameless variant":     {`{"key":"k","variants":[{}]}`, `variants[0]: a variant needs a key or a code`},
		"object as attribute":  {`{"key":"k","attributes":{"a":{}}}`, `attributes.a: want a text, a number`},
		"list in a list":       {`{"key":"k","attributes":{"a":[[1]]}}`, `attributes.a[0]: want a text, a number`},
		"attribute of all":     {`{"key":"k","attributes":{"*":1}}`, `"*" is not a name`},
		"attribute without":    {`{"key":"k","attributes":{"":1}}`, `must not be empty`},
		"op":                   {`{"key":"k","op":"remove"}`, `op: "remove" is not an op`},
		"time":                 {`{"key":"k","time":"yesterday"}`, `time: "yesterday" is not a time`},
		"both forms":           {`{"product":{"key":"k"},"name":"n"}`, `put all of them in one place`},
		"whole as text":        {`{"key":"k","whole":"true"}`, `whole: want true or false, not a text`},
		"two values":           {`{"key":"k"}{"key":"l"}`, `behind the JSON value`},
		"no object":            {`[]`, `want an object, not a list`},
		"nothing":              {``, `ends too early`},
		"half":                 {`{"key":"k"`, `ends too early`},
		"not JSON":             {`{"key":k}`, `not valid JSON at byte 7`},
		"invalid UTF-8":        {"{\"key\":\"k\xff\"}", `invalid UTF-8`},
		"invalid UTF-8 inside": {"{\"key\":\"k\",\"attributes\":{\"a\xff\":1}}", `invalid UTF-8`},
		"lone surrogate":       {`{"key":"k\ud800"}`, `surrogate`},
		"deep":                 {`{"key":"k","attributes":{"a":` + strings.Repeat("[", 100_000), `not valid JSON`},
		"long list":            {`{"key":"k","tags":["a"` + strings.Repeat(`,"a"`, maxList) + `]}`, `a list of more than 1000 entries`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(test.data))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestParseList(t *testing.T) {
	events, err := ParseList([]byte(`[{"key":"a"},{"op":"delete","key":"b"}]`), 2)
	if err != nil || len(events) != 2 || events[0].Key != "a" || events[1].Op != sdk.Deleted {
		t.Errorf("events = %+v, err = %v", events, err)
	}
	if _, err := ParseList([]byte(`[{"key":"a"},{"key":"b"}]`), 1); err == nil || !strings.Contains(err.Error(), "more than 1") {
		t.Errorf("err = %v", err)
	}
	if _, err := ParseList([]byte(`[{"key":"a"},{"name":"b"}]`), 9); err == nil || !strings.HasPrefix(err.Error(), "[1]: has no") {
		t.Errorf("err = %v", err)
	}
}

func TestParsePatchNeedsNoKey(t *testing.T) {
	p, err := ParsePatch([]byte(`{"name":"n"}`))
	if err != nil || p.Product.Name != "n" || len(p.Fields) != 1 {
		t.Errorf("patch = %+v, err = %v", p, err)
	}
	if _, err := ParsePatch([]byte(`{"op":"delete"}`)); err == nil {
		t.Error("an op is no field of a product")
	}
}

// FuzzParse: what is taken is a product that our own JSON form can tell again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(`{"id":"1","op":"delete","product":{"key":"a","attributes":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Parse(data)
		if err != nil {
			return
		}
		if CheckKey(e.Key) != nil || e.Key != e.Patch.Product.Key || e.Op == "" {
			t.Fatalf("taken without a good key or op: %+v", e)
		}
		for _, path := range e.Patch.Fields {
			if !sdk.KnownField(path) {
				t.Fatalf("unknown field path %q", path)
			}
		}
		again, err := json.Marshal(e.Patch.Product)
		if err != nil {
			t.Fatal(err)
		}
		second, err := Parse(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if diff := sdk.Diff(&e.Patch.Product, &second.Patch.Product); diff != nil {
			t.Fatalf("%v differ after a round trip of %s", diff, again)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, line := range map[string]string{
		"full": full,
		"line": fmt.Sprintf(`{"key":"%d","code":"C-1","name":"Leather bag","prices":[{"amount":"19.90","currency":"EUR"}],"stock":[{"quantity":"4"}],"attributes":{"color":"red"}}`, 100001),
	} {
		b.Run(name, func(b *testing.B) {
			data := []byte(line)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
