package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// errNotHere says that the system does not tell about its processes as Linux does.
var errNotHere = errors.New("not measured on this system")

// process is a child; where the system can, it ends with us however we end.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it is gone
}

func spawn(log *os.File, env []string, name string, args ...string) (*process, error) {
	cmd := exec.Command(name, args...) //nolint:noctx // ended by its owner
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.SysProcAttr = log, log, env, sysProcAttr()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its state
		close(p.done)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// gone says how it ended, if it has; nil: it runs.
func (p *process) gone() error {
	select {
	case <-p.done:
		return fmt.Errorf("the process has ended: %s", p.cmd.ProcessState)
	default:
		return nil
	}
}

// kill ends it at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error: it is gone
	<-p.done
}

// stop asks it to end in order, and waits until it has.
func (p *process) stop() {
	if p.cmd.Process.Signal(os.Interrupt) == nil {
		select {
		case <-p.done:
		case <-time.After(30 * time.Second):
		}
	}
	p.kill()
}

// processes are all that were started, so that none is left behind.
type processes []*process

func (ps processes) kill() {
	for _, p := range ps {
		p.kill()
	}
}
