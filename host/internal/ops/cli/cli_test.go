package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/ops"
	"github.com/synchost/synchost/host/internal/ops/inspect"
	"github.com/synchost/synchost/sdk"
)

var update = flag.Bool("update", false, "write golden files anew")

var noon = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

// fakeHost answers the control API with what it is given, and notes what it is asked.
type fakeHost struct {
	answers map[string]any // by "GET /v1/status"; an ops.Error is answered with 409
	typed   string         // what is on standard input
	asked   []string
}

func (h *fakeHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.asked = append(h.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), body)))
	switch answer := h.answers[r.Method+" "+r.URL.Path].(type) {
	case nil:
		w.WriteHeader(http.StatusNoContent)
	case ops.Error:
		w.WriteHeader(http.StatusConflict)
		_ = json.NewEncoder(w).Encode(answer)
	case []any: // a stream
		for _, one := range answer {
			_ = json.NewEncoder(w).Encode(one)
		}
	default:
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// output is what one run of the command line left.
type output struct {
	code     int
	out, err string
}

func (h *fakeHost) run(t *testing.T, args ...string) output {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s.sock")
	listener, err := ops.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	return executeWith(t.Context(), h.typed, Actions{}, append([]string{"--socket", socket}, args...)...)
}

func execute(ctx context.Context, actions Actions, args ...string) output {
	return executeWith(ctx, "", actions, args...)
}

// executeWith runs the command line with a text on standard input.
func executeWith(ctx context.Context, typed string, actions Actions, args ...string) output {
	var out, err bytes.Buffer
	code := run(ctx, args, &app{
		actions: actions, stdin: strings.NewReader(typed), out: &out, err: &err,
		now:  func() time.Time { return noon.Add(time.Hour) },
		zone: time.FixedZone("Tehran", 3*3600+1800),
	})
	return output{code, out.String(), err.String()}
}

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (write it anew with -update): %s", name, diff)
	}
}

// TestWhy shows each testdata/why/*.json, an answer of the API, as people see it.
func TestWhy(t *testing.T) {
	files, err := filepath.Glob("testdata/why/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no cases:", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.DisallowUnknownFields()
			var why ops.Why
			if err := decoder.Decode(&why); err != nil {
				t.Fatal(err)
			}
			host := &fakeHost{answers: map[string]any{"GET /v1/why": why}}
			got := host.run(t, "why", why.Key)
			golden(t, "why/"+name+".txt", got.out)
			want := exitDone
			if name == "unheard-of" {
				want = exitFailed
			}
			if got.code != want || got.err != "" {
				t.Errorf("exit code %d, want %d; stderr %q", got.code, want, got.err)
			}
		})
	}
}

func TestWhyAsksForWhatIsNamed(t *testing.T) {
	host := &fakeHost{answers: map[string]any{"GET /v1/why": ops.Why{}}}
	host.run(t, "why", "a/b&c ü", "shop", "--limit", "5")
	want := []string{"GET /v1/why?connector=shop&key=a%2Fb%26c+%C3%BC&limit=5"}
	if diff := cmp.Diff(want, host.asked); diff != "" {
		t.Error(diff)
	}
}

func healthy() ops.Status {
	return ops.Status{
		Version: ops.Version{Version: "0.1.0"}, Started: noon,
		Store: ops.StoreStatus{Head: 1042, Size: 12_345_678},
		Receivers: []ops.ReceiverStatus{
			{Name: "pim", Scheme: "product", Path: "/in/products", Accepted: 1000, Duplicates: 42, Refused: 1, LastEvent: noon.Add(50 * time.Minute), LastRefusal: "the signature does not fit the body"},
		},
		Connectors: []ops.ConnectorStatus{
			{Name: "shop", Plugin: "shopware", Version: "1.2.0", State: ops.ConnectorReady, PID: 42, Since: noon, SHA256: "ab12", Capabilities: []string{"check", "find"}},
			{Name: "ledger", Plugin: "xero", State: ops.ConnectorDisabled},
		},
		Lanes: []ops.LaneStatus{
			{Connector: "shop", Deliver: "latest", State: ops.LaneRunning, Passed: 1042, Head: 1042, Behind: 2, Delivered: 990, Failed: 3, LastSuccess: noon.Add(59 * time.Minute)},
		},
		Trouble: []string{},
	}
}

func unhealthy() ops.Status {
	s := healthy()
	s.Connectors[0].State, s.Connectors[0].Reason, s.Connectors[0].PID = ops.ConnectorFailed, "it crashed 5 times", 0
	s.Connectors[0].LastStderr, s.Connectors[0].Restarts = []string{"panic: no", "\x1b[31mgoroutine 1\x1b[0m"}, 5
	s.Lanes[0].State, s.Lanes[0].Until, s.Lanes[0].Lag = ops.LaneThrottled, noon.Add(62*time.Minute), 7
	s.Lanes[0].Dead, s.Lanes[0].OnHold = 1, 4
	s.Trouble = []string{"shop: its process failed for good: it crashed 5 times. When that is mended: synchost restart shop"}
	return s
}

func standings() ops.Standings {
	return ops.Standings{Products: []ops.Standing{
		{Connector: "shop", Key: "7", State: ops.Dead, Attempts: 10, Reason: "price: must not be negative"},
		{Connector: "shop", Key: "8", State: ops.Behind, Attempts: 1, Next: noon.Add(65 * time.Minute), Reason: "HTTP 500"},
		{Connector: "shop", Key: "9", State: ops.InStep, Contention: `name: we wrote "A", found "B", 3 times`},
	}, Linked: 500, Verified: 480}
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		status ops.Status
		args   []string
		code   int
	}{
		{"healthy", healthy(), []string{"status"}, exitDone},
		{"unhealthy", unhealthy(), []string{"status"}, exitUnhealthy},
		{"connector", unhealthy(), []string{"status", "shop"}, exitDone},
		{"disabled", healthy(), []string{"status", "ledger"}, exitDone},
		{"connector-json", healthy(), []string{"status", "shop", "--json"}, exitDone},
		{"json", unhealthy(), []string{"status", "--json"}, exitUnhealthy},
		{"nothing", ops.Status{Started: noon}, []string{"status"}, exitDone},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := &fakeHost{answers: map[string]any{"GET /v1/status": c.status, "GET /v1/connectors/shop/products": standings()}}
			got := host.run(t, c.args...)
			golden(t, "status/"+c.name+".txt", got.out)
			if got.code != c.code || got.err != "" {
				t.Errorf("exit code %d, want %d; stderr %q", got.code, c.code, got.err)
			}
		})
	}
}

func events() []ops.Event {
	return []ops.Event{
		{Seq: 1, Accepted: noon, Source: "pim", ID: "e1", Op: sdk.Created, Key: "7", Fields: []string{"name", "stock"}, Product: &sdk.Product{Key: "7", Name: "Shirt"}},
		{Seq: 2, Accepted: noon.Add(time.Second), Source: "crm", ID: "e2", Op: sdk.Updated, Key: "7", Hint: true, Product: &sdk.Product{Key: "7"}},
		{Seq: 3, Accepted: noon.Add(2 * time.Second), Source: "catch", ID: "e3", Op: sdk.Received, Key: "e3", Raw: &sdk.Raw{Method: "POST", ContentType: "text/plain", Body: []byte("hello")}},
		{Seq: 4, Accepted: noon.Add(3 * time.Second), Source: "pim", ID: "e4", Op: sdk.Updated, Key: "8\x1b[2J"},
		{Seq: 5, Accepted: noon.Add(4 * time.Second), Source: "shop-news", ID: "n1", Op: sdk.Updated, Key: "7", Fields: []string{"name"}, Hint: true, There: true, Echo: true, Product: &sdk.Product{Key: "7"}},
		{Seq: 6, Accepted: noon.Add(5 * time.Second), Source: "shop-news", ID: "n2", Op: sdk.Updated, Key: "7", Fields: []string{"name"}, Hint: true, There: true, Product: &sdk.Product{Key: "7"}},
	}
}

func TestEvents(t *testing.T) {
	list := ops.Events{Events: events(), Next: 6}
	host := &fakeHost{answers: map[string]any{"GET /v1/events": list}}
	got := host.run(t, "events", "--limit", "7", "--key", "7", "--source", "pim", "--after", "0")
	golden(t, "events.txt", got.out)
	if want := "GET /v1/events?after=0&key=7&limit=7&source=pim"; host.asked[0] != want {
		t.Errorf("asked for %s, want %s", host.asked[0], want)
	}
	var stream []any
	for _, e := range events() {
		stream = append(stream, e)
	}
	host = &fakeHost{answers: map[string]any{"GET /v1/events": stream}}
	followed := host.run(t, "events", "--follow")
	if diff := cmp.Diff(got.out, followed.out); diff != "" {
		t.Errorf("followed events look otherwise: %s", diff)
	}
	if followed.code != exitNotRunning || followed.err != "The host has stopped.\n" {
		t.Errorf("when the stream ended: exit code %d, stderr %q", followed.code, followed.err)
	}
	lines := strings.Split(strings.TrimSpace(host.run(t, "events", "--follow", "--json").out), "\n")
	for i, line := range lines {
		var e ops.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Seq != int64(i+1) {
			t.Errorf("line %d as JSON: %v %s", i+1, err, line)
		}
	}
	if len(lines) != len(events()) {
		t.Errorf("%d lines of JSON, want %d", len(lines), len(events()))
	}
}

func TestFollowEndsWithCtrlC(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s.sock")
	listener, err := ops.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		interrupt()
		<-r.Context().Done()
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	if got := execute(ctx, Actions{}, "--socket", socket, "events", "--follow"); got != (output{}) {
		t.Errorf("got %+v", got)
	}
}

func TestStreamThatFails(t *testing.T) {
	host := &fakeHost{answers: map[string]any{"GET /v1/events": []any{events()[0], ops.Error{Error: "the disk is gone"}}}}
	if got := host.run(t, "events", "--follow"); got.code != exitFailed || got.err != "the disk is gone\n" {
		t.Errorf("exit code %d, stderr %q", got.code, got.err)
	}
}

func TestInspect(t *testing.T) {
	requests := []inspect.Request{
		{ID: 1, Time: noon, Remote: "127.0.0.1:5000", Method: "GET", URL: "/?Event=1&Product=7", Proto: "HTTP/1.1", Headers: []inspect.Header{{Name: "Host", Value: "127.0.0.1:8471"}}},
		{ID: 2, Time: noon, Remote: "127.0.0.1:5001", Method: "POST", URL: "/", Proto: "HTTP/1.1", Headers: []inspect.Header{{Name: "X-Evil", Value: "\x1b]0;title\a"}}, Body: "{\n\t\"name\": \"پیراهن\"\n}\n\x1b[2J", Size: 32},
		{ID: 3, Time: noon, Remote: "127.0.0.1:5002", Method: "PUT", URL: "/", Proto: "HTTP/1.1", BodyBase64: []byte{0xff}, Size: 70000, Truncated: true},
	}
	host := &fakeHost{answers: map[string]any{"GET /v1/inspect": ops.Requests{Requests: requests}}}
	listed := host.run(t, "inspect")
	golden(t, "inspect.txt", listed.out)
	host = &fakeHost{answers: map[string]any{"GET /v1/inspect": []any{requests[0], requests[1], requests[2]}}}
	if followed := host.run(t, "inspect", "--follow"); followed.out != listed.out {
		t.Errorf("followed requests look otherwise: %s", followed.out)
	}
	host = &fakeHost{answers: map[string]any{"GET /v1/inspect": ops.Error{Error: "the inspector is not enabled"}}}
	if got := host.run(t, "inspect", "--follow"); got.code != exitFailed || got.err != "the inspector is not enabled\n" {
		t.Errorf("without an inspector: %+v", got)
	}
}

func TestCron(t *testing.T) {
	host := &fakeHost{answers: map[string]any{"GET /v1/cron": ops.Cron{Jobs: []ops.CronJob{
		{Job: "watch:pim", Schedule: "@hourly", Zone: "UTC", Next: []time.Time{noon.Add(90 * time.Minute), noon.Add(150 * time.Minute)}, Running: true,
			Last: &ops.CronRun{Started: noon.Add(-time.Hour), Attempt: 1, Skipped: 2}},
		{Job: "reconcile:shop", Schedule: "30 2 * * *", Zone: "Europe/Berlin", Next: []time.Time{noon.Add(14 * time.Hour), noon.Add(38 * time.Hour)},
			Last: &ops.CronRun{Due: noon.Add(-11 * time.Hour), Started: noon.Add(-11 * time.Hour), Ended: noon.Add(-10 * time.Hour), Outcome: "failed",
				Message: "the listing broke off\nat page 7", Attempt: 1}},
		{Job: "reconcile:crm", Schedule: "@weekly", Zone: "Europe/Berlin", Next: []time.Time{noon.Add(100 * time.Hour)},
			Last: &ops.CronRun{Started: noon.Add(-1234 * time.Microsecond), Ended: noon, Outcome: "ok", Attempt: 1}},
		{Job: "watch:erp", Schedule: "0 0 29 2 *", Zone: "UTC", Next: []time.Time{}},
	}}}}
	got := host.run(t, "cron")
	golden(t, "cron.txt", got.out)
	if got.code != exitDone || got.err != "" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{"GET /v1/cron?times=2"}, host.asked); diff != "" {
		t.Error(diff)
	}
	empty := &fakeHost{answers: map[string]any{"GET /v1/cron": ops.Cron{}}}
	if got := empty.run(t, "cron"); got.out != "Nothing runs at certain times: set watch or reconcile of a connector.\n" {
		t.Errorf("without jobs: %+v", got)
	}
}

func TestSteering(t *testing.T) {
	const lane = "POST /v1/connectors/shop/"
	answers := map[string]any{
		lane + "retry":   ops.RetryAnswer{Retried: 1},
		lane + "release": ops.Released{Released: 1, Others: []string{"8"}},
		lane + "replay":  ops.ReplayAnswer{Seq: 5, Events: 12},
	}
	for _, c := range []struct {
		args  string // parted by "|"
		asked string
		out   string
	}{
		{"pause|shop|--reason|moving house", lane + `pause {"reason":"moving house"}`, "shop is paused; what comes for it is kept. Go on with: synchost resume shop\n"},
		{"pause|shop|--json", lane + `pause {}`, "{}\n"},
		{"resume|shop", lane + "resume", "shop goes on.\n"},
		{"cron|run|reconcile:shop", `POST /v1/cron {"job":"reconcile:shop"}`, "reconcile:shop has begun. See how it ends: synchost cron\n"},
		{"restart|shop", lane + "restart", "shop is started anew. See: synchost status shop\n"},
		{"retry|shop|7", lane + `retry {"keys":["7"]}`, "1 product tried again at shop.\n"},
		{"retry|shop|7|8", lane + `retry {"keys":["7","8"]}`, "1 product of 2 tried again; the others are in step at shop, or on their way.\n"},
		{"retry|shop|--all", lane + `retry {"all":true}`, "1 product tried again at shop.\n"},
		{"release|shop|7|8", lane + `release {"keys":["7","8"]}`, "1 product released at shop.\nNot on hold: 8\n"},
		{"release|shop|--all", lane + `release {"all":true}`, "1 product released at shop.\nNot on hold: 8\n"},
		{"retry|shop|--all|--json", lane + `retry {"all":true}`, "{\n  \"retried\": 1\n}\n"},
		{"replay|shop|--since|5", lane + `replay {"seq":5}`, "shop goes on from position 5 again: 12 events up to the newest.\n"},
		{"replay|shop|--since|90m", lane + `replay {"time":"2026-09-01T11:30:00Z"}`, "shop goes on from position 5 again: 12 events up to the newest.\n"},
		{"replay|shop|--since|2026-09-01 08:00", lane + `replay {"time":"2026-09-01T08:00:00+03:30"}`, "shop goes on from position 5 again: 12 events up to the newest.\n"},
		{"replay|shop|--since|2026-09-01T08:00:00Z", lane + `replay {"time":"2026-09-01T08:00:00Z"}`, "shop goes on from position 5 again: 12 events up to the newest.\n"},
		{"replay|shop|--since|2026-09-01", lane + `replay {"time":"2026-09-01T00:00:00+03:30"}`, "shop goes on from position 5 again: 12 events up to the newest.\n"},
	} {
		host := &fakeHost{answers: answers}
		got := host.run(t, strings.Split(c.args, "|")...)
		if diff := cmp.Diff([]string{c.asked}, host.asked); diff != "" {
			t.Errorf("%s: %s", c.args, diff)
		}
		if got != (output{out: c.out}) {
			t.Errorf("%s: got %+v, want %q", c.args, got, c.out)
		}
	}
	host := &fakeHost{answers: map[string]any{lane + "pause": ops.Error{Error: "connector shop is disabled"}}}
	if got := host.run(t, "pause", "shop"); got != (output{exitFailed, "", "connector shop is disabled\n"}) {
		t.Errorf("a refused command: %+v", got)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range []string{
		"nonsense", "--nonsense", "status --nonsense", "why", "why 1 2 3", "pause", "pause a b", "resume", "retry", "retry shop", "retry shop 7 --all", "release", "release shop", "release shop 7 --all",
		"replay shop", "replay shop --since yesterday", "replay shop --since -5", "replay", "restart", "events 7", "inspect 7", "run 7", "version 7",
		"events --limit many", "config nonsense", "config schema 7", "cron shop", "cron run", "cron run a b", "cron --times x",
		"receivers x", "receivers test", "receivers test a b", "receivers url", "receivers url a b",
	} {
		got := (&fakeHost{}).run(t, strings.Fields(args)...)
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, "--help") {
			t.Errorf("%s: %+v", args, got)
		}
	}
}

func TestTheHostIsNotRunning(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "connectors.toml")
	// A configuration that would not load: its secret is not there. That is no
	// reason not to find the host.
	text := "[host]\ndata_dir = \"d\"\n[receivers.pim]\nsecret = { env = \"NOT_SET\" }\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := execute(t.Context(), Actions{}, "status", "--config", file)
	want := fmt.Sprintf("The host is not running: nobody answers at %s.\nStart it with: synchost run --config %s\n"+
		"If it runs with another configuration, name that with --config.\n", filepath.Join(dir, "d", "synchost.sock"), file)
	if got != (output{exitNotRunning, "", want}) {
		t.Errorf("got %+v, want %q", got, want)
	}
}

func TestTheSocketOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ text, want string }{
		{"", filepath.Join(dir, "data", "synchost.sock")},
		{"[host]\ndata_dir = \"/var/lib/synchost\"", "/var/lib/synchost/synchost.sock"},
		{"[host]\nsocket = \"run/s.sock\"", filepath.Join(dir, "run", "s.sock")},
		{"[host]\nsocket = \"/run/s.sock\"", "/run/s.sock"},
	} {
		a := &app{file: filepath.Join(dir, "connectors.toml")}
		if err := os.WriteFile(a.file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := a.findSocket(); err != nil || got != c.want {
			t.Errorf("%q: %s %v, want %s", c.text, got, err, c.want)
		}
	}
	for name, text := range map[string]string{"broken": "[host", "wrong": "[host]\nsocket = 7"} {
		a := &app{file: filepath.Join(dir, name)}
		if err := os.WriteFile(a.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := a.findSocket(); err == nil || !strings.Contains(err.Error(), "synchost validate") {
			t.Errorf("%s: %v", name, err)
		}
	}
	got := execute(t.Context(), Actions{}, "status", "--config", filepath.Join(dir, "none.toml"))
	if got.code != exitUsage || !strings.Contains(got.err, "--config") {
		t.Errorf("without a configuration: %+v", got)
	}
}

func TestActions(t *testing.T) {
	problems := config.Problems{{File: "c.toml", Line: 3, Column: 1, Field: "host.lisen", Message: "unknown key: did you mean listen?"}}
	warnings := config.Problems{{File: "c.toml", Message: "others can read it"}}
	failed := errors.New("the data folder is in use")
	for _, c := range []struct {
		name, args string
		actions    Actions
		want       output
	}{
		{"run", "run -c c.toml", Actions{Run: func(_ context.Context, file string) error { return errors.New(file) }}, output{exitFailed, "", "c.toml\n"}},
		{"run on a bad configuration", "run", Actions{Run: func(context.Context, string) error { return problems }},
			output{exitUsage, "", "c.toml:3:1: host.lisen: unknown key: did you mean listen?\n"}},
		{"good", "validate -c c.toml", Actions{Validate: func(context.Context, string) (config.Problems, error) { return warnings, nil }},
			output{exitDone, "c.toml is right.\n", "warning: c.toml: others can read it\n"}},
		{"bad", "validate", Actions{Validate: func(context.Context, string) (config.Problems, error) { return nil, problems }},
			output{exitUsage, "", "c.toml:3:1: host.lisen: unknown key: did you mean listen?\n"}},
		{"failed", "validate --json", Actions{Validate: func(context.Context, string) (config.Problems, error) { return nil, failed }},
			output{exitFailed, "", "the data folder is in use\n"}},
		{"good as JSON", "validate --json", Actions{Validate: func(context.Context, string) (config.Problems, error) { return nil, nil }},
			output{exitDone, "{\n  \"problems\": [],\n  \"warnings\": []\n}\n", ""}},
		{"checks are well", "check", Actions{Check: checks(Checked{Connector: "shop", Took: 120 * time.Millisecond}, Checked{Connector: "hook", Err: errors.ErrUnsupported})},
			output{exitDone, "CONNECTOR  RESULT    TOOK   MESSAGE\nshop       ok        120ms  -\nhook       no check  0s     this connector offers none\n", ""}},
		{"a check fails", "check shop", Actions{Check: checks(Checked{Connector: "shop", Err: errors.New("HTTP 401")})},
			output{exitUnhealthy, "CONNECTOR  RESULT  TOOK  MESSAGE\nshop       failed  0s    HTTP 401\n", ""}},
		{"nothing to check", "check", Actions{Check: checks()}, output{exitDone, "No connector is enabled.\n", ""}},
		{"version", "version", Actions{Version: ops.Version{Version: "0.1.0", Go: "go1.26", Platform: "linux/amd64", Revision: "0123456789abcdef", Modified: true}},
			output{exitDone, "synchost 0.1.0, go1.26, linux/amd64, commit 0123456789ab with changes\n", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := execute(t.Context(), c.actions, strings.Fields(c.args)...); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	got := execute(t.Context(), Actions{Validate: func(context.Context, string) (config.Problems, error) { return nil, problems }}, "validate", "--json")
	if got.code != exitUsage || got.err != "" || !strings.Contains(got.out, `"field": "host.lisen"`) {
		t.Errorf("bad as JSON: %+v", got)
	}
	got = execute(t.Context(), Actions{Check: checks(Checked{Connector: "shop", Err: errors.New("HTTP 401")})}, "check", "--json")
	if got.code != exitUnhealthy || got.err != "" || !strings.Contains(got.out, `"message": "HTTP 401"`) {
		t.Errorf("a failed check as JSON: %+v", got)
	}
}

func checks(checked ...Checked) func(context.Context, string, []string) ([]Checked, error) {
	return func(context.Context, string, []string) ([]Checked, error) { return checked, nil }
}

func TestSchema(t *testing.T) {
	got := execute(t.Context(), Actions{}, "config", "schema")
	if got.code != exitDone || !json.Valid([]byte(got.out)) {
		t.Errorf("got %+v", got)
	}
}

func TestHelp(t *testing.T) {
	help := func(args ...string) string {
		got := execute(t.Context(), Actions{}, args...)
		if got.code != exitDone || got.err != "" {
			t.Errorf("%s: %+v", args, got)
		}
		return got.out
	}
	golden(t, "help.txt", help("--help"))
	if text := help("help", "exit-codes"); !strings.Contains(text, "3  the host is not running") {
		t.Errorf("help exit-codes: %s", text)
	}
	for _, verb := range []string{"run", "validate", "check", "status", "events", "why", "inspect", "cron", "receivers", "pause", "resume", "retry", "replay", "restart"} {
		if text := help(verb, "--help"); !strings.Contains(text, "Examples:") {
			t.Errorf("%s --help shows no example", verb)
		}
	}
}

func TestCleanText(t *testing.T) {
	for _, c := range []struct{ text, line, lines string }{
		{"plain", "plain", "plain"},
		{"two\nlines\tand\r\nmore", "two lines and  more", "two\nlines\tand\nmore"},
		{"\x1b[31mred\x07", "\ufffd[31mred\ufffd", "\ufffd[31mred\ufffd"},
		{"می\u200cخواهم\u200f", "می\u200cخواهم\u200f", "می\u200cخواهم\u200f"},
		{"evil\u202etxt\u2066", "evil\ufffdtxt\ufffd", "evil\ufffdtxt\ufffd"},
		{"\xff", "\ufffd", "\ufffd"},
		{"\u009b2J", "\ufffd2J", "\ufffd2J"},
	} {
		if got := clean(c.text); got != c.line {
			t.Errorf("clean(%q) = %q, want %q", c.text, got, c.line)
		}
		if got := cleanLines(c.text); got != c.lines {
			t.Errorf("cleanLines(%q) = %q, want %q", c.text, got, c.lines)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 999 * time.Millisecond: "0s", 59 * time.Second: "59s", time.Minute: "1m", 61 * time.Second: "1m1s",
		time.Hour: "1h", time.Hour + 59*time.Second: "1h", 90 * time.Minute: "1h30m", 24 * time.Hour: "1d", 49*time.Hour + time.Minute: "2d1h",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%s) = %s, want %s", d, got, want)
		}
	}
}

func TestWord(t *testing.T) {
	for text, want := range map[string]string{
		"4711": "4711", "gid://shop/1": "gid://shop/1", "کفش": "کفش", "two words": "'two words'", "it's": `'it'\''s'`, "$(rm)": "'$(rm)'", "-x": "'-x'", "": "''",
	} {
		if got := word(text); got != want {
			t.Errorf("word(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestUnknownCommandsAreCorrected(t *testing.T) {
	if got := execute(t.Context(), Actions{}, "statsu"); got != (output{exitUsage, "", "there is no command statsu: did you mean status?\nSee: synchost --help\n"}) {
		t.Errorf("got %+v", got)
	}
}

func TestFieldText(t *testing.T) {
	p := &sdk.Product{
		Name:       "Shirt\x1b",
		Prices:     []sdk.Price{{Amount: "12.50", Currency: "EUR", CompareAt: "15"}, {Amount: "9", Currency: "EUR", List: "staff"}},
		Stock:      []sdk.Stock{{Quantity: "5"}, {Location: "Tehran", Quantity: "-1"}},
		Tags:       []string{"new", "red"},
		Weight:     &sdk.Weight{Value: "2", Unit: "kg"},
		Attributes: map[string]sdk.Value{"colour": sdk.String("red")},
	}
	for path, want := range map[string]string{
		"name": "Shirt\ufffd", "description": "(empty)", "tags": "new, red", "categories": "(empty)", "brand": "(empty)",
		"prices": "12.50 EUR instead of 15, 9 EUR (staff)", "stock": "5, -1 at Tehran",
		"weight": `{"value":"2","unit":"kg"}`, "attributes.colour": "red", "attributes.none": "(empty)", "variants": "(empty)",
	} {
		if got := field(p, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// FuzzSince: what is taken for a point to go on from is one, and only one.
func FuzzSince(f *testing.F) {
	for _, text := range []string{"2h", "1207", "0", "-2h", "2026-09-01 08:00", "2026-09-01T08:00:00+03:30", "2026-09-01", "99999999999999999999", "9223372036854775807ns", "1e9h"} {
		f.Add(text)
	}
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	a := &app{now: func() time.Time { return now }, zone: time.UTC}
	f.Fuzz(func(t *testing.T, text string) {
		request, err := a.since(text)
		if taken := request.Seq > 0 != !request.Time.IsZero(); (err == nil) != taken && text != "0001-01-01" {
			t.Errorf("%q is taken as %+v, %v", text, request, err)
		}
	})
}
