//go:build unix

package e2e

import (
	"context"
	"math/rand/v2"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// Promise 2: per product, in order. Never two calls in flight for one product at
// one connector, and never old after new, though a few products have all the
// events, answers take their time or fail, and processes die in the middle.
func TestPromise2PerProductInOrder(t *testing.T) {
	every, latest := newReceiver(t), newReceiver(t)
	unsteady := func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		time.Sleep(rand.N(10 * time.Millisecond))
		if rand.IntN(10) == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	every.set(unsteady)
	latest.set(unsteady)
	h := newHost(t, productReceiver+
		webhookTo("every", every.URL, soonAgain, signed)+
		webhookTo("latest", latest.URL, soonAgain+"deliver = \"latest\"", signed))
	h.start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var l load
	wait := l.run(ctx, h, 3)
	for range 3 {
		for _, name := range []string{"every", "latest"} {
			want := len(every.all()) + 20
			until(t, "the load goes on", func() bool { return len(every.all()) >= want })
			signal(t, h.connectorPID(name), syscall.SIGKILL)
		}
		h.kill()
		h.start()
	}
	stop()
	wait()
	every.set(nil)
	latest.set(nil)
	l.arrived(t, every)
	l.converged(t, latest)
}
