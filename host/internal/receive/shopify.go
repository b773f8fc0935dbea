package receive

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// shopify takes both generations of Shopify's messages, read 2026-11:
// https://shopify.dev/docs/apps/build/webhooks/delivery-structure (webhooks) and
// https://shopify.dev/docs/apps/build/events/delivery-structure (Events). Events
// bear the headers of webhooks, too, for those who know no others; so theirs are
// looked for first, as Shopify's own library does.
//
// The signature covers the body and nothing else. Topic and id are headers that
// whoever has seen one message could write anew beside its body; so the topic is
// believed only where the body agrees. The id is that of the delivery, the same
// when Shopify tries again.
//
// A webhook about a product has all of it, but for the currency of its prices,
// which only the operator knows; without one prices are left out. Of many variants
// it has only some, beside the ids of all: then it is a hint. An Event says which
// product and leaves the rest to the app's own query, so it is a hint.
func shopify(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	how := config.Signature{Header: "X-Shopify-Hmac-Sha256", Algorithm: "sha256", Encoding: "base64", Signed: "{body}"}
	webhook, more := newSignature(c, how)
	how.Header = "Shopify-Hmac-Sha256"
	newer, _ := newSignature(c, how) // has the same problems
	return scheme{
		methods: []string{http.MethodPost},
		verify: func(r *request) (err error) {
			s, id := webhook, "X-Shopify-Webhook-Id"
			if isShopifyEvent(r) {
				s, id = newer, "Shopify-Webhook-Id"
			}
			if err := s.verify(r); err != nil {
				return err
			}
			r.id, err = r.headerID(id)
			return err
		},
		events: m.or(shopifyEvents),
		hides:  []string{webhook.header, newer.header},
		sample: shopifySample(),
		prove: func(it *sample, now time.Time) {
			it.header.Set("X-Shopify-Webhook-Id", event.NewID())
			webhook.prove(it, now)
		},
	}, append(problems, more...)
}

func isShopifyEvent(r *request) bool { return len(r.Header["Shopify-Hmac-Sha256"]) > 0 }

// shopifySample is after the example of products/update in the documentation.
func shopifySample() sample {
	s := sampleJSON(`{"id":788032119674292922,"admin_graphql_api_id":"gid://shopify/Product/788032119674292922","title":"Example T-Shirt",` +
		`"body_html":"An example T-Shirt","vendor":"Acme","product_type":"Shirts","handle":"example-t-shirt","status":"active","tags":"example, mens, t-shirt",` +
		`"updated_at":"2021-12-31T19:00:00-05:00","variants":[{"id":642667041472713922,"title":"Small","price":"19.99","compare_at_price":"24.99",` +
		`"sku":null,"barcode":null,"option1":"Small","inventory_quantity":75}],"options":[],"images":[]}`)
	s.header.Set("X-Shopify-Topic", "products/update")
	return s
}

var shopifyOps = map[string]sdk.EventOp{
	"products/create": sdk.Created, "products/update": sdk.Updated, "products/delete": sdk.Deleted,
	"create": sdk.Created, "update": sdk.Updated, "delete": sdk.Deleted,
}

func shopifyEvents(r *request) ([]event.Event, error) {
	if isShopifyEvent(r) {
		return shopifyHint(r)
	}
	topic, err := r.header("X-Shopify-Topic")
	if err != nil {
		return nil, err
	}
	op, aboutProduct := shopifyOps[topic]
	if !aboutProduct || strings.EqualFold(r.Header.Get("X-Shopify-Test"), "true") {
		return r.raw(r.id, "") // the admin's test button tells of a product that there is not
	}
	var p shopifyProduct
	if err := r.json(&p); err != nil {
		return nil, err
	}
	if another := p.GID != "" && !strings.HasPrefix(p.GID, shopifyProductID); another || op == sdk.Deleted && !r.tellsOnly("id", "admin_graphql_api_id") {
		return nil, malformed("The body is not what the header X-Shopify-Topic says.", nil)
	}
	e, err := p.snapshot(r.receiver.config.Currency).event(r.id, op, string(p.ID), p.Updated.or(r.now))
	e.Hint = op != sdk.Deleted && (p.partial() || len(e.Patch.Fields) == 0)
	return []event.Event{e}, err
}

const shopifyProductID = "gid://shopify/Product/"

// shopifyHint reads an Event. Its topic and action are in the signed body, too.
func shopifyHint(r *request) ([]event.Event, error) {
	var said struct {
		Topic     string                     `json:"topic"`
		Action    string                     `json:"action"`
		Variables map[string]json.RawMessage `json:"query_variables"`
	}
	if err := r.json(&said); err != nil {
		return nil, err
	}
	var id string
	if raw := said.Variables["productId"]; raw != nil && json.Unmarshal(raw, &id) != nil {
		return nil, malformed("The productId of query_variables must be a text.", nil)
	}
	op, known := shopifyOps[said.Action]
	key, ofProduct := strings.CutPrefix(id, shopifyProductID)
	if said.Topic != "Product" || !known || !ofProduct {
		return r.raw(r.id, "")
	}
	e, err := snapshot{}.event(r.id, op, key, r.now)
	e.Hint = op != sdk.Deleted
	return []event.Event{e}, err
}
