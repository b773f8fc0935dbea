package receive

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

func shopifyReceiver(currency string) config.Receiver {
	return config.Receiver{Name: "in", Scheme: "shopify", Path: "/in", Secrets: secretsOf("test_secret_key"), Currency: currency}
}

func base64MAC(secret, body string) string {
	return base64.StdEncoding.EncodeToString(mac(secret, body))
}

func shopifyCall(topic, body string) call {
	return post(body, "Content-Type", "application/json", "X-Shopify-Topic", topic, "X-Shopify-Webhook-Id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
		"X-Shopify-Shop-Domain", "shop.myshopify.com", "X-Shopify-API-Version", "2026-10", "X-Shopify-Hmac-SHA256", base64MAC("test_secret_key", body))
}

// shopifyEventCall bears both generations of headers, as Events do for now.
func shopifyEventCall(body string) call {
	c := shopifyCall("Product", body)
	return c.with("X-Shopify-Webhook-Id", "other").with("Shopify-Webhook-Id", "e-1").with("Shopify-Topic", "Product").
		with("Shopify-Hmac-Sha256", base64MAC("test_secret_key", body))
}

// told is what an event tells, in one line.
func told(t testing.TB, e event.Event) string {
	t.Helper()
	if e.Raw != nil {
		return fmt.Sprintf("%s raw %s", e.ID, e.Op)
	}
	product, err := json.Marshal(e.Patch.Product)
	if err != nil {
		t.Fatal(err)
	}
	hint := ""
	if e.Hint {
		hint = "hint "
	}
	return fmt.Sprintf("%s %s%s %s %v", e.ID, hint, e.Op, product, e.Patch.Fields)
}

// The sample of products/create in https://shopify.dev/docs/api/webhooks/latest, read 2026-11.
const shopifyDocs = `{"admin_graphql_api_id":"gid://shopify/Product/788032119674292922","body_html":"An example T-Shirt","created_at":null,"handle":"example-t-shirt",
"id":788032119674292922,"product_type":"Shirts","published_at":"2021-12-31T19:00:00-05:00","template_suffix":null,"title":"Example T-Shirt",
"updated_at":"2021-12-31T19:00:00-05:00","vendor":"Acme","status":"active","published_scope":"web","tags":"example, mens, t-shirt","variants":[
{"admin_graphql_api_id":"gid://shopify/ProductVariant/642667041472713922","barcode":null,"compare_at_price":"24.99","created_at":"2021-12-29T19:00:00-05:00",
"id":642667041472713922,"inventory_policy":"deny","position":1,"price":"19.99","product_id":788032119674292922,"sku":null,"taxable":true,"title":"Small",
"updated_at":"2021-12-30T19:00:00-05:00","option1":"Small","option2":null,"option3":null,"image_id":null,"inventory_item_id":null,"inventory_quantity":75,"old_inventory_quantity":75},
{"admin_graphql_api_id":"gid://shopify/ProductVariant/757650484644203962","barcode":null,"compare_at_price":"24.99","created_at":"2021-12-29T19:00:00-05:00",
"id":757650484644203962,"inventory_policy":"deny","position":2,"price":"19.99","product_id":788032119674292922,"sku":null,"taxable":true,"title":"Medium",
"updated_at":"2021-12-31T19:00:00-05:00","option1":"Medium","option2":null,"option3":null,"image_id":null,"inventory_item_id":null,"inventory_quantity":50,"old_inventory_quantity":50}],
"options":[],"images":[],"image":null,"media":[],"variant_gids":[{"admin_graphql_api_id":"gid://shopify/ProductVariant/757650484644203962","updated_at":"2022-01-01T00:00:00.000Z"},
{"admin_graphql_api_id":"gid://shopify/ProductVariant/642667041472713922","updated_at":"2021-12-31T00:00:00.000Z"}],"has_variants_that_requires_components":false,"category":null}`

const shopifySnapshot = "[attributes.handle attributes.product_type barcode brand code description media name prices status stock tags variants]"

func TestShopify(t *testing.T) {
	const id = "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043 "
	tests := map[string]struct {
		call     call
		currency string
		want     string
	}{
		"the documentation's sample": {shopifyCall("products/create", shopifyDocs), "EUR",
			id + `created {"key":"788032119674292922","name":"Example T-Shirt","description":"An example T-Shirt","status":"active","brand":"Acme","tags":["example","mens","t-shirt"],"variants":[` +
				`{"key":"642667041472713922","options":[{"name":"option1","value":"Small"}],"prices":[{"amount":"19.99","currency":"EUR","compare_at":"24.99"}],"stock":[{"quantity":"75"}]},` +
				`{"key":"757650484644203962","options":[{"name":"option1","value":"Medium"}],"prices":[{"amount":"19.99","currency":"EUR","compare_at":"24.99"}],"stock":[{"quantity":"50"}]}],` +
				`"attributes":{"handle":"example-t-shirt","product_type":"Shirts"}} ` + shopifySnapshot},
		"without a currency there are no prices": {shopifyCall("products/update", `{"id":1,"variants":[{"id":2,"title":"Default Title","sku":"B-1","price":"9"}]}`), "",
			id + `updated {"key":"1","code":"B-1"} [barcode code stock variants]`},
		"the default variant is the product": {shopifyCall("products/update", `{"id":1,"variants":[{"id":2,"title":"Default Title","option1":"Default Title","sku":"B-1","barcode":"40","price":"9.50","compare_at_price":"9.50","inventory_quantity":-2}]}`), "EUR",
			id + `updated {"key":"1","code":"B-1","barcode":"40","prices":[{"amount":"9.50","currency":"EUR"}],"stock":[{"quantity":"-2"}]} [barcode code prices stock variants]`},
		"what nobody counts has no stock": {shopifyCall("products/update", `{"id":1,"variants":[{"id":2,"title":"Default Title","inventory_management":null,"inventory_quantity":0},{"id":3,"inventory_management":"shopify","inventory_quantity":4}]}`), "",
			id + `updated {"key":"1","variants":[{"key":"2"},{"key":"3","stock":[{"quantity":"4"}]}]} [barcode code stock variants]`},
		"options and images": {shopifyCall("products/update", `{"id":1,"options":[{"name":"Size"},{"name":"Colour"}],"images":[{"id":5,"src":"https://cdn.example/a.jpg","alt":"A"},{"id":6,"src":"https://cdn.example/b.jpg","alt":null},{"id":7,"src":null,"alt":null}],`+
			`"variants":[{"id":2,"option1":"M","option2":"Red","image_id":6},{"id":3,"option1":"L","option2":null}]}`), "",
			id + `updated {"key":"1","media":[{"url":"https://cdn.example/a.jpg","alt":"A"},{"url":"https://cdn.example/b.jpg"}],"variants":[` +
				`{"key":"2","options":[{"name":"Size","value":"M"},{"name":"Colour","value":"Red"}],"media":[{"url":"https://cdn.example/b.jpg"}]},{"key":"3","options":[{"name":"Size","value":"L"}]}]} [barcode code media stock variants]`},
		"some of many variants":    {shopifyCall("products/update", `{"id":1,"title":"T","variants":[{"id":2}],"variant_gids":[{},{}]}`), "EUR", id + `hint updated {"key":"1","name":"T"} [name]`},
		"some fields":              {shopifyCall("products/update", `{"id":1,"body_html":null,"tags":"","status":"draft"}`), "EUR", id + `updated {"key":"1","status":"draft"} [description status tags]`},
		"no field":                 {shopifyCall("products/update", `{"id":1}`), "EUR", id + `hint updated {"key":"1"} []`},
		"a status that is unknown": {shopifyCall("products/update", `{"id":1,"title":"T","status":"sleeping"}`), "EUR", id + `updated {"key":"1","name":"T"} [name]`},
		"delete":                   {shopifyCall("products/delete", `{"id":788032119674292922}`), "EUR", id + `deleted {"key":"788032119674292922"} []`},
		"another topic":            {shopifyCall("orders/paid", `{"id":1,"currency":"EUR"}`), "EUR", id + "raw received"},
		"the test button":          {shopifyCall("products/create", shopifyDocs).with("X-Shopify-Test", "true"), "EUR", id + "raw received"},
		"an Event": {shopifyEventCall(`{"topic":"Product","action":"update","handle":"product-updates","fields_changed":{"added":[],"updated":["product[id: 'gid://shopify/Product/123'].variants[id: 'gid://shopify/ProductVariant/456'].price"],"removed":[]},` +
			`"query_variables":{"productId":"gid://shopify/Product/123","variantsId":"gid://shopify/ProductVariant/456"}}`), "EUR", `e-1 hint updated {"key":"123"} []`},
		"an Event of a deletion":  {shopifyEventCall(`{"topic":"Product","action":"delete","query_variables":{"productId":"gid://shopify/Product/123"}}`), "", `e-1 deleted {"key":"123"} []`},
		"an Event of another":     {shopifyEventCall(`{"topic":"Order","action":"update","query_variables":{"orderId":"gid://shopify/Order/1"}}`), "", "e-1 raw received"},
		"an Event of no products": {shopifyEventCall(`{"topic":"Product","action":"update"}`), "", "e-1 raw received"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			w := test.call.do(newHandler(t, k, noon, shopifyReceiver(test.currency)))
			if events := k.kept(); w.Code != http.StatusOK || len(events) != 1 || told(t, events[0]) != test.want {
				t.Errorf("%d %s %s", w.Code, w.Body, told(t, append(events, event.Event{})[0]))
			}
		})
	}
}

func TestShopifyTellsWhenItWas(t *testing.T) {
	k := &keeper{}
	shopifyCall("products/update", shopifyDocs).do(newHandler(t, k, noon, shopifyReceiver("")))
	if at := k.kept()[0].Time; !at.Equal(time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("time = %s", at)
	}
}

// TestShopifyRefuses: topic and id are not signed, so they make nothing of a body
// that was signed for something else.
func TestShopifyRefuses(t *testing.T) {
	event := shopifyEventCall(`{"topic":"Product","action":"update","query_variables":{"productId":"gid://shopify/Product/123"}}`)
	tests := map[string]struct {
		call call
		want int
		says string
	}{
		"a product as a deletion":      {shopifyCall("products/delete", shopifyDocs), 400, "X-Shopify-Topic"},
		"a cart as a deletion":         {shopifyCall("products/delete", `{"id":981820079255243500,"token":"123123123"}`), 400, "X-Shopify-Topic"},
		"an order as a product":        {shopifyCall("products/update", `{"id":1,"admin_graphql_api_id":"gid://shopify/Order/1","title":"T"}`), 400, "X-Shopify-Topic"},
		"no topic":                     {shopifyCall("products/update", shopifyDocs).with("X-Shopify-Topic"), 401, "X-Shopify-Topic is missing"},
		"two topics":                   {shopifyCall("", `{"id":1}`).with("X-Shopify-Topic", "products/update", "products/delete"), 400, "more than once"},
		"no id":                        {shopifyCall("products/update", shopifyDocs).with("X-Shopify-Webhook-Id"), 401, "X-Shopify-Webhook-Id is missing"},
		"no product's id":              {shopifyCall("products/update", `{"title":"T"}`), 400, "must not be empty"},
		"a bad product":                {shopifyCall("products/update", `{"id":1,"title":7}`), 400, "name: want a text"},
		"a bad price":                  {shopifyCall("products/update", `{"id":1,"variants":[{"id":2,"price":"1,5"}]}`), 400, "decimal"},
		"a form":                       {shopifyCall("products/update", `{"id":1}`).with("Content-Type", "application/x-www-form-urlencoded"), 415, "JSON"},
		"not UTF-8":                    {shopifyCall("products/update", "{\"id\":1,\"title\":\"\xff\"}"), 400, "UTF-8"},
		"an Event, the old signature":  {event.with("Shopify-Hmac-Sha256", "AAAA"), 401, "wrong"},
		"an Event, signed twice":       {event.with("Shopify-Hmac-Sha256", "AAAA", "AAAA"), 400, "more than once"},
		"an Event without an id":       {event.with("Shopify-Webhook-Id"), 401, "Shopify-Webhook-Id is missing"},
		"an Event of a changed body":   {call{target: "/in", body: event.body + " ", header: event.header}, 401, "wrong"},
		"an Event whose id is no text": {shopifyEventCall(`{"topic":"Product","action":"update","query_variables":{"productId":7}}`), 400, "productId"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			w := test.call.do(newHandler(t, k, noon, shopifyReceiver("EUR")))
			if w.Code != test.want || !strings.Contains(w.Body.String(), test.says) || len(k.kept()) != 0 {
				t.Errorf("%d %s, %d events", w.Code, w.Body, len(k.kept()))
			}
		})
	}
}

func TestAMapWinsOverWhatShopifyBrings(t *testing.T) {
	c := shopifyReceiver("")
	c.Map = map[string]string{"key": "body.handle", "fields.name": `body.title + "!"`}
	k := &keeper{}
	shopifyCall("products/update", shopifyDocs).do(newHandler(t, k, noon, c))
	if got := told(t, k.kept()[0]); got != `b54557e4-bdd9-4b37-8a5f-bf7d70bcd043 updated {"key":"example-t-shirt","name":"Example T-Shirt!"} [name]` {
		t.Error(got)
	}
}

func FuzzShopify(f *testing.F) {
	f.Add("products/update", "application/json", shopifyDocs, "AAAA", false)
	f.Add("products/delete", "application/json", `{"id":1}`, "", false)
	f.Add("Product", "application/json", `{"topic":"Product","action":"delete","query_variables":{"productId":"gid://shopify/Product/123"}}`, "", true)
	f.Fuzz(func(t *testing.T, topic, media, body, offered string, newer bool) {
		header := "X-Shopify-Hmac-Sha256"
		if newer {
			header = "Shopify-Hmac-Sha256"
		}
		good := base64MAC("test_secret_key", body)
		for _, signature := range []string{good, offered} {
			took := probe(t, shopifyReceiver("EUR"), bare("POST", "/in", "", body, "Content-Type", media, "X-Shopify-Topic", topic,
				"X-Shopify-Webhook-Id", "w", "Shopify-Webhook-Id", "w", header, signature))
			if took && signature != good {
				t.Fatalf("taken: %q", signature)
			}
		}
	})
}
