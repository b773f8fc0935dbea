//go:build unix

package e2e

import (
	"context"
	"fmt"
	"syscall"
	"testing"
)

// Promise 4: an unchanged product causes no call, whatever makes the host look at
// it again; and without faults there are at most as many writes as changes.
func TestPromise4NoNeedlessWrite(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "deliver = \"latest\"", signed))
	h.start()
	quiet := func() {
		t.Helper()
		until(t, "the lane has nothing to do", func() bool {
			l := h.lane("sink")
			return l.State == "running" && l.Lag+l.Behind+l.Dead+l.Held == 0
		})
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var l load
	wait := l.run(ctx, h, 5)
	until(t, "the load goes on", func() bool { return len(sink.all()) >= 200 })
	stop()
	wait()
	l.converged(t, sink)
	quiet()
	writes := len(sink.all())
	if changes := l.total(); writes > changes {
		t.Errorf("%d writes for %d changes", writes, changes)
	}

	for _, again := range []struct {
		cause string
		do    func()
	}{
		{"the same state in other events", func() {
			for key, n := range l.accepted {
				h.accept(fmt.Sprintf(`{"id":"again-%s","product":{"key":%q,"name":"v%d","attributes":{"n":%d}}}`, key, key, n, n))
			}
		}},
		{"the same events", func() {
			for key, n := range l.accepted {
				h.accept(product(key, n))
			}
		}},
		{"a connector that is killed", func() {
			pid := h.connectorPID("sink")
			signal(t, pid, syscall.SIGKILL)
			h.takenOver("sink", pid)
		}},
		{"a host that is killed", func() { h.kill(); h.start() }},
		{"a replay", func() { h.must("replay", "sink", "--since", "1") }},
		{"a retry", func() { h.must("retry", "sink", "--all") }},
		{"pause and resume", func() { h.must("pause", "sink"); h.must("resume", "sink") }},
	} {
		again.do()
		quiet()
		// What comes after it has been looked at after it.
		h.accept(fmt.Sprintf(`{"product":{"key":"last","name":%q}}`, again.cause))
		writes++
		until(t, "what comes after it has arrived", func() bool { return len(sink.all()) >= writes })
		quiet()
		if got := len(sink.all()); got != writes {
			t.Errorf("%s: %d needless writes", again.cause, got-writes)
			writes = got
		}
	}
}

// Promise 4, of reconciliations: what is in step is not written, and of what is
// not, each product once.
func TestPromise4NoNeedlessWriteByReconciliations(t *testing.T) {
	h, s := adopted(t, 40, "")
	written := func(when, want string) {
		t.Helper()
		h.quiet()
		if got := s.all("SELECT op, count(*) FROM log GROUP BY op"); got != want {
			t.Errorf("%s, there were written\n%s; want\n%s", when, got, want)
		}
	}
	// What is written for the first time gets our key, too.
	const once = "price|30|\nref|30|\n"
	h.offer(1, 30, "2")
	s.is("SELECT count(*) FROM products WHERE price = '2'", "30")
	written("when the source changed 30", once)
	for range 3 {
		h.reconcile()
	}
	written("when all is in step", once)
	h.kill()
	h.start()
	h.must("replay", "shop", "--since", "1")
	h.reconcile()
	written("when all is decided again", once)
	s.byHand("UPDATE products SET price = '99' WHERE id BETWEEN 9001 AND 9010")
	h.reconcile()
	s.is("SELECT count(*) FROM products WHERE price = '99'", "0")
	h.reconcile()
	written("when 10 were changed by hand", "price|40|\nref|30|\n")
}
