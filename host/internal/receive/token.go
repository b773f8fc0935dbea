package receive

import (
	"github.com/synchost/synchost/host/internal/config"
)

// token takes requests that carry the secret itself, in a header or the query.
// It says nothing of the body, so a request that is repeated is a new event,
// unless the map finds an id in it.
func token(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	return scheme{
		methods: c.Methods, verify: verifyToken, events: m.events,
		sample: sampleJSON(`{"hello":"world"}`), prove: proveToken(c),
	}, append(protection(c), problems...)
}
