package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Promise 1, and 3: events are refused with 503 while the disk is full, and work
// goes on by itself when there is room.
func TestPromise1NoAcceptedEventIsLostWhenTheDiskIsFull(t *testing.T) {
	sink, disk := newReceiver(t), tempDir(t)
	mountTmpfs(t, disk, "size=64m")
	h := newHost(t, fmt.Sprintf("data_dir = %q\n", disk)+productReceiver+webhookTo("sink", sink.URL, "", signed))
	h.start()
	h.connectorPID("sink")

	l := load{accepted: map[string]int{}}
	next := func() answer {
		n := l.accepted["a"] + 1
		a, err := h.ask(http.MethodPost, "/in/products", product("a", n), bearer()...)
		if err != nil {
			t.Fatal(err)
		}
		if a.status/100 == 2 {
			l.accepted["a"] = n
		}
		return a
	}
	next()
	for range 3 { // what made room once must not be all there is to it
		fill(t, filepath.Join(disk, "ballast"))
		var refused answer
		until(t, "an event is refused", func() bool { refused = next(); return refused.status/100 != 2 })
		wait, err := strconv.Atoi(refused.header.Get("Retry-After"))
		if refused.status != http.StatusServiceUnavailable || err != nil || wait < 1 {
			t.Errorf("while the disk is full: %d %s, Retry-After %q", refused.status, refused.body, refused.header.Get("Retry-After"))
		}
		if a, err := h.ask(http.MethodGet, "/readyz", ""); err != nil || a.status != http.StatusServiceUnavailable {
			t.Errorf("/readyz while the disk is full: %d %s, %v", a.status, a.body, err)
		}
		if a, err := h.ask(http.MethodGet, "/healthz", ""); err != nil || a.status != http.StatusOK {
			t.Errorf("/healthz while the disk is full: %d %s, %v", a.status, a.body, err)
		}
		if err := os.Remove(filepath.Join(disk, "ballast")); err != nil {
			t.Fatal(err)
		}
		until(t, "events are taken again", func() bool { return next().status/100 == 2 })
	}
	l.arrived(t, sink)
	if err := h.stop(); err != nil {
		t.Errorf("the host ends with %v", err)
	}
}

// What is accepted into a file that somebody removed would be gone with the process.
func TestRemovedStoreTakesNoEvents(t *testing.T) {
	h := newHost(t, productReceiver)
	h.start()
	h.accept(product("a", 1))
	if err := os.Remove(filepath.Join(h.dir, "data", "synchost.db")); err != nil {
		t.Fatal(err)
	}
	until(t, "events are refused", func() bool {
		a, err := h.ask(http.MethodPost, "/in/products", product("a", 2), bearer()...)
		return err == nil && a.status == http.StatusServiceUnavailable
	})
	if a, err := h.ask(http.MethodGet, "/readyz", ""); err != nil || a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "removed") {
		t.Errorf("/readyz: %d %s, %v", a.status, a.body, err)
	}
	if !strings.Contains(h.log.String(), "was removed or replaced") {
		t.Error("the log does not tell of it")
	}
}

// A connector that cannot be started for want of room is started when there is.
func TestConnectorWaitsForRoom(t *testing.T) {
	sink, disk := newReceiver(t), tempDir(t)
	mountTmpfs(t, disk, "size=64m")
	h := newHost(t, fmt.Sprintf("data_dir = %q\n", disk)+productReceiver+webhookTo("sink", sink.URL, "", signed))
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	if err := os.Truncate(ballast, 60<<20); err != nil { // room for events, and not for a binary
		t.Fatal(err)
	}
	h.start()
	// While a start of the connector fills the rest of the disk, the event is told to come again.
	until(t, "the event is taken", func() bool {
		status, err := h.send(product("a", 1))
		return err == nil && status/100 == 2
	})
	until(t, "the connector waits", func() bool {
		c := h.status().Connectors[0]
		return c.State == "restarting" && strings.Contains(c.Reason, "no space left")
	})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "the event has arrived", func() bool { return len(sink.all()) == 1 })
}

func mountTmpfs(t *testing.T, dir, options string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("needs to mount a small file system, which only root may: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// fill writes a file until there is no room left.
func fill(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := bytes.Repeat([]byte("x"), 4096); err == nil; {
		_, err = file.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
