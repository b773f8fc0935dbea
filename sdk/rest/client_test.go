package rest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// serve runs handler and gives its address and a client that may reach it.
func serve(t *testing.T, o rest.Options, handler http.HandlerFunc) (*rest.Client, *url.URL) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o.AllowNetworks = loopback
	client := rest.New(o)
	t.Cleanup(client.Close)
	return client, parse(t, server.URL)
}

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestStatusTellsTheKind(t *testing.T) {
	tests := map[sdk.Kind][]int{
		sdk.Denied:    {401, 402, 403, 407},
		sdk.Gone:      {404, 410},
		sdk.Conflict:  {409, 412},
		sdk.Rejected:  {400, 405, 406, 413, 415, 422, 418, 451},
		sdk.Throttled: {429},
		sdk.Temporary: {301, 302, 307, 304, 408, 421, 423, 425, 500, 501, 502, 503, 504, 599},
	}
	client, u := serve(t, rest.Options{}, func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.WriteHeader(status)
	})
	for kind, statuses := range tests {
		for _, status := range statuses {
			resp, err := client.Do(t.Context(), rest.Request{Method: "POST", URL: u.JoinPath(fmt.Sprint(status))})
			if got := sdk.KindOf(err); err == nil || got != kind || resp.Status != status {
				t.Errorf("%d: status %d, %s (%v), want %s", status, resp.Status, got, err, kind)
			}
			if err != nil && !strings.Contains(err.Error(), fmt.Sprint(status)) {
				t.Errorf("%d: the error %q does not name it", status, err)
			}
		}
	}
}

func TestGatewayThatSaysWhenThrottles(t *testing.T) {
	client, u := serve(t, rest.Options{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	_, err := client.Do(t.Context(), rest.Request{Method: "GET", URL: u})
	var e *sdk.Error
	if !errors.As(err, &e) || e.Kind != sdk.Throttled || e.After != 7*time.Second {
		t.Errorf("got %#v", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	calls := 0
	client, u := serve(t, rest.Options{}, func(w http.ResponseWriter, r *http.Request) {
		calls++
		http.Redirect(w, r, "https://elsewhere.example/new?token=abc", http.StatusPermanentRedirect)
	})
	_, err := client.Do(t.Context(), rest.Request{Method: "GET", URL: u})
	if err == nil || calls != 1 || !strings.Contains(err.Error(), "https://elsewhere.example/new") || strings.Contains(err.Error(), "abc") {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	bodies := map[string]string{"/empty": "", "/short": "ok", "/long": strings.Repeat("x", 100_000)}
	client, u := serve(t, rest.Options{}, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, bodies[r.URL.Path]) })
	first := true
	for path := range bodies {
		var reused bool
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
		resp, err := client.Do(ctx, rest.Request{Method: "POST", URL: u.JoinPath(path), Body: []byte("{}")})
		if err != nil || string(resp.Body) != bodies[path] {
			t.Fatalf("%s: %v, %d bytes", path, err, len(resp.Body))
		}
		if !reused && !first {
			t.Errorf("%s came over a new connection", path)
		}
		first = false
	}
	if _, err := client.Do(t.Context(), rest.Request{Method: "HEAD", URL: u.JoinPath("/short")}); err != nil {
		t.Errorf("HEAD: %v", err)
	}
}

func TestLongAnswerIsCut(t *testing.T) {
	client, u := serve(t, rest.Options{MaxResponse: 10}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `"`+strings.Repeat("x", 1<<20)+`"`)
	})
	resp, err := client.Do(t.Context(), rest.Request{Method: "GET", URL: u})
	if err != nil || !resp.Truncated || len(resp.Body) != 10 {
		t.Errorf("%v, truncated %t, %d bytes", err, resp.Truncated, len(resp.Body))
	}
	var out string
	if _, err := client.JSON(t.Context(), "GET", u.String(), nil, &out); err == nil || !strings.Contains(err.Error(), "longer than 10") {
		t.Errorf("JSON: %v", err)
	}
}

// What became of a request whose answer is lost is unknown: a plain error.
func TestTroubleOnTheWayIsAPlainError(t *testing.T) {
	var release chan struct{}
	tests := map[string]http.HandlerFunc{
		"lost": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"hang": func(http.ResponseWriter, *http.Request) { <-release },
		"half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = w.Write([]byte("ab"))
		},
		"garbage": func(w http.ResponseWriter, _ *http.Request) { hijack(w, "\x00\x01 what?\r\n\r\n") },
		"drip": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-release
		},
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			release = make(chan struct{})
			client, u := serve(t, rest.Options{Timeout: 100 * time.Millisecond}, handler)
			t.Cleanup(func() { close(release) }) // before the server waits for its handlers
			resp, err := client.Do(t.Context(), rest.Request{Method: "POST", URL: u, Body: []byte("x")})
			var classified *sdk.Error
			if err == nil || errors.As(err, &classified) {
				t.Errorf("got %v, want a plain error", err)
			}
			if resp.Exchange().Request == "" {
				t.Error("the exchange does not tell what was sent")
			}
		})
	}
}

func hijack(w http.ResponseWriter, answer string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, answer)
	_ = conn.Close()
}

func TestCallersContextEndsTheRequest(t *testing.T) {
	client, u := serve(t, rest.Options{}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if _, err := client.Do(ctx, rest.Request{Method: "GET", URL: u}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSecretsAreNotInTheExchange(t *testing.T) {
	const pass = `p@ss "word"/1`
	secret := sdk.NewSecret(pass)
	client, u := serve(t, rest.Options{
		Secrets:       []sdk.Secret{secret, sdk.NewSecret("tok-1234"), sdk.NewSecret("tok-1234567")},
		SecretHeaders: []string{"x-shop-pin"},
		SecretParams:  []string{"pin"},
	}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "no user tok-1234567 with "+pass+" or Bearer abcdef")
	})
	u.Path = "/tok-1234/x"
	u.RawQuery = "a=1&PIN=9876&my_token=zzz&code=" + url.QueryEscape(pass) + "&p=" + url.QueryEscape(pass)
	resp, err := client.Do(t.Context(), rest.Request{Method: "POST", URL: u, Body: []byte(`{"password":"p@ss \"word\"/1","n":1}`), Header: http.Header{
		"Authorization":     {"Bearer abcdef"},
		"Cookie":            {"s=abcdef"},
		"Webhook-Signature": {"v1,abcdef"},
		"X-Shop-Pin":        {"abcdef"},
		"X-Note":            {"about tok-1234"},
	}})
	got := resp.Exchange()
	for _, leaked := range []string{"abcdef", "9876", "zzz", pass, url.QueryEscape(pass), `\"word`, "tok-1234", "567"} {
		if all := got.Request + got.Response + err.Error(); strings.Contains(strings.ReplaceAll(all, u.Host, ""), leaked) {
			t.Errorf("%q is in\n%s", leaked, all)
		}
	}
	want := "POST http://" + u.Host + "/***/x?a=1&PIN=***&my_token=***&code=***&p=***\n" +
		"Authorization: ***\nCookie: ***\nWebhook-Signature: ***\nX-Note: about ***\nX-Shop-Pin: ***\n\n{\"password\":\"***\",\"n\":1}"
	if got.Request != want || got.Response != "no user *** with *** or Bearer ***" || got.Status != 400 {
		t.Errorf("got\n%s\n%s\n%d\nwant\n%s", got.Request, got.Response, got.Status, want)
	}
}

func TestExchangeIsBoundedValidText(t *testing.T) {
	secret := strings.Repeat("s", 100)
	for _, fill := range []int{1900, 1990, 2000, 2045, 2047, 2048} {
		client, u := serve(t, rest.Options{Secrets: []sdk.Secret{sdk.NewSecret(secret)}}, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			// Masking moves the text behind it forward: the second must not come into view in part.
			_, _ = io.WriteString(w, secret+strings.Repeat("é", (fill-100)/2)+secret+"\xff€€€")
		})
		resp, err := client.Do(t.Context(), rest.Request{Method: "GET", URL: u})
		if err == nil {
			t.Fatal("409 is no success")
		}
		got := resp.Exchange().Response
		if len(got) > 2048 || !utf8.ValidString(got) || strings.Contains(got, "ss") {
			t.Errorf("fill %d: %d bytes, valid %t: …%q", fill, len(got), utf8.ValidString(got), got[len(got)-20:])
		}
	}
}

func TestExchangeTellsLessOfWhatWentWell(t *testing.T) {
	for status, want := range map[int]int{http.StatusOK: 256, http.StatusBadRequest: 1000} {
		client, u := serve(t, rest.Options{}, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, strings.Repeat("b", 1000))
		})
		resp, _ := client.Do(t.Context(), rest.Request{Method: "PUT", URL: u, Body: bytes.Repeat([]byte("a"), 1000)})
		cut := ""
		if want < 1000 {
			cut = "… (1000 bytes)"
		}
		got := resp.Exchange()
		if got.Request != "PUT "+u.String()+"\n\n"+strings.Repeat("a", want)+cut || got.Response != strings.Repeat("b", want)+cut {
			t.Errorf("%d: %q, %q", status, got.Request, got.Response)
		}
	}
}

func TestTransportsCompose(t *testing.T) {
	options := rest.Options{AllowNetworks: loopback, Header: http.Header{"Accept": {"text/plain"}, "X-Fixed": {"1"}}}
	base := rest.NewTransport(options)
	options.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer token")
		return base.RoundTrip(r)
	})
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = io.WriteString(w, `{"id":7}`)
	}))
	defer server.Close()
	var out struct{ ID int }
	if _, err := rest.New(options).JSON(t.Context(), "PUT", server.URL, map[string]int{"n": 1}, &out); err != nil || out.ID != 7 {
		t.Fatal(err, out)
	}
	for name, want := range map[string]string{"Authorization": "Bearer token", "Accept": "application/json", "X-Fixed": "1", "Content-Type": "application/json"} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestReachSpeaksTLSAndSendsNothing(t *testing.T) {
	called := false
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	u := parse(t, server.URL)
	if err := rest.New(rest.Options{AllowNetworks: loopback}).Reach(t.Context(), u); err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("with an unknown authority: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := rest.New(rest.Options{AllowNetworks: loopback, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})
	if err := client.Reach(t.Context(), u); err != nil {
		t.Error(err)
	}
	if called {
		t.Error("a request was sent")
	}
	server.Close()
	if err := client.Reach(t.Context(), u); err == nil {
		t.Error("a closed port was reached")
	}
}

func TestURLWithAUserNameIsRefused(t *testing.T) {
	_, err := rest.New(rest.Options{}).Do(t.Context(), rest.Request{Method: "GET", URL: parse(t, "https://me:pass@shop.example")})
	if err == nil || strings.Contains(err.Error(), "pass") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkDo(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	u, _ := url.Parse(server.URL)
	client := rest.New(rest.Options{AllowNetworks: loopback, Secrets: []sdk.Secret{sdk.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}})
	header := http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {"1"}, "Webhook-Timestamp": {"1"}, "Webhook-Signature": {"v1,x"}, "User-Agent": {"x"}}
	body := []byte(strings.Repeat("x", 600))
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			resp, err := client.Do(context.Background(), rest.Request{Method: "POST", URL: u, Header: header, Body: body})
			if err != nil {
				b.Fatal(err)
			}
			resp.Exchange()
		}
	})
}

func BenchmarkExchange(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer server.Close()
	u, _ := url.Parse(server.URL + "/hook?a=b&code=x")
	client := rest.New(rest.Options{AllowNetworks: loopback, Secrets: []sdk.Secret{sdk.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}})
	header := http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {"1"}, "Webhook-Timestamp": {"1"}, "Webhook-Signature": {"v1,x"}, "User-Agent": {"x"}}
	resp, err := client.Do(context.Background(), rest.Request{Method: "POST", URL: u, Header: header, Body: []byte(strings.Repeat("x", 600))})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		resp.Exchange()
	}
}
