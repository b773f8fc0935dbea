package receive

import (
	"net/http"
	"regexp"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// wooCommerce takes the webhooks of WooCommerce, read 2026-11:
// https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-webhook.php
// https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks
//
// Saving a webhook sends a ping first, which is a form, is not signed, and must be
// answered with 200, or it is not saved as active.
//
// The signature covers the body and nothing else, so the topic is believed only
// where the body agrees. The id of a delivery is made of the webhook and of the
// second: all deliveries of one second have the same. So an event's id is that
// and the body.
//
// A product has all but the currency of its price, and but for its variations,
// which are mere ids: a product that has any makes a hint. So does a variation,
// which comes under the topics of products, of the product that it is of. Only
// what is deleted has an id and no more, and may be a variation; an id is of one
// thing only, so that deletes nothing else.
func wooCommerce(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	s, more := newSignature(c, config.Signature{Header: "X-WC-Webhook-Signature", Algorithm: "sha256", Encoding: "base64", Signed: "{body}"})
	return scheme{
		methods: []string{http.MethodPost},
		greet:   wooPing,
		verify:  func(r *request) error { return verifyWoo(r, s) },
		events:  m.or(wooEvents),
		hides:   []string{s.header},
		sample:  wooSample(),
		prove:   withID("X-WC-Webhook-Delivery-ID", s.prove),
	}, append(problems, more...)
}

// wooSample is after the example of a product in the documentation.
func wooSample() sample {
	s := sampleJSON(`{"id":794,"name":"Premium Quality","slug":"premium-quality-19","date_modified_gmt":"2017-03-23T20:01:14","type":"simple",` +
		`"status":"publish","description":"<p>Pellentesque habitant.</p>","sku":"PQ-19","price":"19.99","regular_price":"21.99","sale_price":"19.99",` +
		`"on_sale":true,"manage_stock":true,"stock_quantity":5,"tax_class":"","tags":[],"images":[],"variations":[],"parent_id":0}`)
	s.header.Set("X-WC-Webhook-Topic", "product.updated")
	return s
}

var wooPingForm = regexp.MustCompile(`^webhook_id=[0-9]{1,20}$`)

// wooPing answers the ping. It says nothing that anybody could not ask for.
func wooPing(r *request) (*greeting, error) {
	if len(r.Header["X-Wc-Webhook-Signature"]) > 0 || len(r.Header["X-Wc-Webhook-Topic"]) > 0 {
		return nil, nil
	}
	body, err := r.body()
	if err != nil || !wooPingForm.Match(body) {
		return nil, err
	}
	return &greeting{}, nil
}

func verifyWoo(r *request, s *signature) error {
	if err := s.verify(r); err != nil {
		return err
	}
	id, err := r.headerID("X-Wc-Webhook-Delivery-Id")
	if err != nil {
		return err
	}
	body, err := r.body()
	if err != nil {
		return err
	}
	r.id = id + "/" + digestID(body)
	if err := event.CheckKey(r.id); err != nil {
		return malformed("The header X-WC-Webhook-Delivery-ID is too long.", nil)
	}
	return nil
}

var wooOps = map[string]sdk.EventOp{
	"product.created": sdk.Created, "product.updated": sdk.Updated, "product.published": sdk.Updated,
	"product.restored": sdk.Updated, "product.deleted": sdk.Deleted,
}

func wooEvents(r *request) ([]event.Event, error) {
	topic, err := r.header("X-WC-Webhook-Topic")
	if err != nil {
		return nil, err
	}
	op, aboutProduct := wooOps[topic]
	if !aboutProduct {
		return r.raw(r.id, "")
	}
	var p wooProduct
	if err := r.json(&p); err != nil {
		return nil, err
	}
	switch {
	case p.ID == "":
		return nil, malformed("The body tells of no product: the user of the webhook may not read it in WooCommerce.", nil)
	case op == sdk.Deleted && !r.tellsOnly("id"):
		return nil, malformed("The body is not what the header X-WC-Webhook-Topic says.", nil)
	case p.Type == "variation" || p.Parent != "" && p.Parent != "0":
		e, err := snapshot{}.event(r.id, sdk.Updated, string(p.Parent), p.changed(r.now))
		e.Hint = true
		return []event.Event{e}, err
	}
	e, err := p.snapshot(r.receiver.config.Currency).event(r.id, op, string(p.ID), p.changed(r.now))
	e.Hint = op != sdk.Deleted && (p.varies() || len(e.Patch.Fields) == 0)
	return []event.Event{e}, err
}
