package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
)

func TestWaysToLogIn(t *testing.T) {
	tests := []struct {
		name         string
		auth         options
		header, want string
	}{
		{"none", options{}, "Authorization", ""},
		{"bearer", options{"bearer": "tok"}, "Authorization", "Bearer tok"},
		{"basic", options{"basic": options{"user": "Aladdin", "password": "open sesame"}}, "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{"header", options{"header": options{"name": "x-api-key", "value": "tok"}}, "X-Api-Key", "tok"},
	}
	for _, test := range tests {
		s := newSink(t, nil)
		done(t, opened(t, options{"url": s.URL, "style": "custom", "auth": test.auth}), update("7"))
		if got := s.one(t).Header.Get(test.header); got != test.want {
			t.Errorf("%s: %s %q", test.name, test.header, got)
		}
	}
}

// tokenServer is an OAuth 2.0 token endpoint.
type tokenServer struct {
	*httptest.Server
	mu     sync.Mutex
	issued int
	status int // of the answer; 0: tokens are given
	asked  []string
}

const clientSecret = "client-secret-9"

func newTokenServer(t *testing.T) *tokenServer {
	s := &tokenServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = r.ParseForm()
		user, password, _ := r.BasicAuth()
		s.asked = append(s.asked, fmt.Sprint(r.PostForm.Get("grant_type"), " ", r.PostForm.Get("scope"), " ", r.PostForm.Get("audience")))
		w.Header().Set("Content-Type", "application/json")
		switch {
		case s.status != 0:
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(s.status)
			_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":"%s is wrong"}`, password)
		case user != "me" || password != clientSecret:
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":"%s is wrong"}`, password)
		default:
			s.issued++
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprint("access-token-", s.issued), "token_type": "Bearer", "expires_in": 3600})
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) login(secret string) options {
	return options{"oauth2": options{
		"token_url": s.URL, "client_id": "me", "client_secret": secret,
		"scopes": []string{"write", "read"}, "params": options{"audience": "shop"},
	}}
}

func TestOAuthTokensAreGotKeptAndRenewed(t *testing.T) {
	tokens := newTokenServer(t)
	valid := "access-token-1"
	s := newSink(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+valid {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = fmt.Fprint(w, r.Header)
	})
	client := opened(t, options{"url": s.URL, "style": "custom", "auth": tokens.login(clientSecret)})
	done(t, client, update("1"))
	result := done(t, client, update("2"))
	if tokens.issued != 1 || strings.Join(tokens.asked, ";") != "client_credentials write read shop" {
		t.Errorf("%d tokens, asked %q", tokens.issued, tokens.asked)
	}
	if shown := fmt.Sprint(result); strings.Contains(shown, "access-token") {
		t.Errorf("the record shows the token: %s", shown)
	}
	valid = "access-token-2" // revoked before its time
	done(t, client, update("3"))
	if got := s.got(); tokens.issued != 2 || len(got) != 4 {
		t.Errorf("%d tokens, %d requests", tokens.issued, len(got))
	}
	valid = "none" // a new token helps no more
	if result := apply(t, client, update("4"))["4"]; sdk.KindOf(result.Err) != sdk.Denied || len(s.got()) != 6 {
		t.Errorf("%v after %d requests", result.Err, len(s.got()))
	}
}

func TestTokenEndpointInTrouble(t *testing.T) {
	s := newSink(t, nil)
	tokens := newTokenServer(t)
	tests := []struct {
		secret string
		status int
		want   sdk.Kind
		says   string
	}{
		{"wrong-secret-8", 0, sdk.Denied, "401 invalid_client"},
		{clientSecret, 400, sdk.Denied, "400 invalid_client"},
		{clientSecret, 429, sdk.Throttled, "429"},
		{clientSecret, 500, sdk.Temporary, "500"},
		{clientSecret, 302, sdk.Temporary, "302"},
	}
	for _, test := range tests {
		tokens.status = test.status
		client := opened(t, options{"url": s.URL, "style": "custom", "auth": tokens.login(test.secret)})
		for where, err := range map[string]error{"Apply": apply(t, client, update("7"))["7"].Err, "Check": client.Check(t.Context())} {
			if err == nil || sdk.KindOf(err) != test.want || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), test.secret) {
				t.Errorf("%d: %s says %v (%s)", test.status, where, err, sdk.KindOf(err))
			}
		}
	}
	if len(s.got()) != 0 {
		t.Error("something was sent without a token")
	}
}

func TestTokenEndpointIsGuardedToo(t *testing.T) {
	s, tokens := newSink(t, nil), newTokenServer(t)
	client := opened(t, options{"url": s.URL, "style": "custom", "auth": tokens.login(clientSecret), "allow_networks": []string{"10.0.0.0/8"}})
	if err := apply(t, client, update("7"))["7"].Err; sdk.KindOf(err) != sdk.Denied || !strings.Contains(err.Error(), "allow_networks") || len(tokens.asked) != 0 {
		t.Errorf("%v", err)
	}
}

func TestMutualTLS(t *testing.T) {
	ca := newAuthority(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(ca.cert))
	serverCert, serverKey := ca.issue(t, "server")
	pair, err := tls.X509KeyPair([]byte(serverCert), []byte(serverKey))
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()

	cert, key := ca.issue(t, "synchost")
	both := opened(t, options{"url": server.URL, "style": "custom", "tls": options{"ca": ca.cert, "cert": cert, "key": key}})
	if err := both.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if result := done(t, both, update("7")); result.Exchange.Response != "synchost" {
		t.Errorf("the server saw %q", result.Exchange.Response)
	}
	for name, o := range map[string]options{
		"without a certificate":       {"ca": ca.cert},
		"without the authority":       {"cert": cert, "key": key},
		"certificate of another kind": {"ca": newAuthority(t).cert, "cert": cert, "key": key},
	} {
		if result := apply(t, opened(t, options{"url": server.URL, "style": "custom", "tls": o}), update("7"))["7"]; result.Err == nil {
			t.Errorf("%s: delivered", name)
		}
	}
}

// authority issues certificates.
type authority struct {
	cert string
	key  *ecdsa.PrivateKey
	from *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, from: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}}
	a.cert = a.sign(t, a.from, &key.PublicKey)
	return a
}

func (a *authority) sign(t *testing.T, c *x509.Certificate, public *ecdsa.PublicKey) string {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, a.from, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (a *authority) issue(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"127.0.0.1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	c.IPAddresses = append(c.IPAddresses, []byte{127, 0, 0, 1})
	return a.sign(t, c, &private.PublicKey), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
