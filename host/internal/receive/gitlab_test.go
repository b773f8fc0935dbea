package receive

import (
	"net/http"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
)

var (
	labSigned = senderReceiver("gitlab", v1Secret)
	labToken  = senderReceiver("gitlab", ourSecret)
)

// TestGitLabSignatureIsNeededWhereThereIsASigningToken: GitLab sends the secret
// token beside the signature when it has both, and whoever knows it knows no key.
func TestGitLabSignatureIsNeededWhereThereIsASigningToken(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, labSigned)
	signed := provenCall(t, labSigned, "application/json", `{}`)
	for what, c := range map[string]call{
		"a token":                    post(`{}`, "X-Gitlab-Token", v1Secret, "Idempotency-Key", "1"),
		"nothing":                    post(`{}`),
		"a token and no signature":   signed.with("Webhook-Signature").with("X-Gitlab-Token", v1Secret),
		"a token, a wrong signature": signed.with("Webhook-Signature", "v1,AAAA").with("X-Gitlab-Token", v1Secret),
	} {
		if w := c.do(h); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	if w := signed.with("X-Gitlab-Token", "of the other kind").do(h); w.Code != http.StatusOK || k.kept()[0].ID != signed.header.Get("Webhook-Id") {
		t.Errorf("%d %s %+v", w.Code, w.Body, k.kept())
	}
	for name := range k.kept()[0].Raw.Headers {
		if name == "X-Gitlab-Token" || name == "Webhook-Signature" {
			t.Errorf("%s is kept", name)
		}
	}
}

func TestGitLabTokensAreNotMixed(t *testing.T) {
	c := labSigned
	c.Secrets = append(secretsOf(ourSecret), c.Secrets...)
	_, problems := New([]config.Receiver{c}, Options{Accepter: &keeper{}})
	if len(problems) == 0 || !strings.Contains(problems[0].Message, "remove it") || strings.Contains(problems[0].Message, ourSecret) {
		t.Errorf("%v", problems)
	}
}

func TestGitLabKnowsARetry(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, labToken)
	first := provenCall(t, labToken, "application/json", `{}`)
	chain := first.with("X-Gitlab-Event-Uuid", "of a chain of events")
	old := chain.with("Idempotency-Key") // GitLab before 17.4
	for _, c := range []call{first, chain, old, old} {
		if w := c.do(h); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if s := h.Stats()[0]; s.Accepted != 3 || s.Duplicates != 1 {
		t.Errorf("%+v", s)
	}
	for what, c := range map[string]call{
		"two ids": first.with("Idempotency-Key", "1", "2"), "a bad id": first.with("Idempotency-Key", "\xff"),
		"an empty id": first.with("Idempotency-Key", ""),
	} {
		if w := c.do(h); w.Code/100 != 4 {
			t.Errorf("%s: %d", what, w.Code)
		}
	}
}

func FuzzGitLab(f *testing.F)       { fuzzSender(f, labToken, "X-Gitlab-Token") }
func FuzzGitLabSigned(f *testing.F) { fuzzSender(f, labSigned, "Webhook-Signature") }
