package receive

import (
	"net/http"
	"net/url"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

// meta takes the webhooks of Meta's platforms: Instagram, Facebook Pages, Messenger
// and WhatsApp. Read 2026-11:
//
//   - https://developers.facebook.com/docs/graph-api/webhooks/getting-started/
//   - https://developers.facebook.com/docs/instagram-platform/webhooks/examples/
//
// The signature is made with the app's secret, over the body as it is sent: with
// its letters escaped as \u00e9, so that it must not be decoded before. The
// verify token is another secret, typed in by hand and sent in the query, and good
// for the handshake only.
//
// One request is a batch, of up to 1000 entries of several changes or messages each.
// It has no id, but each entry tells when it was sent, so the digest of the body is
// one.
func meta(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	s, more := newSignature(c, hubSignature)
	tokens := digests([]sdk.Secret{c.VerifyToken})
	return scheme{
		methods: []string{http.MethodGet, http.MethodPost},
		greet:   func(r *request) (*greeting, error) { return metaChallenge(r, tokens) },
		verify:  func(r *request) error { return verifyBatch(r, s) },
		events:  m.events,
		sample: sampleJSON(`{"object":"instagram","entry":[{"id":"17841405793187218","time":1777636800,"changes":[{"field":"comments",` +
			`"value":{"id":"17865799348089039","from":{"id":"232323232","username":"keldo"},"text":"What a bag! \ud83d\udc4f",` +
			`"media":{"id":"17887498072083520","media_product_type":"FEED"}}}]}]}`),
		prove: s.prove,
	}, append(problems, more...)
}

func verifyBatch(r *request, s *signature) error {
	if err := s.verify(r); err != nil {
		return err
	}
	body, err := r.body()
	r.id = digestID(body)
	return err
}

// metaChallenge answers the GET that comes when the callback URL is entered.
func metaChallenge(r *request, tokens secrets) (*greeting, error) {
	if r.Method != http.MethodGet {
		return nil, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed("The query is not well-formed.", nil)
	}
	for _, name := range []string{"hub.mode", "hub.verify_token", "hub.challenge"} {
		if len(query[name]) != 1 {
			return nil, malformed("The query parameter "+name+" must be there once.", nil)
		}
	}
	switch {
	case query.Get("hub.mode") != "subscribe":
		return nil, malformed(`The query parameter hub.mode must be "subscribe".`, nil)
	case !tokens.match(query.Get("hub.verify_token")):
		return nil, unproven("The query parameter hub.verify_token is wrong: compare it with verify_token.")
	}
	return echo(query.Get("hub.challenge"))
}
