//go:build unix

package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestDestinationsTellBack has a shop tell of what was written there, and of what
// its people change. Neither reaches another destination; the latter is mended at
// once, with no reconciliation.
func TestDestinationsTellBack(t *testing.T) {
	const news = `
[receivers.shop-news]
scheme = "product"
path = "/in/shop-news"
secret = { env = "E2E_TOKEN" }
of = "shop"
`
	h, s := adopted(t, 5, news)
	tell := func(body string) {
		t.Helper()
		a, err := h.ask(http.MethodPost, "/in/shop-news", body, "Authorization", "Bearer "+token, "Content-Type", "application/json")
		if err != nil || a.status/100 != 2 {
			t.Fatalf("%s: %d %s, %v", body, a.status, a.body, err)
		}
	}

	h.accept(`{"key":"1","name":"Green tea"}`)
	s.is("SELECT title FROM products WHERE id = 9001", "Green tea")
	h.quiet()
	tell(`{"id":"n1","product":{"key":"9001","name":"Green tea"}}`)
	if out := h.must("events", "--source", "shop-news"); !strings.Contains(out, "(echo)") {
		t.Errorf("it is not told as an echo:\n%s", out)
	}
	if out := h.must("why", "1"); !strings.Contains(out, "an echo of our own write") {
		t.Errorf("why does not tell of it:\n%s", out)
	}

	s.byHand("UPDATE products SET title = 'by hand' WHERE id = 9002")
	tell(`{"id":"n2","product":{"key":"9002","name":"by hand"}}`)
	s.is("SELECT title FROM products WHERE id = 9002", "Tea 2")
	h.quiet()
	if out := h.must("why", "2"); !strings.Contains(out, `we wrote "Tea 2", found "by hand", once`) {
		t.Errorf("why does not name it:\n%s", out)
	}
	if out := h.must("status", "shop"); !strings.Contains(out, `we wrote "Tea 2", found "by hand", once`) {
		t.Errorf("status does not name it:\n%s", out)
	}
	if got := s.one("SELECT count(*) FROM log WHERE op = 'title'"); got != "2" {
		t.Errorf("titles were written %s times", got)
	}
	a, err := h.ask(http.MethodGet, "/metrics", "")
	if err != nil || !strings.Contains(a.body, `synchost_echoes_total{connector="shop"} 1`) {
		t.Errorf("one echo is not counted, %v", err)
	}
}
