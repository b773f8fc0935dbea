package receive

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// stripe takes the webhooks of Stripe, read 2026-11:
// https://docs.stripe.com/webhooks#verify-manually
// https://docs.stripe.com/api/events/types
//
// The header has the time and, while a secret is being rolled, a signature by each
// secret: t=…,v1=…,v1=…. What else stands there, as v0 of test events does, counts
// for nothing. The key is the secret as it stands, whsec_ and all: not what Standard
// Webhooks makes of the same looks.
//
// An event has its id in the signed body, which is the same when Stripe tries again,
// with a new time, for up to three days. Events come in any order.
//
// A product comes whole, but for its prices: they are objects of their own, and a
// message names them only. So a price makes a hint of its product.
func stripe(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	s, more := newSignature(c, config.Signature{Header: "Stripe-Signature", Algorithm: "sha256", Encoding: "hex", Signed: "{body}"})
	return scheme{
		methods: []string{http.MethodPost},
		verify:  func(r *request) error { return verifyStripe(r, s.keys, c.Tolerance) },
		events:  m.or(stripeEvents),
		hides:   []string{"Stripe-Signature"},
		sample: sampleJSON(`{"id":"` + stripeSampleID + `","object":"event","api_version":"2019-02-19","created":1686089970,"type":"product.updated",` +
			`"data":{"object":{"id":"prod_NWjs8kKbJWmuuc","object":"product","active":true,"default_price":null,"description":null,"images":[],"metadata":{},` +
			`"name":"Gold Plan","tax_code":null,"unit_label":null}}}`),
		prove: func(it *sample, now time.Time) {
			it.body = bytes.Replace(it.body, []byte(stripeSampleID), []byte("evt_"+event.NewID()), 1)
			at := strconv.FormatInt(now.Unix(), 10)
			it.header.Set("Stripe-Signature", "t="+at+",v1="+hex.EncodeToString(stripeMAC(s.keys[0], at, it.body)))
		},
	}, append(problems, more...)
}

const stripeSampleID = "evt_1NG8Du2eZvKYlo2CUI79vXWy"

func stripeMAC(key []byte, at string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

func verifyStripe(r *request, keys [][]byte, tolerance time.Duration) error {
	text, err := r.header("Stripe-Signature")
	if err != nil {
		return err
	}
	at, offered, err := splitStripe(text)
	if err != nil {
		return err
	}
	if err := checkTime(at, r.now, tolerance); err != nil {
		return err
	}
	body, err := r.body()
	if err != nil {
		return err
	}
	same := false
	for _, key := range keys {
		right := stripeMAC(key, at, body)
		for _, signature := range offered {
			same = hmac.Equal(signature, right) || same
		}
	}
	if !same {
		return refuse(http.StatusUnauthorized, "signature", "No signature v1 in the header Stripe-Signature is right.")
	}
	var said struct {
		ID string `json:"id"`
	}
	if readJSON(body, &said) != nil || event.CheckKey(said.ID) != nil {
		said.ID = digestID([]byte(at + "." + string(body))) // nothing that Stripe sends
	}
	r.id = said.ID
	return nil
}

// splitStripe takes the header apart.
func splitStripe(text string) (at string, v1 [][]byte, err error) {
	for i, part := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch {
		case i > maxSignatures:
			return "", nil, malformed("The header Stripe-Signature has more signatures than are looked at.", nil)
		case strings.TrimSpace(name) != name: // two headers that somebody has made one
			return "", nil, malformed("The header Stripe-Signature has a space in it.", nil)
		case name == "t" && at != "":
			return "", nil, malformed("The header Stripe-Signature has more than one t.", nil)
		case name == "t":
			at = value
		case name == "v1":
			if signature, err := hex.DecodeString(value); err == nil {
				v1 = append(v1, signature)
			}
		}
	}
	if at == "" {
		return "", nil, malformed("The header Stripe-Signature has no t.", nil)
	}
	return at, v1, nil
}

var stripeOps = map[string]sdk.EventOp{
	"product.created": sdk.Created, "product.updated": sdk.Updated, "product.deleted": sdk.Deleted,
}

func stripeEvents(r *request) ([]event.Event, error) {
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	var kind struct {
		Object string `json:"object"`
		Type   string `json:"type"`
	}
	if readJSON(body, &kind) != nil || kind.Object != "event" {
		return r.raw(r.id, "")
	}
	var e event.Event
	if op, is := stripeOps[kind.Type]; is {
		e, err = stripeProductEvent(r, op)
	} else if strings.HasPrefix(kind.Type, "price.") {
		e, err = stripePriceEvent(r)
	} else {
		return r.raw(r.id, "")
	}
	return []event.Event{e}, err
}
