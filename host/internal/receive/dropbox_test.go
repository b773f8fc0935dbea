package receive

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
)

var box = senderReceiver("dropbox", ourSecret)

func TestDropboxChallenge(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, box)
	for query, want := range map[string]string{
		"challenge=abc123": "abc123", "challenge=%3Cscript%3Ealert(1)%3C/script%3E": "<script>alert(1)</script>", // as text: see challenged
	} {
		if status, text := challenged(t, h, k, "GET", query); status != http.StatusOK || text != want {
			t.Errorf("%s: %d %q", query, status, text)
		}
	}
	for _, query := range []string{
		"", "challenge=", "challenge=a&challenge=b", "Challenge=a", "challenge=%zz", "challenge=%00", "challenge=%ff",
		"challenge=" + strings.Repeat("a", maxChallenge+1),
	} {
		if status, _ := challenged(t, h, k, "GET", query); status != http.StatusBadRequest {
			t.Errorf("%.40s: %d", query, status)
		}
	}
	if status, _ := challenged(t, h, k, "HEAD", "challenge=abc123"); status != http.StatusUnauthorized {
		t.Errorf("HEAD: %d", status)
	}
	secretless := box
	secretless.Secrets = nil
	h, _ = New([]config.Receiver{secretless}, Options{Accepter: k})
	if status, text := challenged(t, h, k, "GET", "challenge=abc123"); status/100 != 4 || strings.Contains(text, "abc123") {
		t.Errorf("without a secret: %d %q", status, text)
	}
}

// Each account is a hint; a second notification of it is not lost.
func TestDropboxAccounts(t *testing.T) {
	c := box
	c.Map = map[string]string{"items": "body.list_folder.accounts", "key": "item", "op": `"updated"`}
	k := &keeper{}
	h := newHandler(t, k, noon, c)
	for range 2 {
		if w := provenCall(t, c, "application/json", `{"list_folder":{"accounts":["dbid:A","dbid:B"]}}`).do(h); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if events := k.kept(); len(events) != 4 || events[1].Key != "dbid:B" || !events[1].Hint {
		t.Errorf("%+v", events)
	}
}

func FuzzDropbox(f *testing.F) {
	fuzzSender(f, box, "X-Dropbox-Signature", `{"list_folder":{"accounts":[]}}`)
}

// FuzzDropboxChallenge: what is said back is what was asked, and plain.
func FuzzDropboxChallenge(f *testing.F) {
	f.Add("abc123")
	f.Add("\x00é")
	h := newHandler(f, &keeper{}, noon, box)
	f.Fuzz(func(t *testing.T, challenge string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, bare("GET", "/in", "challenge="+url.QueryEscape(challenge), ""))
		plain := len(challenge) <= maxChallenge && challenge != "" && !strings.ContainsFunc(challenge, func(c rune) bool { return c < ' ' || c > '~' })
		if (w.Code == http.StatusOK) != plain || plain && w.Body.String() != challenge {
			t.Fatalf("%q: %d %q", challenge, w.Code, w.Body)
		}
	})
}
