package receive

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
)

// gitlab takes the webhooks of GitLab, in both their ways of proof. Read 2026-11:
//
//   - https://docs.gitlab.com/user/project/integrations/webhooks/
//   - https://gitlab.com/gitlab-org/gitlab/-/merge_requests/230944 (signing tokens)
//
// A signing token, whsec_ and base64, signs as Standard Webhooks says. A secret
// token is sent as it stands in X-Gitlab-Token, and covers nothing. Who has both
// sends both; so that nobody gets around the signature with the token alone, a
// receiver with a signing token does not look at the other.
//
// Idempotency-Key is the same when a delivery is tried again, and is what is signed
// as webhook-id. X-Gitlab-Event-UUID is no id: all events of a chain that webhooks
// set off have the same.
func gitlab(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	s := scheme{
		methods: []string{http.MethodPost},
		verify:  verifyGitlabToken,
		events:  m.events,
		sample: sampleJSON(`{"object_kind":"push","event_name":"push","before":"95790bf891e76fee5e1747ab589903a6a1f80f22",` +
			`"after":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7","ref":"refs/heads/main","user_username":"jsmith","project_id":15,` +
			`"project":{"id":15,"path_with_namespace":"mike/diaspora","git_http_url":"https://gitlab.example/mike/diaspora.git"}}`),
	}
	s.sample.header.Set("X-Gitlab-Event", "Push Hook")
	signing := 0
	for _, secret := range c.Secrets {
		if strings.HasPrefix(secret.Reveal(), sharedPrefix) {
			signing++
		}
	}
	switch {
	case len(digests(c.Secrets)) == 0:
		s.prove = func(*sample, time.Time) {}
		return s, append(problems, noSecret(c))
	case signing == 0:
		s.prove = withID("Idempotency-Key", proveHeader("X-Gitlab-Token", c.Secrets))
		return s, problems
	case signing < len(c.Secrets):
		problems = append(problems, c.Place.Problem("secret", fmt.Sprintf(
			"has a secret token beside a signing token (%s…), with which no signature would be needed: remove it", sharedPrefix)))
	}
	keys, more := newStandardKeys(c)
	s.verify = func(r *request) error { return keys.verify(r, c.Tolerance) }
	s.prove = keys.prover()
	return s, append(problems, more...)
}

func verifyGitlabToken(r *request) (err error) {
	if err := verifyHeader(r, "X-Gitlab-Token"); err != nil {
		return err
	}
	if len(r.Header["Idempotency-Key"]) > 0 { // GitLab has it since 17.4
		r.id, err = r.headerID("Idempotency-Key")
	}
	return err
}
