package launch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin/runner"
)

// pipeWait is how long pipes are read on after their process ended: a process
// that left the group may hold them open for ever.
const pipeWait = time.Second

// child is one operating system process, as go-plugin's client wants to see it.
// go-plugin's own runner won't do: it kills the process only, not its children,
// knows no death signal, and stops reading at a long line.
type child struct {
	cmd       *exec.Cmd
	logs      *logs
	memoryMax int64
	sockets   string // folder that its Unix socket must be in
	tls       bool

	handshake *io.PipeReader // the first line of its standard output
	lifeline  *os.File       // its standard input: ends when we do
	done      chan struct{}  // closed when it is gone, and its output read
	first     string         // the first line; after done
	exit      error          // of cmd.Wait; after done

	mu     sync.Mutex
	group  *group // nil before the start and after the end: its id may be another's then
	over   bool
	killed bool // by us, before it was over
}

// newChild prepares a process; env is all of its environment.
func newChild(binary string, env []string, logs *logs) *child {
	cmd := exec.Command(binary) //nolint:noctx // it ends by Kill, with its group
	cmd.Env = env
	return &child{cmd: cmd, logs: logs, done: make(chan struct{})}
}

var _ runner.Runner = (*child)(nil)

// pipes are the ends of a process's standard streams.
type pipes struct{ in, out, err struct{ r, w *os.File } }

func openPipes() (*pipes, error) {
	var p pipes
	for _, one := range []*struct{ r, w *os.File }{&p.in, &p.out, &p.err} {
		var err error
		if one.r, one.w, err = os.Pipe(); err != nil {
			p.closeOurs()
			p.closeTheirs()
			return nil, err
		}
	}
	return &p, nil
}

// Closing a nil file does nothing but answer an error.
func (p *pipes) closeTheirs() { p.in.r.Close(); p.out.w.Close(); p.err.w.Close() }
func (p *pipes) closeOurs()   { p.in.w.Close(); p.out.r.Close(); p.err.r.Close() }

// Start starts the process. It is called once.
func (c *child) Start(context.Context) error {
	p, err := openPipes()
	if err != nil {
		return err
	}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = p.in.r, p.out.w, p.err.w
	c.cmd.SysProcAttr = sysProcAttr()
	err = c.fork()
	p.closeTheirs()
	if err != nil {
		p.closeOurs()
		return err
	}
	c.lifeline = p.in.w
	g, err := enclose(c.cmd.Process, c.memoryMax)
	c.mu.Lock()
	c.group = &g
	if err != nil || c.killed {
		_ = c.cmd.Process.Kill()
	}
	c.mu.Unlock()

	reader, firstLine := io.Pipe()
	c.handshake = reader
	exited := make(chan struct{})
	var output sync.WaitGroup
	output.Go(func() { c.logs.drain(p.err.r, hclog.Warn) })
	output.Go(func() { c.readStdout(p.out.r, firstLine, exited) })
	go c.wait(p, &output, exited)
	return err
}

// fork starts the process from a thread that lives as long as the process does:
// the death signal is sent when the thread ends, not the host.
func (c *child) fork() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			<-c.done
		}
	}()
	return <-started
}

// wait sees the process off, and whatever it started.
func (c *child) wait(p *pipes, output *sync.WaitGroup, exited chan struct{}) {
	c.exit = c.cmd.Wait()
	c.mu.Lock()
	_ = c.group.kill()
	c.group.close()
	c.group, c.over = nil, true
	c.mu.Unlock()
	close(exited)

	late := time.AfterFunc(pipeWait, p.closeOurs)
	output.Wait()
	late.Stop()
	p.closeOurs()
	close(c.done)
}

// readStdout hands the first line on as the handshake; the rest, which should
// not be, goes to the log.
func (c *child) readStdout(r io.Reader, handshake *io.PipeWriter, exited <-chan struct{}) {
	out := bufio.NewReaderSize(r, maxLine)
	line, err := out.ReadSlice('\n')
	if len(line) == 0 {
		// No line will come. Say so once it is known how the process ended.
		select {
		case <-exited:
		case <-time.After(pipeWait):
		}
	} else {
		c.first = string(line)
		_, _ = handshake.Write(line)
	}
	handshake.Close()
	if err == nil || errors.Is(err, bufio.ErrBufferFull) {
		c.logs.drain(out, hclog.Info)
	}
}

// Wait waits until the process is gone and its output read.
func (c *child) Wait(context.Context) error {
	<-c.done
	return c.exit
}

// Kill ends the process and its group at once; one that is just being started,
// as soon as it is.
func (c *child) Kill(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	c.killed = true
	if c.group == nil {
		return nil
	}
	return c.group.kill()
}

// ending says how the process ended; after done.
func (c *child) ending() string {
	if c.exit == nil {
		return "it ended by itself, without an error"
	}
	return "it ended: " + c.exit.Error()
}

// interrupt asks the process to end: by signal, and by ending its input.
func (c *child) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.group != nil {
		c.group.interrupt()
		c.lifeline.Close()
	}
}

// Stdout is the handshake line; Stderr is empty, since it is read here.
func (c *child) Stdout() io.ReadCloser           { return c.handshake }
func (c *child) Stderr() io.ReadCloser           { return io.NopCloser(strings.NewReader("")) }
func (c *child) Name() string                    { return filepath.Base(c.cmd.Path) }
func (c *child) Diagnose(context.Context) string { return "" }

// ID is the process id; empty before the start.
func (c *child) ID() string {
	if c.cmd.Process == nil {
		return ""
	}
	return strconv.Itoa(c.cmd.Process.Pid)
}

// PluginToHost refuses addresses that others could listen on.
func (c *child) PluginToHost(network, address string) (string, string, error) {
	switch network {
	case "unix":
		if filepath.Dir(filepath.Clean(address)) == filepath.Clean(c.sockets) {
			return network, address, nil
		}
		return "", "", fmt.Errorf("it listens on %q: its socket must be in the folder that PLUGIN_UNIX_SOCKET_DIR names", address)
	case "tcp":
		host, _, err := net.SplitHostPort(address)
		if err == nil && net.ParseIP(host).IsLoopback() && c.tls {
			return network, address, nil
		}
		return "", "", fmt.Errorf("it listens on %q: it must use a Unix socket, or a loopback address with tls = \"auto\"", address)
	}
	return "", "", fmt.Errorf("it listens on a %q address: it must use a Unix socket", network)
}

// HostToPlugin changes nothing: both are on one machine.
func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
