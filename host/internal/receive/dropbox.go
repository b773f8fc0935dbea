package receive

import (
	"net/http"
	"net/url"

	"github.com/synchost/synchost/host/internal/config"
)

// dropbox takes the webhooks of Dropbox. Read 2026-11:
// https://www.dropbox.com/developers/reference/webhooks
//
// A notification is a list of accounts in which something changed, and nothing
// else: no id, no time. A second change looks the same as a repeat, so each request
// is an event of its own; whoever is told asks Dropbox what changed, which may be
// done twice. The challenge of the handshake comes without any proof, and is said
// back as text and nothing else.
func dropbox(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	s, more := newSignature(c, config.Signature{Header: "X-Dropbox-Signature", Algorithm: "sha256", Encoding: "hex", Signed: "{body}"})
	return scheme{
		methods: []string{http.MethodGet, http.MethodPost},
		greet:   dropboxChallenge,
		verify:  s.verify,
		events:  m.events,
		sample: sampleJSON(`{"list_folder":{"accounts":["dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"]},` +
			`"delta":{"users":[12345678]}}`),
		prove: s.prove,
	}, append(problems, more...)
}

func dropboxChallenge(r *request) (*greeting, error) {
	if r.Method != http.MethodGet {
		return nil, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(query["challenge"]) != 1 {
		return nil, malformed("The query parameter challenge must be there once.", nil)
	}
	return echo(query.Get("challenge"))
}
