package receive

import (
	"net/http"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

// aspnet takes what ASP.NET WebHooks sends, read 2026-11:
// https://learn.microsoft.com/aspnet/webhooks/receiving/receivers and
// https://github.com/aspnet/AspNetWebHooks (WebHookSender.cs, CustomWebHookReceiver.cs,
// GenericJsonWebHookReceiver.cs). The project is no longer kept; its senders live on.
//
// Its own sender signs the body in ms-signature, and asks before it sends whether
// it is expected: a GET whose parameter echo is to come back. Senders that cannot
// sign have the secret in the query as code, which is what token = { query =
// "code" } says; then there is no signature to look for.
//
// The id of a message is in the signed body. Each attempt has its number there,
// too, so the body of a repeat is another; its id is not.
func aspnet(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	it := sampleJSON(`{"Id":"9cde3cbd5e3b4fe1a6e1ad39a2a64cea","Attempt":1,"Properties":{},"Notifications":[{"Action":"event1","P1":"p1"}]}`)
	if hasSecretPath(c.Path) || c.Token != (config.Token{}) {
		return scheme{
			methods: []string{http.MethodGet, http.MethodPost}, greet: greetASPNET,
			verify: verifyToken, events: m.events, sample: it, prove: proveToken(c),
		}, append(protection(c), problems...)
	}
	s, more := newSignature(c, config.Signature{Header: "Ms-Signature", Algorithm: "sha256", Encoding: "hex", Prefix: "sha256=", Signed: "{body}"})
	return scheme{
		methods: []string{http.MethodGet, http.MethodPost}, greet: greetASPNET,
		verify: s.verify,
		events: func(r *request) ([]event.Event, error) {
			if err := r.takeASPNETID(); err != nil {
				return nil, err
			}
			return m.events(r)
		},
		hides: []string{s.header}, sample: it, prove: s.prove,
	}, append(problems, more...)
}

// greetASPNET says the parameter echo back. A receiver with a token wants that
// first, and no GET brings anything.
func greetASPNET(r *request) (*greeting, error) {
	if r.Method == http.MethodPost {
		return nil, nil
	}
	if t := r.receiver.config.Token; t != (config.Token{}) {
		if err := verifyToken(r); err != nil {
			return nil, err
		}
	}
	if r.Method == http.MethodHead {
		return &greeting{}, nil
	}
	return echo(r.URL.Query().Get("echo"))
}

// takeASPNETID takes the message's id out of the body, which is signed.
func (r *request) takeASPNETID() error {
	var said struct {
		ID string `json:"Id"`
	}
	if err := r.json(&said); err != nil {
		return err
	}
	if said.ID == "" {
		return nil // somebody's own message, which numbers nothing
	}
	if err := event.CheckKey(said.ID); err != nil {
		return malformed("The member Id of the body "+err.Error()+".", nil)
	}
	r.id = said.ID
	return nil
}
