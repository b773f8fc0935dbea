//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// load sends events of some products until it is stopped, each product's one
// after the other, and keeps which were accepted.
type load struct {
	mu       sync.Mutex
	accepted map[string]int // by product: the last number that was answered with 2xx
}

func (l *load) run(ctx context.Context, h *host, products int) (wait func()) {
	l.accepted = map[string]int{}
	var senders sync.WaitGroup
	for p := range products {
		senders.Go(func() {
			key := fmt.Sprint("p", p)
			for n := 1; ctx.Err() == nil; {
				status, err := h.send(product(key, n))
				if err != nil || status/100 != 2 {
					time.Sleep(5 * time.Millisecond) // the host is down: the same event again
					continue
				}
				l.mu.Lock()
				l.accepted[key] = n
				l.mu.Unlock()
				n++
			}
		})
	}
	return senders.Wait
}

// arrived waits until all that was accepted has arrived, and checks that nothing
// is missing and each product's events came in order.
func (l *load) arrived(t *testing.T, sink *receiver) {
	t.Helper()
	until(t, "all accepted events have arrived", func() bool {
		for key, last := range l.accepted {
			if !slices.Contains(sink.order(key), last) {
				return false
			}
		}
		return true
	})
	for key := range l.accepted {
		got := sink.order(key)
		for i, n := range got {
			if n != i+1 {
				t.Errorf("%s: event %d is missing or out of order: %v", key, i+1, got)
				break
			}
		}
	}
}

// Promise 1, and 2 on the way: whatever is killed, nothing that was accepted is
// lost, and nothing old arrives after something new.
func TestNoAcceptedEventIsLostWhenTheHostIsKilled(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed))
	h.start()
	ctx, stop := context.WithCancel(t.Context())
	var l load
	wait := l.run(ctx, h, 8)
	for range 5 {
		arrived := len(sink.all())
		want := arrived + 50 + rand.IntN(200)
		until(t, "the load goes on", func() bool { return len(sink.all()) >= want })
		h.kill()
		h.start()
	}
	stop()
	wait()
	l.arrived(t, sink)
}

// Promise 10: however the host dies, its connectors end.
func TestNoOrphan(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed))
	h.start()
	pid := h.connectorPID("sink")
	h.kill()
	until(t, "the connector has ended", func() bool { return !alive(pid) })
}

func (h *host) connectorPID(name string) (pid int) {
	h.t.Helper()
	until(h.t, name+" runs", func() bool {
		for _, c := range h.status().Connectors {
			if c.Name == name && c.State == "ready" {
				pid = c.PID
			}
		}
		return pid != 0
	})
	return pid
}

// alive says whether a process is there and no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// Promise 8: one connector's trouble is its own.
func TestOneConnectorsTroubleIsItsOwn(t *testing.T) {
	for _, mode := range []string{"crash", "hang", "panic", "lie", "flood"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			sink := newReceiver(t)
			dir := t.TempDir()
			h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed)+
				fmt.Sprintf("\n[connectors.unruly]\nplugin = \"unruly\"\ntimeout = \"2s\"\nretry = [\"1s\", \"1s\", \"1s\", \"1s\"]\n[connectors.unruly.config]\ndir = %q\n", dir))
			write(t, filepath.Join(dir, "mode"), mode)
			h.start()
			for n := 1; n <= 20; n++ {
				if status, err := h.send(product("a", n)); err != nil || status/100 != 2 {
					t.Fatalf("event %d: %d, %v", n, status, err)
				}
			}
			until(t, "the well-behaved connector has it all", func() bool { return len(sink.order("a")) == 20 })

			write(t, filepath.Join(dir, "mode"), "behave")
			if _, err := h.send(product("a", 21)); err != nil {
				t.Fatal(err)
			}
			until(t, "the unruly one has caught up", func() bool {
				arrived, _ := os.ReadFile(filepath.Join(dir, "arrived"))
				return strings.Contains(string(arrived), "a v21\n")
			})
		})
	}
}

// A connector that is killed or stopped loses nothing.
func TestKilledAndStoppedConnectorLosesNothing(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := newReceiver(t)
			h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "timeout = \"2s\"\nretry = [\"1s\", \"1s\", \"1s\", \"1s\"]", signed))
			h.start()
			ctx, stop := context.WithCancel(t.Context())
			var l load
			wait := l.run(ctx, h, 4)
			until(t, "the load goes on", func() bool { return len(sink.all()) > 100 })
			pid := h.connectorPID("sink")
			if err := syscall.Kill(pid, signal); err != nil {
				t.Fatal(err)
			}
			until(t, "another process has taken over", func() bool {
				for _, c := range h.status().Connectors {
					if c.Name == "sink" && c.State == "ready" && c.PID != pid {
						return true
					}
				}
				return false
			})
			stop()
			wait()
			l.arrived(t, sink)
		})
	}
}

// Promise 3: when faults stop, every destination reaches the wanted state.
func TestConvergesAfterTheReceiverHeals(t *testing.T) {
	sink := newReceiver(t)
	sink.set(func(w http.ResponseWriter, _ *http.Request, body []byte) {
		if rand.IntN(2) == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "retry = [\"100ms\", \"200ms\", \"500ms\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\"]", signed))
	h.start()
	for n := 1; n <= 30; n++ {
		for _, key := range []string{"a", "b", "c"} {
			if status, err := h.send(product(key, n)); err != nil || status/100 != 2 {
				t.Fatalf("%d, %v", status, err)
			}
		}
	}
	sink.set(nil)
	l := load{accepted: map[string]int{"a": 30, "b": 30, "c": 30}}
	l.arrived(t, sink)
}

// Promise 9: a secret is never shown.
func TestSecretIsNeverShown(t *testing.T) {
	sink, inspector := newReceiver(t), freeAddress(t)
	const options = signed + "\n[connectors.%s.config.auth]\nbearer = { env = \"E2E_TOKEN\" }"
	h := newHost(t, "log_level = \"trace\"\n[inspector]\nenabled = true\nlisten = \""+inspector+"\"\n"+productReceiver+
		webhookTo("sink", sink.URL, "", fmt.Sprintf(options, "sink"))+
		webhookTo("look", "http://"+inspector+"/hook", "", fmt.Sprintf(options, "look")))
	h.start()
	if _, err := h.send(product("a", 1)); err != nil {
		t.Fatal(err)
	}
	until(t, "it has arrived", func() bool {
		return len(sink.all()) == 1 && strings.Contains(h.api("/v1/inspect"), "/hook")
	})
	shown := map[string]string{}
	for _, args := range [][]string{
		{"status"}, {"status", "sink"}, {"status", "--json"}, {"why", "a"}, {"why", "a", "--json"}, {"events", "--json"},
		{"inspect"}, {"inspect", "--json"}, {"check"}, {"validate"}, {"retry", "sink", "none"},
	} {
		shown["synchost "+strings.Join(args, " ")], _ = h.cli(args...)
	}
	pid := h.connectorPID("sink")
	shown["the command line in ps"] = proc(t, pid, "cmdline") + proc(t, h.cmd.Process.Pid, "cmdline")
	shown["the environment of the connector"] = proc(t, pid, "environ")
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/in/products", "/nowhere"} {
		a, err := h.ask(http.MethodGet, path, "")
		if err != nil || a.body == "" {
			t.Fatalf("GET %s: %q, %v", path, a.body, err)
		}
		shown[path] = a.body
	}
	for _, path := range []string{"/v1/status", "/v1/events", "/v1/why?key=a", "/v1/connectors/sink/products", "/v1/inspect", "/v1/version", "/v1/nothing"} {
		shown[path] = h.api(path)
	}
	shown["the log"] = h.log.String()
	for where, text := range shown {
		for _, secret := range []string{token, signing, strings.TrimPrefix(signing, "whsec_")} {
			if strings.Contains(text, secret) {
				t.Errorf("a secret is shown in %s:\n%s", where, text)
			}
		}
	}
}

// proc is a file that the system keeps about a process.
func proc(t *testing.T, pid int, file string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	return string(text)
}

// api is the control API's answer, as it is.
func (h *host) api(path string) string {
	h.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(h.dir, "data", "synchost.sock"))
	}}}
	response, err := client.Get("http://synchost" + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || len(body) == 0 {
		h.t.Fatalf("GET %s: %q, %v", path, body, err)
	}
	return string(body)
}

// The story of a product is told whole.
func TestWhyTellsTheStory(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed))
	h.start()
	if _, err := h.send(product("a", 1)); err != nil {
		t.Fatal(err)
	}
	until(t, "it has arrived", func() bool { return len(sink.all()) == 1 })
	var why struct {
		Timeline   []json.RawMessage
		Connectors []json.RawMessage
	}
	until(t, "it is on record", func() bool {
		out, _ := h.cli("why", "a", "--json")
		return json.Unmarshal([]byte(out), &why) == nil && len(why.Timeline) >= 2
	})
	text, code := h.cli("why", "a", "sink")
	if code != 0 || !strings.Contains(text, "products") || !strings.Contains(text, "200") {
		t.Errorf("synchost why a sink (exit %d):\n%s", code, text)
	}
	if err := h.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}
