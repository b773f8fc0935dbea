//go:build unix

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// soonAgain are waits that let a test see what comes of a failure.
const soonAgain = `retry = ["100ms", "200ms", "500ms", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s"]` + "\n"

// Promise 1: no accepted event is lost, whatever process is killed at whatever
// moment. Each cause is provoked under load, and what arrives is held to promise
// 2, too. See also TestPromise1NoAcceptedEventIsLostWhenTheDiskIsFull,
// TestPromise3ConvergesThoughTheClockJumps and TestSoak.
func TestPromise1NoAcceptedEventIsLost(t *testing.T) {
	for name, provoke := range map[string]func(t *testing.T, h *host, sink *receiver){
		"the host is killed":       killTheHost,
		"the connector is killed":  func(t *testing.T, h *host, _ *receiver) { signalTheConnector(t, h, syscall.SIGKILL) },
		"the connector is stopped": func(t *testing.T, h *host, _ *receiver) { signalTheConnector(t, h, syscall.SIGSTOP) },
		"the receiver hangs":       hangTheReceiver,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := newReceiver(t)
			h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "timeout = \"2s\"\n"+soonAgain, signed))
			h.start()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var l load
			wait := l.run(ctx, h, 8)
			until(t, "the load goes on", func() bool { return len(sink.all()) >= 50 })
			provoke(t, h, sink)
			stop()
			wait()
			l.arrived(t, sink)
		})
	}
	t.Run("the connector misbehaves", func(t *testing.T) {
		t.Parallel()
		misbehave(t)
	})
}

func killTheHost(t *testing.T, h *host, sink *receiver) {
	for range 5 {
		want := len(sink.all()) + 50 + rand.IntN(200)
		until(t, "the load goes on", func() bool { return len(sink.all()) >= want })
		h.kill()
		h.start()
	}
}

func signalTheConnector(t *testing.T, h *host, s syscall.Signal) {
	pid := h.connectorPID("sink")
	signal(t, pid, s)
	h.takenOver("sink", pid)
}

// hangTheReceiver has every request wait until the sender gives up.
func hangTheReceiver(t *testing.T, _ *host, sink *receiver) {
	gaveUp := make(chan struct{}, 100)
	sink.set(func(w http.ResponseWriter, r *http.Request, _ []byte) {
		<-r.Context().Done()
		w.WriteHeader(http.StatusInternalServerError) // nobody hears it: it was not taken
		select {
		case gaveUp <- struct{}{}:
		default:
		}
	})
	for range 3 {
		<-gaveUp
	}
	sink.set(nil)
}

// misbehave has the connector itself be wrong in one way after the other.
func misbehave(t *testing.T) {
	dir := t.TempDir()
	h := newHost(t, productReceiver+unrulyIn(dir, ""))
	h.start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var l load
	wait := l.run(ctx, h, 4)
	for _, mode := range []string{"lie", "garble", "slow", "crash", "panic", "hang", "flood"} {
		write(t, filepath.Join(dir, "mode"), mode)
		until(t, "it has behaved like "+mode, func() bool { return strings.Contains(linesOf(dir, "modes"), mode+"\n") })
		write(t, filepath.Join(dir, "mode"), "behave")
		before := len(linesOf(dir, "arrived"))
		until(t, "it works again after "+mode, func() bool { return len(linesOf(dir, "arrived")) > before })
	}
	stop()
	wait()
	l.arrivedAt(t, arrivals(dir).order)
}

// unrulyIn is a connector that misbehaves as the file mode in dir says.
func unrulyIn(dir, block string) string {
	return fmt.Sprintf("\n[connectors.unruly]\nplugin = \"unruly\"\ntimeout = \"2s\"\n%s%s[connectors.unruly.config]\ndir = %q\n", soonAgain, block, dir)
}

func linesOf(dir, name string) string {
	text, _ := os.ReadFile(filepath.Join(dir, name)) // none yet
	return string(text)
}

// arrivals is the folder where the unruly connector keeps what arrived.
type arrivals string

// order is as that of a receiver.
func (dir arrivals) order(key string) (numbers []int) {
	for line := range strings.Lines(linesOf(string(dir), "arrived")) {
		of, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(strings.TrimPrefix(name, "v"))
		if of == key && err == nil && (len(numbers) == 0 || numbers[len(numbers)-1] != n) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// Promise 1, of a host that is killed again and again before it has started.
func TestPromise1NoAcceptedEventIsLostWhenTheHostIsKilledWhileItStarts(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, soonAgain, signed))
	h.start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var l load
	wait := l.run(ctx, h, 4)
	until(t, "the load goes on", func() bool { return l.total() >= 50 })
	for range 10 {
		h.kill()
		h.launch()
		time.Sleep(rand.N(150 * time.Millisecond)) // any moment of a start
	}
	h.kill()
	h.start()
	stop()
	wait()
	l.arrived(t, sink)
}
