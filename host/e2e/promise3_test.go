//go:build unix

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
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
