package receive

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/store"
)

var shop = config.Receiver{
	Name: "shop", Scheme: "token", Path: "/in/shop", Secrets: secretsOf("s3cret"), Token: config.Token{Header: "Authorization"}, Methods: []string{"POST", "PUT"},
}

func shopCall() call {
	return call{target: "/in/shop", body: "x"}.with("Authorization", "Bearer s3cret")
}

func TestEveryFailureToKeepIsToldTheSender(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		after string
	}{
		"busy": {store.ErrBusy, "1"}, "full": {store.ErrFull, "60"}, "stopping": {store.ErrClosed, "5"}, "broken": {errors.New("disk on fire"), "5"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHandler(t, &keeper{err: test.err}, noon, shop, api)
			for _, c := range []call{shopCall(), apiCall("application/json", `{"key":"a"}`), apiCall("application/x-ndjson", `{"key":"a"}`)} {
				w := c.do(h)
				if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != test.after {
					t.Errorf("%d %s, Retry-After %q", w.Code, w.Body, w.Header().Get("Retry-After"))
				}
				if strings.Contains(w.Body.String(), "fire") {
					t.Errorf("the sender is told %s", w.Body)
				}
			}
		})
	}
}

// TestTimesThatNoYearHas: whoever asks for events is told of times as JSON, which has
// years of four digits, in UTC. One event with another would hide all beside it.
func TestTimesThatNoYearHas(t *testing.T) {
	for sent, want := range map[string]time.Time{
		"9999-12-31T23:59:59Z":      time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		"9999-12-31T23:59:59-01:00": noon,
		"0000-01-01T00:00:00+01:00": noon,
	} {
		k := &keeper{}
		if w := apiCall("application/json", `{"key":"a","time":"`+sent+`"}`).do(newHandler(t, k, noon, api)); w.Code != http.StatusAccepted {
			t.Errorf("%s: %d %s", sent, w.Code, w.Body)
		} else if got := k.kept()[0].Time; !got.Equal(want) {
			t.Errorf("%s: the event's time is %s, want %s", sent, got, want)
		}
	}
}

func TestPathsMatchExactly(t *testing.T) {
	h := newHandler(t, &keeper{}, noon, shop)
	for target, want := range map[string]int{
		"/in/shop": 200, "/in/shop?a=b": 200, "/in/shop/": 404, "/in/Shop": 404, "/in//shop": 404, "/in/./shop": 404, "/in/%73hop": 404,
		"/": 404, "/in": 404, "/in/shop2": 404,
	} {
		c := shopCall()
		c.target = target
		if w := c.do(h); w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
}

func TestMethods(t *testing.T) {
	h := newHandler(t, &keeper{}, noon, shop)
	for method, want := range map[string]int{"POST": 200, "PUT": 200, "GET": 405, "HEAD": 405, "DELETE": 405, "X": 405} {
		c := shopCall()
		c.method = method
		w := c.do(h)
		if w.Code != want || want == 405 && w.Header().Get("Allow") != "POST, PUT" {
			t.Errorf("%s: %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestRate(t *testing.T) {
	now := noon
	capped := shop
	capped.Rate = config.Rate{Count: 2, Per: time.Minute}
	h, _ := New([]config.Receiver{capped}, Options{Accepter: &keeper{}, Now: func() time.Time { return now }})
	// Whoever has no secret cannot use it up.
	for range 10 {
		if w := shopCall().with("Authorization", "Bearer x").do(h); w.Code != 401 {
			t.Fatal(w.Code)
		}
	}
	for i, want := range []int{200, 200, 429, 429} {
		w := shopCall().do(h)
		if w.Code != want || want == 429 && w.Header().Get("Retry-After") != "30" {
			t.Errorf("request %d: %d, Retry-After %q", i, w.Code, w.Header().Get("Retry-After"))
		}
	}
	now = now.Add(30 * time.Second)
	if w := shopCall().do(h); w.Code != 200 {
		t.Errorf("after Retry-After: %d", w.Code)
	}
}

func TestAllowList(t *testing.T) {
	prefixes := func(texts ...string) (ps []netip.Prefix) {
		for _, text := range texts {
			ps = append(ps, netip.MustParsePrefix(text))
		}
		return ps
	}
	listed := config.Receiver{Name: "shop", Scheme: "catch", Path: "/in/shop", Allow: prefixes("192.0.2.0/24", "2001:db8::/32")}
	for name, test := range map[string]struct {
		from      string
		forwarded []string
		want      int
	}{
		"on the list":                   {"192.0.2.7:1", nil, 200},
		"IPv6":                          {"[2001:db8::1]:1", nil, 200},
		"IPv4 in IPv6":                  {"[::ffff:192.0.2.7]:1", nil, 200},
		"not on the list":               {"198.51.100.1:1", nil, 403},
		"made up by the sender":         {"198.51.100.1:1", []string{"192.0.2.7"}, 403},
		"told by a trusted proxy":       {"10.0.0.1:1", []string{"192.0.2.7"}, 200},
		"with a port":                   {"10.0.0.1:1", []string{"192.0.2.7:4711"}, 200},
		"IPv6 with a port":              {"10.0.0.1:1", []string{"[2001:db8::1]:4711"}, 200},
		"made up before the proxy":      {"10.0.0.1:1", []string{"192.0.2.7, 198.51.100.1"}, 403},
		"in two lines":                  {"10.0.0.1:1", []string{"192.0.2.7", "198.51.100.1"}, 403},
		"through two proxies":           {"10.0.0.1:1", []string{"198.51.100.1, 192.0.2.7, 10.0.0.2"}, 200},
		"the proxy tells nothing":       {"10.0.0.1:1", nil, 403},
		"the proxy tells nonsense":      {"10.0.0.1:1", []string{"192.0.2.7, unknown"}, 403},
		"the proxy tells half of it":    {"10.0.0.1:1", []string{"192.0.2.7, "}, 200},
		"no address":                    {"", nil, 403},
		"a Unix socket has no address":  {"@", nil, 403},
		"the zone of a link is ignored": {"[fe80::1%eth0]:1", nil, 403},
	} {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			h, problems := New([]config.Receiver{listed}, Options{Accepter: k, TrustedProxies: prefixes("10.0.0.0/8")})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/in/shop", strings.NewReader("x"))
			r.RemoteAddr = test.from
			r.Header["X-Forwarded-For"] = test.forwarded
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.want || (len(k.kept()) == 1) != (test.want == 200) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestCatchMustBeProtected(t *testing.T) {
	open := config.Receiver{Name: "open", Scheme: "catch", Path: "/open"}
	h, problems := New([]config.Receiver{open}, Options{Accepter: &keeper{}})
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "one protection") {
		t.Errorf("problems = %v", problems)
	}
	if w := (call{target: "/open"}).do(h); w.Code/100 == 2 {
		t.Errorf("%d", w.Code)
	}
	for _, halfway := range []config.Receiver{
		{Scheme: "catch", Path: "/{secret}"},
		{Scheme: "catch", Path: "/a", Token: config.Token{Header: "X"}},
		{Scheme: "token", Path: "/a", Secrets: secretsOf("s")},
		{Scheme: "payamgostar", Path: "/a", Secrets: secretsOf("")},
		{Scheme: "product", Path: "/a"},
		{Scheme: "other", Path: "/a"},
	} {
		if _, problems := New([]config.Receiver{halfway}, Options{}); len(problems) == 0 {
			t.Errorf("%+v is no problem", halfway)
		}
	}
}

func TestCatchTakesAnyMethod(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, catchAll(nil))
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"} {
		if w := caught(method, "", "").do(h); w.Code != 200 {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	if w := caught("HEAD", "", "").do(h); w.Code != 200 || len(k.kept()) != 7 {
		t.Errorf("HEAD: %d, %d events", w.Code, len(k.kept()))
	}
}

func TestBadSignatureTemplates(t *testing.T) {
	for name, test := range map[string]struct {
		signature config.Signature
		path      string
	}{
		"unknown part":        {config.Signature{Signed: "{bdy}"}, "signature.signed"},
		"unclosed":            {config.Signature{Signed: "{body"}, "signature.signed"},
		"nameless header":     {config.Signature{Signed: "{header:}{body}"}, "signature.signed"},
		"the host":            {config.Signature{Signed: "{header:host}{body}"}, "signature.signed"},
		"nothing of it":       {config.Signature{Signed: "fixed"}, "signature.signed"},
		"algorithm":           {config.Signature{Algorithm: "md5"}, "signature.algorithm"},
		"timestamp by itself": {config.Signature{Timestamp: "X-Time"}, "signature.timestamp"},
	} {
		t.Run(name, func(t *testing.T) {
			test.signature.Header = "X-Signature"
			c := hmacReceiver("s3cret", test.signature)
			c.Place.Field = "receivers.in"
			_, problems := New([]config.Receiver{c}, Options{})
			if len(problems) != 1 || problems[0].Field != "receivers.in."+test.path {
				t.Errorf("problems = %v", problems)
			}
		})
	}
}

func TestSignatureThatCoversNoBodyTakesNone(t *testing.T) {
	c := hmacReceiver("s3cret", config.Signature{Header: "X-Signature", Signed: "{path}?{query}"})
	// HMAC-SHA256 of "/in?a=1" with the key s3cret
	const sign = "f564e27762fc56d6406ec553b7e69644fa6ad15af5dc0aefe873e91b5617799d"
	h := newHandler(t, &keeper{}, noon, c)
	for body, want := range map[string]int{"": 200, "x": 400} {
		w := call{target: "/in?a=1", body: body}.with("X-Signature", sign).do(h)
		if w.Code != want {
			t.Errorf("body %q: %d %s", body, w.Code, w.Body)
		}
	}
	if w := (call{target: "/in?a=2"}).with("X-Signature", sign).do(h); w.Code != 401 {
		t.Errorf("another query: %d", w.Code)
	}
}

// TestRefusalsAreCountedAndLoggedWithoutSecrets is the promise of the log and
// the metrics.
func TestRefusalsAreCountedAndLoggedWithoutSecrets(t *testing.T) {
	var lines bytes.Buffer
	registry := prometheus.NewRegistry()
	inPath := catchAll(nil)
	inPath.Name = "caught"
	h, _ := New([]config.Receiver{shop, crm, inPath}, Options{
		Accepter: &keeper{}, Log: hclog.New(&hclog.LoggerOptions{Output: &lines}), Metrics: registry, Now: func() time.Time { return noon },
	})
	call{target: "/in/shop", body: "b0dy"}.with("Authorization", "Bearer t0ken").do(h)
	call{method: "GET", target: "/in/crm?code=c0de&Event=1&Product=12"}.do(h)
	call{method: "GET", target: "/in/crm?code=s3cret&Event=9&Product=n0ne"}.do(h)
	call{target: "/in/p4th", body: "b0dy"}.do(h)
	call{target: "/n0where?q=q3ry"}.do(h)
	for of, want := range map[[2]string]float64{
		{"crm", "malformed"}: 1, {"", "path"}: 1, {"caught", "secret"}: 1, {"crm", "secret"}: 1, {"shop", "secret"}: 1,
		{"shop", "size"}: 0,
	} {
		if got := testutil.ToFloat64(h.metrics.refusals.WithLabelValues(of[0], of[1])); got != want {
			t.Errorf("receiver %q refused %v times for %q, want %v", of[0], got, of[1], want)
		}
	}
	// Who asks is not told that there is a receiver; its operator is.
	if got, want := h.Stats()[2].LastReason, "The secret in the path is wrong."; got != want {
		t.Errorf("receiver caught refused last for %q, want %q", got, want)
	}
	if n := testutil.CollectAndCount(h.metrics.refusals); n != 3*len(reasons)+1 {
		t.Errorf("%d series of refusals: each receiver's reasons should be there from the start, and none should come later", n)
	}
	if n := strings.Count(lines.String(), "\n"); n != 5 {
		t.Errorf("%d lines, want 5:\n%s", n, &lines)
	}
	for _, hidden := range []string{"b0dy", "t0ken", "c0de", "s3cret", "n0ne", "p4th", "n0where", "q3ry"} {
		if strings.Contains(lines.String(), hidden) {
			t.Errorf("%s is logged:\n%s", hidden, &lines)
		}
	}
	stats := h.Stats()
	if s := stats[1]; s.Name != "crm" || s.Refused != 2 || s.LastRefused != noon || !strings.Contains(s.LastReason, "Event must be") {
		t.Errorf("stats = %+v", s)
	}
}

func TestAFloodOfRefusalsIsNoFloodOfLines(t *testing.T) {
	var lines bytes.Buffer
	now := noon
	h, _ := New([]config.Receiver{shop}, Options{Accepter: &keeper{}, Log: hclog.New(&hclog.LoggerOptions{Output: &lines}), Now: func() time.Time { return now }})
	for range 1000 {
		call{target: "/in/shop"}.do(h)
	}
	if n := strings.Count(lines.String(), "\n"); n > 10 {
		t.Errorf("%d lines", n)
	}
	now = now.Add(time.Minute)
	call{target: "/in/shop"}.do(h)
	if !strings.Contains(lines.String(), "not_logged_before=995") {
		t.Errorf("what was left out is not told:\n%s", &lines)
	}
}

func TestAnswersAreInert(t *testing.T) {
	h := newHandler(t, &keeper{}, noon, shop, api)
	for _, c := range []call{shopCall(), shopCall().with("Authorization"), {target: "/<script>"}, apiCall("application/json", `{"<script>":1}`)} {
		w := c.do(h)
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" ||
			w.Code != 200 && w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%d: %v", w.Code, w.Header())
		}
	}
}

func TestBodiesAreCapped(t *testing.T) {
	small := shop
	small.MaxBody = 10
	for size, want := range map[int]int{0: 200, 9: 200, 10: 200, 11: 413, 10 << 20: 413} {
		for _, chunked := range []bool{false, true} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/in/shop", strings.NewReader(strings.Repeat("x", size)))
			if chunked {
				r.ContentLength = -1
			}
			r.Header.Set("Authorization", "bearer  s3cret")
			k := &keeper{}
			w := httptest.NewRecorder()
			newHandler(t, k, noon, small).ServeHTTP(w, r)
			if w.Code != want || want == 200 && len(k.kept()[0].Raw.Body) != size {
				t.Errorf("%d bytes, chunked %v: %d %s", size, chunked, w.Code, w.Body)
			}
		}
	}
}
