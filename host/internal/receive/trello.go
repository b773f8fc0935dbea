package receive

import (
	"net/http"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

// trello takes the webhooks of Trello. Read 2026-11:
// https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/
//
// The signature covers the body and behind it the callbackURL, to the letter as the
// webhook was created with. What a request says of its own address (Host, the
// path that a proxy makes of it) is not that, so it comes from the configuration.
// The key is the OAuth 1.0 secret of the app, not its API key nor a token. There is
// a HEAD before the webhook is created, without any proof.
//
// The ids of the action and of the model that is watched are the event's: who watches
// a board and a card of it is told of an action twice, by two webhooks. They cover no
// time, but are signed: what is sent again later is a duplicate.
func trello(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	s, more := newSignature(c, config.Signature{Header: "X-Trello-Webhook", Algorithm: "sha1", Encoding: "base64", Signed: "{body}"})
	s.parts = append(s.parts, part{"text", c.URL})
	if c.URL == "" {
		more = append(more, c.Place.Problem("url", `is not known, and Trello signs it: add url = "https://…", `+
			"to the letter as callbackURL was when the webhook was created, or public_url in [host]"))
	}
	return scheme{
		methods: []string{http.MethodHead, http.MethodPost},
		greet:   greetHead,
		verify:  func(r *request) error { return verifyAction(r, s) },
		events:  m.events,
		hides:   []string{s.header},
		sample: sampleJSON(`{"action":{"id":"51f9424bcd6e040f3c002412","idMemberCreator":"4fc78a59a885233f4b349bd9",` +
			`"data":{"board":{"id":"4d5ea62fd76aa1136000000c","name":"Trello Development"},"card":{"id":"51a79e72dbb7e23c7c003778",` +
			`"idShort":1458,"name":"Webhooks"},"list":{"id":"4d5ea62fd76aa1136000000d","name":"Done"}},"type":"updateCard",` +
			`"date":"2026-05-01T11:59:58.000Z","memberCreator":{"id":"4fc78a59a885233f4b349bd9","fullName":"Doug Patti"}},` +
			`"model":{"id":"4d5ea62fd76aa1136000000c","name":"Trello Development"}}`),
		prove: s.prove,
	}, append(problems, more...)
}

// greetHead answers whoever only asks whether there is anyone.
func greetHead(r *request) (*greeting, error) {
	if r.Method == http.MethodHead {
		return &greeting{}, nil
	}
	return nil, nil
}

func verifyAction(r *request, s *signature) error {
	if s.parts[len(s.parts)-1].text == "" {
		return unproven("This receiver does not know the callback URL that is signed.")
	}
	if err := s.verify(r); err != nil {
		return err
	}
	body, err := r.body()
	type object struct {
		ID string `json:"id"`
	}
	var told struct {
		Action object `json:"action"`
		Model  object `json:"model"`
	}
	if readJSON(body, &told) == nil && told.Action.ID != "" {
		if id := told.Action.ID + "/" + told.Model.ID; event.CheckKey(id) == nil {
			r.id = id
		}
	}
	return err
}
