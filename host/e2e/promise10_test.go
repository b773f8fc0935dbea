//go:build unix

package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Promise 10: however the host dies, its connector processes end.
func TestPromise10NoOrphan(t *testing.T) {
	for name, s := range map[string]syscall.Signal{
		"killed": syscall.SIGKILL, "asked to stop": syscall.SIGTERM, "quit": syscall.SIGQUIT, "aborted": syscall.SIGABRT,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, productReceiver+webhookTo("sink", newReceiver(t).URL, "", signed)+webhookTo("other", newReceiver(t).URL, "", signed))
			h.start()
			pids := []int{h.connectorPID("sink"), h.connectorPID("other")}
			h.die(s)
			h.noneLeft(pids...)
		})
	}
	t.Run("killed while a connector hangs", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		h := newHost(t, productReceiver+unrulyIn(dir, ""))
		h.start()
		pid := h.connectorPID("unruly")
		write(t, filepath.Join(dir, "mode"), "hang")
		h.accept(product("a", 1))
		until(t, "it hangs", func() bool { return strings.Contains(linesOf(dir, "modes"), "hang") })
		h.die(syscall.SIGKILL)
		h.noneLeft(pid)
	})
	t.Run("killed while a connector is stopped", func(t *testing.T) {
		t.Parallel()
		h := newHost(t, productReceiver+webhookTo("sink", newReceiver(t).URL, "", signed))
		h.start()
		pid := h.connectorPID("sink")
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
		signal(t, pid, syscall.SIGSTOP)
		h.die(syscall.SIGKILL)
		h.noneLeft(pid)
	})
	t.Run("killed while a connector starts", func(t *testing.T) {
		t.Parallel()
		h := newHost(t, productReceiver+webhookTo("sink", newReceiver(t).URL, "", signed))
		for range 5 {
			h.launch()
			until(t, "the host takes requests", func() bool {
				_, err := h.ask(http.MethodGet, "/healthz", "")
				return err == nil
			})
			h.die(syscall.SIGKILL)
			h.noneLeft()
		}
	})
}

// die ends the host by a signal.
func (h *host) die(s syscall.Signal) {
	h.t.Helper()
	signal(h.t, h.cmd.Process.Pid, s)
	_ = h.ended()
}

// noneLeft waits until no process of the host is there, those of pids among them.
func (h *host) noneLeft(pids ...int) {
	h.t.Helper()
	until(h.t, "all processes have ended", func() bool {
		for _, pid := range pids {
			if alive(pid) {
				return false
			}
		}
		return len(h.processes()) == 0
	})
}
