package launch

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// minSecret is the shortest text that is masked. Masking shorter ones would
// blot out half of every line, and give them away by doing so.
const minSecret = 4

// newMasker replaces every secret by "***", also as it looks in JSON, in a URL
// and in Base64, and each line of one that has several.
func newMasker(secrets []string) *strings.Replacer {
	var looks []string
	for _, secret := range secrets {
		for _, text := range append(strings.Split(secret, "\n"), secret) {
			text = strings.TrimSpace(text)
			if len(text) < minSecret {
				continue
			}
			looks = append(looks, text, inJSON(text, true), inJSON(text, false),
				url.QueryEscape(text), url.PathEscape(text),
				base64.StdEncoding.EncodeToString([]byte(text)),
				base64.RawURLEncoding.EncodeToString([]byte(text)))
		}
	}
	// The longest first: a secret may be part of another one.
	slices.SortFunc(looks, func(a, b string) int {
		return cmp.Or(len(b)-len(a), strings.Compare(a, b))
	})
	var pairs []string
	for _, look := range slices.Compact(looks) {
		pairs = append(pairs, look, "***")
	}
	return strings.NewReplacer(pairs...)
}

// inJSON is text as it stands between the quotes of a JSON string.
func inJSON(text string, escapeHTML bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	if err := enc.Encode(text); err != nil {
		return text
	}
	return strings.TrimSuffix(b.String()[1:], "\"\n")
}
