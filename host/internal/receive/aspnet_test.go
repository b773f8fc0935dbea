package receive

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
)

func aspnetReceiver(token config.Token) config.Receiver {
	return config.Receiver{Name: "in", Scheme: "aspnet", Path: "/in", Secrets: secretsOf(ourSecret), Token: token}
}

const aspnetBody = `{"Id":"9cde3cbd5e3b4fe1a6e1ad39a2a64cea","Attempt":1,"Properties":{},"Notifications":[{"Action":"event1","P1":"p1"}]}`

// TestASPNETSaysItsEchoBack: the sender asks so before it registers a receiver,
// and takes no other answer than the text itself.
func TestASPNETSaysItsEchoBack(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, aspnetReceiver(config.Token{}))
	for target, want := range map[string]int{
		"/in?echo=84f2de9a": 200, "/in?echo=": 400, "/in": 400, "/in?echo=%3Cscript%3E%0A": 400,
		"/in?echo=" + strings.Repeat("a", 1024): 200, "/in?echo=" + strings.Repeat("a", 1025): 400,
	} {
		w := call{method: http.MethodGet, target: target}.do(h)
		if w.Code != want {
			t.Errorf("%.40s: %d %s", target, w.Code, w.Body)
		}
		if w.Code == 200 && (w.Body.String() != strings.TrimPrefix(target, "/in?echo=") ||
			w.Header().Get("Content-Type") != "text/plain; charset=utf-8" || w.Header().Get("X-Content-Type-Options") != "nosniff") {
			t.Errorf("%.40s: %q %v", target, w.Body, w.Header())
		}
	}
	if events := k.kept(); len(events) > 0 {
		t.Errorf("taken: %+v", events)
	}
}

func TestASPNETWithACodeIsGreetedWithItOnly(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, aspnetReceiver(config.Token{Query: "code"}))
	for target, want := range map[string]int{
		"/in?echo=a": 401, "/in?echo=a&code=wrong": 401, "/in?echo=a&code=" + ourSecret: 200,
	} {
		if w := (call{method: http.MethodGet, target: target}).do(h); w.Code != want {
			t.Errorf("GET %s: %d, want %d", target, w.Code, want)
		}
	}
	for target, want := range map[string]int{"/in": 401, "/in?code=wrong": 401, "/in?code=" + ourSecret: 200} {
		c := post(aspnetBody, "Content-Type", "application/json")
		c.target = target
		if w := c.do(h); w.Code != want {
			t.Errorf("POST %s: %d, want %d", target, w.Code, want)
		}
	}
	if events := k.kept(); len(events) != 1 || strings.Contains(events[0].Raw.Query, ourSecret) {
		t.Errorf("taken: %+v", events)
	}
}

// TestASPNETCountsItsAttempts: a repeat has another body, and the same id in it.
func TestASPNETCountsItsAttempts(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, aspnetReceiver(config.Token{}))
	for _, attempt := range []string{"1", "2", "3"} {
		body := strings.Replace(aspnetBody, `"Attempt":1`, `"Attempt":`+attempt, 1)
		if tried, err := h.Try(t.Context(), "in", Trial{Body: []byte(body), Keep: true}); err != nil || tried.Status != http.StatusOK {
			t.Fatalf("%+v %v", tried, err)
		}
	}
	if s := h.Stats()[0]; s.Accepted != 1 || s.Duplicates != 2 {
		t.Errorf("%+v", s)
	}
}

// TestASPNETNegatives are the cases that its own receivers are tested with, see
// test/Microsoft.AspNet.WebHooks.Receivers.Custom.Test.
func TestASPNETNegatives(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, aspnetReceiver(config.Token{}))
	const digest = "7eb674a1bf93022a9c9570e4410600d76d9b1ff81c6269471b03473efbd274c6" // of ourBody
	for text, want := range map[string]int{
		"sha256=" + digest: 200, "sha256=" + strings.ToUpper(digest): 200,
		"": 401, digest: 400, "SHA256=" + digest: 400, "sha256 = " + digest: 400, "sha1=" + digest: 400,
		"sha256=invalid": 400, "sha256=": 401, "sha256=" + digest[2:]: 401, "你好世界": 400,
	} {
		if w := post(ourBody, "Content-Type", "application/json", "Ms-Signature", text).do(h); w.Code != want {
			t.Errorf("%q: %d, want %d: %s", text, w.Code, want, w.Body)
		}
	}
	if w := post(ourBody, "Content-Type", "text/plain", "Ms-Signature", "sha256="+digest).do(h); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("what is no JSON: %d", w.Code)
	}
	if n := len(k.kept()); n != 2 {
		t.Errorf("%d events", n)
	}
}

func FuzzASPNET(f *testing.F) {
	f.Add(aspnetBody, "sha256=00", "echo=a", false)
	f.Add(aspnetBody, "", "", true)
	f.Fuzz(func(t *testing.T, body, signature, query string, proven bool) {
		c := aspnetReceiver(config.Token{})
		it := sampleJSON(body)
		it.header.Set("Ms-Signature", signature)
		if proven {
			s, _ := aspnet(c)
			s.prove(&it, noon)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/in", strings.NewReader(body))
		r.URL.RawQuery, r.Header = query, it.header
		if probe(t, c, r) && !proven {
			t.Fatalf("taken with the signature %q: %q", signature, body)
		}
	})
}
