package receive

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

func catchAll(m map[string]string) config.Receiver {
	return config.Receiver{Name: "in", Scheme: "catch", Path: "/in/{secret}", Secrets: secretsOf("s3cret"), Map: m}
}

func caught(method, media, body string) call {
	c := call{method: method, target: "/in/s3cret?shop=nl&shop=de", body: body}.with("X-GitHub-Event", "product.changed")
	if media != "" {
		c = c.with("Content-Type", media)
	}
	return c
}

func TestMapMakesEvents(t *testing.T) {
	const json = "application/json"
	whole := map[string]string{
		"key": "body.id", "id": `headers["X-GitHub-Event"] + "-" + string(body.id)`, "op": `body.gone == true ? "deleted" : "upsert"`, "time": "body.at",
		"fields.code": "body.id", "fields.name": "body.title", "fields.status": `body.live ? "active" : "draft"`,
		"fields.prices":           `[{amount: body.price, currency: "EUR"}]`,
		"fields.attributes.shop":  "query.shop",
		"fields.attributes.sizes": "body.sizes",
	}
	product := func(key, code, name string, price sdk.Decimal) sdk.Product {
		return sdk.Product{Key: key, Code: code, Name: name, Status: sdk.Active, Prices: []sdk.Price{{Amount: price, Currency: "EUR"}},
			Attributes: map[string]sdk.Value{"shop": sdk.String("nl")}}
	}
	fields := []string{"attributes.shop", "code", "name", "prices", "status"}
	tests := map[string]struct {
		m    map[string]string
		call call
		want []event.Event
	}{
		"a product": {whole, caught("POST", json, `{"id":7,"title":"Bag","price":19.90,"live":true,"at":1767322800}`), []event.Event{{
			ID: "product.changed-7", Op: sdk.Updated, Key: "7", Time: time.Unix(1767322800, 0),
			Patch: event.Patch{Product: product("7", "7", "Bag", "19.9"), Fields: fields}}}},
		"a long id and price keep their digits": {whole, caught("PUT", json, `{"id":12345678901234567890,"title":"Bag","price":1234567890123.456789,"live":true}`), []event.Event{{
			ID: "product.changed-12345678901234567890", Op: sdk.Updated, Key: "12345678901234567890", Time: noon,
			Patch: event.Patch{Product: product("12345678901234567890", "12345678901234567890", "Bag", "1234567890123.456789"), Fields: fields}}}},
		"a form": {map[string]string{"key": "body.sku", "op": "body.op", "fields.tags": "body.tag"},
			caught("POST", "application/x-www-form-urlencoded", "sku=K-1&op=created&tag=a&tag=b"), []event.Event{{
				Op: sdk.Created, Key: "K-1", Time: noon, Patch: event.Patch{Product: sdk.Product{Key: "K-1", Tags: []string{"a", "b"}}, Fields: []string{"tags"}}}}},
		"text": {map[string]string{"key": `split(body, ";")[0]`, "fields.name": `split(body, ";")[1]`},
			caught("POST", "text/plain", "K-1;Bag"), []event.Event{{
				Op: sdk.Updated, Key: "K-1", Time: noon, Patch: event.Patch{Product: sdk.Product{Key: "K-1", Name: "Bag"}, Fields: []string{"name"}}}}},
		"a GET": {map[string]string{"key": "query.shop", "op": "method == 'GET' ? 'updated' : 'deleted'"}, caught("GET", "", ""), []event.Event{{
			Op: sdk.Updated, Key: "nl", Time: noon, Hint: true, Patch: event.Patch{Product: sdk.Product{Key: "nl"}}}}},
		"a delete is no hint": {map[string]string{"key": "body.id", "op": "'deleted'"}, caught("DELETE", json, `{"id":"K"}`), []event.Event{{
			Op: sdk.Deleted, Key: "K", Time: noon, Patch: event.Patch{Product: sdk.Product{Key: "K"}}}}},
		"what the sender does not say is unchanged": {map[string]string{"key": "body.id", "fields.name": "body.name", "fields.tags": "body.tags"},
			caught("POST", json, `{"id":"K","tags":[]}`), []event.Event{{
				Op: sdk.Updated, Key: "K", Time: noon, Patch: event.Patch{Product: sdk.Product{Key: "K"}, Fields: []string{"tags"}}}}},
		"items": {map[string]string{"items": "body.list", "key": "item.id", "id": "body.batch == '' ? '' : body.batch + '-' + item.id", "op": "'updated'", "fields.name": "item.n"},
			caught("POST", json, `{"batch":"b","list":[{"id":"1","n":"one"},{"id":"2","n":"two"}]}`), []event.Event{
				{ID: "b-1", Op: sdk.Updated, Key: "1", Time: noon, Patch: event.Patch{Product: sdk.Product{Key: "1", Name: "one"}, Fields: []string{"name"}}},
				{ID: "b-2", Op: sdk.Updated, Key: "2", Time: noon, Patch: event.Patch{Product: sdk.Product{Key: "2", Name: "two"}, Fields: []string{"name"}}}}},
		"empty texts are nothing": {map[string]string{"key": "body.id", "op": "body.op", "time": "body.at", "id": "body.no", "fields.name": "body.name"},
			caught("POST", "application/x-www-form-urlencoded", "id=K&op=&at=&no=&name="), []event.Event{{
				Op: sdk.Updated, Key: "K", Time: noon, Patch: event.Patch{Product: sdk.Product{Key: "K"}, Fields: []string{"name"}}}}},
		"no items": {map[string]string{"key": "item", "items": "body.items", "op": "'updated'"}, caught("POST", "application/x-www-form-urlencoded", "items="), nil},
		"an item twice": {map[string]string{"key": "item", "id": "item", "items": "body", "op": "'updated'"}, caught("POST", json, `["7","7"]`), []event.Event{{
			ID: "7", Op: sdk.Updated, Key: "7", Time: noon, Hint: true, Patch: event.Patch{Product: sdk.Product{Key: "7"}}}}},
		"attributes at once": {map[string]string{"key": "body.id", "fields.attributes": "body.extra", "fields.attributes.b": "2.5"},
			caught("POST", "application/vnd.shop+json", `{"id":"K","extra":{"a":1}}`), []event.Event{{
				Op: sdk.Updated, Key: "K", Time: noon, Patch: event.Patch{Fields: []string{"attributes.a", "attributes.b"},
					Product: sdk.Product{Key: "K", Attributes: map[string]sdk.Value{"a": sdk.Number("1"), "b": sdk.Number("2.5")}}}}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			if w := test.call.do(newHandler(t, k, noon, catchAll(test.m))); w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			got := k.kept()
			for i := range got {
				if test.want[i].ID == "" && got[i].ID != "" {
					got[i].ID = "" // made here
				}
				test.want[i].Source = "in"
			}
			if diff := cmp.Diff(test.want, got, cmp.Transformer("unix", func(t time.Time) int64 { return t.Unix() })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnmappedRequestsTravelRaw(t *testing.T) {
	for name, test := range map[string]struct {
		m   map[string]string
		key string // empty: the event's id
	}{
		"no map":                 {nil, ""},
		"a key alone":            {map[string]string{"key": "body.id"}, "7"},
		"a map without this key": {map[string]string{"key": "body.product?.id", "op": "'updated'"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			c := caught("PUT", "application/json", `{"id":7}`).with("Authorization", "Bearer x").with("Cookie", "a=b").
				with("Connection", "close").with("X-Two", "1", "2")
			if w := c.do(newHandler(t, k, noon, catchAll(test.m))); w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			e := k.kept()[0]
			if test.key == "" {
				test.key = e.ID
			}
			want := event.Event{Source: "in", ID: e.ID, Op: sdk.Received, Key: test.key, Time: noon, Raw: &sdk.Raw{
				Method: "PUT", Query: "shop=nl&shop=de", ContentType: "application/json", Body: []byte(`{"id":7}`),
				Headers: map[string]string{"Content-Type": "application/json", "X-Github-Event": "product.changed", "X-Two": "1, 2"},
			}}
			if diff := cmp.Diff(want, e); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestItemsWithoutAKeyAreOneRawEvent: each would be the whole request once more.
func TestItemsWithoutAKeyAreOneRawEvent(t *testing.T) {
	k := &keeper{}
	c := catchAll(map[string]string{"items": "body", "key": "item.sku", "op": "'updated'"})
	body := `[{"sku":"a"},{"x":1},{"sku":"b"},{"x":2},{"x":3}]`
	if w := caught("POST", "application/json", body).do(newHandler(t, k, noon, c)); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var keys []string
	for _, e := range k.kept() {
		if e.Raw == nil {
			keys = append(keys, e.Key)
		} else if keys = append(keys, "raw"); string(e.Raw.Body) != body {
			t.Errorf("%s", e.Raw.Body)
		}
	}
	if diff := cmp.Diff([]string{"a", "raw", "b"}, keys); diff != "" {
		t.Error(diff)
	}
}

// TestItemsOfOneIDAreNotLost: the store would take all but the first for repeats.
func TestItemsOfOneIDAreNotLost(t *testing.T) {
	maps := map[string]map[string]string{
		`{"batch":7,"list":["a","b"]}`:                                       {"items": "body.list", "key": "item", "id": "body.batch", "op": "'updated'"},
		`{"batch":7,"list":[{"sku":"a","name":"A"},{"sku":"a","name":"B"}]}`: {"items": "body.list", "key": "item.sku", "id": "body.batch", "fields.name": "item.name"},
	}
	for body, m := range maps {
		k := &keeper{}
		w := caught("POST", "application/json", body).do(newHandler(t, k, noon, catchAll(m)))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "map.id") || len(k.kept()) > 0 {
			t.Errorf("%s: %d %s %+v", body, w.Code, w.Body, k.kept())
		}
	}
}

func TestRawHoldsNoToken(t *testing.T) {
	k := &keeper{}
	byHeader := config.Receiver{Name: "h", Scheme: "token", Path: "/h", Secrets: secretsOf("s3cret"), Token: config.Token{Header: "x-token"}, Methods: []string{"POST"}}
	byQuery := config.Receiver{Name: "q", Scheme: "token", Path: "/q", Secrets: secretsOf("s3cret"), Token: config.Token{Query: "co de"}, Methods: []string{"POST"}}
	h := newHandler(t, k, noon, byHeader, byQuery)
	call{target: "/h?a=1", body: "x"}.with("X-Token", "s3cret").do(h)
	call{target: "/q?a=1&co%20de=s3cret&b=2", body: "x"}.do(h)
	events := k.kept()
	if len(events) != 2 {
		t.Fatalf("%d events", len(events))
	}
	for _, e := range events {
		if text := fmt.Sprintf("%+v", *e.Raw); strings.Contains(text, "s3cret") {
			t.Errorf("%s: %s", e.Source, text)
		}
	}
	if events[1].Raw.Query != "a=1&b=2" {
		t.Errorf("query = %q", events[1].Raw.Query)
	}
}

// TestTheURLOfAProxyHoldsNoSecret: what stands before the host may tell it the URL
// that it was called with, and that has the secret in it.
func TestTheURLOfAProxyHoldsNoSecret(t *testing.T) {
	k := &keeper{}
	secret := "s3/c ret+"
	inPath := config.Receiver{Name: "p", Scheme: "catch", Path: "/p/{secret}", Secrets: secretsOf("older", secret)}
	inQuery := config.Receiver{Name: "q", Scheme: "catch", Path: "/q", Secrets: secretsOf("older", secret), Token: config.Token{Query: "code"}}
	h := newHandler(t, k, noon, inPath, inQuery)
	for _, target := range []string{"/p/s3%2Fc%20ret+", "/p/s3%2Fc%20ret%2B", "/q?a=1&code=s3%2Fc+ret%2B", "/q?a=1&code=s3/c%20ret%2B", "/q?a=1&code=s3%2fc%20ret%2b"} {
		c := call{target: target, body: "x"}.with("X-Original-Url", target).with("X-Forwarded-Uri", "https://sync.example"+target).
			with("X-Rewrite-Url", secret).with("X-Other", "a/b")
		if w := c.do(h); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	for _, e := range k.kept() {
		text := fmt.Sprint(e.Raw.Headers)
		plain, err := url.QueryUnescape(text)
		if err != nil || strings.Contains(text, "s3") || strings.Contains(plain, "ret") || e.Raw.Headers["X-Other"] != "a/b" || len(e.Raw.Headers) != 1 {
			t.Errorf("%s", text)
		}
	}
}

func TestExpressionsSeeNoCredentials(t *testing.T) {
	for _, text := range []string{
		`headers["Authorization"]`, `headers["X-Token"]`, `query.code`, `path`,
	} {
		k := &keeper{}
		byHeader := config.Receiver{Name: "h", Scheme: "token", Path: "/h", Secrets: secretsOf("s3cret"), Token: config.Token{Header: "X-Token"},
			Methods: []string{"POST"}, Map: map[string]string{"key": `"k"`, "fields.name": text}}
		byQuery := byHeader
		byQuery.Name, byQuery.Path, byQuery.Token = "q", "/q", config.Token{Query: "code"}
		byPath := byHeader
		byPath.Name, byPath.Path, byPath.Token = "p", "/p/{secret}", config.Token{}
		h := newHandler(t, k, noon, byHeader, byQuery, byPath)
		for _, target := range []string{"/h", "/q?code=s3cret", "/p/s3cret"} {
			c := call{target: target}.with("Authorization", "s3cret")
			if target == "/h" {
				c = c.with("X-Token", "s3cret")
			}
			c.do(h)
		}
		for _, e := range k.kept() {
			if strings.Contains(e.Patch.Product.Name, "s3cret") {
				t.Errorf("%s shows a secret to %s", e.Source, text)
			}
		}
		if len(k.kept()) != 3 {
			t.Errorf("%d events", len(k.kept()))
		}
	}
}

func TestRequestsThatTheMapDoesNotFit(t *testing.T) {
	m := map[string]string{"key": "body.id", "op": "body.op", "time": "body.time", "id": "body.event", "fields.name": "body.name", "fields.prices": "body.prices"}
	for _, test := range []struct {
		media, body string
		want        int
		says        string
	}{
		{"application/json", `{"id":true}`, 400, "map.key gives neither"},
		{"application/json", `{"id":"a\u0000"}`, 400, "map.key gives for this request has a control character"},
		{"application/json", `{"id":"a","op":"remove"}`, 400, "map.op gives none of"},
		{"application/json", `{"id":"a","time":"yesterday"}`, 400, "map.time gives no time"},
		{"application/json", `{"id":"a","time":1777636800000}`, 400, "map.time gives no time"}, // milliseconds
		{"application/json", `{"id":"a","time":-1777636800000.5}`, 400, "map.time gives no time"},
		{"application/json", `{"id":"a","event":"` + strings.Repeat("e", 256) + `"}`, 400, "map.id gives for this request has 256 bytes"},
		{"application/json", `{"id":"a","name":[1]}`, 400, "name: want a text"},
		{"application/json", `{"id":"a","prices":[{"amount":"x"}]}`, 400, `prices[0].amount: "x" is not a decimal`},
		{"application/json", `[1]`, 400, "map.key does not fit this request: a list is asked for an item by number, not by a text"},
		{"application/json", `{"id":"a","id":"b"}`, 400, "duplicate"},
		{"application/json", `{"id":"a"} x`, 400, "behind the value"},
		{"application/json", strings.Repeat("[", 100) + strings.Repeat("]", 100), 400, "nested too deep"},
		{"application/json", "{\"id\":\"\xff\"}", 400, "invalid UTF-8"},
		{"application/json; charset=utf-16", `{}`, 415, "Content-Type"},
		{"application/x-www-form-urlencoded", "a=%zz", 400, "form"},
		{"text/plain", "\xff", 400, "UTF-8"},
		{"image/png", "x", 415, "Content-Type"},
		{"", "x", 415, "Content-Type"},
	} {
		k := &keeper{}
		w := caught("POST", test.media, test.body).do(newHandler(t, k, noon, catchAll(m)))
		if w.Code != test.want || !strings.Contains(w.Body.String(), test.says) || len(k.kept()) > 0 {
			t.Errorf("%s: %d %s", test.body, w.Code, w.Body)
		}
	}
}

func TestBadMapsAreProblemsWithTheirPlace(t *testing.T) {
	tests := map[string]struct {
		m    map[string]string
		want string
	}{
		"unknown name":         {map[string]string{"key": "bdy.id"}, `f.toml:3:1: receivers.in.map.key: there is no "bdy"; did you mean "body"? (line 1, character 1 of the expression)`},
		"unknown function":     {map[string]string{"key": "uper(method)"}, `receivers.in.map.key: there is no function "uper"; did you mean "upper"?`},
		"product's name":       {map[string]string{"key": "product.key"}, `receivers.in.map.key: there is no "product"`},
		"syntax":               {map[string]string{"key": "body."}, `f.toml:3:1: receivers.in.map.key: ends too early`},
		"type in it":           {map[string]string{"key": "method + 1"}, `receivers.in.map.key: + does not take a text and a whole number`},
		"type of it":           {map[string]string{"key": "method == 'GET'"}, `receivers.in.map.key: gives true or false, and should give a number or a text`},
		"list for a text":      {map[string]string{"key": "body.id", "fields.name": "[1]"}, `f.toml:4:1: receivers.in.map.fields.name: gives a list, and should give true or false or a number or a text`},
		"text for a list":      {map[string]string{"key": "body.id", "fields.prices": "method"}, `receivers.in.map.fields.prices: gives a text, and should give a list`},
		"name in an object":    {map[string]string{"key": "body.id", "fields.prices": "[{amuont: body.price}]"}, `receivers.in.map.fields.prices: "amuont" is not known in a price; did you mean "amount"?`},
		"unknown field":        {map[string]string{"key": "body.id", "fields.pricse": "[]"}, `receivers.in.map.fields.pricse: "pricse" is no field that can be mapped: map a product's field or attributes.<name>; did you mean "prices"?`},
		"a part of variants":   {map[string]string{"key": "body.id", "fields.variants.prices": "[]"}, `is no field that can be mapped`},
		"all attributes":       {map[string]string{"key": "body.id", "fields.attributes.*": "1"}, `is no field that can be mapped`},
		"unknown entry":        {map[string]string{"kye": "body.id"}, `receivers.in.map.kye: is not known; did you mean "key"?`},
		"field without prefix": {map[string]string{"nmae": "body.id"}, `receivers.in.map.nmae: is not known; did you mean "fields.name"?`},
		"nothing is near":      {map[string]string{"colour": "body.id"}, `receivers.in.map.colour: is not known: a map has key`},
		"no key":               {map[string]string{"op": "'updated'"}, `receivers.in.map: has no key`},
		"items without fields": {map[string]string{"items": "body", "key": "item.id"}, `receivers.in.map.items: is of use with op or fields only`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := catchAll(test.m)
			c.Place = config.Place{File: "f.toml", Field: "receivers.in", At: map[string]config.Position{
				"": {Line: 1, Column: 1}, "map": {Line: 2, Column: 1}, "map.key": {Line: 3, Column: 1}, "map.fields.name": {Line: 4, Column: 1},
			}}
			_, problems := New([]config.Receiver{c}, Options{})
			if len(problems) != 1 || !strings.Contains(problems[0].String(), test.want) {
				t.Errorf("problems = %v", problems)
			}
		})
	}
}

func TestEnvelopeOfOurOwnWebhook(t *testing.T) {
	hook := standardReceiver(v1Secret)
	for body, want := range map[string]event.Event{
		`{"type":"product.deleted","timestamp":"2026-05-01T11:00:00Z","data":{"key":"a","name":"n"}}`: {
			ID: "m", Op: sdk.Deleted, Key: "a", Time: noon.Add(-time.Hour),
			Patch: event.Patch{Product: sdk.Product{Key: "a", Name: "n"}, Fields: []string{"name"}}},
		`{"type":"product.created","data":{"product":{"key":"a"},"whole":true}}`: {
			ID: "m", Op: sdk.Created, Key: "a", Time: noon, Patch: event.Patch{Product: sdk.Product{Key: "a"}, Whole: true}},
		`{"type":"product.updated","timestamp":"2026-05-01T11:00:00Z","data":{"event":{"id":"7","source":"crm","op":"updated","time":"2026-05-01T11:00:00Z","hint":true,` +
			`"fields":["name","prices","variants.prices","attributes.color"]},"product":{"key":"7","code":"K","name":"n"}}}`: {
			ID: "m", Op: sdk.Updated, Key: "7", Time: noon.Add(-time.Hour), Hint: true,
			Patch: event.Patch{Product: sdk.Product{Key: "7", Code: "K", Name: "n"}, Fields: []string{"code", "name", "prices", "attributes.color"}}},
		`{"type":"invoice.paid","data":{"key":"a"}}`: {ID: "m", Op: sdk.Received, Key: "m", Time: noon},
		`[]`: {ID: "m", Op: sdk.Received, Key: "m", Time: noon},
	} {
		k := &keeper{}
		c := signedCall(t, v1Secret, "m", noon, "application/json", body)
		c.target = "/in"
		if w := c.do(newHandler(t, k, noon, hook)); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", body, w.Code, w.Body)
		}
		got := k.kept()[0]
		if (got.Op == sdk.Received) != (got.Raw != nil) {
			t.Errorf("%s: raw = %v", body, got.Raw)
		}
		want.Source, got.Raw = "in", nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
	c := signedCall(t, v1Secret, "m", noon, "application/json", `{"type":"product.updated","data":{"name":"n"}}`)
	c.target = "/in"
	if w := c.do(newHandler(t, &keeper{}, noon, hook)); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `has no "key"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestStandardWebhooksMapNamesNoID(t *testing.T) {
	c := standardReceiver(v1Secret)
	c.Map = map[string]string{"key": "body.id", "id": "body.id"}
	if _, problems := New([]config.Receiver{c}, Options{}); len(problems) != 1 || !strings.Contains(problems[0].Message, "webhook-id") {
		t.Errorf("problems = %v", problems)
	}
}

// TestPartsOfALongIDHaveGoodIDs: 255 bytes are good for an id, and leave no room.
func TestPartsOfALongIDHaveGoodIDs(t *testing.T) {
	long := strings.Repeat("a", event.MaxKey)
	seen := map[string]bool{}
	for _, id := range []string{"1", long[:event.MaxKey-2], long[:event.MaxKey-1], long} {
		for _, n := range []int{1, 2, maxEvents} {
			part := partID(id, n)
			if err := event.CheckKey(part); err != nil || seen[part] {
				t.Errorf("%.10s…, %d: %q %v", id, n, part, err)
			}
			seen[part] = true
		}
	}
}
