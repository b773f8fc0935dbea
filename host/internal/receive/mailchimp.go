package receive

import (
	"net/http"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

// mailchimp takes the webhooks of Mailchimp's audiences. (Those of Mailchimp
// Transactional, once Mandrill, are others.) Read 2026-11:
// https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/
//
// Nothing is signed, so the secret is in the URL. The URL is tried with a GET when it
// is entered, which must be answered with 200: it brings nothing, and is answered
// without the secret, too, unless that is in the path.
//
// The body is a form with names such as data[merges][FNAME], which expressions see
// as data.merges.FNAME. It has no id, but tells when it was made (fired_at), and is
// the same when it is tried again: its digest is the id.
func mailchimp(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	if c.Token.Header != "" {
		problems = append(problems, c.Place.Problem("token", `Mailchimp sends no headers of its own: want { query = "code" }, or {secret} in path`))
	}
	return scheme{
		methods: []string{http.MethodGet, http.MethodPost},
		greet:   greetGet,
		verify:  verifyToken,
		events:  func(r *request) ([]event.Event, error) { return mailchimpEvents(r, m) },
		sample: sample{
			header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			body: []byte("type=subscribe&fired_at=2026-05-01+11%3A59%3A58&data%5Bid%5D=8a25ff1d98&data%5Blist_id%5D=a6b5da1054" +
				"&data%5Bemail%5D=api%40mailchimp.com&data%5Bemail_type%5D=html&data%5Bmerges%5D%5BEMAIL%5D=api%40mailchimp.com" +
				"&data%5Bmerges%5D%5BFNAME%5D=Mailchimp&data%5Bmerges%5D%5BLNAME%5D=API&data%5Bmerges%5D%5BINTERESTS%5D=Group1%2CGroup2"),
		},
		prove: proveToken(c),
	}, append(protection(c), problems...)
}

// greetGet answers whoever only tries whether there is anyone.
func greetGet(r *request) (*greeting, error) {
	if r.Method == http.MethodPost {
		return nil, nil
	}
	return &greeting{}, nil
}

func mailchimpEvents(r *request, m *mapping) ([]event.Event, error) {
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		r.greeting = &greeting{} // nothing happened
		return nil, nil
	}
	r.id = digestID(body)
	return m.events(r)
}
