package receive

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

// rawEvent is a request that maps to no product, as it came. An empty key is the
// event's own id: nothing is known that it would have to stay in order with.
func (r *request) rawEvent(id, key string) (event.Event, error) {
	body, err := r.body()
	if key == "" {
		key = id
	}
	return event.Event{
		ID: id, Op: sdk.Received, Key: key, Time: r.now,
		Raw: &sdk.Raw{
			Method: r.Method, Query: r.openQuery(), ContentType: r.Header.Get("Content-Type"),
			Headers: r.openHeaders(http.CanonicalHeaderKey), Body: body,
		},
	}, err
}

// hopByHop are headers that concern the connection only.
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Content-Length": true, "Expect": true,
}

// openHeaders are the headers that may be kept and shown, by their named names.
func (r *request) openHeaders(named func(string) string) map[string]string {
	c := &r.receiver.config
	inURL := hasSecretPath(c.Path) || c.Token.Query != ""
	headers := make(map[string]string, len(r.Header))
	for name, values := range r.Header {
		if hopByHop[name] || rest.SecretHeader(name) || strings.EqualFold(name, c.Token.Header) || r.receiver.scheme.hidden(name) {
			continue
		}
		value := strings.Join(values, ", ")
		if inURL && tells(value, c.Secrets) {
			continue // a proxy tells the URL that it was called with
		}
		headers[named(name)] = value
	}
	return headers
}

// tells says whether a text has a secret in it, as it is or as it stands in a URL.
func tells(text string, secrets []sdk.Secret) bool {
	spellings := []string{text}
	if strings.Contains(text, "%") || strings.Contains(text, "+") {
		spellings = append(spellings, unescaped(text), unescaped(strings.ReplaceAll(text, "+", " ")))
	}
	return slices.ContainsFunc(secrets, func(secret sdk.Secret) bool {
		return !secret.IsZero() && slices.ContainsFunc(spellings, func(s string) bool { return strings.Contains(s, secret.Reveal()) })
	})
}

var escape = regexp.MustCompile("%[0-9A-Fa-f]{2}")

// unescaped is a text without what is escaped as in a URL; it need not be one.
func unescaped(text string) string {
	return escape.ReplaceAllStringFunc(text, func(e string) string {
		plain, _ := hex.DecodeString(e[1:])
		return string(plain)
	})
}

// hidden says whether a header is one of the scheme's proofs.
func (s *scheme) hidden(name string) bool {
	return slices.ContainsFunc(s.hides, func(proof string) bool { return strings.EqualFold(name, proof) })
}

// openQuery is the query without the parameter that carries the secret.
func (r *request) openQuery() string {
	token := r.receiver.config.Token.Query
	if token == "" || r.URL.RawQuery == "" {
		return r.URL.RawQuery
	}
	var kept []string
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if text, err := url.QueryUnescape(name); err == nil && text != token {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}
