package receive

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

// paypal takes webhooks of PayPal, which signs them with a key of its own.
// https://developer.paypal.com/api/rest/webhooks/rest/ (read 2026-11)
//
// What is signed is id|time|webhook id|CRC32 of the body. A CRC32 does not bind
// the body: whoever gets hold of one notification can write another body of the
// same CRC32, and the signature fits. The postback of PayPal (POST
// verify-webhook-signature) does not close this: it checks the same signature, of
// the same CRC32. So nothing of a body is ever believed here:
//
//   - without postback, an event says only that PayPal had something to tell; no
//     body is kept, and there can be no map;
//   - with postback, the body says only which event PayPal is to be asked for, by
//     its id. What is kept is PayPal's answer.
//
// Of the headers, only the two that are signed are kept.
//
// The signature is checked here in both cases and first, so that nobody but PayPal
// can make this host call PayPal with the app's credentials.
//
// An event's id is PayPal's id of the event, without postback that of the
// transmission. The age of a notification is bounded by tolerance. Its default is
// longer than that of others: PayPal sends again for three days, and does not say
// whether with a new time. A replay within it is a duplicate.
func paypal(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	p := &paypalSender{webhook: c.WebhookID, tolerance: c.Tolerance, home: paypalLive}
	if c.Sandbox {
		p.home = paypalSandbox
	}
	p.certificates.home = p.home
	switch id := c.Postback.ClientID; {
	case id != "":
		p.postback = &postback{api: p.home.api, webhook: c.WebhookID, app: grants{client: id, secret: c.Postback.ClientSecret}}
	case m != nil:
		problems = append(problems, c.Place.Problem("map", "needs postback: PayPal's signature does not bind the body, so there is none to map until PayPal has been asked"))
	}
	if c.WebhookID == "" {
		problems = append(problems, c.Place.Problem("webhook_id", "is missing: PayPal shows it beside the webhook's URL"))
	}
	return scheme{methods: []string{http.MethodPost}, verify: p.verify, events: m.events, sample: sampleJSON(paypalSample)}, problems
}

const paypalSignature = "Paypal-Transmission-Sig"

const paypalSample = `{"id":"WH-2WR32451HC0233532-67976317FL4543714","create_time":"2026-11-01T12:00:00Z","event_type":"PAYMENT.CAPTURE.COMPLETED",` +
	`"resource_type":"capture","resource":{"id":"42311647XV020574X","status":"COMPLETED","amount":{"currency_code":"USD","value":"12.50"},"invoice_id":"INV-7"}}`

// paypalHome is where PayPal is, live or for tests.
type paypalHome struct {
	api    string
	hosts  []string // that its certificates come from
	signer string   // whose certificate it signs with; as in PayPal's own SDK for Java
}

var (
	paypalLive = paypalHome{
		api: "https://api-m.paypal.com", hosts: []string{"api.paypal.com", "api-m.paypal.com"},
		signer: "messageverificationcerts.paypal.com",
	}
	paypalSandbox = paypalHome{
		api: "https://api-m.sandbox.paypal.com", hosts: []string{"api.sandbox.paypal.com", "api-m.sandbox.paypal.com"},
		signer: "messageverificationcerts.sandbox.paypal.com",
	}
)

// paypalSender is PayPal as one receiver knows it.
type paypalSender struct {
	home         paypalHome
	webhook      string
	tolerance    time.Duration
	certificates certificates
	postback     *postback // nil: PayPal is not asked
}

func (p *paypalSender) verify(r *request) error {
	t, err := newTransmission(r)
	if err != nil {
		return err
	}
	body, err := r.body()
	if err != nil {
		return err
	}
	if err := p.verifySigned(r, t, body); err != nil {
		return err
	}
	if p.postback == nil {
		r.id = t.id
		t.only(r, nil)
		return nil
	}
	told, err := p.postback.event(r, t, body)
	if err != nil {
		return err
	}
	r.id = told.ID
	t.only(r, told.text)
	return nil
}

// verifySigned checks the signature with what is here and PayPal's certificate.
func (p *paypalSender) verifySigned(r *request, t transmission, body []byte) error {
	if err := event.CheckKey(t.id); err != nil {
		return malformed("The header Paypal-Transmission-Id "+err.Error()+".", nil)
	}
	sent, err := time.Parse(time.RFC3339, t.time)
	if err != nil {
		return malformed("The header Paypal-Transmission-Time is no time as of RFC 3339.", nil)
	}
	if r.now.Sub(sent).Abs() > p.tolerance {
		return refuse(http.StatusUnauthorized, "timestamp", "The time of the transmission is too long ago, or in the future: check both clocks.")
	}
	// What the sender calls its algorithm decides nothing: there is one.
	if t.algorithm != "SHA256withRSA" {
		return malformed("The header Paypal-Auth-Algo is not SHA256withRSA, the only one that is taken.", nil)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(t.signature)
	if err != nil {
		return malformed("The header "+paypalSignature+" is not base64.", nil)
	}
	key, err := p.certificates.key(r, t.certificate)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(t.signed(p.webhook, body)))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
		return refuse(http.StatusUnauthorized, "signature", "The signature is wrong.")
	}
	return nil
}
