package receive

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// Each fuzz target holds one scheme to the same promise: nothing is taken that a
// second, plain look at the request does not find proven, and what is taken is a
// good event.

// probe sends a request and says whether events came of it.
func probe(t *testing.T, c config.Receiver, r *http.Request) bool {
	took := false
	h, problems := New([]config.Receiver{c}, Options{Now: func() time.Time { return noon }, Outside: (&fakePaypal{}).outside(), Accepter: acceptFunc(func(events []event.Event) {
		took = took || len(events) > 0
		for _, e := range events {
			if e.Source != c.Name || event.CheckKey(e.ID) != nil || event.CheckKey(e.Key) != nil || e.Time.IsZero() {
				t.Fatalf("a bad event was taken: %+v", e)
			}
			if (e.Op == sdk.Received) != (e.Raw != nil) {
				t.Fatalf("op %s, raw %v", e.Op, e.Raw)
			}
		}
	})})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code/100 != 2 && w.Code/100 != 4 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return took
}

type acceptFunc func([]event.Event)

func (f acceptFunc) Accept(_ context.Context, events []event.Event) ([]store.Receipt, error) {
	f(events)
	return make([]store.Receipt, len(events)), nil
}

func bare(method, path, query, body string, headers ...string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", strings.NewReader(body))
	r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return r
}

func mac(key, message string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(message))
	return m.Sum(nil)
}

func FuzzPayamgostar(f *testing.F) {
	f.Add("code=s3cret&Event=1&Product=12&Product+Type=K")
	f.Add("code=s3cret&event=Delete&id=12&subtype=%D9%BE")
	f.Add("code=wrong&event=0&id=1")
	f.Fuzz(func(t *testing.T, query string) {
		took := probe(t, crm, bare("GET", "/in/crm", query, ""))
		values, err := url.ParseQuery(query)
		if proven := err == nil && len(values["code"]) == 1 && values["code"][0] == "s3cret"; took && !proven {
			t.Fatalf("taken: %q", query)
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add("Bearer s3cret", "x", "application/json")
	f.Add("bearer  s3cret", `{"id":1}`, "application/json")
	f.Add("Bearer s3cre", "", "")
	mapped := shop
	mapped.Map = map[string]string{"key": "body.id", "fields.name": "body.name", "fields.attributes.a": "body.a"}
	f.Fuzz(func(t *testing.T, authorization, body, media string) {
		for _, c := range []config.Receiver{shop, mapped} {
			took := probe(t, c, bare("POST", "/in/shop", "", body, "Authorization", authorization, "Content-Type", media))
			if scheme, secret, _ := strings.Cut(authorization, " "); took && (!strings.EqualFold(scheme, "bearer") || strings.TrimLeft(secret, " ") != "s3cret") {
				t.Fatalf("taken: %q", authorization)
			}
		}
	})
}

func FuzzCatch(f *testing.F) {
	f.Add("/in/s3cret", "POST", "shop=nl", `{"id":1,"list":[{}]}`, "application/json")
	f.Add("/in/s3cret", "GET", "id=1", "a=1&b=%20", "application/x-www-form-urlencoded")
	f.Add("/in/%73", "GET", "", "", "")
	mapped := catchAll(map[string]string{"items": "body.list ?? [body]", "key": "item.id ?? query.id", "op": "item.op", "time": "item.time",
		"fields.name": "item.name", "fields.prices": "item.prices", "fields.attributes": "item.attributes"})
	f.Fuzz(func(t *testing.T, path, method, query, body, media string) {
		for _, c := range []config.Receiver{catchAll(nil), mapped} {
			took := probe(t, c, bare(method, path, query, body, "Content-Type", media))
			if took && path != "/in/s3cret" {
				t.Fatalf("taken: %q", path)
			}
		}
	})
}

func FuzzHMAC(f *testing.F) {
	c := hmacReceiver("s3cret", config.Signature{Header: "X-Signature", Prefix: "v0=", Signed: "{header:X-Time}:{body}", Timestamp: "X-Time"})
	at := "1777636800" // noon
	f.Add("v0="+hex.EncodeToString(mac("s3cret", at+":x")), at, "x")
	f.Add("v0=", at, "")
	f.Fuzz(func(t *testing.T, signature, at, body string) {
		took := probe(t, c, bare("POST", "/in", "", body, "X-Signature", signature, "X-Time", at))
		want := "v0=" + hex.EncodeToString(mac("s3cret", at+":"+body))
		if took && !strings.EqualFold(signature, want) {
			t.Fatalf("taken: %q", signature)
		}
	})
}

func FuzzStandardWebhooks(f *testing.F) {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(v1Secret, "whsec_"))
	sign := func(id, at, body string) string {
		return "v1," + base64.StdEncoding.EncodeToString(mac(string(key), id+"."+at+"."+body))
	}
	at := "1777636800" // noon
	f.Add("m", at, `{"type":"product.updated","data":{"key":"a"}}`, "")
	f.Add("m", at, "x", "v1,AAAA v1a,AAAA ")
	f.Add("m", at, "", "v1")
	c := standardReceiver(v1Secret, v1aPublic)
	f.Fuzz(func(t *testing.T, id, at, body, others string) {
		good := sign(id, at, body)
		for _, signature := range []string{others, others + " " + good} {
			took := probe(t, c, bare("POST", "/in", "", body, "Webhook-Id", id, "Webhook-Timestamp", at, "Webhook-Signature", signature))
			if took && !strings.Contains(signature, good) {
				t.Fatalf("taken: %q", signature)
			}
		}
	})
}

func FuzzProduct(f *testing.F) {
	f.Add("Bearer "+v1Secret, "K", "application/json", `[{"key":"a"}]`)
	f.Add("Bearer "+v1Secret, "", "application/x-ndjson", "{\"key\":\"a\"}\nx\n")
	f.Add("Bearer x", "", "application/json", `{"key":"a"}`)
	f.Fuzz(func(t *testing.T, authorization, key, media, body string) {
		took := probe(t, api, bare("POST", "/in/products", "", body, "Authorization", authorization, "Idempotency-Key", key, "Content-Type", media))
		if scheme, secret, _ := strings.Cut(authorization, " "); took && (!strings.EqualFold(scheme, "bearer") || strings.TrimLeft(secret, " ") != v1Secret) {
			t.Fatalf("taken: %q", authorization)
		}
	})
}

// FuzzStream: of a stream of lines each good one is kept, in the order of its
// product, each bad one is told with its number, and what is told is bounded.
func FuzzStream(f *testing.F) {
	f.Add("{\"key\":\"a\",\"name\":\"1\"}\nx\n\n{\"key\":\"a\",\"name\":\"2\"}\r\n{\"id\":\"i\",\"op\":\"delete\",\"product\":{\"key\":\"b\"}}")
	f.Add(strings.Repeat("{\"key\":\"a\"}\n", 10) + strings.Repeat("x", 300) + "\n{\"key\":\"b\"}")
	f.Add("\xef\xbb\xbf{\"key\":\"a\"}\n{\"key\":\"a\"}{\"key\":\"b\"}\n[{\"key\":\"c\"}]\n\x00")
	small := api
	small.MaxBody = 256 // of a line
	f.Fuzz(func(t *testing.T, text string) {
		var good []event.Event
		lines, bad := strings.Split(text, "\n"), 0
		for i, line := range lines {
			line = string(bytes.TrimSpace([]byte(line)))
			e, err := event.Parse([]byte(line))
			switch {
			case line == "" && len(lines[i]) <= 256:
			case len(line) > 256, err != nil:
				bad++
			default:
				good = append(good, e)
			}
		}
		k := &keeper{}
		h := newHandler(t, k, noon, small)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, bare("POST", "/in/products", "", text, "Authorization", "Bearer "+v1Secret, "Content-Type", "application/x-ndjson"))
		var done taken
		if err := json.Unmarshal(w.Body.Bytes(), &done); err != nil || w.Code/100 != 2 && w.Code != http.StatusBadRequest {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if slices.ContainsFunc(lines, func(line string) bool { return len(line) > 200 }) {
			// Spaces around a line count or not, as they come in the reader's buffer.
			if done.Accepted+done.Duplicates > len(good) || done.Refused < bad {
				t.Fatalf("%+v of %d good and %d bad lines", done, len(good), bad)
			}
			return
		}
		if done.Accepted+done.Duplicates != len(good) || done.Refused != bad || len(done.Errors) != min(bad, maxErrors) {
			t.Fatalf("%+v of %d good and %d bad lines", done, len(good), bad)
		}
		for _, e := range done.Errors {
			if e.Line < 1 || e.Line > len(lines) || len(e.Error) > 310 {
				t.Fatalf("%+v", e)
			}
		}
		kept, seen := map[string][]sdk.Product{}, map[string]bool{}
		for _, e := range k.kept() {
			kept[e.Key] = append(kept[e.Key], e.Patch.Product)
		}
		for _, e := range good {
			if e.ID != "" && seen[e.ID] {
				continue
			}
			seen[e.ID] = true
			if len(kept[e.Key]) == 0 || sdk.Diff(&e.Patch.Product, &kept[e.Key][0]) != nil {
				t.Fatalf("%s is not kept in its order: %+v", e.Key, kept[e.Key])
			}
			kept[e.Key] = kept[e.Key][1:]
		}
	})
}

// FuzzRaw: a raw event has the body as it came, and the secret nowhere, wherever
// the receiver looks for it.
func FuzzRaw(f *testing.F) {
	const secret = "s3cret-7361"
	inQuery, inHeader := shop, shop
	inQuery.Secrets, inHeader.Secrets = secretsOf(secret), secretsOf(secret)
	inQuery.Token, inHeader.Token = config.Token{Query: "code"}, config.Token{Header: "X-Code"}
	f.Add("a=1&b=%20", "X-Other", "value", "body", "text/plain")
	f.Add("%63ode=x&code", "x-code", "y", "\x00\xff", "")
	f.Add("a=%zz;b", "Cookie", "session=1", "", "application/json; charset=utf-8")
	f.Fuzz(func(t *testing.T, query, name, value, body, media string) {
		if strings.Contains(query+name+value+body+media, secret) {
			return // who writes it elsewhere shows it
		}
		for i, c := range []config.Receiver{inQuery, inHeader} {
			k := &keeper{}
			r := bare("POST", "/in/shop", query, body, name, value, "Content-Type", media)
			if i == 0 {
				r.URL.RawQuery = "code=" + secret + "&" + query
			} else {
				r.Header.Set("X-Code", secret)
			}
			newHandler(t, k, noon, c).ServeHTTP(httptest.NewRecorder(), r)
			for _, e := range k.kept() {
				if e.Raw == nil || string(e.Raw.Body) != body || e.Raw.Method != "POST" {
					t.Fatalf("%+v of %q", e.Raw, body)
				}
				if shown := fmt.Sprintf("%+v", e.Raw); strings.Contains(shown, secret) || strings.Contains(e.Raw.Query, secret) {
					t.Fatalf("the secret is kept: %s", shown)
				}
			}
		}
	})
}

// FuzzSender: whatever a sender writes left of what a trusted proxy wrote, it is
// taken for no other.
func FuzzSender(f *testing.F) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f.Add("192.0.2.1, 10.0.0.2", "203.0.113.9:80")
	f.Add("\"[2001:db8::1]\", ,,", "::ffff:203.0.113.9")
	f.Add("10.0.0.9", "[2001:db8::1%eth0]:443")
	f.Fuzz(func(t *testing.T, forged, real string) {
		want, ok := address(real)
		if !ok || within(trusted, want) || strings.Contains(real, ",") || strings.TrimSpace(real) != real {
			return
		}
		for _, peer := range []string{"10.0.0.1:5000", "[fd00::1]:5000"} {
			r := bare("POST", "/", "", "")
			r.RemoteAddr, r.Header["X-Forwarded-For"] = peer, []string{forged, real + ", 10.0.0.2"}
			if got, ok := sender(r, trusted); !ok || got != want {
				t.Fatalf("%q, %q through %s is taken for %v", forged, real, peer, got)
			}
		}
		r := bare("POST", "/", "", "")
		r.RemoteAddr, r.Header["X-Forwarded-For"] = real, []string{forged}
		if got, ok := sender(r, trusted); !ok || got != want {
			t.Fatalf("%s, who is no proxy, is taken for %v by %q", real, got, forged)
		}
	})
}

// fuzzSender holds the scheme of a sender who signs bodies to two promises: what is
// proven makes good events or is refused, and what is not proven is never taken.
// The header is the one that proves.
func fuzzSender(f *testing.F, c config.Receiver, header string, bodies ...string) {
	mapped := c
	mapped.Map = map[string]string{"items": "body.list ?? [body]", "key": "item?.id", "op": `"updated"`, "fields.name": "item.name"}
	for _, body := range append(bodies, `{"list":[{"id":1,"name":"Bag"},{}]}`, "{", "\xff") {
		f.Add(body, "application/json", "sha256=00")
		f.Add(body, "application/x-www-form-urlencoded", "")
	}
	signer := newHandler(f, &keeper{}, noon, c).routes.named(c.Name)
	f.Fuzz(func(t *testing.T, body, media, offered string) {
		for _, c := range []config.Receiver{c, mapped} {
			proven := func() *http.Request {
				r, err := signer.trial(Trial{Body: []byte(body), ContentType: media}, noon)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			probe(t, c, proven())
			forged := proven()
			good := forged.Header.Get(header)
			forged.Header.Set(header, offered)
			inHex := good == strings.ToLower(good) // which may be of either case
			if probe(t, c, forged) && offered != good && !(inHex && strings.EqualFold(offered, good)) {
				t.Fatalf("taken: %q, which has to be %q", offered, good)
			}
		}
	})
}
