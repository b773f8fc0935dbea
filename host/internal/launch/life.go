package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"github.com/synchost/synchost/sdk"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// The times of a process's life.
const (
	startTimeout     = 30 * time.Second // to the handshake and the answer to Describe
	configureTimeout = time.Minute      // for Configure, which may reach out to the platform
	killWait         = 2 * time.Second  // between asking a process to end and making it
	probeEvery       = 10 * time.Second
	probeTimeout     = 5 * time.Second
	probeMisses      = 3           // in a row, and the process is hung
	fairDeadline     = time.Second // missing a shorter one proves nothing
)

// life is one life of a connector: a running child and the connection to it.
type life struct {
	child     *child
	rpc       *plugin.Client
	health    grpc_health_v1.HealthClient
	connector *sdk.Client
	sum       string       // SHA-256 of the binary that runs
	overdue   chan string  // a method that gave no answer by its deadline
	calls     sync.RWMutex // held for reading during each call
	folders   []*folder
}

// start runs the binary of spec up to the handshake. Its process is gone again
// when start fails.
func start(ctx context.Context, spec Spec, logs *logs) (l *life, err error) {
	l = &life{overdue: make(chan string, 1)}
	defer func() {
		if err != nil {
			l.end()
		}
	}()
	work, err := l.folder(spec.RunDir)
	if err != nil {
		return l, err
	}
	sockets := work
	if len(work) > maxSocketFolder {
		if sockets, err = l.folder(""); err != nil {
			return l, err
		}
		if len(sockets) > maxSocketFolder {
			return l, fmt.Errorf("%s is too long a path for a Unix socket: set a shorter data_dir or TMPDIR", sockets)
		}
	}
	var binary string
	if binary, l.sum, err = stage(spec.Binary, work); errors.As(err, new(*machineTrouble)) {
		return l, err
	} else if err != nil {
		return l, spec.refuse("plugin", err.Error())
	}
	if pin := spec.Connector.SHA256; pin != "" && !strings.EqualFold(pin, l.sum) {
		return l, spec.refuse("sha256", fmt.Sprintf("the binary %s has %s: install the pinned one, or pin this one if it is right", spec.Binary, l.sum))
	}
	if spec.StateDir != "" {
		if err := os.MkdirAll(spec.StateDir, 0o700); err != nil {
			return l, &machineTrouble{err}
		}
	}

	l.child = newChild(binary, spec.env(work), logs)
	l.child.memoryMax = spec.Connector.MemoryMax
	l.child.sockets = sockets
	l.child.tls = spec.Connector.TLS != "off"
	l.rpc = plugin.NewClient(l.clientConfig(spec, logs))
	defer context.AfterFunc(ctx, func() { _ = l.child.Kill(ctx) })()
	return l, l.connect(ctx, logs)
}

// folder makes a folder that is removed with the process.
func (l *life) folder(root string) (string, error) {
	if root == "" {
		root = os.TempDir()
	}
	f, err := newFolder(root)
	if err != nil {
		return "", &machineTrouble{fmt.Errorf("make a private folder for the process: %w", err)}
	}
	l.folders = append(l.folders, f)
	return f.path, nil
}

func (l *life) clientConfig(spec Spec, logs *logs) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{sdk.ProtocolVersion: sdk.ClientPlugins()},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			l.child.cmd.Env = append(l.child.cmd.Env, cmd.Env...)
			l.child.cmd.Env = append(l.child.cmd.Env, plugin.EnvUnixSocketDir+"="+l.child.sockets)
			return l.child, nil
		},
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: filepath.Dir(l.child.cmd.Path)},
		SkipHostEnv:      true,
		AutoMTLS:         l.child.tls,
		StartTimeout:     startTimeout,
		GRPCDialOptions:  append(sdk.ClientDialOptions(), grpc.WithChainUnaryInterceptor(l.follow, maskReplies(logs.masked))),
		Logger:           hclog.NewNullLogger(), // what matters of it comes back as errors
	}
}

// connect shakes hands and opens the connection.
func (l *life) connect(ctx context.Context, logs *logs) error {
	rpc, err := l.rpc.Client()
	if err != nil {
		return l.noHandshake(ctx, err, logs)
	}
	conn, ok := rpc.(*plugin.GRPCClient)
	if !ok {
		return fmt.Errorf("the connector does not speak gRPC")
	}
	l.health = grpc_health_v1.NewHealthClient(conn.Conn)
	dispensed, err := rpc.Dispense(sdk.Dispensed)
	if err != nil {
		return err
	}
	l.connector, ok = dispensed.(*sdk.Client)
	if !ok {
		return fmt.Errorf("dispensed a %T", dispensed)
	}
	return nil
}

// describe asks the connector what it is, and hides the texts that it calls
// secret.
func (l *life) describe(ctx context.Context, spec Spec, logs *logs) (sdk.Description, error) {
	is, err := l.connector.Describe(ctx)
	if err != nil {
		return is, l.explain(err)
	}
	logs.hide(spec.Connector.SecretTexts(is.Options))
	is.Version = logs.masked(is.Version)
	if want := pluginName(spec.Connector.Plugin); is.Name != want {
		return is, spec.refuse("plugin", fmt.Sprintf("the binary %s calls itself %q: write that name, or install the right binary", spec.Binary, is.Name))
	}
	return is, nil
}

// noHandshake says why there was none.
func (l *life) noHandshake(ctx context.Context, err error, logs *logs) error {
	if l.child.cmd.Process == nil && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("start the process: %w (is its folder on a file system that is mounted noexec?)", err)
	}
	if l.child.cmd.Process == nil {
		return fmt.Errorf("start the process: %w", err)
	}
	<-l.child.done // go-plugin killed it, if it was not gone
	switch line := strings.TrimSpace(l.child.first); {
	case ctx.Err() != nil:
		return fmt.Errorf("no handshake in time: %w", context.Cause(ctx))
	case line == "" && !l.child.killed:
		return fmt.Errorf("%s before its handshake", l.child.ending())
	case line != "" && strings.Count(line, "|") < 3:
		return fmt.Errorf("it wrote %q to its standard output, where the handshake belongs: nothing else may be printed there", shorten(logs.masked(line), 200))
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("the handshake failed: %s", shorten(logs.masked(text), 300))
}

func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// follow goes along with every call, and takes note of one whose deadline passed
// without an answer. The SDK ends a connector's work a little before, so such a
// connector does not heed its context: nobody knows what it still does, until it
// is gone.
func (l *life) follow(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	l.calls.RLock()
	defer l.calls.RUnlock()
	began := time.Now()
	err := invoke(ctx, method, req, reply, cc, opts...)
	if status.Code(err) == codes.DeadlineExceeded && time.Since(began) >= fairDeadline && !strings.HasPrefix(method, "/grpc.health.") {
		select {
		case l.overdue <- method[strings.LastIndexByte(method, '/')+1:]:
		default:
		}
	}
	return err
}

// answered waits until no call is under way: a connector that has answered all
// of them may not have sent all of its answers.
func (l *life) answered(ctx context.Context) error {
	idle := make(chan struct{})
	go func() {
		l.calls.Lock()
		defer l.calls.Unlock()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ping asks the process whether it is well.
func (l *life) ping(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := l.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: plugin.GRPCServiceName})
	if err != nil {
		return err
	}
	if s := answer.GetStatus(); s != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("it calls itself %s", s)
	}
	return nil
}

// explain says in the place of ErrProcessGone how the process ended.
func (l *life) explain(err error) error {
	if !errors.Is(err, sdk.ErrProcessGone) {
		return err
	}
	select {
	case <-l.child.done:
		return fmt.Errorf("%w: %s", sdk.ErrProcessGone, l.child.ending())
	case <-time.After(2 * pipeWait):
	}
	if l.child.tls {
		return fmt.Errorf("%w (a connector that cannot do mutual TLS needs tls = \"off\")", err)
	}
	return err
}

// stop drains the process: calls in flight are waited for until ctx ends, then
// it is asked to end, then made to. The error says that it was made to.
func (l *life) stop(ctx context.Context) error {
	err := l.connector.Stop(ctx)
	if err == nil {
		err = l.answered(ctx)
	}
	l.child.interrupt()
	select {
	case <-l.child.done:
	case <-time.After(killWait):
		err = errors.Join(err, fmt.Errorf("it did not end within %s of being asked to", killWait))
	}
	l.end()
	if err != nil {
		return fmt.Errorf("killed: %w", l.explain(err))
	}
	return nil
}

// end kills the process if it is not gone, and clears away what it leaves. It
// may be called again.
func (l *life) end() {
	if l.child != nil && l.child.cmd.Process != nil {
		_ = l.child.Kill(context.Background())
		<-l.child.done
	}
	// Only now: asking a live process to shut down, as this does, may take for ever.
	if l.rpc != nil {
		l.rpc.Kill()
	}
	for _, f := range l.folders {
		_ = f.remove() // what stays is swept at the next start
	}
	l.folders = nil
}
