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
		build(filepath.Join(dir, "connectors", "file"), "github.com/synchost/synchost/plugins/feed/file"),
		build(filepath.Join(dir, "connectors", "sql"), "github.com/synchost/synchost/plugins/feed/sql"),
		build(filepath.Join(dir, "connectors", "unruly"), "github.com/synchost/synchost/host/e2e/unruly"),
	); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(output, pkg string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-o", output}, flags...), pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// patience bounds every wait for something that should happen soon.
const patience = 2 * time.Minute

// until waits until ask says yes.
func until(t *testing.T, what string, ask func() bool) {
	t.Helper()
	within(t, patience, what, ask)
}

func within(t *testing.T, limit time.Duration, what string, ask func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ask(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", limit, what)
		}
	}
}

// host is a running synchost in a folder of its own.
type host struct {
	t       *testing.T
	bin     string // folder of its binaries
	dir     string
	address string
	env     []string
	cmd     *exec.Cmd
	exited  chan struct{} // closed when it has ended, with exit
	exit    error
	log     *lines
}

const (
	token   = "e2e-product-token-0123456789abcdef"
	signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// newHost is a host with a configuration of its own. The text begins within [host].
func newHost(t *testing.T, config string) *host {
	t.Helper()
	address := freeAddress(t)
	return hostIn(t, tempDir(t), address, fmt.Sprintf("[host]\nlisten = %q\nconnectors_dir = %q\nstop_timeout = \"5s\"\n",
		address, filepath.Join(bin, "connectors"))+config)
}

// hostIn is a host in dir, whose configuration is to say that it listens at address.
func hostIn(t *testing.T, dir, address, config string) *host {
	t.Helper()
	h := &host{t: t, bin: bin, dir: dir, address: address, log: &lines{},
		env: append(os.Environ(), "E2E_TOKEN="+token, "E2E_SIGNING="+signing)}
	write(t, h.file(), config)
	t.Cleanup(h.end)
	return h
}

// tempDir is as t.TempDir, with a name that leaves room for a Unix socket's.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// end is what remains to be done when the test is over. Of a test that failed it
// tells how the host stood.
func (h *host) end() {
	if h.t.Failed() && h.cmd != nil {
		status, err := exec.Command(filepath.Join(bin, "synchost"), "status", "--config", h.file()).CombinedOutput()
		h.t.Logf("synchost status (%v):\n%s", err, status)
	}
	h.kill()
	if h.t.Failed() {
		h.t.Logf("the host said:\n%s", h.log)
	}
}

func (h *host) file() string { return filepath.Join(h.dir, "connectors.toml") }

// start starts the host and waits until it takes events.
func (h *host) start() {
	h.t.Helper()
	h.launch()
	until(h.t, "the host is ready", func() bool {
		select {
		case <-h.exited:
			h.t.Fatalf("the host ended: %v", h.exit)
		default:
		}
		a, err := h.ask(http.MethodGet, "/readyz", "")
		return err == nil && a.status == http.StatusOK
	})
}

func (h *host) launch() {
	h.t.Helper()
	cmd := exec.Command(filepath.Join(h.bin, "synchost"), "run", "--config", h.file())
	cmd.Env, cmd.Stdout, cmd.Stderr = h.env, h.log, h.log
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.cmd = cmd
	exited := make(chan struct{})
	h.exited = exited
	go func() {
		h.exit = cmd.Wait()
		close(exited)
	}()
}

// kill ends the host at once.
func (h *host) kill() {
	if h.cmd != nil {
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
	return h.ended()
}

// ended waits until the host has ended by itself.
func (h *host) ended() error {
	select {
	case <-h.exited:
		h.cmd = nil
		return h.exit
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
	Receivers []struct {
		Name                          string
		Accepted, Duplicates, Refused int64
	}
	Connectors []struct {
		Name, State, Reason string
		PID, Restarts       int
	}
	Lanes []struct {
		Connector, State, Reason           string
		Lag, Behind, Dead, Held, Delivered int64
	}
}) {
	h.t.Helper()
	out, _ := h.cli("status", "--json")
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		h.t.Fatalf("status: %v\n%s", err, out)
	}
	return s
}

// answer is what came back to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request to a path of the host; headers come in pairs.
func (h *host) ask(method, path, body string, headers ...string) (answer, error) {
	return ask(method, "http://"+h.address+path, body, headers...)
}

func ask(method, url, body string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// send posts a JSON body to the product receiver.
func (h *host) send(body string) (int, error) {
	a, err := h.ask(http.MethodPost, "/in/products", body, "Authorization", "Bearer "+token, "Content-Type", "application/json")
	return a.status, err
}

// accept is send, which must be answered with 2xx.
func (h *host) accept(body string) {
	h.t.Helper()
	if status, err := h.send(body); err != nil || status/100 != 2 {
		h.t.Fatalf("%s: %d, %v", body, status, err)
	}
}

// product is the body of event n of a product.
func product(key string, n int) string {
	return fmt.Sprintf(`{"id":"%s-%d","product":{"key":%q,"name":"v%d","attributes":{"n":%d}}}`, key, n, key, n, n)
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
	listener := listen(t)
	defer listener.Close()
	return listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
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

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// need skips the test where a program is missing, and fails it where none may be.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("SYNCHOST_NEED_ALL") == "1" {
			t.Fatalf("needs %s: install it", program)
		}
		t.Skipf("needs %s", program)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
