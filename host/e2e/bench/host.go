package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// host is a host with its data, and the process that runs it at the moment.
type host struct {
	bin, dir, address string
	connectors        int
	processes         *processes // where each process of it is added
	process           *process
}

// connector is a webhook connector to a path of the sink.
type connector struct{ name, path, extra string }

// the one connector of most hosts.
var sinkConnector = connector{"sink", "/", ""}

const secret = "bench-secret-of-32-characters-at-least"

// newHost writes the configuration of a host with all settings as they are by
// default, and does not start it.
func (b *bench) newHost(name string, connectors ...connector) (*host, error) {
	blocks := ""
	for _, c := range connectors {
		blocks += fmt.Sprintf(`
[connectors.%s]
plugin = "webhook"
%s
[connectors.%[1]s.config]
url = %[3]q
secret = { env = "BENCH_SIGNING" }
allow_networks = ["127.0.0.0/8"]
`, c.name, c.extra, "http://"+b.sinkAt+c.path)
	}
	return b.hostOf(name, len(connectors), blocks)
}

// hostOf is newHost with connectors of any kind, by their blocks.
func (b *bench) hostOf(name string, connectors int, blocks string) (*host, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	b.hosts++
	h := &host{bin: b.bin, dir: filepath.Join(b.dir, fmt.Sprintf("%02d-%s", b.hosts, name)), address: address, connectors: connectors, processes: &b.processes}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`[host]
listen = %q
data_dir = "data"
connectors_dir = %q

[receivers.load]
scheme = "product"
path = "/in"
secret = { env = "BENCH_SECRET" }
`, address, filepath.Join(b.bin, "connectors"))
	return h, os.WriteFile(h.file(), []byte(config+blocks), 0o600)
}

func (h *host) file() string { return filepath.Join(h.dir, "connectors.toml") }

// started is a host that runs, its connectors too.
func (b *bench) started(ctx context.Context, name string, connectors ...connector) (*host, error) {
	h, err := b.newHost(name, connectors...)
	if err != nil {
		return nil, err
	}
	if _, _, err := h.start(ctx); err != nil {
		return nil, err
	}
	return h, h.connected(ctx)
}

// start starts the process, and says when that was and when it took events.
func (h *host) start(ctx context.Context) (began, ready time.Time, err error) {
	log, err := os.OpenFile(filepath.Join(h.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return began, ready, err
	}
	defer log.Close()
	env := append(os.Environ(), "BENCH_SECRET="+secret, "BENCH_SIGNING=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	began = time.Now()
	if h.process, err = spawn(log, env, filepath.Join(h.bin, "synchost"), "run", "--config", h.file()); err != nil {
		return began, ready, err
	}
	*h.processes = append(*h.processes, h.process)
	err = h.until(ctx, "take events", func() (bool, error) {
		status, err := get(ctx, "http://"+h.address+"/readyz", nil)
		return err == nil && status == http.StatusOK, nil
	})
	return began, time.Now(), err
}

// connected waits until all connectors can be called.
func (h *host) connected(ctx context.Context) error {
	return h.until(ctx, "have its connectors", func() (bool, error) {
		var answer struct{ Connectors map[string]string }
		if _, err := get(ctx, "http://"+h.address+"/readyz", &answer); err != nil {
			return false, err
		}
		ready := 0
		for _, state := range answer.Connectors {
			if state == "ready" {
				ready++
			}
		}
		return ready == h.connectors, nil
	})
}

// until waits for something to come true of the host.
func (h *host) until(ctx context.Context, what string, holds func() (bool, error)) error {
	return h.explain(ctx, until(ctx, what, func() (bool, error) {
		if h.process.gone() != nil {
			return false, errors.New("it cannot any more")
		}
		return holds()
	}))
}

// explain adds to an error what the host says of itself.
func (h *host) explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	sleep(ctx, 100*time.Millisecond) // its connections may end before it does
	status, gone := "", h.process.gone()
	if gone == nil {
		status, _ = h.command(ctx, "status", sinkConnector.name) // where there is no such connector, it says so
	}
	log, _ := os.ReadFile(filepath.Join(h.dir, "log"))
	lines := strings.SplitAfter(string(log), "\n")
	return fmt.Errorf("%w\n%s\nthe end of the host's log:\n%s", errors.Join(err, gone), status, strings.Join(lines[max(0, len(lines)-20):], ""))
}

// command runs one of the host's own, and returns what it prints.
func (h *host) command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(h.bin, "synchost"), append(args, "--config", h.file())...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("synchost %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// pause has the lane of the host's one connector wait.
func (h *host) pause(ctx context.Context) error {
	_, err := h.command(ctx, "pause", sinkConnector.name)
	return err
}

func (h *host) resume(ctx context.Context) error {
	_, err := h.command(ctx, "resume", sinkConnector.name)
	return err
}

// discard ends the host as it is, and removes its data.
func (b *bench) discard(h *host) {
	h.process.kill()
	if !b.keep {
		_ = os.RemoveAll(h.dir) // what is left goes with the folder around it
	}
}

// until waits for something to come true: two minutes, unless ctx has a deadline.
func until(ctx context.Context, what string, holds func() (bool, error)) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
	}
	for {
		switch ok, err := holds(); {
		case err != nil:
			return fmt.Errorf("waiting for it to %s: %w", what, err)
		case ok:
			return nil
		case !sleep(ctx, 5*time.Millisecond):
			return fmt.Errorf("waiting for it to %s: %w", what, ctx.Err())
		}
	}
}

// get reads a JSON answer into value, if it is not nil.
func get(ctx context.Context, url string, value any) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if value != nil {
		err = json.NewDecoder(response.Body).Decode(value)
	}
	return response.StatusCode, err
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return "127.0.0.1:" + strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}
