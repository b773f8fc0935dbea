//go:build unix

package sdk_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/synchost/synchost/sdk"
)

// The test binary plays the other processes itself.
const roleVariable = "SDK_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "connector":
		sdk.Serve(processConnector())
	case "host":
		playHost()
	}
}

type processConfig struct {
	Token sdk.Secret `json:"token" required:"true" doc:"Never shown."`
}

// processConnector writes its answer's Remote from its own process; the key
// "hang" never returns, and "fragile" ends the process.
func processConnector() sdk.Plugin[processConfig] {
	return sdk.Plugin[processConfig]{
		Name: "process", Version: "1.0.0",
		Open: func(_ context.Context, env sdk.Env, c processConfig) (sdk.Connector, error) {
			env.Log.Info("opened", "token", c.Token)
			return &processes{dir: env.StateDir}, nil
		},
	}
}

type processes struct{ dir string }

func (p *processes) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	return sdk.Each(ctx, 1, changes, func(ctx context.Context, c sdk.Change) (sdk.Result, error) {
		switch c.Key {
		case "hang":
			<-ctx.Done()
		case "fragile":
			os.Exit(3)
		}
		return sdk.Result{Remote: sdk.Remote{ID: fmt.Sprint(os.Getpid())}}, nil
	})
}

func (p *processes) Close() error {
	return os.WriteFile(filepath.Join(p.dir, "closed"), nil, 0o600)
}

// self starts this binary in a role. It inherits no other environment.
func self(t testing.TB, ctx context.Context, role string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = []string{roleVariable + "=" + role, "TMPDIR=" + os.TempDir()}
	return cmd
}

// launch starts a connector process as a host does: mutual TLS and all.
func launch(cmd *exec.Cmd, log io.Writer) (*goplugin.Client, *sdk.Client, error) {
	host := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{sdk.ProtocolVersion: sdk.ClientPlugins()},
		Cmd:              cmd,
		SkipHostEnv:      true,
		AutoMTLS:         true,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		GRPCDialOptions:  sdk.ClientDialOptions(),
		Logger:           hclog.New(&hclog.LoggerOptions{Output: log, Level: hclog.Debug}),
	})
	wire, err := host.Client()
	if err != nil {
		host.Kill()
		return nil, nil, err
	}
	dispensed, err := wire.Dispense(sdk.Dispensed)
	if err != nil {
		host.Kill()
		return nil, nil, err
	}
	return host, dispensed.(*sdk.Client), nil
}

// hostLog is where a host may log even after the test; it is shown on failure.
func hostLog(t testing.TB) io.Writer {
	log := &safeBuffer{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return log
}

// playHost starts a connector, configures it, tells its process id and waits to
// be killed. The connector holds the file 3 open for as long as it lives.
func playHost() {
	cmd := exec.CommandContext(context.Background(), os.Args[0]) // nothing ends it: that is the point
	cmd.Env = []string{roleVariable + "=connector", "TMPDIR=" + os.TempDir()}
	alive := os.NewFile(3, "alive")
	cmd.ExtraFiles = []*os.File{alive}
	_, client, err := launch(cmd, os.Stderr)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if _, _, err := client.Configure(context.Background(), sdk.Setup{Config: []byte(`{"token":"t"}`), StateDir: os.TempDir()}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = alive.Close()
	go func() { _, _ = client.Apply(context.Background(), changes("hang")) }()
	fmt.Println("ready")
	select {}
}

// lifeline is a file for processes to hold open for as long as they live. Once
// they have it, ended waits until the last of them is gone.
func lifeline(t *testing.T) (held *os.File, ended func()) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = read.Close(), write.Close() })
	return write, func() {
		t.Helper()
		_ = write.Close()
		if err := read.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := read.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Fatalf("the process lives on: %v", err)
		}
	}
}

func TestConnectorEndsWithItsHost(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	held, ended := lifeline(t)
	host := self(t, ctx, "host")
	host.ExtraFiles = []*os.File{held}
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the host says %q, %v", line, err)
	}
	if err := host.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait()
	ended() // of the connector: the host itself let go of the file
}

func TestProcessThatDiesIsGone(t *testing.T) {
	t.Parallel()
	host, client, err := launch(self(t, t.Context(), "connector"), hostLog(t))
	if err != nil {
		t.Fatal(err)
	}
	defer host.Kill()
	if _, problems, err := client.Configure(t.Context(), sdk.Setup{Config: []byte(`{"token":"t"}`), StateDir: t.TempDir()}); err != nil || problems != nil {
		t.Fatal(problems, err)
	}
	_, err = client.Apply(t.Context(), changes("a", "fragile"))
	var own *sdk.Error
	if !errors.Is(err, sdk.ErrProcessGone) || errors.Is(err, sdk.ErrNotSent) || errors.As(err, &own) {
		t.Errorf("the call in flight gave %v", err)
	}
	if _, err := client.Describe(t.Context()); !errors.Is(err, sdk.ErrProcessGone) || !errors.Is(err, sdk.ErrNotSent) {
		t.Errorf("the next call gave %v", err)
	}
	host.Kill() // closes the connection
	if _, err := client.Describe(t.Context()); !errors.Is(err, sdk.ErrProcessGone) || !errors.Is(err, sdk.ErrNotSent) {
		t.Errorf("a call after the end gave %v", err)
	}
}

// A connection that is closed under a call is the process gone, too.
func TestClosedConnectionIsGone(t *testing.T) {
	t.Parallel()
	host, client, err := launch(self(t, t.Context(), "connector"), hostLog(t))
	if err != nil {
		t.Fatal(err)
	}
	defer host.Kill()
	if _, problems, err := client.Configure(t.Context(), sdk.Setup{Config: []byte(`{"token":"t"}`), StateDir: t.TempDir()}); err != nil || problems != nil {
		t.Fatal(problems, err)
	}
	answered := make(chan error)
	go func() {
		_, err := client.Apply(t.Context(), changes("hang"))
		answered <- err
	}()
	wire, err := host.Client()
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.(*goplugin.GRPCClient).Conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; !errors.Is(err, sdk.ErrProcessGone) {
		t.Errorf("the call gave %v", err)
	}
}

func TestConnectorProcess(t *testing.T) {
	t.Parallel()
	var log safeBuffer
	cmd := self(t, t.Context(), "connector")
	host, client, err := launch(cmd, &log)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Kill()
	state := t.TempDir()
	if _, problems, err := client.Configure(t.Context(), sdk.Setup{Config: []byte(`{"token":"hunter2"}`), StateDir: state}); err != nil || problems != nil {
		t.Fatal(problems, err)
	}
	results, err := client.Apply(t.Context(), changes("a"))
	if err != nil || keys(results) != "a" || results[0].Remote.ID != fmt.Sprint(cmd.Process.Pid) {
		t.Errorf("%+v, %v", results, err)
	}
	if err := client.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if _, err := os.Stat(filepath.Join(state, "closed")); err != nil {
		t.Errorf("Stop did not close the connector: %v", err)
	}
	host.Kill()
	if text := log.String(); !strings.Contains(text, "opened") || strings.Contains(text, "hunter2") {
		t.Errorf("log: %s", text)
	}
}

func TestTerminateStopsInOrder(t *testing.T) {
	t.Parallel()
	held, ended := lifeline(t)
	cmd := self(t, t.Context(), "connector")
	cmd.ExtraFiles = []*os.File{held}
	host, client, err := launch(cmd, hostLog(t))
	if err != nil {
		t.Fatal(err)
	}
	defer host.Kill()
	state := t.TempDir()
	if _, problems, err := client.Configure(t.Context(), sdk.Setup{Config: []byte(`{"token":"t"}`), StateDir: state}); err != nil || problems != nil {
		t.Fatal(problems, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// It comes before the signal, while the connector ends, or after that.
	_, err = client.Apply(t.Context(), changes("hang"))
	if told := new(sdk.Error); err != nil && !errors.As(err, &told) && !errors.Is(err, sdk.ErrProcessGone) && !errors.Is(err, sdk.ErrNotSent) {
		t.Errorf("a call during the end gave %v", err)
	}
	ended()
	if _, err := os.Stat(filepath.Join(state, "closed")); err != nil {
		t.Errorf("it ended without closing: %v", err)
	}
}

func TestConnectorRunByHand(t *testing.T) {
	var stdout, stderr bytes.Buffer
	run := func(args ...string) error {
		stdout.Reset()
		stderr.Reset()
		cmd := self(t, t.Context(), "connector", args...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		return cmd.Run()
	}
	if err := run(); err == nil || stdout.Len() > 0 || !strings.Contains(stderr.String(), `plugin = "process"`) || !strings.Contains(stderr.String(), "--describe") {
		t.Errorf("%v, stdout %q, stderr %q", err, &stdout, &stderr)
	}
	if err := run("--describe"); err != nil || stderr.Len() > 0 {
		t.Errorf("%v, stderr %q", err, &stderr)
	}
	var got sdk.Description
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || got.Name != "process" || len(got.Options) != 1 || !got.Options[0].Secret || !got.Options[0].Required {
		t.Errorf("%v: %s", err, &stdout)
	}
}
