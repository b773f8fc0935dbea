package receive

import (
	"net/http"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

// github takes the webhooks of GitHub, and of those that send like it. Read 2026-11:
//
//   - https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
//   - https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
//
// The signature covers the body and nothing else: not the kind of the event, which
// is in X-GitHub-Event, and not its id, which is in X-GitHub-Delivery and the same
// when it is delivered again. Two events may have the same body, so the id cannot
// be taken from there. The older X-Hub-Signature, of SHA-1, is not looked at: who
// can write headers could leave the better one out.
func github(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	s, more := newSignature(c, hubSignature)
	it := sampleJSON(`{"ref":"refs/heads/main","before":"6113728f27ae82c7b1a177c8d03f9e96e0adf246",` +
		`"after":"0000000000000000000000000000000000000001","repository":{"id":186853002,"name":"Hello-World","full_name":"Codertocat/Hello-World",` +
		`"clone_url":"https://github.com/Codertocat/Hello-World.git"},"pusher":{"name":"Codertocat"},` +
		`"head_commit":{"id":"0000000000000000000000000000000000000001","message":"Mend it"}}`)
	it.header.Set("X-Github-Event", "push")
	return scheme{
		methods: []string{http.MethodPost},
		verify:  func(r *request) error { return verifyDelivery(r, s) },
		events:  func(r *request) ([]event.Event, error) { return githubEvents(r, m) },
		sample:  it,
		prove:   withID("X-Github-Delivery", s.prove),
	}, append(problems, more...)
}

// hubSignature is how GitHub and Meta sign.
var hubSignature = config.Signature{
	Header: "X-Hub-Signature-256", Algorithm: "sha256", Encoding: "hex", Prefix: "sha256=", Signed: "{body}",
}

func verifyDelivery(r *request, s *signature) (err error) {
	if err := s.verify(r); err != nil {
		return err
	}
	r.id, err = r.headerID("X-Github-Delivery")
	return err
}

// githubEvents answers the ping that comes when the webhook is made: it says that
// there is one, and nothing has happened.
func githubEvents(r *request, m *mapping) ([]event.Event, error) {
	if r.Header.Get("X-Github-Event") == "ping" {
		r.greeting = &greeting{}
		return nil, nil
	}
	return m.events(r)
}
