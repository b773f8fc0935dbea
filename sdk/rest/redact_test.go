package rest

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/synchost/synchost/sdk"
)

func FuzzTextHidesSecrets(f *testing.F) {
	const secret = "S3cr3t-T0k3n/+ &"
	for _, seed := range []string{"", secret, "a" + secret + "b" + secret, "S3cr3t-T0k3n", "\xff\xc3" + secret, "é€😀" + secret} {
		f.Add([]byte(seed), 10)
	}
	r := newRedactor(Options{Secrets: []sdk.Secret{sdk.NewSecret(secret)}})
	f.Fuzz(func(t *testing.T, source []byte, limit int) {
		limit = min(max(limit, 0), 100)
		for _, text := range []string{r.text(source, limit), r.text(append(source, secret...), limit), r.text(append([]byte(secret), source...), limit)} {
			if len(text) > limit || !utf8.ValidString(text) {
				t.Errorf("%q is %d bytes, limit %d, valid %t", text, len(text), limit, utf8.ValidString(text))
			}
			for _, spelling := range spellings(secret) {
				if strings.Contains(text, spelling) {
					t.Errorf("%q holds %q", text, spelling)
				}
			}
		}
		// A secret that reaches over the limit does not show its start.
		if text := r.text([]byte("x"+secret), 8); text != "x***" {
			t.Errorf("%q", text)
		}
	})
}

func TestErrorKeepsItsKindWithoutItsSecret(t *testing.T) {
	r := newRedactor(Options{Secrets: []sdk.Secret{sdk.NewSecret("hush-hush")}})
	err := r.err(sdk.Deny(errors.New("no hush-hush here")))
	if sdk.KindOf(err) != sdk.Denied || err.Error() != "no *** here" {
		t.Errorf("%v (%s)", err, sdk.KindOf(err))
	}
	if plain := errors.New("nothing to hide"); !errors.Is(r.err(plain), plain) {
		t.Error("an error without secrets is not itself any more")
	}
}

func TestNamesThatMarkSecrets(t *testing.T) {
	r := newRedactor(Options{})
	for name, want := range map[string]bool{
		"Authorization": true, "Proxy-Authorization": true, "Cookie": true, "Set-Cookie": true, "X-Hub-Signature-256": true,
		"X-Api-Key": true, "X-Auth-Key": true, "X-Auth": true, "X-Shopify-Access-Token": true, "X-Client-Secret": true,
		"Content-Type": false, "X-Author": false, "Webhook-Id": false, "X-Keyword": false,
	} {
		if r.secretHeader(http.CanonicalHeaderKey(name)) != want {
			t.Errorf("%s: secret %t", name, !want)
		}
	}
}
