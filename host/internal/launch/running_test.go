//go:build unix

package launch

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

// spec is that of a connector of the test binary, with this configuration.
func spec(t *testing.T, plugin, doc string) Spec {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, plugin)
	if err := os.Symlink(self, binary); err != nil {
		t.Fatal(err)
	}
	return Spec{
		Connector: config.Connector{
			Name: "shop", Plugin: plugin, Enabled: true, Config: []byte(doc), Env: []string{"GORACE"},
			Place: config.Place{File: "connectors.toml", Field: "connectors.shop",
				At: map[string]config.Position{"": {Line: 1, Column: 1}, "config.url": {Line: 7, Column: 3}, "sha256": {Line: 3, Column: 1}}},
		},
		Binary:   binary,
		RunDir:   filepath.Join(dir, "run"),
		StateDir: filepath.Join(dir, "state"),
	}
}

// patience is when a test gives up waiting for what should come at once.
const patience = time.Minute

// await waits until the log holds text.
func (o *output) await(t *testing.T, text string) {
	t.Helper()
	for {
		o.mu.Lock()
		if strings.Contains(o.text.String(), text) {
			o.mu.Unlock()
			return
		}
		if o.wake == nil {
			o.wake = make(chan struct{})
		}
		wake := o.wake
		o.mu.Unlock()
		select {
		case <-wake:
		case <-time.After(patience):
			t.Fatalf("never logged %q", text)
		}
	}
}

// running is a Process whose Run is under way.
type running struct {
	*Process
	log  *output
	stop func() error // ends Run and gives its answer
}

func run(t *testing.T, s Spec, adjust func(*Process)) *running {
	t.Helper()
	out := &output{}
	p := New(s, hclog.New(&hclog.LoggerOptions{Output: out, Level: hclog.Debug}), nil)
	if adjust != nil {
		adjust(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	r := &running{p, out, sync.OnceValue(func() error { cancel(); return <-ended })}
	t.Cleanup(func() {
		_ = r.stop()
		if t.Failed() {
			t.Logf("the log:\n%s", out)
		}
	})
	return r
}

func (r *running) ready(t *testing.T) *sdk.Client {
	t.Helper()
	c, err := r.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// until waits for a status.
func (r *running) until(t *testing.T, fits func(Status) bool) Status {
	t.Helper()
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if s := r.Status(); fits(s) {
			return s
		}
		select {
		case <-changed:
		case <-time.After(patience):
			t.Fatal("never came about")
		}
	}
}

// down waits until the connector is down for good.
func (r *running) down(t *testing.T) Status {
	t.Helper()
	return r.until(t, func(s Status) bool {
		return s.State == Disabled || s.State == Fused || s.State == Misconfigured || s.State == Stopped
	})
}

func apply(t *testing.T, c *sdk.Client, key string) (sdk.Result, error) {
	t.Helper()
	results, err := c.Apply(t.Context(), []sdk.Change{{Key: key, Op: sdk.Upsert, Fields: []string{"name"}}})
	if err != nil {
		return sdk.Result{}, err
	}
	if len(results) != 1 {
		t.Fatalf("%d results", len(results))
	}
	return results[0], results[0].Err
}
