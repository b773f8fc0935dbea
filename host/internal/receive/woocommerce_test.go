package receive

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

func wooReceiver(currency string) config.Receiver {
	return config.Receiver{Name: "in", Scheme: "woocommerce", Path: "/in", Secrets: secretsOf(ourSecret), Currency: currency}
}

func wooCall(topic, body string) call {
	resource, what, _ := strings.Cut(topic, ".")
	return post(body, "Content-Type", "application/json", "X-WC-Webhook-Source", "https://shop.example/", "X-WC-Webhook-Topic", topic,
		"X-WC-Webhook-Resource", resource, "X-WC-Webhook-Event", what, "X-WC-Webhook-ID", "7", "X-WC-Webhook-Delivery-ID", "d", "X-WC-Webhook-Signature", base64MAC(ourSecret, body))
}

// The example of a product at https://woocommerce.github.io/woocommerce-rest-api-docs/#retrieve-a-product,
// with a brand as of WooCommerce 9.6, and a barcode as of 9.2. Read 2026-11.
const wooDocs = `{"id":794,"name":"Premium Quality","slug":"premium-quality-19","permalink":"https://example.com/product/premium-quality-19/",
"date_created":"2017-03-23T17:01:14","date_created_gmt":"2017-03-23T20:01:14","date_modified":"2017-03-23T17:01:14","date_modified_gmt":"2017-03-23T20:01:14",
"type":"simple","status":"publish","featured":false,"catalog_visibility":"visible","description":"<p>Pellentesque habitant.</p>\n","short_description":"<p>Pellentesque.</p>\n",
"sku":"","global_unique_id":"4006381333931","price":"19.99","regular_price":"21.99","sale_price":"19.99","date_on_sale_from":null,"on_sale":true,"purchasable":true,"total_sales":0,"virtual":false,
"downloads":[],"tax_status":"taxable","tax_class":"reduced-rate","manage_stock":true,"stock_quantity":5,"stock_status":"instock","weight":"2.0","dimensions":{"length":"","width":"","height":""},
"parent_id":0,"categories":[{"id":9,"name":"Clothing","slug":"clothing"}],"brands":[{"id":3,"name":"Ben &amp; Co","slug":"ben"}],"tags":[{"id":4,"name":"R&amp;D","slug":"rd"}],
"images":[{"id":792,"src":"https://example.com/T_2_front.jpg","name":"","alt":"Front"},{"id":793,"src":"https://example.com/T_2_back.jpg","name":"","alt":""}],
"attributes":[],"default_attributes":[],"variations":[],"grouped_products":[],"menu_order":0,"meta_data":[],"_links":{}}`

func TestWooCommerce(t *testing.T) {
	tests := map[string]struct {
		topic, body, currency, want string
	}{
		"the documentation's product": {"product.updated", wooDocs, "EUR",
			`updated {"key":"794","name":"Premium Quality","description":"\u003cp\u003ePellentesque habitant.\u003c/p\u003e\n","status":"active","brand":"Ben \u0026 Co","barcode":"4006381333931","tax_code":"reduced-rate",` +
				`"prices":[{"amount":"19.99","currency":"EUR","compare_at":"21.99"}],"stock":[{"quantity":"5"}],"tags":["R\u0026D"],` +
				`"media":[{"url":"https://example.com/T_2_front.jpg","alt":"Front"},{"url":"https://example.com/T_2_back.jpg"}],"attributes":{"slug":"premium-quality-19"}} ` +
				`[attributes.slug barcode brand code description media name prices status stock tags tax_code variants]`},
		"without a currency there are no prices": {"product.created", `{"id":1,"name":"N","price":"9","variations":[]}`, "", `created {"key":"1","name":"N"} [name variants]`},
		"a product without a price":              {"product.updated", `{"id":1,"price":"","regular_price":"","manage_stock":false,"stock_quantity":null}`, "EUR", `updated {"key":"1"} [prices stock]`},
		"a variable product": {"product.updated", `{"id":1,"name":"N","type":"variable","price":"9","manage_stock":true,"stock_quantity":2,"variations":[5,6]}`, "EUR",
			`hint updated {"key":"1","name":"N"} [name]`},
		"a variation":     {"product.updated", `{"id":5,"name":"N","type":"variation","parent_id":1,"price":"9","variations":[]}`, "EUR", `hint updated {"key":"1"} []`},
		"a new variation": {"product.created", `{"id":5,"name":"N","type":"variation","parent_id":1}`, "EUR", `hint updated {"key":"1"} []`},
		"deleted":         {"product.deleted", `{"id":794}`, "EUR", `deleted {"key":"794"} []`},
		"restored":        {"product.restored", `{"id":794,"name":"N","status":"draft"}`, "EUR", `updated {"key":"794","name":"N","status":"draft"} [name status]`},
		"published":       {"product.published", `{"id":794,"status":"publish"}`, "EUR", `updated {"key":"794","status":"active"} [status]`},
		"no field":        {"product.updated", `{"id":794}`, "EUR", `hint updated {"key":"794"} []`},
		"another topic":   {"order.created", `{"id":727,"currency":"USD"}`, "EUR", `raw received`},
		"an action":       {"action.woocommerce_add_to_cart", `{"action":"woocommerce_add_to_cart","arg":"x"}`, "EUR", `raw received`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			w := wooCall(test.topic, test.body).do(newHandler(t, k, noon, wooReceiver(test.currency)))
			if events, want := k.kept(), "d/"+digestID([]byte(test.body))+" "+test.want; w.Code != http.StatusOK || len(events) != 1 || told(t, events[0]) != want {
				t.Errorf("%d %s %s", w.Code, w.Body, told(t, append(events, event.Event{})[0]))
			}
		})
	}
}

func TestWooCommerceTellsWhenItWas(t *testing.T) {
	k := &keeper{}
	wooCall("product.updated", wooDocs).do(newHandler(t, k, noon, wooReceiver("")))
	if at := k.kept()[0].Time; !at.Equal(time.Date(2017, 3, 23, 20, 1, 14, 0, time.UTC)) {
		t.Errorf("time = %s", at)
	}
}

// TestWooCommerceOfOneSecond: deliveries of one second have one id, and are events
// of their own all the same; the same delivery once more is not.
func TestWooCommerceOfOneSecond(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, wooReceiver(""))
	for _, body := range []string{`{"id":1,"name":"A"}`, `{"id":2,"name":"B"}`, `{"id":1,"name":"A"}`} {
		if w := wooCall("product.updated", body).do(h); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if s := h.Stats()[0]; len(k.kept()) != 2 || s.Duplicates != 1 {
		t.Errorf("%d events, %+v", len(k.kept()), s)
	}
}

// TestWooCommercePing: it is answered exactly as WooCommerce wants it, brings
// nothing, and opens nothing for what is no ping.
func TestWooCommercePing(t *testing.T) {
	ping := post("webhook_id=7", "Content-Type", "application/x-www-form-urlencoded")
	tests := map[string]struct {
		call call
		want int
	}{
		"as it is sent":    {ping, 200},
		"without a type":   {ping.with("Content-Type"), 200},
		"with more":        {post("webhook_id=7&id=1"), 401},
		"with no number":   {post("webhook_id=x"), 401},
		"with a signature": {ping.with("X-WC-Webhook-Signature", "AAAA"), 401},
		"with a topic":     {ping.with("X-WC-Webhook-Topic", "product.deleted"), 401},
		"with nothing":     {post(""), 401},
		"by GET":           {call{method: "GET", target: "/in", body: "webhook_id=7"}, 405},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			h := newHandler(t, k, noon, wooReceiver(""))
			w := test.call.do(h)
			if w.Code != test.want || len(k.kept()) != 0 || h.Stats()[0].Accepted != 0 {
				t.Errorf("%d %s, %d events", w.Code, w.Body, len(k.kept()))
			}
		})
	}
	h, _ := New([]config.Receiver{{Name: "in", Scheme: "woocommerce", Path: "/in"}}, Options{Accepter: &keeper{}})
	if w := ping.do(h); w.Code/100 == 2 {
		t.Errorf("without a secret: %d", w.Code)
	}
}

func TestWooCommerceRefuses(t *testing.T) {
	tests := map[string]struct {
		call call
		want int
		says string
	}{
		"a customer as a deletion": {wooCall("product.deleted", `{"id":25,"email":"john.doe@example.com"}`), 400, "X-WC-Webhook-Topic"},
		"a product as a deletion":  {wooCall("product.deleted", wooDocs), 400, "X-WC-Webhook-Topic"},
		"an error in its place":    {wooCall("product.updated", `{"code":"woocommerce_rest_cannot_view","message":"Sorry, you cannot view this resource.","data":{"status":401}}`), 400, "may not read it"},
		"a variation of nothing":   {wooCall("product.updated", `{"id":5,"type":"variation"}`), 400, "must not be empty"},
		"no topic":                 {wooCall("product.updated", wooDocs).with("X-WC-Webhook-Topic"), 401, "is missing"},
		"no delivery":              {wooCall("product.updated", wooDocs).with("X-WC-Webhook-Delivery-ID"), 401, "is missing"},
		"a long delivery":          {wooCall("product.updated", wooDocs).with("X-WC-Webhook-Delivery-ID", strings.Repeat("d", 255)), 400, "too long"},
		"a bad price":              {wooCall("product.updated", `{"id":1,"price":"1,5"}`), 400, "decimal"},
		"a form":                   {wooCall("product.updated", `{"id":1}`).with("Content-Type", "application/x-www-form-urlencoded"), 415, "JSON"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			w := test.call.do(newHandler(t, k, noon, wooReceiver("EUR")))
			if w.Code != test.want || !strings.Contains(w.Body.String(), test.says) || len(k.kept()) != 0 {
				t.Errorf("%d %s, %d events", w.Code, w.Body, len(k.kept()))
			}
		})
	}
}

func FuzzWooCommerce(f *testing.F) {
	f.Add("product.updated", "application/json", wooDocs, "AAAA")
	f.Add("product.deleted", "application/json", `{"id":1}`, "")
	f.Add("", "application/x-www-form-urlencoded", "webhook_id=1", "")
	f.Fuzz(func(t *testing.T, topic, media, body, offered string) {
		good := base64MAC(ourSecret, body)
		for _, signature := range []string{good, offered} {
			took := probe(t, wooReceiver("EUR"), bare("POST", "/in", "", body, "Content-Type", media, "X-WC-Webhook-Topic", topic,
				"X-WC-Webhook-Delivery-ID", "d", "X-WC-Webhook-Signature", signature))
			if took && signature != good {
				t.Fatalf("taken: %q", signature)
			}
		}
	})
}
