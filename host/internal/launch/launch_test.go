//go:build unix

package launch

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

func TestReady(t *testing.T) {
	t.Setenv("LAUNCH_TEST_ALLOWED", "yes")
	t.Setenv("LAUNCH_TEST_SECRET", "no")
	s := spec(t, "good", `{"url": "https://shop"}`)
	s.Connector.Env = []string{"GORACE", "LAUNCH_TEST_ALLOWED", "LAUNCH_TEST_ABSENT"}
	s.Connector.MemoryMax = 1 << 40
	p := run(t, s, nil)
	c := p.ready(t)

	st := p.Status()
	if st.State != Ready || st.Version != "1.2.3" || len(st.SHA256) != 64 || st.PID == 0 || st.Reason != "" || !slices.Equal(st.Can, []sdk.Capability{sdk.CanCheck}) {
		t.Errorf("status %+v", st)
	}
	result, err := apply(t, c, "env")
	if err != nil {
		t.Fatal(err)
	}
	if result.Remote.ID != strconv.Itoa(st.PID) {
		t.Errorf("pid %d in the status, %s in truth", st.PID, result.Remote.ID)
	}
	names := strings.Fields(result.Exchange.Request)
	slices.Sort(names)
	want := []string{"GOMEMLIMIT", "GORACE", "LAUNCH_TEST_ALLOWED", "PLUGIN_CLIENT_CERT", "PLUGIN_MAX_PORT", "PLUGIN_MIN_PORT",
		"PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_UNIX_SOCKET_DIR", "SYNCHOST_CONNECTOR", "TMPDIR"}
	if !slices.Equal(names, want) {
		t.Errorf("the process sees %v,\nwant %v", names, want)
	}

	if err := p.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if st := p.Status(); st.State != Stopped || st.PID != 0 {
		t.Errorf("status %+v", st)
	}
	if left, _ := os.ReadDir(s.RunDir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := syscall.Kill(st.PID, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is still there: %v", err)
	}
	if _, err := p.Client(t.Context()); !errors.Is(err, ErrDown) {
		t.Errorf("a stopped connector gives %v", err)
	}
}

func TestWithoutTLS(t *testing.T) {
	s := spec(t, "good", `{}`)
	s.Connector.TLS = "off"
	if _, err := apply(t, run(t, s, nil).ready(t), "any"); err != nil {
		t.Error(err)
	}
}

// A Unix socket's path is short; the data folder's may not be.
func TestLongRunDir(t *testing.T) {
	s := spec(t, "good", `{}`)
	s.RunDir = filepath.Join(s.RunDir, strings.Repeat("long/", 30))
	run(t, s, nil).ready(t)
}

func TestDisabled(t *testing.T) {
	s := spec(t, "good", `{}`)
	s.Connector.Enabled = false
	p := run(t, s, nil)
	if st := p.down(t); st.State != Disabled {
		t.Errorf("state %s", st.State)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.RunDir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("something was started")
	}
}

func TestCrashInACall(t *testing.T) {
	p := run(t, spec(t, "good", `{}`), nil)
	c := p.ready(t)
	if _, err := apply(t, c, "exit"); !errors.Is(err, sdk.ErrProcessGone) {
		t.Errorf("the call in flight gave %v", err)
	}
	// The status follows as soon as the process was seen off.
	p.log.await(t, "connector ended")
	next := p.ready(t)
	if next == c {
		t.Error("the dead client is handed out again")
	}
	if _, err := apply(t, next, "any"); err != nil {
		t.Error(err)
	}
	if st := p.Status(); st.Restarts != 1 {
		t.Errorf("%d restarts", st.Restarts)
	}
	for _, want := range []string{"exit status 4", "out of luck"} {
		if !strings.Contains(p.log.String(), want) {
			t.Errorf("the log does not tell of %q", want)
		}
	}
}

// What a connector printed just before it ended is in its crash report,
// whichever way it printed, and nothing else is.
func TestLastWords(t *testing.T) {
	for key, want := range map[string][]string{
		"speak": {"[INFO] to stdout", "[WARN] to stderr", "[WARN] 20", "to the log"},
		"panic": {"[WARN] panic: of despair", "[WARN] goroutine", "launch.deep"},
	} {
		t.Run(key, func(t *testing.T) {
			p := run(t, spec(t, "good", `{}`), func(p *Process) { p.pace.next = time.Hour })
			if _, err := apply(t, p.ready(t), key); !errors.Is(err, sdk.ErrProcessGone) {
				t.Fatalf("it lives: %v", err)
			}
			p.until(t, func(s Status) bool { return s.State == Waiting })
			words := lastWords(p.logs.last())
			said := strings.Join(words, "\n")
			for _, text := range want {
				if !strings.Contains(said, text) {
					t.Errorf("the last words do not tell of %q:\n%s", text, said)
				}
			}
			if key == "speak" && len(words) != 3 {
				t.Errorf("words are put in its mouth:\n%s", said)
			}
		})
	}
}

func TestCrashLoopBlowsTheFuse(t *testing.T) {
	s := spec(t, "crashing", `{"token": "hunter22"}`)
	s.Connector.Secret = []string{"token"}
	p := run(t, s, func(p *Process) { p.pace.next = time.Millisecond })
	st := p.down(t)
	if st.State != Fused || st.Restarts != fuseSize-1 {
		t.Errorf("%s after %d restarts", st.State, st.Restarts)
	}
	for _, want := range []string{"exit status 3", "no such luck: ***"} {
		if !strings.Contains(st.Reason, want) {
			t.Errorf("reason %q does not tell of %q", st.Reason, want)
		}
	}
	if _, err := p.Client(t.Context()); err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("Client gives %v", err)
	}

	// The operator resumes: it may crash as often again.
	p.Restart()
	p.until(t, func(s Status) bool { return s.State == Waiting && s.Restarts == fuseSize })
}

func TestHangIsKilled(t *testing.T) {
	for name, key := range map[string]string{"frozen": "freeze", "deaf to its deadline": "deaf"} {
		t.Run(name, func(t *testing.T) {
			p := run(t, spec(t, "good", `{}`), func(p *Process) {
				p.times.probeEvery, p.times.probeTimeout = 20*time.Millisecond, 500*time.Millisecond
			})
			c := p.ready(t)
			pid := p.Status().PID
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := c.Apply(ctx, []sdk.Change{{Key: key, Op: sdk.Upsert, Fields: []string{"name"}}})
			if err == nil {
				t.Error("the call got an answer")
			}
			p.log.await(t, "it hangs")
			if next := p.ready(t); next == c {
				t.Error("the hung client is handed out again")
			}
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the hung process is still there: %v", err)
			}
		})
	}
}

func TestLiars(t *testing.T) {
	for plugin, want := range map[string]string{
		"garbage":  `it wrote "Welcome! ***" to its standard output`,
		"endless":  `it wrote "no line ends here`,
		"newer":    "Plugin version: 2, Client versions: [1]",
		"remote":   `it listens on "192.0.2.1:80"`,
		"outside":  `it listens on "/tmp/elsewhere"`,
		"crashing": "exit status 3 before its handshake",
		"misnamed": `calls itself "other"`,
	} {
		t.Run(plugin, func(t *testing.T) {
			s := spec(t, plugin, `{"token": "hunter22"}`)
			s.Connector.Secret = []string{"token"}
			err := Probe(t.Context(), s, hclog.NewNullLogger(), func(*sdk.Client) error {
				t.Error("it was believed")
				return nil
			})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if left, _ := os.ReadDir(s.RunDir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestStopWhileStarting(t *testing.T) {
	p := run(t, spec(t, "silent", `{}`), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Client(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "shop is starting") {
		t.Errorf("Client gives %v", err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if st := p.Status(); st.State != Stopped {
		t.Errorf("state %s", st.State)
	}
}

func TestMisconfigured(t *testing.T) {
	wrongSum := strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		doc    string
		adjust func(*Spec)
		want   []string
	}{
		"an option it refuses": {`{"url": "x", "open": "reject", "token": "hunter22"}`, nil,
			[]string{"connectors.toml:7:3: connectors.shop.config.url:", "says ***"}},
		"an option it does not know": {`{"ulr": "x"}`, nil, []string{"connectors.toml:1:1: connectors.shop.config.ulr:"}},
		"credentials":                {`{"open": "deny"}`, nil, []string{"401"}},
		"a wrong checksum": {`{}`, func(s *Spec) { s.Connector.SHA256 = wrongSum },
			[]string{"connectors.toml:3:1: connectors.shop.sha256:", "the binary"}},
		"no binary": {`{}`, func(s *Spec) { s.Binary += "-not" }, []string{"connectors.shop.plugin:", "no such file"}},
		"a folder":  {`{}`, func(s *Spec) { s.Binary = filepath.Dir(s.Binary) }, []string{"is not a file"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := spec(t, "good", c.doc)
			if c.adjust != nil {
				c.adjust(&s)
			}
			p := run(t, s, nil)
			st := p.down(t)
			if st.State != Misconfigured || st.Restarts != 0 {
				t.Errorf("%s after %d restarts", st.State, st.Restarts)
			}
			for _, want := range c.want {
				if !strings.Contains(st.Reason, want) {
					t.Errorf("reason %q does not tell of %q", st.Reason, want)
				}
			}
			if strings.Contains(p.log.String(), "hunter22") {
				t.Error("a secret is in the log")
			}
		})
	}
}

// A platform that is down is no crash: the connector is tried again when the
// platform said.
func TestPlatformDownAtOpen(t *testing.T) {
	p := run(t, spec(t, "good", `{"open": "later"}`), nil)
	p.log.await(t, "again_in=1h0m0s")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Client(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the platform is down") {
		t.Errorf("Client gives %v", err)
	}
	if st := p.Status(); st.State != Waiting || st.Next.IsZero() {
		t.Errorf("status %+v", st)
	}
}

func TestChecksumThatFits(t *testing.T) {
	s := spec(t, "good", `{}`)
	p := run(t, s, nil)
	p.ready(t)
	s.Connector.SHA256 = strings.ToUpper(p.Status().SHA256)
	run(t, s, nil).ready(t)
}

func TestRestartDrains(t *testing.T) {
	p := run(t, spec(t, "good", `{}`), nil)
	c := p.ready(t)
	flag := filepath.Join(t.TempDir(), "go on")
	answered := make(chan error, 1)
	go func() {
		_, err := apply(t, c, "wait "+flag)
		answered <- err
	}()
	p.log.await(t, "entered")
	p.Restart()
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the call in flight was cut off: %v", err)
	}
	p.until(t, func(s Status) bool { return s.State == Ready && s.Restarts == 1 })
	if next := p.ready(t); next == c {
		t.Error("the old client is handed out again")
	}
}

func TestDrainIsLimited(t *testing.T) {
	s := spec(t, "good", `{}`)
	s.StopTimeout = 50 * time.Millisecond
	p := run(t, s, nil)
	c := p.ready(t)
	answered := make(chan error, 1)
	go func() {
		_, err := apply(t, c, "deaf")
		answered <- err
	}()
	p.log.await(t, "entered")
	if err := p.stop(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("stop: %v", err)
	}
	if err := <-answered; err == nil {
		t.Error("the call that was cut off got an answer")
	}
}

func TestGrandchildrenEndWithTheConnector(t *testing.T) {
	p := run(t, spec(t, "good", `{}`), nil)
	c := p.ready(t)
	result, err := apply(t, c, "spawn")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(result.Remote.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := apply(t, c, "exit"); err == nil {
		t.Fatal("it did not crash")
	}
	awaitEnd(t, pid)
}

// awaitEnd waits until no process has this id, or only its remains.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	for began := time.Now(); ; {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil && syscall.Kill(pid, 0) != nil {
			return
		}
		if _, state, ok := bytes.Cut(stat, []byte(") ")); ok && state[0] == 'Z' {
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("process %d is still there", pid)
		}
		time.Sleep(5 * time.Millisecond) // a stranger's end gives no signal
	}
}

// What a connector says of its failures and exchanges ends up in errors,
// delivery records and the API.
func TestAnswersAreMasked(t *testing.T) {
	p := run(t, spec(t, "good", `{"token": "hunter22"}`), nil)
	result, err := apply(t, p.ready(t), "fail hunter22")
	if err == nil || err.Error() != "no entry with ***" {
		t.Errorf("error %v", err)
	}
	if result.Exchange.Request != "GET https://shop/?t=***\n\n***" {
		t.Errorf("request %q", result.Exchange.Request)
	}
	if result.Key != "fail hunter22" {
		t.Errorf("the key %q is not what was asked for", result.Key)
	}
}

func TestLogs(t *testing.T) {
	s := spec(t, "good", `{"open": "leak", "token": "hunter22 & co"}`) // secret by its type: the host learns it from Describe
	p := run(t, s, nil)
	c := p.ready(t)
	if _, err := apply(t, c, "log"); err != nil {
		t.Fatal(err)
	}
	if _, err := apply(t, c, "print hunter22 & co"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`[WARN]  shop: token is ***: token="***"`, `https://shop/?t=***`,
		"[WARN]  shop: raw ***",
		"[DEBUG] shop: quiet",
		"[ERROR] shop: loud: count=3 map=map[a:1]",
		"[INFO]  shop: said ***",
	} {
		p.log.await(t, want)
	}
	if strings.Contains(p.log.String(), "hunter22") || strings.Contains(strings.Join(p.Status().Stderr, "\n"), "hunter22") {
		t.Error("a secret is shown")
	}

	s.Connector.LogLevel = "error"
	p = run(t, s, nil)
	if _, err := apply(t, p.ready(t), "log"); err != nil {
		t.Fatal(err)
	}
	p.log.await(t, "loud")
	if strings.Contains(p.log.String(), "quiet") || strings.Contains(p.log.String(), "raw") {
		t.Error("lines below the connector's level are logged")
	}
}

// A connector's lines are logged from its own level on, whatever the host's.
func TestLogLevels(t *testing.T) {
	for level := hclog.Trace; level <= hclog.Error; level++ {
		t.Run(level.String(), func(t *testing.T) {
			s := spec(t, "good", `{}`)
			s.Connector.LogLevel = level.String()
			out := &output{}
			log := hclog.New(&hclog.LoggerOptions{Output: out, Level: hclog.Trace})
			err := Probe(t.Context(), s, log, func(client *sdk.Client) error {
				if _, _, err := client.Configure(t.Context(), s.Setup()); err != nil {
					return err
				}
				_, err := apply(t, client, "levels")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for said := hclog.Trace; said <= hclog.Error; said++ {
				if logged := strings.Contains(out.String(), "said at "+said.String()); logged != (said >= level) {
					t.Errorf("what is said at %s is logged: %t", said, logged)
				}
			}
		})
	}
}

// A flood is cut, counted, and does not keep the connector from working.
func TestFlood(t *testing.T) {
	reg := prometheus.NewRegistry()
	p := run(t, spec(t, "good", `{"open": "flood"}`), func(p *Process) { p.reg = reg })
	c := p.ready(t)
	p.log.await(t, "log lines dropped")
	if _, err := apply(t, c, "any"); err != nil {
		t.Error(err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if testutil.ToFloat64(p.metrics.dropped) == 0 {
		t.Error("dropped lines are not counted")
	}
	if n := len(p.Status().Stderr); n != keptLines {
		t.Errorf("%d lines kept", n)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	p := run(t, spec(t, "good", `{}`), func(p *Process) { p.reg = reg })
	p.ready(t)
	const want = `
# HELP synchost_launch_up Whether the connector's process is ready (1) or not (0).
# TYPE synchost_launch_up gauge
synchost_launch_up{connector="shop"} 1
# HELP synchost_launch_restarts_total Starts of the connector's process after the first.
# TYPE synchost_launch_restarts_total counter
synchost_launch_restarts_total{connector="shop"} 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "synchost_launch_up", "synchost_launch_restarts_total"); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}

func TestProbe(t *testing.T) {
	s := spec(t, "good", `{"nope": 1}`)
	s.Connector.Enabled = false // asked all the same
	err := Probe(t.Context(), s, hclog.NewNullLogger(), func(c *sdk.Client) error {
		_, problems, err := c.Validate(t.Context(), s.Setup())
		if err != nil {
			return err
		}
		return config.Problems(s.Connector.Problems(problems))
	})
	var problems config.Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Field != "connectors.shop.config.nope" {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(s.RunDir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	s = spec(t, "good", `{}`)
	err = Probe(t.Context(), s, hclog.NewNullLogger(), func(c *sdk.Client) error {
		if _, _, err := c.Configure(t.Context(), s.Setup()); err != nil {
			return err
		}
		_, err := apply(t, c, "exit")
		return err
	})
	if !errors.Is(err, sdk.ErrProcessGone) || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("got %v", err)
	}
}
