package receive

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
)

var board = trelloReceiver(ourSecret, "https://example.com/trello")

func trelloReceiver(secret, address string) config.Receiver {
	c := senderReceiver("trello", secret)
	c.URL = address
	return c
}

// TestTrelloSignsTheURLItWasGiven: not the one that the request says it came to.
func TestTrelloSignsTheURLItWasGiven(t *testing.T) {
	good := post(ourBody, "X-Trello-Webhook", "AVlZRogr8wXQACSvA0cUk6pdL00=")
	k := &keeper{}
	for _, address := range []string{"https://example.com/Trello", "https://example.com/trello/", "http://example.com/trello", "https://example.com/in"} {
		c := good.with("Host", "example.com").with("X-Forwarded-Host", "example.com").with("X-Forwarded-Proto", "https").with("X-Original-Url", "/trello")
		c.target = "https://example.com/in"
		if w := c.do(newHandler(t, k, noon, trelloReceiver(ourSecret, address))); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", address, w.Code, w.Body)
		}
	}
	if w := good.do(newHandler(t, k, noon, board)); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, there := k.kept()[0].Raw.Headers["X-Trello-Webhook"]; there {
		t.Error("the signature is kept")
	}
}

// TestTrelloTellsOfAnActionOncePerModel: a webhook of a board and one of a card bring
// the same action to the same URL.
func TestTrelloTellsOfAnActionOncePerModel(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, board)
	for _, body := range []string{
		`{"action":{"id":"1"},"model":{"id":"board"}}`, `{"action":{"id":"1"},"model":{"id":"card"}}`,
		`{"action":{"id":"1"},"model":{"id":"card"}} `,
	} {
		r, err := h.routes.named("in").trial(Trial{Body: []byte(body)}, noon)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if n := len(k.kept()); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

func TestTrelloNeedsItsURL(t *testing.T) {
	h, problems := New([]config.Receiver{trelloReceiver(ourSecret, "")}, Options{Accepter: &keeper{}})
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "callbackURL") {
		t.Fatalf("%v", problems)
	}
	// It is not taken for one that signs nothing behind the body.
	r, err := h.routes.named("in").trial(Trial{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTrelloGreetsByHEAD(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, board)
	if status, text := challenged(t, h, k, "HEAD", ""); status != http.StatusOK || text != "" {
		t.Errorf("%d %q", status, text)
	}
	if status, _ := challenged(t, h, k, "GET", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", status)
	}
	secretless := board
	secretless.Secrets = nil
	h, _ = New([]config.Receiver{secretless}, Options{Accepter: k})
	if status, _ := challenged(t, h, k, "HEAD", ""); status/100 != 4 {
		t.Errorf("without a secret: %d", status)
	}
}

func FuzzTrello(f *testing.F) {
	fuzzSender(f, board, "X-Trello-Webhook", `{"action":{"id":"1"}}`, `{"action":{"id":7}}`, `{"action":[]}`)
}
