package receive

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

// secrets are the digests of a receiver's secrets. Digests are of one length,
// so that comparing them takes the same time whatever is offered.
type secrets [][sha256.Size]byte

func digests(texts []sdk.Secret) secrets {
	var s secrets
	for _, text := range texts {
		if !text.IsZero() {
			s = append(s, sha256.Sum256([]byte(text.Reveal())))
		}
	}
	return s
}

// match says whether text is one of the secrets. All of them are compared.
func (s secrets) match(text string) bool {
	offered, same := sha256.Sum256([]byte(text)), 0
	for i := range s {
		same |= subtle.ConstantTimeCompare(offered[:], s[i][:])
	}
	return same == 1
}

// verifyToken proves by a secret that is in the path, a header or the query.
func verifyToken(r *request) error {
	c := &r.receiver.config
	switch {
	case hasSecretPath(c.Path):
		return r.checkPath()
	case c.Token.Header != "":
		return verifyHeader(r, c.Token.Header)
	default:
		return verifyQuery(r, c.Token.Query)
	}
}

// checkPath holds the secret in the path, if there is to be one, against the
// receiver's. It comes before all else and answers as where there is no
// receiver, so that nothing can be learned without the secret.
func (r *request) checkPath() error {
	if !hasSecretPath(r.receiver.config.Path) || r.receiver.secrets.match(r.secret) {
		return nil
	}
	no := noReceiver()
	no.reason, no.truth = "secret", "The secret in the path is wrong."
	return no
}

func verifyHeader(r *request, name string) error {
	text, err := r.header(name)
	if err != nil {
		return err
	}
	if strings.EqualFold(name, "Authorization") {
		scheme, rest, _ := strings.Cut(text, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return unproven(`The header Authorization must be "Bearer " and the secret.`)
		}
		text = strings.TrimLeft(rest, " ")
	}
	if !r.receiver.secrets.match(text) {
		return unproven("The secret in the header " + http.CanonicalHeaderKey(name) + " is wrong.")
	}
	return nil
}

func verifyQuery(r *request, name string) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return malformed("The query is not well-formed.", nil)
	}
	switch texts := query[name]; {
	case len(texts) == 0:
		return unproven("The query parameter " + name + " with the secret is missing.")
	case len(texts) > 1:
		return malformed("The query parameter "+name+" is there more than once.", nil)
	case !r.receiver.secrets.match(texts[0]):
		return unproven("The secret in the query parameter " + name + " is wrong.")
	}
	return nil
}

func noSecret(c config.Receiver) config.Problem {
	return c.Place.Problem("secret", `is missing or empty: add secret = { env = "NAME" }`)
}

// protection says what is wrong with a receiver that proves by verifyToken.
func protection(c config.Receiver) []config.Problem {
	if len(digests(c.Secrets)) == 0 {
		return []config.Problem{noSecret(c)}
	}
	if !hasSecretPath(c.Path) && (c.Token.Header == "") == (c.Token.Query == "") {
		return []config.Problem{c.Place.Problem("token", `want one of { header = "X-Token" } and { query = "code" }`)}
	}
	return nil
}
