//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func (h *host) connectorPID(name string) (pid int) {
	h.t.Helper()
	until(h.t, name+" runs", func() bool {
		for _, c := range h.status().Connectors {
			if c.Name == name && c.State == "ready" {
				pid = c.PID
			}
		}
		return pid != 0
	})
	return pid
}

// alive says whether a process is there and no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// processes are those whose command line names the host's folder: the host, and
// connectors, whose executables it keeps there.
func (h *host) processes() (pids []int) {
	h.t.Helper()
	if runtime.GOOS != "linux" {
		return nil // no folder tells of processes
	}
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, file := range files {
		line, _ := os.ReadFile(file) // it may have ended
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && bytes.Contains(line, []byte(h.dir)) && alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// proc is a file that the system keeps about a process.
func proc(t *testing.T, pid int, file string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	return string(text)
}

// takenOver waits until a connector runs as another process than before.
func (h *host) takenOver(name string, before int) {
	h.t.Helper()
	until(h.t, "another process has taken over", func() bool {
		for _, c := range h.status().Connectors {
			if c.Name == name && c.State == "ready" && c.PID != before {
				return true
			}
		}
		return false
	})
}

func signal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}
