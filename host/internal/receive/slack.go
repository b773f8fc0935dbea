package receive

import (
	"net/http"
	"net/url"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

// slack takes what Slack sends to a request URL: events, commands and interactions.
// Read 2026-11:
//
//   - https://docs.slack.dev/authentication/verifying-requests-from-slack
//   - https://docs.slack.dev/reference/events/url_verification
//   - https://docs.slack.dev/apis/events-api/
//   - https://docs.slack.dev/interactivity/implementing-slash-commands
//
// The signature covers a time, so a request cannot be sent again later. An event
// that is retried is signed anew and has the same event_id; what has none, commands
// and interactions, is known by what was signed. The challenge is said back only
// when its signature is right: Slack asks for that, and signs it like all else. Now
// and then Slack looks at the certificate of a command's URL, by GET or POST with
// ssl_check=1, and wants 200; that is not signed, and brings nothing.
func slack(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	s, more := newSignature(c, config.Signature{
		Header: "X-Slack-Signature", Algorithm: "sha256", Encoding: "hex", Prefix: "v0=",
		Signed: "v0:{header:X-Slack-Request-Timestamp}:{body}", Timestamp: "X-Slack-Request-Timestamp",
	})
	return scheme{
		methods: []string{http.MethodGet, http.MethodPost},
		greet:   slackCertificateCheck,
		verify:  s.verify,
		events:  func(r *request) ([]event.Event, error) { return slackEvents(r, m) },
		sample: sampleJSON(`{"type":"event_callback","team_id":"T123ABC456","api_app_id":"A123ABC456","event":{"type":"message",` +
			`"channel":"C123ABC456","user":"U123ABC456","text":"Live long and prosper.","ts":"1355517523.000005"},` +
			`"event_id":"Ev123ABC456","event_time":1355517523}`),
		prove: s.prove,
	}, append(problems, more...)
}

func slackCertificateCheck(r *request) (*greeting, error) {
	text, otherwise := r.URL.RawQuery, "By GET Slack only looks at the certificate, with ssl_check=1; all else is to come by POST."
	if r.Method == http.MethodPost {
		if len(r.Header["X-Slack-Signature"]) > 0 {
			return nil, nil
		}
		body, err := r.body()
		if err != nil {
			return nil, err
		}
		text, otherwise = string(body), "The header X-Slack-Signature is missing."
	}
	if form, err := url.ParseQuery(text); err == nil && form.Get("ssl_check") == "1" {
		return &greeting{}, nil
	}
	return nil, unproven(otherwise)
}

func slackEvents(r *request, m *mapping) (_ []event.Event, err error) {
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	var told struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
		ID        string `json:"event_id"`
	}
	switch {
	case readJSON(body, &told) != nil: // a form, for one, tells none of it
	case told.Type == "url_verification":
		r.greeting, err = echo(told.Challenge)
		return nil, err
	case event.CheckKey(told.ID) == nil:
		r.id = told.ID
	}
	return m.events(r)
}
