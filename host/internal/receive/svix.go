package receive

import (
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
)

// svix takes what is sent by way of Svix: Standard Webhooks, which grew out of it,
// under header names of its own, or under those of the specification where the
// sender has chosen so. Read 2026-11:
// https://docs.svix.com/receiving/verifying-payloads/how-manual
func svix(c config.Receiver) (scheme, []config.Problem) {
	s, problems := standardWebhooks(c)
	if prove := s.prove; prove != nil {
		s.prove = func(it *sample, now time.Time) {
			prove(it, now)
			for name, values := range it.header {
				if part, ok := strings.CutPrefix(name, "Webhook-"); ok {
					it.header["Svix-"+part] = values
					delete(it.header, name)
				}
			}
		}
	}
	return s, problems
}
