//go:build unix

package e2e

import (
	"context"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// A stop in order lets what is on its way finish: nothing is missing afterwards,
// nothing comes twice, and nothing is delayed beyond the restart.
func TestStopUnderLoadRepeatsNothing(t *testing.T) {
	sink := newReceiver(t)
	sink.set(func(http.ResponseWriter, *http.Request, []byte) { time.Sleep(3 * time.Millisecond) }) // so that much is in flight
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed))
	h.start()
	ctx, cancel := context.WithCancel(t.Context())
	var l load
	wait := l.run(ctx, h, 8)
	for range 3 {
		want := len(sink.all()) + 100
		until(t, "the load goes on", func() bool { return len(sink.all()) >= want })
		pid := h.connectorPID("sink")
		if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := h.ended(); err != nil {
			t.Fatalf("the host ends with %v", err)
		}
		if alive(pid) {
			t.Error("the connector outlives the host")
		}
		h.start()
	}
	cancel()
	wait()
	l.arrived(t, sink)
	times := map[string]int{}
	for _, one := range sink.all() {
		id := one.header.Get("webhook-id")
		if times[id]++; times[id] == 2 {
			t.Errorf("%s came twice", one.body)
		}
	}
}

// A stop does not wait for ever: not for a receiver that does not answer, and not
// for a sender that does not end.
func TestStopDoesNotWaitForEver(t *testing.T) {
	sink, release := newReceiver(t), make(chan struct{})
	t.Cleanup(func() { close(release) }) // before the receiver is closed
	called := make(chan struct{}, 1)
	sink.set(func(http.ResponseWriter, *http.Request, []byte) {
		select {
		case called <- struct{}{}:
		default:
		}
		<-release
	})
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed))
	h.start()
	h.accept(product("a", 1))
	<-called
	if err := h.stop(); err != nil {
		t.Fatalf("the host ends with %v", err)
	}
	sink.set(nil)
	h.start()
	until(t, "it is sent again", func() bool { return len(sink.order("a")) == 1 })
}
