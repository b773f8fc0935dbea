//go:build unix

package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// load sends events of some products until it is stopped, each product's one
// after the other, and keeps which were accepted.
type load struct {
	mu       sync.Mutex
	accepted map[string]int // by product: the last number that was answered with 2xx
}

func (l *load) run(ctx context.Context, h *host, products int) (wait func()) {
	l.accepted = map[string]int{}
	var senders sync.WaitGroup
	for p := range products {
		senders.Go(func() {
			key := fmt.Sprint("p", p)
			for n := 1; ctx.Err() == nil; {
				status, err := h.send(product(key, n))
				if err != nil || status/100 != 2 {
					time.Sleep(5 * time.Millisecond) // the host is down: the same event again
					continue
				}
				l.mu.Lock()
				l.accepted[key] = n
				l.mu.Unlock()
				n++
			}
		})
	}
	return senders.Wait
}

// total is how many events were accepted.
func (l *load) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, last := range l.accepted {
		n += last
	}
	return n
}

// arrived waits until all that was accepted has arrived, and checks that nothing
// is missing, each product's events came in order, and never two of one at once.
func (l *load) arrived(t *testing.T, sink *receiver) {
	t.Helper()
	l.arrivedAt(t, sink.order)
	sink.oneAtATime(t)
}

func (l *load) arrivedAt(t *testing.T, order func(key string) []int) {
	t.Helper()
	until(t, "all accepted events have arrived", func() bool {
		for key, last := range l.accepted {
			if !slices.Contains(order(key), last) {
				return false
			}
		}
		return true
	})
	for key := range l.accepted {
		got := order(key)
		for i, n := range got {
			if n != i+1 {
				t.Errorf("%s: event %d is missing or out of order: %v", key, i+1, got)
				break
			}
		}
	}
}

// converged waits until every product's last state has arrived where only states
// count, and checks that nothing old came after something new. One more may have been
// accepted than was answered, if the host was killed in between.
func (l *load) converged(t *testing.T, sink *receiver) {
	t.Helper()
	until(t, "every product's last state has arrived", func() bool {
		for key, last := range l.accepted {
			if got := sink.order(key); len(got) == 0 || got[len(got)-1] < last {
				return false
			}
		}
		return true
	})
	for key := range l.accepted {
		if got := sink.order(key); !slices.IsSorted(got) {
			t.Errorf("%s: old after new: %v", key, got)
		}
	}
	sink.oneAtATime(t)
}
