package receive

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"hash/crc32"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

const (
	paypalWebhook  = "4JH86294D6297924G"
	paypalCertPath = "/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
	paypalCert     = "https://api.paypal.com" + paypalCertPath
	paypalSecret   = "EGnHDxD-the-app-s-own"
)

// provePaypal signs as PayPal, who alone has the key.
func provePaypal(it *sample, now time.Time) {
	t := transmission{id: event.NewID(), time: now.UTC().Format(time.RFC3339)}
	it.header.Set("Paypal-Transmission-Id", t.id)
	it.header.Set("Paypal-Transmission-Time", t.time)
	it.header.Set("Paypal-Cert-Url", paypalCert)
	it.header.Set("Paypal-Auth-Algo", "SHA256withRSA")
	it.header.Set(paypalSignature, signAsPaypal(t, it.body))
}

func signAsPaypal(t transmission, body []byte) string {
	digest := sha256.Sum256([]byte(t.signed(paypalWebhook, body)))
	signature, err := rsa.SignPKCS1v15(rand.Reader, testKeys().key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(signature)
}

// paypalReceiver asks PayPal back, or only checks its signature.
func paypalReceiver(asks bool) config.Receiver {
	c := config.Receiver{Name: "in", Scheme: "paypal", Path: "/in", WebhookID: paypalWebhook, Tolerance: 5 * time.Minute}
	if asks {
		c.Postback = config.Postback{ClientID: "app", ClientSecret: sdk.NewSecret(paypalSecret)}
	}
	return c
}

// paypalHandler is a handler whose PayPal is the fake.
func paypalHandler(t testing.TB, k *keeper, now func() time.Time, f *fakePaypal, c config.Receiver) *Handler {
	t.Helper()
	h, problems := New([]config.Receiver{c}, Options{Accepter: k, Now: now, Outside: f.outside()})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return h
}

func atNoon() time.Time { return noon }

func paypalCall(body string) call {
	s := sampleJSON(body)
	provePaypal(&s, noon)
	return call{target: "/in", header: s.header, body: body}
}

// The text that PayPal signs, of PayPal's own test:
// https://github.com/paypal/PayPal-Ruby-SDK/blob/master/spec/webhooks_examples_spec.rb
func TestWhatPaypalSigns(t *testing.T) {
	const body = `{"id":"WH-0G2756385H040842W-5Y612302CV158622M","create_time":"2015-05-18T15:45:13Z","resource_type":"sale","event_type":"PAYMENT.SALE.COMPLETED","summary":"Payment completed for $ 20.0 USD","resource":{"id":"4EU7004268015634R","create_time":"2015-05-18T15:44:02Z","update_time":"2015-05-18T15:44:21Z","amount":{"total":"20.00","currency":"USD"},"payment_mode":"INSTANT_TRANSFER","state":"completed","protection_eligibility":"ELIGIBLE","protection_eligibility_type":"ITEM_NOT_RECEIVED_ELIGIBLE,UNAUTHORIZED_PAYMENT_ELIGIBLE","parent_payment":"PAY-86C81811X5228590KKVNARQQ","transaction_fee":{"value":"0.88","currency":"USD"},"links":[{"href":"https://api.sandbox.paypal.com/v1/payments/sale/4EU7004268015634R","rel":"self","method":"GET"},{"href":"https://api.sandbox.paypal.com/v1/payments/sale/4EU7004268015634R/refund","rel":"refund","method":"POST"},{"href":"https://api.sandbox.paypal.com/v1/payments/payment/PAY-86C81811X5228590KKVNARQQ","rel":"parent_payment","method":"GET"}]},"links":[{"href":"https://api.sandbox.paypal.com/v1/notifications/webhooks-events/WH-0G2756385H040842W-5Y612302CV158622M","rel":"self","method":"GET"},{"href":"https://api.sandbox.paypal.com/v1/notifications/webhooks-events/WH-0G2756385H040842W-5Y612302CV158622M/resend","rel":"resend","method":"POST"}]}`
	got := transmission{id: "dfb3be50-fd74-11e4-8bf3-77339302725b", time: "2015-05-18T15:45:13Z"}.signed("4JH86294D6297924G", []byte(body))
	if want := "dfb3be50-fd74-11e4-8bf3-77339302725b|2015-05-18T15:45:13Z|4JH86294D6297924G|2771810304"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestABodyOfTheSameCRC32IsNotBelieved: PayPal's signature fits it, and PayPal says
// so. Nothing of it is kept all the same.
func TestABodyOfTheSameCRC32IsNotBelieved(t *testing.T) {
	good := paypalCall(paypalSample)
	forged := good
	forged.body = forge(`{"id":"WH-2WR32451HC0233532-67976317FL4543714","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"amount":{"value":"9999999.00"}},"x":"`,
		`"}`, crc32.ChecksumIEEE([]byte(paypalSample)))
	for _, asks := range []bool{false, true} {
		k, f := &keeper{}, &fakePaypal{events: map[string]string{"WH-2WR32451HC0233532-67976317FL4543714": paypalSample}}
		if w := forged.do(paypalHandler(t, k, atNoon, f, paypalReceiver(asks))); w.Code != http.StatusOK || len(k.kept()) != 1 {
			t.Fatalf("the forgery is none: %d %s", w.Code, w.Body)
		}
		e := k.kept()[0]
		if text, err := json.Marshal(e); err != nil || strings.Contains(string(text), "9999999") {
			t.Errorf("believed: %s %v", text, err)
		}
		if want := map[bool]string{true: paypalSample}[asks]; string(e.Raw.Body) != want {
			t.Errorf("kept %q, want %q", e.Raw.Body, want)
		}
	}
}

// forge fills in a text so that the whole has a given CRC32. A CRC32 is linear: of
// 64 letters it is found out what each one changes, and which to change is solved.
func forge(before, behind string, want uint32) string {
	const n = 64
	sum := func(letters []byte) uint32 { return crc32.ChecksumIEEE([]byte(before + string(letters) + behind)) }
	letters := bytes.Repeat([]byte{'b'}, n)
	start := sum(letters)
	type change struct {
		effect uint32
		which  uint64
	}
	var basis [32]change // by its highest bit
	for i := range n {
		letters[i] ^= 1
		c := change{sum(letters) ^ start, 1 << i}
		letters[i] ^= 1
		for bit := 31; bit >= 0; bit-- {
			if c.effect>>bit&1 == 0 {
				continue
			}
			if basis[bit].effect == 0 {
				basis[bit] = c
				break
			}
			c.effect, c.which = c.effect^basis[bit].effect, c.which^basis[bit].which
		}
	}
	left, flips := start^want, uint64(0)
	for bit := 31; bit >= 0; bit-- {
		if left>>bit&1 == 1 {
			left, flips = left^basis[bit].effect, flips^basis[bit].which
		}
	}
	for i := range n {
		letters[i] ^= byte(flips >> i & 1)
	}
	return before + string(letters) + behind
}

func TestPaypalsCertificateComesFromPaypalOnly(t *testing.T) {
	k, f := &keeper{}, &fakePaypal{}
	h := paypalHandler(t, k, atNoon, f, paypalReceiver(true))
	for _, address := range []string{
		"http://api.paypal.com" + paypalCertPath,
		"https://api.sandbox.paypal.com" + paypalCertPath,
		"https://paypal.com" + paypalCertPath,
		"https://www.paypal.com" + paypalCertPath,
		"https://api.paypal.com.evil.example" + paypalCertPath,
		"https://evil.example/api.paypal.com" + paypalCertPath,
		"https://api.paypal.com@evil.example" + paypalCertPath,
		"https://evil.example#@api.paypal.com" + paypalCertPath,
		"https://api.paypal.com:8443" + paypalCertPath,
		"https://api.paypal.com." + paypalCertPath,
		"https://127.0.0.1" + paypalCertPath,
		"https://api.paypal.com/v1/notifications/certs/../../oauth2/token",
		"https://api.paypal.com/v1/notifications/certs/CERT-%2e%2e",
		"https://api.paypal.com/v1/notifications/certs/CERT-1/x",
		"https://api.paypal.com/v1/oauth2/token",
		paypalCert + "?x", paypalCert + "?", paypalCert + "#x", paypalCert + "\\", paypalCert + " ",
		"//api.paypal.com" + paypalCertPath, paypalCertPath, "CERT-1", "::", "file:///etc/passwd",
	} {
		c := paypalCall(paypalSample).with("Paypal-Cert-Url", address)
		if w := c.do(h); w.Code != http.StatusUnauthorized || len(k.kept()) > 0 {
			t.Errorf("%s: %d %s", address, w.Code, w.Body)
		}
	}
	if len(f.calls) > 0 {
		t.Errorf("somebody was asked: %s", f.calls)
	}
}

func TestPaypalsCertificateIsHeldAgainstTheRoots(t *testing.T) {
	k := testKeys()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	named := &x509.Certificate{SerialNumber: big.NewInt(3), DNSNames: []string{paypalLive.signer}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0)}
	another := newRSA()
	for what, test := range map[string]struct {
		status int
		text   string
		want   int
	}{
		"another name":     {200, string(k.certificate("www.paypal.com")), 401},
		"that of tests":    {200, string(k.certificate(paypalSandbox.signer)), 401},
		"a name behind it": {200, string(k.certificate(paypalLive.signer + ".evil.example")), 401},
		"only as a title":  {200, string(k.certificate(paypalLive.signer, func(c *x509.Certificate) { c.DNSNames = []string{"evil.example"} })), 401},
		"its own witness":  {200, string(certify(named, named, &k.key.PublicKey, k.key)), 401},
		"no authority":     {200, string(certify(named, parsed(k.pem), &another.PublicKey, k.key)) + string(k.pem), 401},
		"another key":      {200, string(certify(named, k.ca, &another.PublicKey, k.caKey)), 401},
		"no RSA":           {200, string(certify(named, k.ca, &ec.PublicKey, k.caKey)), 401},
		"expired":          {200, string(k.certificate(paypalLive.signer, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) })), 401},
		"of tomorrow":      {200, string(k.certificate(paypalLive.signer, func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Second) })), 401},
		"no certificate":   {200, "hello", 401},
		"half of one":      {200, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 401},
		"nothing":          {200, "", 401},
		"unknown":          {404, "", 401},
		"broken":           {500, "", 503},
		"elsewhere":        {302, "", 503},
		"no network":       {0, "", 503},
		"endless":          {200, strings.Repeat("-", 2<<20), 503},
	} {
		t.Run(what, func(t *testing.T) {
			keep, f := &keeper{}, &fakePaypal{answer: map[string]func() (int, string){
				paypalCertPath: func() (int, string) { return test.status, test.text },
			}}
			h := paypalHandler(t, keep, atNoon, f, paypalReceiver(false))
			if w := paypalCall(paypalSample).do(h); w.Code != test.want || len(keep.kept()) > 0 || test.want == 503 && w.Header().Get("Retry-After") == "" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestPaypalsCertificateIsKept(t *testing.T) {
	now, k, f := noon, &keeper{}, &fakePaypal{}
	c := paypalReceiver(false)
	c.Tolerance = 3 * 365 * 24 * time.Hour
	h := paypalHandler(t, k, func() time.Time { return now }, f, c)
	for range 3 {
		if w := paypalCall(paypalSample).do(h); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if f.called("certs") != 1 || len(k.kept()) != 3 {
		t.Errorf("asked %d times, %d events", f.called("certs"), len(k.kept()))
	}
	// Whoever names others has them looked for, but not for ever, and those that are
	// known go on.
	for i := range maxLooks + 5 {
		other := paypalCall(paypalSample).with("Paypal-Cert-Url", paypalCert+"-"+strconv.Itoa(i))
		if w := other.do(h); w.Code != map[bool]int{true: 401, false: 503}[i < maxLooks-1] {
			t.Fatalf("time %d: %d %s", i, w.Code, w.Body)
		}
	}
	if w := paypalCall(paypalSample).do(h); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	now = noon.Add(certificateAge)
	for i := range maxLooks + 5 {
		paypalCall(paypalSample).with("Paypal-Cert-Url", paypalCert+"-"+strconv.Itoa(i)).do(h)
	}
	if w := paypalCall(paypalSample).do(h); w.Code != http.StatusOK || f.called(paypalCert) < 2 {
		t.Errorf("the next day: %d %s", w.Code, w.Body)
	}
	now = noon.AddDate(1, 0, 1) // the certificate has run out since
	if w := paypalCall(paypalSample).do(h); w.Code != http.StatusUnauthorized {
		t.Errorf("with one that ran out: %d %s", w.Code, w.Body)
	}
}

func TestPaypalIsAsked(t *testing.T) {
	now, k, f := noon, &keeper{}, &fakePaypal{}
	h := paypalHandler(t, k, func() time.Time { return now }, f, paypalReceiver(true))
	for i, id := range []string{"WH-1", "WH-2", "WH-1"} {
		if w := paypalCall(`{"id":"` + id + `","summary":"not PayPal's words"}`).do(h); w.Code != http.StatusOK {
			t.Fatalf("%d: %d %s", i, w.Code, w.Body)
		}
	}
	events := k.kept()
	if raw := events[0].Raw; len(raw.Headers) != 3 || raw.ContentType != "application/json" || raw.Query != "" {
		t.Errorf("more is kept than is proven: %+v", raw)
	}
	if len(events) != 2 || events[0].ID != "WH-1" || events[1].ID != "WH-2" || strings.Contains(string(events[0].Raw.Body), "summary") {
		t.Errorf("%+v", events)
	}
	if f.called("token") != 1 || f.called("verify-webhook-signature") != 3 || f.called("webhooks-events") != 3 {
		t.Errorf("%s", f.calls)
	}
	now = noon.Add(59 * time.Minute)
	c := paypalReceiver(true)
	c.Tolerance = time.Hour
	h = paypalHandler(t, k, func() time.Time { return now }, f, c)
	paypalCall(paypalSample).do(h)
	paypalCall(paypalSample).do(h)
	if now = noon.Add(59*time.Minute + time.Hour); f.called("token") != 2 {
		t.Errorf("a token that holds is not kept: %s", f.calls)
	}
	later := sampleJSON(paypalSample)
	provePaypal(&later, now)
	(call{target: "/in", header: later.header, body: paypalSample}).do(h)
	if f.called("token") != 3 {
		t.Errorf("a token that ran out is kept: %s", f.calls)
	}
}

// TestNobodyWaitsInTurnForPaypalsToken: while PayPal gives none it is asked once for
// all, nobody waits longer than for one question, and it is left alone a while then.
func TestNobodyWaitsInTurnForPaypalsToken(t *testing.T) {
	testKeys() // made outside: they are not the bubble's
	synctest.Test(t, func(t *testing.T) {
		start, k, f := time.Now(), &keeper{}, &fakePaypal{}
		silent := &silentPaypal{fakePaypal: f, path: "/v1/oauth2/token", speaks: make(chan struct{})}
		client := rest.New(rest.Options{Transport: silent, Timeout: outsideTime})
		h, problems := New([]config.Receiver{paypalReceiver(true)}, Options{
			Accepter: k, Outside: Outside{Client: client, Roots: testKeys().roots},
			Now: func() time.Time { return noon.Add(time.Since(start)) },
		})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		var senders sync.WaitGroup
		send := func(ctx context.Context, want int, most time.Duration) {
			senders.Go(func() {
				sent, w := time.Now(), httptest.NewRecorder()
				c := paypalCall(paypalSample)
				r := httptest.NewRequestWithContext(ctx, http.MethodPost, c.target, strings.NewReader(c.body))
				r.Header = c.header
				h.ServeHTTP(w, r)
				if took := time.Since(sent); w.Code != want || took > most || want == 503 && w.Header().Get("Retry-After") == "" {
					t.Errorf("%d %s after %s", w.Code, w.Body, took)
				}
			})
		}
		first, leave := context.WithCancel(t.Context())
		send(first, 503, time.Second) // whose sender does not wait
		synctest.Wait()
		for range 9 {
			send(t.Context(), 503, outsideTime)
		}
		time.Sleep(time.Second)
		leave()
		send(t.Context(), 503, outsideTime-time.Second)
		senders.Wait()
		send(t.Context(), 503, 0)
		senders.Wait()
		if n := silent.asked.Load(); n != 1 || len(k.kept()) > 0 {
			t.Errorf("asked for a token %d times", n)
		}
		time.Sleep(grantPause)
		for range 9 {
			send(t.Context(), 200, 0)
		}
		synctest.Wait()
		close(silent.speaks)
		senders.Wait()
		if n := silent.asked.Load(); n != 2 {
			t.Errorf("asked for a token %d times", n)
		}
	})
}

// TestWhatPaypalDoesNotConfirmIsNotTaken: an answer that is none is never a yes.
func TestWhatPaypalDoesNotConfirmIsNotTaken(t *testing.T) {
	const token, verify, events = "/v1/oauth2/token", "/v1/notifications/verify-webhook-signature", "/v1/notifications/webhooks-events/"
	type reply struct {
		path   string
		status int
		text   string
		want   int
	}
	tests := []reply{
		{verify, 200, `{"verification_status":"FAILURE"}`, 401},
		{verify, 200, `{"verification_status":"success"}`, 503},
		{verify, 200, `{}`, 503}, {verify, 200, `SUCCESS`, 503}, {verify, 201, ``, 503},
		{events, 200, `{"id":"WH-another"}`, 503}, {events, 200, `[]`, 503}, {events, 200, `{}`, 503},
		{token, 200, `{"access_token":""}`, 503}, {token, 200, `{}`, 503}, {token, 200, `x`, 503},
	}
	for _, path := range []string{token, verify, events} {
		for _, status := range []int{0, 302, 400, 401, 403, 404, 429, 500, 503} {
			tests = append(tests, reply{path, status, "no " + paypalSecret, 503})
		}
		tests = append(tests, reply{path, 200, strings.Repeat(" ", 2<<20), 503})
	}
	for _, test := range tests {
		k, f, now := &keeper{}, &fakePaypal{answer: map[string]func() (int, string){test.path: func() (int, string) { return test.status, test.text }}}, noon
		h := paypalHandler(t, k, func() time.Time { return now }, f, paypalReceiver(true))
		w := paypalCall(paypalSample).do(h)
		if w.Code != test.want || len(k.kept()) > 0 || strings.Contains(w.Body.String(), paypalSecret) {
			t.Errorf("%s says %d %.40s: %d %s", test.path, test.status, test.text, w.Code, w.Body)
		}
		if test.want == 503 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: nobody says when to send again", test.path)
		}
		f.answer, now = nil, noon.Add(grantPause) // and when PayPal is back it is taken
		if w := paypalCall(paypalSample).do(h); w.Code != http.StatusOK {
			t.Errorf("after %s %d: %d %s", test.path, test.status, w.Code, w.Body)
		}
	}
}

// TestNobodyIsAskedForStrangers: PayPal is called with the app's credentials for
// what PayPal has signed only, and for nothing that is no event.
func TestNobodyIsAskedForStrangers(t *testing.T) {
	stranger := paypalCall(paypalSample).with(paypalSignature, base64.StdEncoding.EncodeToString(make([]byte, 256)))
	bodies := []string{``, `x`, `[]`, `{}`, `{"id":""}`, `{"id":7}`, `{"id":"../../oauth2/token"}`, `{"id":"WH-1?x"}`, `{"id":"WH-1"} {}`, `{"id":"` + strings.Repeat("W", 101) + `"}`}
	calls := []call{stranger}
	for _, body := range bodies {
		calls = append(calls, paypalCall(body))
	}
	for _, c := range calls {
		k, f := &keeper{}, &fakePaypal{}
		if w := c.do(paypalHandler(t, k, atNoon, f, paypalReceiver(true))); w.Code/100 != 4 || len(k.kept()) > 0 {
			t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
		}
		if slices.ContainsFunc(f.calls, func(c string) bool { return !strings.Contains(c, "certs") }) {
			t.Errorf("%s: PayPal was asked: %s", c.body, f.calls)
		}
	}
}

func TestPaypalWithoutPostbackSaysOnlyThatSomethingHappened(t *testing.T) {
	k := &keeper{}
	c := paypalCall(paypalSample).with("X-Other", "anybody's")
	c.target += "?any=body"
	if w := c.do(paypalHandler(t, k, atNoon, &fakePaypal{}, paypalReceiver(false))); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	e := k.kept()[0]
	if e.ID != c.header.Get("Paypal-Transmission-Id") || len(e.Raw.Headers) != 2 || e.Raw.Query+e.Raw.ContentType+string(e.Raw.Body) != "" {
		t.Errorf("%+v %+v", e, e.Raw)
	}
	mapped := paypalReceiver(false)
	mapped.Map = map[string]string{"key": "body.id"}
	if _, problems := New([]config.Receiver{mapped}, Options{}); len(problems) != 1 || !strings.Contains(problems[0].Message, "postback") {
		t.Errorf("a map without postback: %v", problems)
	}
	mapped.Postback = paypalReceiver(true).Postback
	mapped.Map["op"], mapped.Map["fields.name"] = `"updated"`, "body.resource.amount.value"
	k = &keeper{}
	if w := paypalCall(paypalSample).do(paypalHandler(t, k, atNoon, &fakePaypal{}, mapped)); w.Code != http.StatusOK || k.kept()[0].Patch.Product.Name != "12.50" {
		t.Errorf("%d %s %+v", w.Code, w.Body, k.kept())
	}
}

func FuzzPaypal(f *testing.F) {
	f.Add("t-1", "2026-05-01T12:00:00Z", paypalCert, "SHA256withRSA", "AAAA", paypalSample)
	f.Add("", "", "https://api.paypal.com:443"+paypalCertPath, "none", "", `{"id":"WH-1"}`)
	f.Add("t|2", "2026-05-01T12:00:00+00:00", paypalCert, "SHA256withRSA", "", "{")
	f.Fuzz(func(t *testing.T, id, at, certificate, algorithm, signature, body string) {
		for _, asks := range []bool{false, true} {
			headers := []string{"Paypal-Transmission-Id", id, "Paypal-Transmission-Time", at, "Paypal-Cert-Url", certificate, "Paypal-Auth-Algo", algorithm, "Content-Type", "application/json"}
			if probe(t, paypalReceiver(asks), bare("POST", "/in", "", body, append(headers, paypalSignature, signature)...)) {
				t.Fatalf("taken: %q", signature)
			}
			signed := signAsPaypal(transmission{id: id, time: at}, []byte(body))
			if probe(t, paypalReceiver(asks), bare("POST", "/in", "", body, append(headers, paypalSignature, signed)...)) &&
				(certificate != paypalCert && certificate != strings.Replace(paypalCert, "api.", "api-m.", 1) || algorithm != "SHA256withRSA") {
				t.Fatalf("taken: %q %q", certificate, algorithm)
			}
		}
	})
}
