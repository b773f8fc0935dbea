package receive

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/config"
)

// proven is a receiver of one scheme for what all schemes have to keep to. Its
// sample, proven by the scheme itself, is what is changed in every way here; that
// the scheme proves as the sender does is what the vectors tell, see vectors_test.go.
type proven struct {
	receiver config.Receiver
	// free are headers of the proven sample that anybody may change, such as its type.
	free []string
	// unsigned says that the proof covers nothing of the body.
	unsigned bool
	// repeats says that nothing tells a repeat from a second event that looks the same.
	repeats bool
	// plain says that a secret that begins with whsec_ is of another way of proof.
	plain bool
}

var provenSecret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // good for those who want it in this form, too

// provenReceivers is one of every scheme. A scheme that has two ways of proof has two.
func provenReceivers() []proven {
	r := func(scheme string, with ...func(*config.Receiver)) config.Receiver {
		c := config.Receiver{Name: "in", Scheme: scheme, Path: "/in", Secrets: secretsOf(provenSecret), Tolerance: 5 * time.Minute}
		for _, change := range with {
			change(&c)
		}
		return c
	}
	posts := func(c *config.Receiver) { c.Methods = []string{http.MethodPost} }
	bearer := func(c *config.Receiver) { c.Token.Header = "Authorization" }
	plain := func(c *config.Receiver) { c.Secrets = secretsOf(strings.TrimPrefix(provenSecret, "whsec_")) }
	return []proven{
		{receiver: r("product"), unsigned: true, repeats: true},
		{receiver: r("standard-webhooks")},
		{receiver: r("hmac", posts, func(c *config.Receiver) {
			c.Signature = config.Signature{Header: "X-Sign", Algorithm: "sha256", Signed: "{header:X-Time}.{body}", Timestamp: "X-Time"}
		})},
		{receiver: r("token", posts, bearer), unsigned: true, repeats: true},
		{receiver: r("catch", bearer), unsigned: true, repeats: true},
		{receiver: r("payamgostar", func(c *config.Receiver) { c.Token.Query = "code" }), unsigned: true, repeats: true},
		{receiver: r("aspnet")},
		{receiver: r("aspnet", func(c *config.Receiver) { c.Token.Query = "code" }), unsigned: true, repeats: true},
		{receiver: r("hesabfa"), unsigned: true, repeats: true},
		{receiver: paypalReceiver(true)},
		{receiver: paypalReceiver(false)},
		{receiver: r("akeneo")},
		{receiver: r("cloudevents", func(c *config.Receiver) { c.Token.Query = accessToken }), unsigned: true},
		{receiver: r("github"), free: []string{"X-Github-Delivery", "X-Github-Event"}},
		{receiver: r("gitlab"), free: []string{"X-Gitlab-Event"}},
		{receiver: r("gitlab", plain), plain: true, unsigned: true, free: []string{"X-Gitlab-Event", "Idempotency-Key"}},
		{receiver: r("slack")},
		{receiver: r("shopify", func(c *config.Receiver) { c.Currency = "EUR" }), free: []string{"X-Shopify-Webhook-Id", "X-Shopify-Topic"}},
		{receiver: metaReceiver(provenSecret)},
		{receiver: trelloReceiver(provenSecret, "https://example.com/trello?board=1")},
		{receiver: r("dropbox"), repeats: true},
		{receiver: mailchimpReceiver(provenSecret), unsigned: true},
		{receiver: r("stripe")},
		{receiver: r("svix")},
		{receiver: r("medusa")},
		{receiver: r("woocommerce"), free: []string{"X-Wc-Webhook-Delivery-Id", "X-Wc-Webhook-Topic"}},
	}
}

// each runs a test for every scheme.
func each(t *testing.T, test func(t *testing.T, p proven)) {
	for i, p := range provenReceivers() {
		t.Run(fmt.Sprintf("%d %s", i, p.receiver.Scheme), func(t *testing.T) { test(t, p) })
	}
}

// call is the proven sample.
func (p proven) call(t testing.TB, now time.Time) call {
	t.Helper()
	h := newHandler(t, &keeper{}, now, p.receiver)
	r, err := h.routes.named("in").trial(Trial{}, now)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return call{method: r.Method, target: r.URL.String(), header: r.Header, body: string(body)}
}

func TestEverySchemeThatIsToldOfIsThere(t *testing.T) {
	tried := map[string]bool{}
	for _, p := range provenReceivers() {
		tried[p.receiver.Scheme] = true
	}
	for _, s := range config.Schemes {
		if schemes[s.Name] == nil {
			t.Errorf("%s is told of, and is not there", s.Name)
		}
		if !tried[s.Name] {
			t.Errorf("%s has no receiver in provenReceivers", s.Name)
		}
		if s.Sender == "" || s.Proof == "" || s.Brings == "" || s.Setup == "" || (s.Contract == "") != (s.Checked == "") {
			t.Errorf("%s is told of too little: %+v", s.Name, s)
		}
	}
	for name := range schemes {
		if !slices.ContainsFunc(config.Schemes, func(s config.Scheme) bool { return s.Name == name }) {
			t.Errorf("%s is there, and not told of", name)
		}
	}
}

func TestASampleIsTaken(t *testing.T) {
	each(t, func(t *testing.T, p proven) {
		k := &keeper{}
		h := newHandler(t, k, noon, p.receiver)
		tried, err := h.Try(t.Context(), "in", Trial{})
		if err != nil || tried.Status/100 != 2 || len(tried.Events) == 0 {
			t.Fatalf("tried: %+v %v", tried, err)
		}
		if s := h.Stats()[0]; len(k.kept()) != 0 || s.Accepted != 0 || len(tried.Receipts) != 0 {
			t.Errorf("a trial was kept: %+v %+v %+v", k.kept(), s, tried)
		}
		tried, err = h.Try(t.Context(), "in", Trial{Keep: true})
		if err != nil || tried.Status/100 != 2 || len(tried.Events) == 0 || len(tried.Receipts) != len(tried.Events) {
			t.Fatalf("kept: %+v %v", tried, err)
		}
		if s := h.Stats()[0]; len(k.kept()) == 0 || s.Accepted == 0 {
			t.Errorf("what was to be kept was not: %+v %+v", k.kept(), s)
		}
		for _, e := range k.kept() {
			if e.Raw == nil {
				continue
			}
			if text := fmt.Sprint(e.Raw.Headers, e.Raw.Query, string(e.Raw.Body)); strings.Contains(text, strings.TrimPrefix(provenSecret, "whsec_")) {
				t.Errorf("the secret is kept: %s", text)
			}
		}
	})
}

func TestNothingIsTakenThatIsNotProven(t *testing.T) {
	each(t, func(t *testing.T, p proven) {
		k := &keeper{}
		good := p.call(t, noon)
		h := newHandler(t, k, noon, p.receiver)
		refused := func(what string, c call) {
			t.Helper()
			if w := c.do(h); w.Code < 400 || w.Code >= 500 {
				t.Errorf("%s: %d %s", what, w.Code, w.Body)
			}
		}
		if !p.unsigned {
			flip(good.body, func(changed string) {
				c := good
				c.body = changed
				refused("body "+changed, c)
			})
			refused("no body", call{method: good.method, target: good.target, header: good.header})
			longer := good
			longer.body += " "
			refused("longer body", longer)
		}
		for name, values := range good.header {
			if name == "Content-Type" || slices.Contains(p.free, name) {
				continue
			}
			text := values[0]
			flip(text, func(changed string) {
				if !strings.EqualFold(changed, text) { // hex, and the word Bearer, may be of either case
					refused(fmt.Sprintf("%s: %q", name, changed), good.with(name, changed))
				}
			})
			refused(name+" missing", good.with(name))
			refused(name+" empty", good.with(name, ""))
			refused(name+" doubled", good.with(name, text, text))
			refused(name+" folded", good.with(name, text+", "+text))
			refused(name+" not ASCII", good.with(name, text+"é"))
			refused(name+" not UTF-8", good.with(name, text+"\xff"))
			refused(name+" oversized", good.with(name, text+strings.Repeat("0", 9000)))
		}
		if path, query, ok := strings.Cut(good.target, "?"); ok && p.unsigned {
			c := good
			c.target = path
			refused("no query", c)
			flip(query[strings.LastIndex(query, "=")+1:], func(changed string) {
				if !strings.ContainsAny(changed, "&;%#+ ") {
					c.target = path + "?" + query[:strings.LastIndex(query, "=")+1] + changed
					refused("query "+changed, c)
				}
			})
		}
		if events := k.kept(); len(events) > 0 {
			t.Errorf("taken: %+v", events)
		}
	})
}

func TestEverySecretRotates(t *testing.T) {
	other := "whsec_" + "AAECAwQFBgcICQoLDA0ODw=="
	each(t, func(t *testing.T, p proven) {
		if len(p.receiver.Secrets) == 0 {
			t.Skip("it proves with a key that nobody shares")
		}
		good := p.call(t, noon)
		with := func(secrets ...string) int {
			c := p.receiver
			for i := range secrets {
				if p.plain {
					secrets[i] = strings.TrimPrefix(secrets[i], "whsec_")
				}
			}
			c.Secrets = secretsOf(secrets...)
			h, problems := New([]config.Receiver{c}, Options{Accepter: &keeper{}, Now: func() time.Time { return noon }})
			if len(problems) > 0 != (len(secrets) == 0 || secrets[0] == "") && c.Scheme != "catch" {
				t.Errorf("%d secrets: problems %v", len(secrets), problems)
			}
			return good.do(h).Code
		}
		for _, both := range [][]string{{other, provenSecret}, {provenSecret, other}} {
			if status := with(both...); status/100 != 2 {
				t.Errorf("while it rotates: %d", status)
			}
		}
		for what, status := range map[string]int{"another": with(other), "none": with(), "an empty one": with("")} {
			if status < 400 {
				t.Errorf("with %s secret: %d", what, status)
			}
		}
	})
}

func TestASignedTimeIsHeldAgainstTheClock(t *testing.T) {
	each(t, func(t *testing.T, p proven) {
		good := p.call(t, noon)
		if p.repeats || !timed(p, good) {
			t.Skip("it signs no time")
		}
		for off, want := range map[time.Duration]int{
			5 * time.Minute: 200, -5 * time.Minute: 200, 5*time.Minute + time.Second: 401, -5*time.Minute - time.Second: 401,
			24 * 365 * 40 * time.Hour: 401, -24 * 365 * 40 * time.Hour: 401,
		} {
			if w := good.do(newHandler(t, &keeper{}, noon.Add(off), p.receiver)); w.Code != want {
				t.Errorf("clock off by %s: %d %s", off, w.Code, w.Body)
			}
		}
	})
}

// timed says whether a proven sample changes with the time.
func timed(p proven, good call) bool {
	for name, values := range good.header {
		if strings.Contains(strings.ToLower(name), "time") || strings.Contains(values[0], fmt.Sprint(noon.Unix())) {
			return true
		}
	}
	return strings.Contains(good.body, noon.UTC().Format("2006-01-02T15:04:05"))
}

func TestAWholeRequestThatIsReplayedIsADuplicate(t *testing.T) {
	each(t, func(t *testing.T, p proven) {
		if p.repeats {
			t.Skip("nothing tells a repeat from a second event")
		}
		k := &keeper{}
		good := p.call(t, noon)
		h := newHandler(t, k, noon, p.receiver)
		var first int
		for i := range 3 {
			if w := good.do(h); w.Code/100 != 2 {
				t.Fatalf("time %d: %d %s", i+1, w.Code, w.Body)
			}
			if i == 0 {
				first = len(k.kept())
			}
		}
		if s := h.Stats()[0]; len(k.kept()) != first || s.Duplicates != 2*int64(first) || first == 0 {
			t.Errorf("%d events, then %d: %+v", first, len(k.kept()), s)
		}
	})
}

// TestHostileRequestsAreRefused: each is proven, as far as the proof does not
// stand against it, since a sender may be taken over, too.
func TestHostileRequestsAreRefused(t *testing.T) {
	deep := []byte(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000))
	each(t, func(t *testing.T, p proven) {
		k := &keeper{}
		h := newHandler(t, k, noon, p.receiver)
		for what, body := range map[string][]byte{
			"10 MB":         bytes.Repeat([]byte("x"), 10<<20),
			"deep JSON":     deep,
			"deep in body":  []byte(`{"a":` + string(deep) + `}`),
			"invalid UTF-8": []byte("{\"name\":\"\xff\xfe\"}"),
			"NUL":           {0},
			"no JSON":       []byte("{"),
			"empty":         {},
		} {
			tried, err := h.Try(t.Context(), "in", Trial{Body: body})
			if err != nil || tried.Status < 200 || tried.Status >= 500 || what == "10 MB" && tried.Status != http.StatusRequestEntityTooLarge && p.receiver.Scheme != "payamgostar" {
				t.Errorf("%s: %d %s %v", what, tried.Status, tried.Answer, err)
			}
		}
		good := p.call(t, noon)
		for _, method := range []string{http.MethodDelete, http.MethodTrace, http.MethodConnect, "LINK", http.MethodGet, http.MethodPost, http.MethodOptions} {
			if method == good.method || slices.Contains(h.routes.named("in").scheme.methods, method) || h.routes.named("in").scheme.methods == nil {
				continue
			}
			c := good
			c.method = method
			if w := c.do(h); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
				t.Errorf("%s: %d %s", method, w.Code, w.Body)
			}
		}
		if w := good.with("Content-Encoding", "gzip").do(h); w.Code != http.StatusUnsupportedMediaType {
			t.Errorf("compressed: %d", w.Code)
		}
	})
}

// TestAWrongContentTypeMakesNoProduct: what says that it is something else than its
// sender sends is refused, or travels as it came; it is never read as a product.
func TestAWrongContentTypeMakesNoProduct(t *testing.T) {
	each(t, func(t *testing.T, p proven) {
		good := p.call(t, noon)
		if good.header.Get("Content-Type") == "" {
			t.Skip("its sender sends no body")
		}
		for _, media := range []string{"application/xml", "multipart/form-data; boundary=x", "image/png", "application/json; charset=utf-16", "nonsense;;"} {
			k := &keeper{}
			w := good.with("Content-Type", media).do(newHandler(t, k, noon, p.receiver))
			if w.Code >= 500 || w.Code/100 != 2 && len(k.kept()) > 0 {
				t.Errorf("%q: %d %s", media, w.Code, w.Body)
			}
			for _, e := range k.kept() {
				if e.Raw == nil {
					t.Errorf("%q: it is read as product %q", media, e.Key)
				}
			}
		}
	})
}

// TestEverySchemeOverBothProtocols: what a real server and a real client do to
// headers, chunks and streams changes nothing.
func TestEverySchemeOverBothProtocols(t *testing.T) {
	each(t, func(t *testing.T, p proven) {
		good := p.call(t, noon)
		for _, http2 := range []bool{false, true} {
			k := &keeper{}
			server := httptest.NewUnstartedServer(newHandler(t, k, noon, p.receiver))
			server.EnableHTTP2 = http2
			server.StartTLS()
			for _, chunked := range []bool{false, true} {
				var body io.Reader = strings.NewReader(good.body)
				if chunked {
					body = struct{ io.Reader }{body} // its length is not known
				}
				r, err := http.NewRequestWithContext(t.Context(), good.method, server.URL+good.target, body)
				if err != nil {
					t.Fatal(err)
				}
				r.Header = good.header.Clone()
				answer, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = answer.Body.Close()
				if answer.StatusCode/100 != 2 || (answer.ProtoMajor == 2) != http2 {
					t.Errorf("%s, chunked %v: %d", answer.Proto, chunked, answer.StatusCode)
				}
			}
			if len(k.kept()) == 0 {
				t.Error("nothing was kept")
			}
			server.Close()
		}
	})
}

// FuzzNoSchemeTakesWhatItCannotVerify changes the proven sample of every scheme at
// one place: then either the change is none to the proof, or it is refused.
func FuzzNoSchemeTakesWhatItCannotVerify(f *testing.F) {
	f.Add(uint8(0), "", "", []byte("{}"), "")
	f.Add(uint8(1), "Webhook-Signature", "v1,", []byte("{}"), "a=b")
	all := provenReceivers()
	strange := secretsOf("whsec_" + "AAECAwQFBgcICQoLDA0ODw==")
	f.Fuzz(func(t *testing.T, which uint8, header, value string, body []byte, query string) {
		p := all[int(which)%len(all)]
		if len(p.receiver.Secrets) == 0 {
			return
		}
		// The receiver's secret is another than the one the sample was proven with.
		good := p.call(t, noon)
		c := p.receiver
		c.Secrets = strange
		k := &keeper{}
		h := newHandler(t, k, noon, c)
		changed := good
		if header != "" {
			changed = good.with(header, value)
		}
		if len(body) > 0 {
			changed.body = string(body)
		}
		r := httptest.NewRequestWithContext(t.Context(), changed.method, "/in", strings.NewReader(changed.body))
		r.URL.RawQuery, r.Header = query, changed.header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if len(k.kept()) > 0 {
			t.Fatalf("%s took %q with %q: %d", p.receiver.Scheme, changed.body, changed.header, w.Code)
		}
	})
}
