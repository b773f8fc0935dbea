package e2e

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Keys of senders that sign with Ed25519 (v1a). The private one is the RFC 8032 test vector's.
var (
	private = ed25519.NewKeyFromSeed(unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
	public  = private.Public().(ed25519.PublicKey)
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// keysOf are the environment variables of the configurations here.
func keysOf(h *host) {
	h.env = append(h.env,
		"E2E_PUBLIC=whpk_"+base64.StdEncoding.EncodeToString(public),
		"E2E_PRIVATE=whsk_"+base64.StdEncoding.EncodeToString(private))
}

// everyWayIn has a receiver of each scheme.
const everyWayIn = productReceiver + `
[receivers.crm]
scheme = "payamgostar"
path = "/in/crm"
secret = { env = "E2E_TOKEN" }

[receivers.crm-path]
scheme = "payamgostar"
path = "/in/crm/{secret}"
secret = { env = "E2E_TOKEN" }

[receivers.standard]
scheme = "standard-webhooks"
path = "/in/standard"
secret = [{ env = "E2E_SIGNING" }, { env = "E2E_PUBLIC" }]

[receivers.signed]
scheme = "hmac"
path = "/in/signed"
secret = { env = "E2E_TOKEN" }
signature = { header = "X-Hub-Signature-256", prefix = "sha256=" }
map = { key = "body.id", op = "body.action", "fields.name" = "body.title" }

[receivers.simple]
scheme = "token"
path = "/in/simple"
secret = { env = "E2E_TOKEN" }
token = { header = "X-Token" }
map = { key = "body.id", "fields.name" = "body.title", "fields.prices" = '[{"amount": body.price, "currency": "EUR"}]' }

[receivers.anything]
scheme = "catch"
path = "/in/anything"
allow = ["127.0.0.0/8"]
`

func signV1(id, at, body string) string {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(signing, "whsec_"))
	return "v1," + base64.StdEncoding.EncodeToString(mac(key, id+"."+at+"."+body))
}

func signV1a(id, at, body string) string {
	return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(id+"."+at+"."+body)))
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// standard are the headers of a Standard Webhooks message.
func standard(id string, at time.Time, signature string) []string {
	return []string{"webhook-id", id, "webhook-timestamp", unix(at), "webhook-signature", signature}
}

func bearer(more ...string) []string {
	return append([]string{"Authorization", "Bearer " + token, "Content-Type", "application/json"}, more...)
}

// told is what the webhook's default style says of an event.
type told struct {
	Type string
	Data struct {
		Event struct {
			ID, Source, Op string
			Hint           bool
		}
		Product struct {
			Key, Code, Name string
			Prices          []struct{ Amount, Currency string }
		}
	}
}

func TestEveryWayIn(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, everyWayIn+webhookTo("sink", sink.URL, "", signed))
	keysOf(h)
	h.start()

	now := time.Now()
	envelope := func(key, name string) string {
		return fmt.Sprintf(`{"type":"product.updated","timestamp":"2026-08-01T12:30:00Z","data":{"key":%q,"name":%q}}`, key, name)
	}
	v1, v1a := envelope("std1", "Bag"), envelope("std2", "Case")
	github := `{"id":"hm1","action":"created","title":"Bag"}`
	tests := []struct {
		name, method, path, body string
		headers                  []string
		want                     []string // source, op, key, code, name, price
	}{
		{"payamgostar, numbers", "GET", "/in/crm?code=" + token + "&Event=1&Product=pg1&Product%20Type=B-1&Product+Name=%DA%A9%DB%8C%D9%81", "", nil,
			[]string{"crm updated hint pg1 B-1 کیف "}},
		{"payamgostar, without a type and in one word", "GET", "/in/crm?code=" + token + "&Event=2&Product=pg2&ProductName=Bag", "", nil,
			[]string{"crm created hint pg2  Bag "}},
		{"payamgostar, words and ids", "GET", "/in/crm/" + token + "?event=Update&id=3f2504e0-4f89-41d3-9a0c-0305e82c3301&type=Quote&subtype=%D9%BE%DB%8C%D8%B4+%D9%81%D8%A7%DA%A9%D8%AA%D9%88%D8%B1", "", nil,
			[]string{"crm-path updated hint 3f2504e0-4f89-41d3-9a0c-0305e82c3301   "}},
		{"standard-webhooks v1", "POST", "/in/standard", v1, standard("msg_1", now, signV1("msg_1", unix(now), v1)),
			[]string{"standard updated std1  Bag "}},
		{"standard-webhooks v1a beside an unknown one", "POST", "/in/standard", v1a, standard("msg_2", now, "v1,bm9wZQ== "+signV1a("msg_2", unix(now), v1a)),
			[]string{"standard updated std2  Case "}},
		{"hmac", "POST", "/in/signed", github,
			[]string{"Content-Type", "application/json", "X-Hub-Signature-256", "sha256=" + hex.EncodeToString(mac([]byte(token), github))},
			[]string{"signed created hm1  Bag "}},
		{"token", "POST", "/in/simple", `{"id":7,"title":"Bag","price":10.50}`, []string{"X-Token", token, "Content-Type", "application/json"},
			[]string{"simple updated 7  Bag 10.50 EUR"}},
		{"product", "POST", "/in/products", `{"key":"pr1","name":"Bag","prices":[{"amount":"10.50","currency":"EUR"}]}`, bearer(),
			[]string{"products updated pr1  Bag 10.50 EUR"}},
		{"products", "POST", "/in/products", `[{"key":"pr2","name":"Bag"},{"op":"delete","key":"pr3"}]`, bearer("Idempotency-Key", "once"),
			[]string{"products deleted pr3   ", "products updated pr2  Bag "}},
		{"products as lines", "POST", "/in/products", "{\"key\":\"pr4\",\"name\":\"Bag\"}\n{\"key\":\"pr5\",\"name\":\"Case\"}\n",
			[]string{"Authorization", "Bearer " + token, "Content-Type", "application/x-ndjson", "Idempotency-Key", "twice"},
			[]string{"products updated pr4  Bag ", "products updated pr5  Case "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := len(sink.all())
			a, err := h.ask(test.method, test.path, test.body, test.headers...)
			if err != nil || a.status/100 != 2 {
				t.Fatalf("%d %s, %v", a.status, a.body, err)
			}
			var got []string
			until(t, "it has arrived", func() bool {
				got = nil
				for _, one := range sink.all()[before:] {
					got = append(got, inWords(t, one.body))
				}
				return len(got) >= len(test.want)
			})
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				t.Errorf("arrived as\n %q, want\n %q", got, test.want)
			}
		})
	}

	t.Run("the same again is the same", func(t *testing.T) {
		before := h.receiver("products").Duplicates
		for _, test := range tests {
			if slices.Contains(test.headers, "Idempotency-Key") {
				if a, err := h.ask(test.method, test.path, test.body, test.headers...); err != nil || a.status/100 != 2 {
					t.Errorf("%s again: %d %s, %v", test.name, a.status, a.body, err)
				}
			}
		}
		if n := h.receiver("products").Duplicates - before; n != 4 {
			t.Errorf("%d duplicates, want 4", n)
		}
	})
}

// inWords is a message of the webhook's default style in one line.
func inWords(t *testing.T, body []byte) string {
	t.Helper()
	var m told
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	e, p, hint := m.Data.Event, m.Data.Product, ""
	if e.Hint {
		hint = " hint"
	}
	price := ""
	if len(p.Prices) > 0 {
		price = p.Prices[0].Amount + " " + p.Prices[0].Currency
	}
	return fmt.Sprintf("%s %s%s %s %s %s %s", e.Source, e.Op, hint, p.Key, p.Code, p.Name, price)
}

func (h *host) receiver(name string) (found struct {
	Name                          string
	Accepted, Duplicates, Refused int64
}) {
	h.t.Helper()
	for _, r := range h.status().Receivers {
		if r.Name == name {
			return r
		}
	}
	h.t.Fatalf("there is no receiver %s", name)
	return
}

// What maps to no product is passed on as it came.
func TestRawRequestPassesThrough(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, everyWayIn+webhookTo("sink", sink.URL+"/out", "", signed))
	keysOf(h)
	h.start()
	for _, test := range []struct{ method, query, kind, body string }{
		{"POST", "?a=1&b=x+y", "application/json", "{ \"b\" : 1,\n\"a\":2 }"},
		{"PUT", "", "text/csv; charset=utf-8", "ۀ;1\r\n"},
		{"POST", "", "application/x-www-form-urlencoded", "a=1&b=%20"},
		{"DELETE", "?gone=7", "", ""},
	} {
		before := len(sink.all())
		var headers []string
		if test.kind != "" {
			headers = []string{"Content-Type", test.kind}
		}
		if a, err := h.ask(test.method, "/in/anything"+test.query, test.body, headers...); err != nil || a.status != http.StatusOK {
			t.Fatalf("%+v: %d %s, %v", test, a.status, a.body, err)
		}
		until(t, "it has arrived", func() bool { return len(sink.all()) > before })
		got := sink.all()[before]
		if got.url != "/out"+test.query || got.header.Get("Content-Type") != test.kind || string(got.body) != test.body {
			t.Errorf("%+v arrived as %s %s\n%v\n%q", test, got.method, got.url, got.header, got.body)
		}
		if want := signV1(got.header.Get("webhook-id"), got.header.Get("webhook-timestamp"), string(got.body)); got.header.Get("webhook-signature") != want {
			t.Errorf("%+v: the signature is %q, want %q", test, got.header.Get("webhook-signature"), want)
		}
	}
}

// Every refusal is a 4xx with a sentence, and is counted.
func TestRefusals(t *testing.T) {
	h := newHost(t, "max_body = \"1KiB\"\n"+everyWayIn+`
[receivers.elsewhere]
scheme = "catch"
path = "/in/elsewhere"
allow = ["192.0.2.0/24"]

[receivers.slow]
scheme = "token"
path = "/in/slow"
secret = { env = "E2E_TOKEN" }
rate = "2/h"
`)
	keysOf(h)
	h.start()
	now := time.Now()
	old := now.Add(-time.Hour)
	body := `{"id":"1"}`
	large := `{"key":"1","name":"` + strings.Repeat("x", 2000) + `"}`
	tests := []struct {
		name, receiver, method, path, body string
		headers                            []string
		status                             int
	}{
		{"no secret", "crm", "GET", "/in/crm?Event=1&Product=1", "", nil, 401},
		{"wrong secret", "crm", "GET", "/in/crm?code=guess&Event=1&Product=1", "", nil, 401},
		{"unknown event", "crm", "GET", "/in/crm?code=" + token + "&Event=9&Product=1", "", nil, 400},
		{"no product", "crm", "GET", "/in/crm?code=" + token + "&Event=1", "", nil, 400},
		{"method", "crm", "POST", "/in/crm?code=" + token + "&Event=1&Product=1", "", nil, 405},
		{"no signature", "standard", "POST", "/in/standard", body, nil, 401},
		{"wrong signature", "standard", "POST", "/in/standard", body, standard("msg_3", now, signV1("msg_4", unix(now), body)), 401},
		{"too old", "standard", "POST", "/in/standard", body, standard("msg_5", old, signV1("msg_5", unix(old), body)), 401},
		{"wrong hmac", "signed", "POST", "/in/signed", body, []string{"X-Hub-Signature-256", "sha256=" + strings.Repeat("0", 64)}, 401},
		{"hmac is no hex", "signed", "POST", "/in/signed", body, []string{"X-Hub-Signature-256", "sha256=secret"}, 400},
		{"wrong token", "simple", "POST", "/in/simple", body, []string{"X-Token", "guess"}, 401},
		{"address", "elsewhere", "POST", "/in/elsewhere", body, nil, 403},
		{"wrong bearer", "products", "POST", "/in/products", `{"key":"1"}`, []string{"Authorization", "Bearer guess", "Content-Type", "application/json"}, 401},
		{"no JSON", "products", "POST", "/in/products", `{"key":`, bearer(), 400},
		{"unknown field", "products", "POST", "/in/products", `{"key":"1","nam":"Bag"}`, bearer(), 400},
		{"no key", "products", "POST", "/in/products", `{"name":"Bag"}`, bearer(), 400},
		{"content type", "products", "POST", "/in/products", `{"key":"1"}`, []string{"Authorization", "Bearer " + token, "Content-Type", "text/plain"}, 415},
		{"too large", "products", "POST", "/in/products", large, bearer(), 413},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := h.receiver(test.receiver).Refused
			a, err := h.ask(test.method, test.path, test.body, test.headers...)
			if err != nil || a.status != test.status {
				t.Fatalf("%d %s, %v; want %d", a.status, a.body, err, test.status)
			}
			if !strings.HasSuffix(strings.TrimSpace(a.body), ".") && !strings.Contains(a.body, ": ") || strings.Contains(a.body, token) {
				t.Errorf("the answer is no plain sentence: %q", a.body)
			}
			if n := h.receiver(test.receiver).Refused - before; n != 1 {
				t.Errorf("status counts %d refusals more, want 1", n)
			}
		})
	}

	t.Run("overload", func(t *testing.T) {
		var a answer
		for range 3 {
			a, _ = h.ask("POST", "/in/slow", body, "Authorization", "Bearer "+token)
		}
		wait, err := strconv.Atoi(a.header.Get("Retry-After"))
		if a.status != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 3600 {
			t.Errorf("the third of 2/h: %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
		}
		if r := h.receiver("slow"); r.Accepted != 2 || r.Refused != 1 {
			t.Errorf("%+v, want 2 accepted and 1 refused", r)
		}
	})

	t.Run("no receiver", func(t *testing.T) {
		if a, err := h.ask("POST", "/in/nowhere", body); err != nil || a.status != http.StatusNotFound {
			t.Errorf("%d, %v", a.status, err)
		}
		metrics, err := h.ask("GET", "/metrics", "")
		if want := `synchost_receive_refusals_total{reason="path",receiver=""} 1`; err != nil || !strings.Contains(metrics.body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	})

	if out, _ := h.cli("events", "--json"); strings.Count(out, `"seq"`) != 2 {
		t.Errorf("more was taken than the two of overload:\n%s", out)
	}
}
