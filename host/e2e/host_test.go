// Package e2e tries synchost as its users do: with the real binaries, over real
// sockets, killed with real signals. The tests are named after the promises.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// bin is the folder of the binaries under test, as "make build" lays it out.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "synchost-e2e-")
	if err != nil {
		panic(err)
	}
	bin = dir
	code := 1
	if err := errors.Join(
		build(filepath.Join(dir, "synchost"), "github.com/synchost/synchost/host"),
		build(filepath.Join(dir, "connectors", "webhook"), "github.com/synchost/synchost/plugins/webhook"),
		build(filepath.Join(dir, "connectors", "unruly"), "github.com/synchost/synchost/host/e2e/unruly"),
	); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(output, pkg string) error {
	cmd := exec.Command("go", "build", "-o", output, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// patience bounds every wait for something that should happen soon.
const patience = 30 * time.Second

// until waits until ask says yes.
func until(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ask(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
	}
}

// host is a running synchost in a folder of its own.
type host struct {
	t       *testing.T
	dir     string
	address string
	env     []string
	cmd     *exec.Cmd
	exited  chan error
	log     *lines
}

const (
	token   = "e2e-product-token-0123456789abcdef"
	signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// newHost writes a configuration. {listen} in it is a free loopback address.
func newHost(t *testing.T, config string) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir(), address: freeAddress(t), log: &lines{},
		env: append(os.Environ(), "E2E_TOKEN="+token, "E2E_SIGNING="+signing)}
	config = fmt.Sprintf("[host]\nlisten = %q\nconnectors_dir = %q\nstop_timeout = \"5s\"\n", h.address, filepath.Join(bin, "connectors")) + config
	if err := os.WriteFile(h.file(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.kill()
		if t.Failed() {
			t.Logf("the host said:\n%s", h.log)
		}
	})
	return h
}

func (h *host) file() string { return filepath.Join(h.dir, "connectors.toml") }

// start starts the host and waits until it takes events.
func (h *host) start() {
	h.t.Helper()
	h.launch()
	until(h.t, "the host is ready", func() bool {
		select {
		case err := <-h.exited:
			h.t.Fatalf("the host ended: %v\n%s", err, h.log)
		default:
		}
		response, err := http.Get("http://" + h.address + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

func (h *host) launch() {
	h.t.Helper()
	h.cmd = exec.Command(filepath.Join(bin, "synchost"), "run", "--config", h.file())
	h.cmd.Env, h.cmd.Stdout, h.cmd.Stderr = h.env, h.log, h.log
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.exited = make(chan error, 1)
	cmd, exited := h.cmd, h.exited
	go func() { exited <- cmd.Wait() }()
}

// kill ends the host as a power cut would.
func (h *host) kill() {
	if h.cmd != nil && h.cmd.Process != nil {
		_ = h.cmd.Process.Kill()
		<-h.exited
		h.cmd = nil
	}
}

// stop ends the host as an operator would.
func (h *host) stop() error {
	if err := h.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case err := <-h.exited:
		h.cmd = nil
		return err
	case <-time.After(patience):
		return errors.New("the host does not stop")
	}
}

// cli runs a verb of the command line against the host.
func (h *host) cli(args ...string) (string, int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "synchost"), append(args, "--config", h.file())...)
	cmd.Env = h.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatalf("synchost %q: %v", args, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// status is what "synchost status --json" says.
func (h *host) status() (s struct {
	Connectors []struct {
		Name, State, Reason string
		PID, Restarts       int
	}
	Lanes []struct {
		Connector, State, Reason string
		Lag, Behind, Dead, Held  int64
	}
}) {
	h.t.Helper()
	out, _ := h.cli("status", "--json")
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		h.t.Fatalf("status: %v\n%s", err, out)
	}
	return s
}

// send posts a JSON body to the product receiver.
func (h *host) send(body string) (int, error) {
	request, err := http.NewRequest(http.MethodPost, "http://"+h.address+"/in/products", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// product is the body of event n of a product.
func product(key string, n int) string {
	return fmt.Sprintf(`{"id":"%s-%d","product":{"key":%q,"name":"v%d","attributes":{"n":%d}}}`, key, n, key, n, n)
}

// receiver is somebody's webhook endpoint, which keeps what it took.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request, body []byte) // nil: 200
	took   []taken
}

type taken struct {
	method, url string
	header      http.Header
	body        []byte
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		answer := r.answer
		r.mu.Unlock()
		status := http.StatusOK
		if answer != nil {
			recorder := httptest.NewRecorder()
			answer(recorder, request, body)
			for name, values := range recorder.Header() {
				w.Header()[name] = values
			}
			status = recorder.Code
		}
		if status == http.StatusOK {
			r.mu.Lock()
			r.took = append(r.took, taken{request.Method, request.URL.String(), request.Header, body})
			r.mu.Unlock()
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) set(answer func(http.ResponseWriter, *http.Request, []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) all() []taken {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]taken(nil), r.took...)
}

// order is the numbers that arrived of each product, repeats left out.
func (r *receiver) order(t *testing.T) map[string][]int {
	t.Helper()
	order, seen := map[string][]int{}, map[string]bool{}
	for _, one := range r.all() {
		var message struct {
			Data struct {
				Product struct {
					Key        string
					Attributes struct{ N int }
				}
			}
		}
		if err := json.Unmarshal(one.body, &message); err != nil {
			t.Fatalf("%v: %s", err, one.body)
		}
		p := message.Data.Product
		if id := fmt.Sprint(p.Key, " ", p.Attributes.N); !seen[id] {
			seen[id] = true
			order[p.Key] = append(order[p.Key], p.Attributes.N)
		}
	}
	return order
}

// lines is a log that several write to.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

const productReceiver = `
[receivers.products]
scheme = "product"
path = "/in/products"
secret = { env = "E2E_TOKEN" }
`

// webhookTo is a webhook connector, with more lines for its block and its config.
func webhookTo(name, url, block, options string) string {
	return fmt.Sprintf(`
[connectors.%s]
plugin = "webhook"
%s
[connectors.%s.config]
url = %q
allow_networks = ["127.0.0.0/8"]
%s
`, name, block, name, url, options)
}

const signed = `secret = { env = "E2E_SIGNING" }`
