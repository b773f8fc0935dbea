package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// process is one life of a connector: a running child and the connection to it.
type process struct {
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
func start(ctx context.Context, spec Spec, logs *logs) (p *process, err error) {
	p = &process{overdue: make(chan string, 1)}
	defer func() {
		if err != nil {
			p.end()
		}
	}()
	work, err := p.folder(spec.RunDir)
	if err != nil {
		return p, err
	}
	sockets := work
	if len(work) > maxSocketFolder {
		if sockets, err = p.folder(""); err != nil {
			return p, err
		}
		if len(sockets) > maxSocketFolder {
			return p, fmt.Errorf("%s is too long a path for a Unix socket: set a shorter data_dir or TMPDIR", sockets)
		}
	}
	var binary string
	if binary, p.sum, err = stage(spec.Binary, work); errors.As(err, new(*machineTrouble)) {
		return p, err
	} else if err != nil {
		return p, spec.refuse("plugin", err.Error())
	}
	if pin := spec.Connector.SHA256; pin != "" && !strings.EqualFold(pin, p.sum) {
		return p, spec.refuse("sha256", fmt.Sprintf("the binary %s has %s: install the pinned one, or pin this one if it is right", spec.Binary, p.sum))
	}
	if spec.StateDir != "" {
		if err := os.MkdirAll(spec.StateDir, 0o700); err != nil {
			return p, &machineTrouble{err}
		}
	}

	p.child = newChild(binary, spec.env(work), logs)
	p.child.memoryMax = spec.Connector.MemoryMax
	p.child.sockets = sockets
	p.child.tls = spec.Connector.TLS != "off"
	p.rpc = plugin.NewClient(p.clientConfig(spec, logs))
	defer context.AfterFunc(ctx, func() { _ = p.child.Kill(ctx) })()
	return p, p.connect(ctx, logs)
}

// folder makes a folder that is removed with the process.
func (p *process) folder(root string) (string, error) {
	if root == "" {
		root = os.TempDir()
	}
	f, err := newFolder(root)
	if err != nil {
		return "", &machineTrouble{fmt.Errorf("make a private folder for the process: %w", err)}
	}
	p.folders = append(p.folders, f)
	return f.path, nil
}

// env is a process's whole environment but for what go-plugin adds: nothing is
// inherited save what the operator allowed.
func (s Spec) env(tmp string) []string {
	var env []string
	for _, name := range s.Connector.Env {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if limit := s.Connector.MemoryMax; limit > 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(limit/10*9, 10))
	}
	return append(env, fixedEnv(tmp)...)
}

func (p *process) clientConfig(spec Spec, logs *logs) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{sdk.ProtocolVersion: sdk.ClientPlugins()},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			p.child.cmd.Env = append(p.child.cmd.Env, cmd.Env...)
			p.child.cmd.Env = append(p.child.cmd.Env, plugin.EnvUnixSocketDir+"="+p.child.sockets)
			return p.child, nil
		},
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: filepath.Dir(p.child.cmd.Path)},
		SkipHostEnv:      true,
		AutoMTLS:         p.child.tls,
		StartTimeout:     startTimeout,
		GRPCDialOptions:  append(sdk.ClientDialOptions(), grpc.WithChainUnaryInterceptor(p.follow, maskReplies(logs.masked))),
		Logger:           hclog.NewNullLogger(), // what matters of it comes back as errors
	}
}

// connect shakes hands and opens the connection.
func (p *process) connect(ctx context.Context, logs *logs) error {
	rpc, err := p.rpc.Client()
	if err != nil {
		return p.noHandshake(ctx, err, logs)
	}
	conn, ok := rpc.(*plugin.GRPCClient)
	if !ok {
		return fmt.Errorf("the connector does not speak gRPC")
	}
	p.health = grpc_health_v1.NewHealthClient(conn.Conn)
	dispensed, err := rpc.Dispense(sdk.Dispensed)
	if err != nil {
		return err
	}
	p.connector, ok = dispensed.(*sdk.Client)
	if !ok {
		return fmt.Errorf("dispensed a %T", dispensed)
	}
	return nil
}

// noHandshake says why there was none.
func (p *process) noHandshake(ctx context.Context, err error, logs *logs) error {
	if p.child.cmd.Process == nil && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("start the process: %w (is its folder on a file system that is mounted noexec?)", err)
	}
	if p.child.cmd.Process == nil {
		return fmt.Errorf("start the process: %w", err)
	}
	<-p.child.done // go-plugin killed it, if it was not gone
	switch line := strings.TrimSpace(p.child.first); {
	case ctx.Err() != nil:
		return fmt.Errorf("no handshake in time: %w", context.Cause(ctx))
	case line == "" && !p.child.killed:
		return fmt.Errorf("%s before its handshake", p.child.ending())
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
func (p *process) follow(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	p.calls.RLock()
	defer p.calls.RUnlock()
	began := time.Now()
	err := invoke(ctx, method, req, reply, cc, opts...)
	if status.Code(err) == codes.DeadlineExceeded && time.Since(began) >= fairDeadline && !strings.HasPrefix(method, "/grpc.health.") {
		select {
		case p.overdue <- method[strings.LastIndexByte(method, '/')+1:]:
		default:
		}
	}
	return err
}

// answered waits until no call is under way: a connector that has answered all
// of them may not have sent all of its answers.
func (p *process) answered(ctx context.Context) error {
	idle := make(chan struct{})
	go func() {
		p.calls.Lock()
		defer p.calls.Unlock()
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
func (p *process) ping(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := p.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: plugin.GRPCServiceName})
	if err != nil {
		return err
	}
	if s := answer.GetStatus(); s != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("it calls itself %s", s)
	}
	return nil
}

// explain says in the place of ErrProcessGone how the process ended.
func (p *process) explain(err error) error {
	if !errors.Is(err, sdk.ErrProcessGone) {
		return err
	}
	select {
	case <-p.child.done:
		return fmt.Errorf("%w: %s", sdk.ErrProcessGone, p.child.ending())
	case <-time.After(2 * pipeWait):
	}
	if p.child.tls {
		return fmt.Errorf("%w (a connector that cannot do mutual TLS needs tls = \"off\")", err)
	}
	return err
}

// stop drains the process: calls in flight are waited for until ctx ends, then
// it is asked to end, then made to. The error says that it was made to.
func (p *process) stop(ctx context.Context) error {
	err := p.connector.Stop(ctx)
	if err == nil {
		err = p.answered(ctx)
	}
	p.child.interrupt()
	select {
	case <-p.child.done:
	case <-time.After(killWait):
		err = errors.Join(err, fmt.Errorf("it did not end within %s of being asked to", killWait))
	}
	p.end()
	if err != nil {
		return fmt.Errorf("killed: %w", p.explain(err))
	}
	return nil
}

// end kills the process if it is not gone, and clears away what it leaves. It
// may be called again.
func (p *process) end() {
	if p.child != nil && p.child.cmd.Process != nil {
		_ = p.child.Kill(context.Background())
		<-p.child.done
	}
	// Only now: asking a live process to shut down, as this does, may take for ever.
	if p.rpc != nil {
		p.rpc.Kill()
	}
	for _, f := range p.folders {
		_ = f.remove() // what stays is swept at the next start
	}
	p.folders = nil
}
