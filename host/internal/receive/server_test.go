package receive

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

// serve runs a server until the test ends.
func serve(t *testing.T, host config.Host, handler http.Handler, extra map[string]http.Handler) (s *Server, stop func() error) {
	t.Helper()
	host.Listen = "127.0.0.1:0"
	if host.ReadTimeout == 0 {
		host.ReadTimeout = 15 * time.Second
	}
	if host.StopTimeout == 0 {
		host.StopTimeout = 20 * time.Second
	}
	s, err := Listen(t.Context(), host, handler, extra, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = func() error {
		cancel()
		err := <-ended
		ended <- err
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return s, stop
}

func send(t *testing.T, client *http.Client, url, media string, body io.Reader) (int, string, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+v1Secret)
	r.Header.Set("Content-Type", media)
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Proto, string(text)
}

func TestServerTakesLengthAndChunks(t *testing.T) {
	k := &keeper{}
	s, _ := serve(t, config.Host{}, newHandler(t, k, noon, api), nil)
	url := "http://" + s.Addr().String() + "/in/products"
	bodies := map[string]io.Reader{
		"length": strings.NewReader(`{"key":"a"}`),
		"chunks": io.MultiReader(strings.NewReader(`{"key":`), strings.NewReader(`"a"}`)),
	}
	for name, body := range bodies {
		if status, _, text := send(t, http.DefaultClient, url, "application/json", body); status != 202 {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if len(k.kept()) != 2 {
		t.Errorf("%d events", len(k.kept()))
	}
}

func TestServerServesExtraHandlers(t *testing.T) {
	s, _ := serve(t, config.Host{}, newHandler(t, &keeper{}, noon, api), map[string]http.Handler{
		"/healthz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "well") }),
	})
	if status, _, text := send(t, http.DefaultClient, "http://"+s.Addr().String()+"/healthz", "", nil); status != 200 || text != "well" {
		t.Errorf("%d %s", status, text)
	}
}

func TestServerSpeaksHTTP2OverTLS(t *testing.T) {
	files, roots := newCertificate(t, t.TempDir(), "first")
	k := &keeper{}
	s, _ := serve(t, config.Host{TLS: files}, newHandler(t, k, noon, api), nil)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	lines := strings.Repeat("{\"key\":\"a\"}\n", 5000)
	for media, body := range map[string]string{"application/json": `{"key":"a"}`, "application/x-ndjson": lines} {
		status, proto, text := send(t, client, "https://"+s.Addr().String()+"/in/products", media, strings.NewReader(body))
		if status != 202 || proto != "HTTP/2.0" {
			t.Errorf("%d %s %s", status, proto, text)
		}
	}
	if len(k.kept()) != 5001 {
		t.Errorf("%d events", len(k.kept()))
	}
}

func TestRenewedCertificateIsUsed(t *testing.T) {
	dir := t.TempDir()
	files, _ := newCertificate(t, dir, "first")
	c := &certificate{cert: files.Cert, key: files.Key, log: hclog.NewNullLogger()}
	holder := func() string {
		t.Helper()
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.Subject.CommonName
	}
	if got := holder(); got != "first" {
		t.Errorf("at first %s", got)
	}
	newCertificate(t, dir, "second")
	later(t, files.Cert, time.Minute)
	if got := holder(); got != "second" {
		t.Errorf("after the renewal %s", got)
	}
	if err := os.WriteFile(files.Cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	later(t, files.Cert, 2*time.Minute)
	if got := holder(); got != "second" {
		t.Errorf("with a broken file %s", got)
	}
}

func later(t *testing.T, file string, by time.Duration) {
	t.Helper()
	if err := os.Chtimes(file, time.Time{}, time.Now().Add(by)); err != nil {
		t.Fatal(err)
	}
}

func TestServerRefusesHugeHeaders(t *testing.T) {
	s, _ := serve(t, config.Host{}, newHandler(t, &keeper{}, noon, api), nil)
	conn := dial(t, s)
	fmt.Fprintf(conn, "POST /in/products HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n", strings.Repeat("x", 100<<10))
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", answer.StatusCode)
	}
}

func TestServerGivesUpOnSlowSenders(t *testing.T) {
	k := &keeper{}
	s, _ := serve(t, config.Host{ReadTimeout: 300 * time.Millisecond}, newHandler(t, k, noon, api), nil)
	head := "POST /in/products HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + v1Secret + "\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
	for name, text := range map[string]string{"headers": head[:40], "body": head} {
		conn := dial(t, s)
		fmt.Fprint(conn, text)
		answer, err := io.ReadAll(conn) // ends when the server hangs up
		if err != nil {
			t.Fatal(err)
		}
		if name == "body" && !strings.HasPrefix(string(answer), "HTTP/1.1 408") {
			t.Errorf("%s: %q", name, answer)
		}
	}
	if len(k.kept()) > 0 {
		t.Errorf("events = %v", k.kept())
	}
}

// TestStreamsMayTakeLongerThanOtherRequests: what bounds them is that something
// keeps coming.
func TestStreamsMayTakeLongerThanOtherRequests(t *testing.T) {
	const timeout = 500 * time.Millisecond
	k := &keeper{}
	s, _ := serve(t, config.Host{ReadTimeout: timeout}, newHandler(t, k, noon, api), nil)
	body, lines := io.Pipe()
	go func() {
		fmt.Fprintln(lines, `{"key":"a"}`)
		<-time.After(3 * timeout)
		fmt.Fprintln(lines, `{"key":"b"}`)
		lines.Close()
	}()
	if status, _, text := send(t, http.DefaultClient, "http://"+s.Addr().String()+"/in/products", "application/x-ndjson", body); status != 202 || len(k.kept()) != 2 {
		t.Errorf("%d %s", status, text)
	}
}

func TestServerBoundsConnections(t *testing.T) {
	s, _ := serve(t, config.Host{MaxConnections: 1}, newHandler(t, &keeper{}, noon, api), nil)
	const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	first, second := dial(t, s), dial(t, s)
	ask := func(conn net.Conn) {
		t.Helper()
		fmt.Fprint(conn, get)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	ask(first)
	// The second is answered only once the first is gone; it would be now if
	// there were room for two.
	fmt.Fprint(second, get)
	answered := make(chan error, 1)
	go func() {
		_, err := second.Read(make([]byte, 1))
		answered <- err
	}()
	ask(first)
	select {
	case err := <-answered:
		t.Fatalf("two connections are served at once (%v)", err)
	default:
	}
	first.Close()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// TestServerFinishesWhatItHasBegun: a request that is being kept when the host
// stops is still answered.
func TestServerFinishesWhatItHasBegun(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	k := &keeper{before: func(ctx context.Context, _ []event.Event) error {
		close(begun)
		<-goOn
		return ctx.Err()
	}}
	s, stop := serve(t, config.Host{}, newHandler(t, k, noon, api), nil)
	conn := dial(t, s)
	fmt.Fprintf(conn, "POST /in/products HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"key\":\"a\"}", v1Secret)
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for { // until the listener is closed
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr().String())
		if err != nil {
			break
		}
		c.Close()
	}
	close(goOn)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if err := <-stopped; answer.StatusCode != 202 || err != nil {
		t.Errorf("%d, %v", answer.StatusCode, err)
	}
}

func TestListenTellsWhatIsWrong(t *testing.T) {
	s, _ := serve(t, config.Host{}, nil, nil)
	if _, err := Listen(t.Context(), config.Host{Listen: s.Addr().String()}, nil, nil, hclog.NewNullLogger()); err == nil || !strings.HasPrefix(err.Error(), "host.listen") {
		t.Errorf("err = %v", err)
	}
	missing := config.TLS{Cert: "none.pem", Key: "none.pem"}
	if _, err := Listen(t.Context(), config.Host{Listen: "127.0.0.1:0", TLS: missing}, nil, nil, hclog.NewNullLogger()); err == nil || !strings.HasPrefix(err.Error(), "host.tls") {
		t.Errorf("err = %v", err)
	}
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func newCertificate(t *testing.T, dir, name string) (config.TLS, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	for file, block := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: der}, files.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return files, pool
}
