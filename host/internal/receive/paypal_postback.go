package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
)

// postback asks PayPal about what came in its name. Where PayPal does not answer
// nothing is taken: it is refused with 503, and PayPal sends it again.
type postback struct {
	api     string
	webhook string
	app     grants
}

// event asks PayPal whether it has sent this, and for the event that it is about.
// https://developer.paypal.com/api/webhooks/v1/verify-webhook-signature-post and
// https://developer.paypal.com/api/webhooks/v1/webhooks-events-get (read 2026-11)
func (p *postback) event(r *request, t transmission, body []byte) (paypalEvent, error) {
	named, err := readPaypalEvent(body)
	if err != nil {
		return named, err
	}
	if err := p.confirm(r, t, body); err != nil {
		return named, err
	}
	// PayPal may send an event before it can be asked for it, and wants 503 then:
	// https://github.com/paypal/PayPal-node-SDK/issues/125 (read 2026-11)
	text, err := p.ask(r, http.MethodGet, "/v1/notifications/webhooks-events/"+named.ID, nil)
	if err != nil {
		return named, err
	}
	told, err := readPaypalEvent(text)
	if err != nil || told.ID != named.ID {
		return named, unasked("PayPal", errors.New("the answer is not the event that was asked for"))
	}
	return told, nil
}

// confirm has PayPal check its own signature. The body goes there byte by byte:
// what is signed is the CRC32 of the text that was sent, not of what it says.
func (p *postback) confirm(r *request, t transmission, body []byte) error {
	question, err := json.Marshal(map[string]string{
		"auth_algo": t.algorithm, "cert_url": t.certificate, "transmission_id": t.id,
		"transmission_sig": t.signature, "transmission_time": t.time, "webhook_id": p.webhook,
	})
	if err != nil {
		return err
	}
	question = bytes.Join([][]byte{question[:len(question)-1], []byte(`,"webhook_event":`), body, []byte("}")}, nil)
	text, err := p.ask(r, http.MethodPost, "/v1/notifications/verify-webhook-signature", question)
	if err != nil {
		return err
	}
	var verdict struct {
		Status string `json:"verification_status"`
	}
	switch err := readJSON(text, &verdict); {
	case err == nil && verdict.Status == "SUCCESS":
		return nil
	case err == nil && verdict.Status == "FAILURE":
		return refuse(http.StatusUnauthorized, "signature", "PayPal says that the signature is wrong.")
	}
	return unasked("PayPal", errors.New("the answer is neither SUCCESS nor FAILURE"))
}

// ask makes one call with the app's token.
func (p *postback) ask(r *request, method, path string, body []byte) ([]byte, error) {
	g, err := p.app.authorize(r, p.api)
	if err != nil {
		return nil, unasked("PayPal", err)
	}
	answer, err := r.outside.ask(r.Context(), method, p.api+path, body, http.Header{
		"Authorization": {"Bearer " + g.token}, "Content-Type": {"application/json"}, "Accept": {"application/json"},
	})
	if answer.Status == http.StatusUnauthorized {
		p.app.forget(g)
	}
	if err != nil {
		return nil, unasked("PayPal", err)
	}
	return answer.Body, nil
}

// paypalEvent is an event as PayPal tells it.
type paypalEvent struct {
	ID   string `json:"id"`
	text []byte
}

// paypalID is safe in a path.
var paypalID = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

func readPaypalEvent(text []byte) (e paypalEvent, err error) {
	if err := readJSON(text, &e); err != nil {
		return e, malformed("The body is not valid JSON:", err)
	}
	if !paypalID.MatchString(e.ID) {
		return e, malformed("The body has no id as of PayPal's events.", nil)
	}
	e.text = text
	return e, nil
}
