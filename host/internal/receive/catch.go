package receive

import (
	"time"

	"github.com/synchost/synchost/host/internal/config"
)

// catch takes whatever comes: any method, and JSON, form or text. It is
// protected by a secret, or at the least by a list of addresses. HEAD is no
// event here either: it asks whether there is anyone.
func catch(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	s := scheme{
		methods: c.Methods, verify: verifyToken, events: m.events,
		sample: sampleJSON(`{"hello":"world"}`), prove: proveToken(c),
	}
	switch {
	case len(c.Secrets) > 0 || hasSecretPath(c.Path) || c.Token != (config.Token{}):
		problems = append(protection(c), problems...)
	case len(c.Allow) == 0:
		problems = append(problems, c.Place.Problem("", `must have one protection: add secret = { env = "NAME" }, or allow = ["192.0.2.7"]`))
	default:
		s.prove = func(*sample, time.Time) {}
		s.verify = func(*request) error { return nil } // the pipeline has held the address against the list
	}
	return s, problems
}
