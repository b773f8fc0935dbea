package receive

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

const stripeSecret = "whsec_test_secret"

func stripeReceiver(secrets ...string) config.Receiver {
	return config.Receiver{Name: "in", Scheme: "stripe", Path: "/in", Secrets: secretsOf(secrets...), Tolerance: 5 * time.Minute}
}

func stripeSign(secret string, at time.Time, body string) string {
	return "v1=" + hex.EncodeToString(mac(secret, fmt.Sprintf("%d.%s", at.Unix(), body)))
}

func stripeCall(body string) call {
	return post(body, "Content-Type", "application/json; charset=utf-8", "Stripe-Signature",
		fmt.Sprintf("t=%d,%s,v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39", noon.Unix(), stripeSign(stripeSecret, noon, body)))
}

func stripeEvent(kind, object, more string) string {
	return fmt.Sprintf(`{"id":"evt_1NG8Du2eZvKYlo2CUI79vXWy","object":"event","api_version":"2019-02-19","created":1686089970,"data":{"object":%s%s},`+
		`"livemode":false,"pending_webhooks":0,"request":{"id":null,"idempotency_key":null},"type":%q}`, object, more, kind)
}

// The example at https://docs.stripe.com/api/products/object, read 2026-11.
const stripeDocs = `{"id":"prod_NWjs8kKbJWmuuc","object":"product","active":true,"created":1678833149,"default_price":"price_1","description":"All in",
"images":["https://files.stripe.example/a.png"],"marketing_features":[],"livemode":false,"metadata":{"sku":"G-1"},"name":"Gold Plan","package_dimensions":null,
"shippable":null,"statement_descriptor":null,"tax_code":"txcd_99999999","unit_label":"seat","updated":1678833149,"url":null}`

func TestStripe(t *testing.T) {
	const id = "evt_1NG8Du2eZvKYlo2CUI79vXWy "
	const product = `{"key":"prod_NWjs8kKbJWmuuc","name":"Gold Plan","description":"All in","status":"active","unit":"seat","tax_code":"txcd_99999999",` +
		`"media":[{"url":"https://files.stripe.example/a.png"}],"attributes":{"sku":"G-1"}}`
	tests := map[string]struct{ body, want string }{
		"created": {stripeEvent("product.created", stripeDocs, ""), id + `created ` + product + ` [attributes.sku description media name status tax_code unit]`},
		"updated, and a name of the metadata gone": {stripeEvent("product.updated", stripeDocs, `,"previous_attributes":{"metadata":{"sku":"G-0","colour":"red"}}`),
			id + `updated ` + product + ` [attributes.colour attributes.sku description media name status tax_code unit]`},
		"taken off": {stripeEvent("product.updated", `{"id":"p","active":false,"description":null,"images":[]}`, `,"previous_attributes":{"active":true}`),
			id + `updated {"key":"p","status":"archived"} [description media status]`},
		"deleted":         {stripeEvent("product.deleted", stripeDocs, ""), id + `deleted ` + product + ` [attributes.sku description media name status tax_code unit]`},
		"a price":         {stripeEvent("price.updated", `{"id":"price_1","object":"price","active":true,"currency":"usd","product":"prod_NWjs8kKbJWmuuc","unit_amount":1000,"unit_amount_decimal":"1000"}`, ""), id + `hint updated {"key":"prod_NWjs8kKbJWmuuc"} []`},
		"a deleted price": {stripeEvent("price.deleted", `{"id":"price_1","product":"prod_NWjs8kKbJWmuuc"}`, ""), id + `hint updated {"key":"prod_NWjs8kKbJWmuuc"} []`},
		"a payment":       {stripeEvent("payment_intent.succeeded", `{"id":"pi_1","amount":1000,"currency":"usd"}`, ""), id + `raw received`},
		"a thin event":    {`{"id":"evt_thin","object":"v2.core.event","type":"v2.core.account.updated","created":"2026-10-08T10:00:00.000Z"}`, `evt_thin raw received`},
		"no event":        {`{"id":"x","object":"product"}`, `x raw received`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			w := stripeCall(test.body).do(newHandler(t, k, noon, stripeReceiver(stripeSecret)))
			if events := k.kept(); w.Code != http.StatusOK || len(events) != 1 || told(t, events[0]) != test.want {
				t.Errorf("%d %s %s", w.Code, w.Body, told(t, append(events, event.Event{})[0]))
			}
		})
	}
}

func TestStripePaymentsTravelByMap(t *testing.T) {
	c := stripeReceiver(stripeSecret)
	c.Map = map[string]string{"key": `body.type in ["payment_intent.succeeded", "invoice.paid"] ? body.data.object.metadata?.invoice : nil`}
	k := &keeper{}
	body := stripeEvent("payment_intent.succeeded", `{"id":"pi_1","metadata":{"invoice":"INV-1001"}}`, "")
	if w := stripeCall(body).do(newHandler(t, k, noon, c)); w.Code != http.StatusOK || k.kept()[0].Key != "INV-1001" || k.kept()[0].ID != "evt_1NG8Du2eZvKYlo2CUI79vXWy" {
		t.Errorf("%d %s %+v", w.Code, w.Body, k.kept())
	}
}

// TestStripeTriesAgain: a second attempt has a new time and a new signature, and is
// the same event.
func TestStripeTriesAgain(t *testing.T) {
	k := &keeper{}
	body := stripeEvent("product.updated", stripeDocs, "")
	for _, at := range []time.Time{noon, noon.Add(time.Hour)} {
		c := post(body, "Content-Type", "application/json", "Stripe-Signature", fmt.Sprintf("t=%d,%s", at.Unix(), stripeSign(stripeSecret, at, body)))
		if w := c.do(newHandler(t, k, at, stripeReceiver(stripeSecret))); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if len(k.kept()) != 1 || !k.kept()[0].Time.Equal(time.Unix(1686089970, 0)) {
		t.Errorf("%+v", k.kept())
	}
}

// TestStripeSignatures holds the header to the cases of stripe-node's
// test/Webhook.spec.ts, read 2026-11, and to some of ours.
func TestStripeSignatures(t *testing.T) {
	const body = "{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}"
	at := fmt.Sprintf("t=%d,", noon.Unix())
	good, rolled := stripeSign(stripeSecret, noon, body), stripeSign("whsec_other", noon, body)
	bare := stripeSign(strings.TrimPrefix(stripeSecret, "whsec_"), noon, body)
	tests := map[string]struct {
		header string
		want   int
	}{
		"one":                      {at + good, 200},
		"one that is right":        {at + good + ",v1=potato", 200},
		"after one that is wrong":  {at + rolled + "," + good, 200},
		"the time last":            {good + "," + strings.TrimSuffix(at, ","), 200},
		"no header of this form":   {"I'm not even a real signature header", 400},
		"bad_header":               {"bad_header", 400},
		"another version":          {at + strings.Replace(good, "v1", "v0", 1), 401},
		"bad signature":            {at + "v1=bad_signature", 401},
		"of another secret":        {at + rolled, 401},
		"without the key's whsec_": {at + bare, 401},
		"two times":                {at + at + good, 400},
		"an empty time":            {"t=," + good, 400},
		"no time":                  {good, 400},
		"a time that is none":      {"t=now," + good, 400},
		"a negative time":          {"t=-1," + good, 400},
		"another time":             {fmt.Sprintf("t=%d,", noon.Unix()+1) + good, 401},
		"spaces":                   {at + " " + good, 400},
		"very many":                {at + strings.Repeat(rolled+",", 50) + good, 400},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := post(body, "Stripe-Signature", test.header).do(newHandler(t, &keeper{}, noon, stripeReceiver(stripeSecret)))
			if w.Code != test.want {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestStripeRefuses(t *testing.T) {
	for name, test := range map[string]struct{ body, says string }{
		"a product without an id":      {stripeEvent("product.updated", `{"name":"N"}`, ""), "must not be empty"},
		"a product that is none":       {stripeEvent("product.updated", `7`, ""), "not the JSON"},
		"a bad name":                   {stripeEvent("product.updated", `{"id":"p","name":7}`, ""), "name: want a text"},
		"a price of no product":        {stripeEvent("price.updated", `{"id":"price_1"}`, ""), "must not be empty"},
		"a price whose product is odd": {stripeEvent("price.updated", `{"id":"price_1","product":{}}`, ""), "not the JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			w := stripeCall(test.body).do(newHandler(t, k, noon, stripeReceiver(stripeSecret)))
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), test.says) || len(k.kept()) != 0 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func FuzzStripe(f *testing.F) {
	f.Add(stripeEvent("product.updated", stripeDocs, `,"previous_attributes":{"metadata":{"a":"b"}}`), "t=1777636800,v1=00")
	f.Add(stripeEvent("price.created", `{"product":"p"}`, ""), "v1=,t=")
	f.Add(`{"object":"event"}`, ",,=")
	f.Fuzz(func(t *testing.T, body, offered string) {
		good := stripeSign(stripeSecret, noon, body)
		for _, header := range []string{offered, fmt.Sprintf("t=%d,%s", noon.Unix(), good)} {
			took := probe(t, stripeReceiver(stripeSecret), bare("POST", "/in", "", body, "Content-Type", "application/json", "Stripe-Signature", header))
			if took && !strings.Contains(strings.ToLower(header), good) {
				t.Fatalf("taken: %q", header)
			}
		}
	})
}
