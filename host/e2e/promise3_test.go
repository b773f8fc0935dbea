//go:build unix

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Promise 3: when faults stop, every destination reaches the wanted state. Under
// load the receivers fail so much of what they get, then heal.
func TestPromise3Converges(t *testing.T) {
	for _, percent := range []int{1, 50, 100} {
		t.Run(fmt.Sprintf("%d%% fail", percent), func(t *testing.T) {
			t.Parallel()
			every, latest := newReceiver(t), newReceiver(t)
			var failed atomic.Int64
			fail := func(w http.ResponseWriter, _ *http.Request, _ []byte) {
				if rand.IntN(100) < percent {
					failed.Add(1)
					w.WriteHeader(http.StatusInternalServerError)
				}
			}
			every.set(fail)
			latest.set(fail)
			h := newHost(t, productReceiver+
				webhookTo("every", every.URL, soonAgain, signed)+
				webhookTo("latest", latest.URL, soonAgain+"deliver = \"latest\"", signed))
			h.start()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var l load
			wait := l.run(ctx, h, 40)
			until(t, "enough has failed", func() bool { return failed.Load() >= int64(min(percent, 50)) && l.total() >= 400 })
			if percent == 100 {
				until(t, "the circuits have opened", func() bool {
					return h.lane("every").State == "circuit open" && h.lane("latest").State == "circuit open"
				})
			}
			stop()
			wait()
			every.set(nil)
			latest.set(nil)
			l.arrived(t, every)
			l.converged(t, latest)
			until(t, "the host knows it", func() bool {
				for _, name := range []string{"every", "latest"} {
					if lane := h.lane(name); lane.Lag+lane.Behind+lane.Dead+lane.Held > 0 {
						return false
					}
				}
				return true
			})
		})
	}
}

// Promise 3, of reconciliations: killed in the midst of a plan, of its being
// applied, and of its being taken back, each of them comes to the same as one that
// was not.
func TestPromise3ConvergesThoughReconciliationsAreKilled(t *testing.T) {
	h, s := newTable(t, "")
	s.fill(400)
	s.record()
	const there = "SELECT id, sku, title, price, stock FROM products WHERE NOT deleted ORDER BY id"
	before := s.all(there)
	h.start()
	h.offer(1, 600, "2")

	lock := func() {
		h.connectorPID("shop")
		s.do("BEGIN EXCLUSIVE")
	}
	plan := []string{"plan", "shop"}
	for range 3 {
		lock() // the listing waits
		h.killedDuring(plan, "a plan is being made", func() bool { return strings.Contains(h.must("plans", "shop"), " making ") })
		s.do("ROLLBACK")
		h.start()
	}
	for range 5 {
		h.killedDuring(plan, "any moment", anyMoment())
		h.start()
	}
	h.must(plan...)
	name := h.planName()
	if out := h.must("plans", "shop", "--limit", "1"); !strings.Contains(out, "+ 200  = 400  . 2") {
		t.Fatalf("it plans\n%s", out)
	}

	lock() // what it looks at again waits
	h.killedDuring([]string{"apply", name}, "it is being applied", func() bool { return strings.Contains(h.must("plans", "shop"), " applying ") })
	s.do("ROLLBACK")
	h.start()
	written := func(n int) func() bool {
		return func() bool { return s.one(fmt.Sprintf("SELECT count(*) > %d FROM log", n)) == "1" }
	}
	for n := range 4 {
		h.killedDuring([]string{"apply", name}, "the shop is being written", written(200*n))
		h.start()
	}
	h.cli("apply", name) // which it may be already
	s.is("SELECT count(*) FROM products WHERE price = '2'", "600")
	h.quiet()
	if inserted, rows := s.one("SELECT count(*) FROM log WHERE op = 'insert'"), s.one("SELECT count(*) FROM products"); inserted != "200" || rows != "602" {
		t.Errorf("%s rows were created, and there are %s", inserted, rows)
	}

	id, _, _ := strings.Cut(name, "-")
	for range 3 {
		h.killedDuring([]string{"undo", id}, "any moment", anyMoment())
		h.start()
	}
	h.cli("undo", id) // which it may be already
	s.is("SELECT count(*) FROM products WHERE price = '1' AND NOT deleted", "401")
	h.quiet()
	if after := s.all(there); after != before {
		t.Errorf("what was taken back is\n%s\nand was\n%s", after, before)
	}
}

// killedDuring kills the host when a command has come as far as ready says.
func (h *host) killedDuring(command []string, what string, ready func() bool) {
	h.t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.cli(command...)
	}()
	until(h.t, what, ready)
	h.kill()
	<-ended
}

func anyMoment() func() bool {
	moment := time.Now().Add(rand.N(200 * time.Millisecond))
	return func() bool { return time.Now().After(moment) }
}
