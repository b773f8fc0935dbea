package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/synchost/synchost/sdk"
)

// mask stands where a secret was.
const mask = "***"

// redactor knows what must not be shown.
type redactor struct {
	texts   [][]byte // secrets in all their spellings, the longest first
	longest int
	headers map[string]bool // the operator's own, canonical names
	params  map[string]bool // the operator's own, lower case
}

func newRedactor(o Options) *redactor {
	r := &redactor{headers: map[string]bool{}, params: map[string]bool{}}
	for _, secret := range o.Secrets {
		r.add(secret.Reveal())
	}
	for _, name := range o.SecretHeaders {
		r.headers[http.CanonicalHeaderKey(name)] = true
	}
	for _, name := range o.SecretParams {
		r.params[strings.ToLower(name)] = true
	}
	return r
}

// add adds a secret in all its spellings.
func (r *redactor) add(secret string) {
	for _, text := range spellings(secret) {
		r.texts = append(r.texts, []byte(text))
		r.longest = max(r.longest, len(text))
	}
	slices.SortStableFunc(r.texts, func(a, b []byte) int { return len(b) - len(a) })
}

// with is r with one more secret.
func (r *redactor) with(secret string) *redactor {
	known := func(text []byte) bool { return string(text) == secret }
	if secret == "" || slices.ContainsFunc(r.texts, known) {
		return r
	}
	more := *r
	more.texts = slices.Clone(r.texts)
	more.add(secret)
	return &more
}

// spellings are the forms in which a secret travels: as it is, in a URL, in
// JSON.
func spellings(text string) []string {
	if text == "" {
		return nil
	}
	all := []string{text, url.QueryEscape(text), url.PathEscape(text)}
	if quoted, err := json.Marshal(text); err == nil {
		all = append(all, string(quoted[1:len(quoted)-1]))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// text is the start of source: at most limit bytes of valid UTF-8, secrets
// masked.
func (r *redactor) text(source []byte, limit int) string {
	var out strings.Builder
	out.Grow(min(len(source), limit))
	r.write(&out, source, limit)
	return out.String()
}

// write appends the start of source, with secrets masked, and gives what is left
// of the room. A secret that reaches out of the room is masked, not cut: its
// start is a secret too.
func (r *redactor) write(out *strings.Builder, source []byte, room int) int {
	for room > 0 && len(source) > 0 {
		at, length := r.find(source[:min(len(source), room+r.longest)])
		if at < 0 || at >= room {
			kept := start(source, room)
			out.Write(kept)
			return room - len(kept)
		}
		out.Write(start(source[:at], at))
		out.WriteString(mask[:min(len(mask), room-at)])
		room -= at + len(mask)
		source = source[at+length:]
	}
	return max(room, 0)
}

// find is where the first secret is and how long: the longest at that place.
func (r *redactor) find(window []byte) (at, length int) {
	at = -1
	for _, secret := range r.texts {
		if i := bytes.Index(window, secret); i >= 0 && (at < 0 || i < at) {
			at, length = i, len(secret)
			window = window[:min(len(window), i+r.longest)] // nothing behind it matters
		}
	}
	return at, length
}

// start is the first bytes of source as valid UTF-8, no rune cut in two.
func start(source []byte, limit int) []byte {
	if len(source) > limit {
		source = source[:limit]
		for i := 1; i < utf8.UTFMax && i <= len(source); i++ {
			if last := source[len(source)-i:]; utf8.RuneStart(last[0]) {
				if !utf8.FullRune(last) {
					source = source[:len(source)-i]
				}
				break
			}
		}
	}
	if utf8.Valid(source) {
		return source
	}
	return bytes.ToValidUTF8(source, []byte("?"))
}

func (r *redactor) secretHeader(name string) bool {
	return r.headers[name] || SecretHeader(name)
}

func (r *redactor) secretParam(name string) bool {
	if SecretParam(name) {
		return true
	}
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	return r.params[strings.ToLower(name)]
}

// SecretHeader says whether a header's value is to be kept out of logs and
// records, going by the header's name in any spelling: credentials such as
// Authorization, Cookie and X-Api-Key, and signatures. Headers that only the
// platform knows as secret belong into Options.SecretHeaders.
func SecretHeader(name string) bool {
	return strings.EqualFold(name, "X-Auth") || hasSecretWord(name)
}

// SecretParam says the same of a query parameter, going by its name as it stands
// in the URL.
func SecretParam(name string) bool {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	switch strings.ToLower(name) {
	case "auth", "code", "key", "sig":
		return true
	}
	return hasSecretWord(name)
}

// secretWords mark headers and query parameters as secret by what they are called.
var secretWords = []string{"authorization", "x-auth-", "oauth", "cookie", "secret", "signature", "token", "password", "passwd", "apikey", "api-key", "api_key"}

// hasSecretWord is a search without regard to case that allocates nothing.
func hasSecretWord(name string) bool {
	for _, word := range secretWords {
		for i := 0; i+len(word) <= len(name); i++ {
			if name[i]|0x20 == word[0] && strings.EqualFold(name[i:i+len(word)], word) {
				return true
			}
		}
	}
	return false
}

// location is a URL as text, without user name, password and the values of
// secret parameters.
func (r *redactor) location(u *url.URL) string {
	if u.RawQuery == "" && u.User == nil {
		return u.String()
	}
	shown := *u
	shown.User = nil
	if u.RawQuery != "" {
		params := strings.Split(u.RawQuery, "&")
		for i, param := range params {
			if name, value, _ := strings.Cut(param, "="); value != "" && r.secretParam(name) {
				params[i] = name + "=" + mask
			}
		}
		shown.RawQuery = strings.Join(params, "&")
	}
	return shown.String()
}

// err is the error without secrets: itself where its text has none, else its
// text and what to do about it.
func (r *redactor) err(err error) error {
	said := []byte(err.Error())
	if at, _ := r.find(said); at < 0 {
		return err
	}
	clean := errors.New(r.text(said, len(said)))
	var e *sdk.Error
	if errors.As(err, &e) {
		return &sdk.Error{Kind: e.Kind, After: e.After, Field: e.Field, Err: clean}
	}
	return clean
}
