package launch

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/synchost/synchost/sdk"
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

// secretTexts are the texts in a connector's configuration that must not be
// shown: those at paths that came from a reference, and those of the options
// that the connector calls secret.
func secretTexts(doc []byte, paths []string, options []sdk.Option) []string {
	var root any
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	if err := dec.Decode(&root); err != nil {
		return nil // disabled: there is none
	}
	var found []string
	walk(root, nil, func(parts []string, text string) {
		path := strings.ReplaceAll(strings.Join(parts, "."), ".[", "[")
		if slices.Contains(paths, path) || slices.ContainsFunc(options, func(o sdk.Option) bool {
			return o.Secret && covers(o.Path, parts)
		}) {
			found = append(found, text)
		}
	})
	return found
}

// walk calls leaf with the path and text of every string and number in v.
func walk(v any, parts []string, leaf func(parts []string, text string)) {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			walk(item, append(slices.Clip(parts), key), leaf)
		}
	case []any:
		for i, item := range v {
			walk(item, append(slices.Clip(parts), fmt.Sprintf("[%d]", i)), leaf)
		}
	case string:
		leaf(parts, v)
	case json.Number:
		leaf(parts, v.String())
	}
}

// covers says whether an option's path, such as "servers[].token" or
// "headers.*", is that of a value, or of something around it.
func covers(option string, parts []string) bool {
	pattern := strings.Split(strings.ReplaceAll(option, "[]", ".[]"), ".")
	if len(pattern) > len(parts) {
		return false
	}
	for i, want := range pattern {
		anyIndex := want == "[]" && strings.HasPrefix(parts[i], "[")
		if want != "*" && want != parts[i] && !anyIndex {
			return false
		}
	}
	return true
}
