package receive

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

// cloudevents takes CloudEvents 1.0 over HTTP, one or a batch of them, read 2026-11:
// https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md and
// https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md
//
// Who sends has the secret as a bearer token, or as the parameter access_token. It
// may ask before it sends whether it is expected, which is granted to the origins
// that the operator names, and to nobody else. It may also ask to be told later, at
// a URL of its own (WebHook-Request-Callback): that is never called. Anybody may
// write any URL there, and this host would be made to call it; who wants permission
// gets it in the answer.
//
// Source and id together are an event's id, as the specification has it. To a map,
// the body is the event in its JSON form, however it came. Products as our own
// webhook connector sends them are understood without one; any other event travels
// raw.
func cloudevents(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	if len(digests(c.Secrets)) == 0 {
		problems = append(problems, noSecret(c))
	}
	s := scheme{
		methods: []string{http.MethodPost, http.MethodOptions},
		greet:   greetCloudEvents,
		verify:  verifyAccessToken,
		events:  cloudEvents(m),
		answer:  func(w http.ResponseWriter, _ *taken) { w.WriteHeader(http.StatusAccepted) }, // 200 is for answers with a body
		sample: sampleJSON(`{"specversion":"1.0","id":"A234-1234-1234","source":"https://shop.example/events","type":"com.example.someevent",` +
			`"time":"2026-11-01T12:00:00Z","datacontenttype":"application/json","data":{"hello":"world"}}`),
	}
	s.sample.header.Set("Content-Type", structuredEvent)
	show := proveHeader("Authorization", c.Secrets)
	s.prove = func(it *sample, now time.Time) {
		it.body = bytes.Replace(it.body, []byte("A234-1234-1234"), []byte(event.NewID()), 1)
		show(it, now)
	}
	return s, problems
}

const accessToken = "access_token"

// verifyAccessToken looks where the specification has the secret, in one of both places.
func verifyAccessToken(r *request) error {
	inQuery := r.URL.Query().Has(accessToken)
	switch {
	case len(r.Header["Authorization"]) == 0 && inQuery:
		return verifyQuery(r, accessToken)
	case inQuery:
		return malformed("The secret is to be in the header Authorization or in the query parameter "+accessToken+", not in both.", nil)
	}
	return verifyHeader(r, "Authorization")
}

// greetCloudEvents answers who asks for permission to send.
func greetCloudEvents(r *request) (*greeting, error) {
	if r.Method != http.MethodOptions {
		return nil, nil
	}
	origin, err := r.header("WebHook-Request-Origin")
	if no, ok := errors.AsType[*refusal](err); ok && no.reason == "secret" {
		return nil, malformed(no.sentence, nil) // it is no proof of anything
	}
	if err != nil {
		return nil, err
	}
	c := &r.receiver.config
	if !slices.ContainsFunc(c.Origins, func(o string) bool { return strings.EqualFold(o, origin) }) {
		return nil, refuse(http.StatusForbidden, "origin", "The origin in the header WebHook-Request-Origin is none that may send here.")
	}
	return &greeting{header: http.Header{
		"Webhook-Allowed-Origin": {origin}, "Webhook-Allowed-Rate": {allowedRate(c.Rate)}, "Allow": {http.MethodPost},
	}}, nil
}

// allowedRate is a rate in requests a minute, the least of which is one.
func allowedRate(r config.Rate) string {
	if r.Count == 0 {
		return "*"
	}
	return strconv.FormatInt(max(int64(float64(r.Count)*float64(time.Minute)/float64(r.Per)), 1), 10)
}
