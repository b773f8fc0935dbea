package receive

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/synchost/synchost/sdk/rest"
)

// paypalKeys are an authority, and what it has certified.
type paypalKeys struct {
	roots *x509.CertPool
	ca    *x509.Certificate
	caKey *rsa.PrivateKey
	key   *rsa.PrivateKey // that PayPal signs with
	pem   []byte          // its certificate
}

// testKeys are made once: RSA keys take their time.
var testKeys = sync.OnceValue(func() paypalKeys {
	k := paypalKeys{roots: x509.NewCertPool()}
	k.caKey, k.key = newRSA(), newRSA()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"}, NotBefore: noon.AddDate(-9, 0, 0), NotAfter: noon.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	k.ca = parsed(certify(root, root, &k.caKey.PublicKey, k.caKey))
	k.roots.AddCert(k.ca)
	k.pem = k.certificate(paypalLive.signer)
	return k
})

func newRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024) // a test need not wait for more
	if err != nil {
		panic(err)
	}
	return key
}

func certify(c, by *x509.Certificate, key any, with crypto.Signer) []byte {
	der, err := x509.CreateCertificate(rand.Reader, c, by, key, with)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func parsed(text []byte) *x509.Certificate { return readChain(text)[0] }

// certificate is one of PayPal's key for a name.
func (k paypalKeys) certificate(name string, change ...func(*x509.Certificate)) []byte {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	for _, f := range change {
		f(c)
	}
	return certify(c, k.ca, &k.key.PublicKey, k.caKey)
}

// fakePaypal answers as PayPal does. Its verdict is of the CRC32, as PayPal's own:
// https://github.com/MahoCommerce/maho/pull/1110
type fakePaypal struct {
	mu     sync.Mutex
	calls  []string
	answer map[string]func() (int, string) // by paths, instead of PayPal's own
	events map[string]string               // by ids; others are made up
}

func (f *fakePaypal) outside() Outside {
	return Outside{Client: rest.New(rest.Options{Transport: f, MaxResponse: 1 << 20}), Roots: testKeys().roots}
}

func (f *fakePaypal) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	f.calls = append(f.calls, r.Method+" "+r.URL.String())
	status, text := f.say(r, body)
	if status == 0 {
		return nil, errors.New("the network is down")
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://elsewhere.example/"}}, Body: io.NopCloser(strings.NewReader(text)), ContentLength: -1, Request: r}, nil
}

// silentPaypal says nothing at one path until it speaks.
type silentPaypal struct {
	*fakePaypal
	path   string
	speaks chan struct{} // closed: it does
	asked  atomic.Int32
}

func (s *silentPaypal) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == s.path {
		s.asked.Add(1)
		select {
		case <-s.speaks:
		case <-r.Context().Done():
			return nil, context.Cause(r.Context())
		}
	}
	return s.fakePaypal.RoundTrip(r)
}

func (f *fakePaypal) say(r *http.Request, body []byte) (int, string) {
	const events = "/v1/notifications/webhooks-events/"
	path := r.URL.Path
	if id, ok := strings.CutPrefix(path, events); ok {
		path = events
		if f.answer[path] == nil && r.Header.Get("Authorization") == "Bearer A21" {
			if text := f.events[id]; text != "" {
				return 200, text
			}
			return 200, `{"id":"` + id + `","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"amount":{"value":"12.50"}}}`
		}
	}
	user, password, _ := r.BasicAuth()
	switch {
	case f.answer[path] != nil:
		return f.answer[path]()
	case path == paypalCertPath:
		return 200, string(testKeys().pem)
	case path == "/v1/oauth2/token" && user == "app" && password == paypalSecret && string(body) == "grant_type=client_credentials":
		return 200, `{"access_token":"A21","expires_in":3600}`
	case path == "/v1/notifications/verify-webhook-signature" && r.Header.Get("Authorization") == "Bearer A21":
		return 200, verdictOf(body)
	}
	return 404, `{"name":"INVALID_RESOURCE_ID"}`
}

// verdictOf is PayPal's answer to a question about a notification.
func verdictOf(question []byte) string {
	var q struct {
		ID      string          `json:"transmission_id"`
		Time    string          `json:"transmission_time"`
		Sig     string          `json:"transmission_sig"`
		Webhook string          `json:"webhook_id"`
		Event   json.RawMessage `json:"webhook_event"`
	}
	err := json.Unmarshal(question, &q)
	sig, decoding := base64.StdEncoding.DecodeString(q.Sig)
	digest := sha256.Sum256([]byte(transmission{id: q.ID, time: q.Time}.signed(q.Webhook, q.Event)))
	if err != nil || decoding != nil || rsa.VerifyPKCS1v15(&testKeys().key.PublicKey, crypto.SHA256, digest[:], sig) != nil {
		return `{"verification_status":"FAILURE"}`
	}
	return `{"verification_status":"SUCCESS"}`
}

func (f *fakePaypal) called(part string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if strings.Contains(c, part) {
			n++
		}
	}
	return n
}
