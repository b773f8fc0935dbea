package deliver_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/simtest"
	"github.com/synchost/synchost/host/internal/store"
)

// action is something that somebody does.
type action struct {
	at time.Duration
	do func(d simtest.Dice)
}

// chaos lets the source, the operator and the faults do what they do.
func (s *simulation) chaos() {
	var script []action
	d := s.dice("script")
	for range s.sends {
		script = append(script, action{d.Between(0, s.lasts), s.send})
	}
	for range s.acts {
		do := simtest.Pick(d, s.operator())
		script = append(script, action{d.Between(0, s.lasts), func(d simtest.Dice) {
			if d.Chance(0.5) { // while there is much to do
				s.send(d)
				s.await(d)
			}
			do(d)
		}})
	}
	slices.SortFunc(script, func(a, b action) int { return cmp.Compare(a.at, b.at) })
	for i, act := range script {
		d := s.dice("action", i)
		// What happens at the same time has no order: there is always a moment between.
		time.Sleep(max(time.Until(s.began.Add(act.at)), d.Between(time.Microsecond, time.Millisecond)))
		act.do(d)
	}
	time.Sleep(time.Until(s.began.Add(s.lasts)))
}

// await waits for a moment at which it matters what happens next: something has
// just arrived at the platform, or been written, and nobody was told yet.
func (s *simulation) await(d simtest.Dice) {
	moment := make(chan struct{})
	s.mu.Lock()
	s.moment, s.momentsLeft = moment, d.IntN(10)
	s.mu.Unlock()
	select {
	case <-moment:
	case <-time.After(d.Between(0, time.Second)):
	}
}

// passes is called at such a moment. s is locked.
func (s *simulation) passes() {
	if s.momentsLeft--; s.momentsLeft < 0 && s.moment != nil {
		close(s.moment)
		s.moment = nil
	}
}

// operator lists what the operator, or fate, may do to the host.
func (s *simulation) operator() []func(simtest.Dice) {
	list := []func(simtest.Dice){s.restart, s.pause, s.replay, s.replay, s.retry, s.prune, s.changePolicy}
	if s.faults != (faults{}) {
		list = append(list, s.kill, s.kill, s.killProcess)
	}
	return list
}

func (s *simulation) restart(simtest.Dice) {
	s.log("the host is restarted")
	s.stopHost()
	s.closeDisk()
	s.openDisk()
	s.startHost()
}

func (s *simulation) kill(d simtest.Dice) {
	s.log("the host is killed")
	s.killHost(d)
	time.Sleep(d.Between(0, time.Minute))
	s.startHost()
	s.log("the host runs again")
}

func (s *simulation) killProcess(simtest.Dice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logLocked("the connector's process is killed")
	s.host.dies()
}

func (s *simulation) changePolicy(d simtest.Dice) {
	s.stopHost()
	s.mu.Lock()
	s.policies = append(s.policies, newPolicy(d))
	s.logLocked("the policy is %+v", s.policy())
	s.mu.Unlock()
	s.startHost()
}

// asks has the operator do something that may have to wait for calls in flight.
func (s *simulation) asks(what string, do func(h *host) error) {
	h := s.host
	s.log("%s", what)
	s.actions.Go(func() {
		err := do(h)
		s.log("%s: done, %v", what, err)
	})
}

func (s *simulation) pause(d simtest.Dice) {
	lasts := d.Between(0, 10*time.Minute)
	s.asks("pause", func(h *host) error {
		if err := h.lane.Pause(h.ctx, "stocktaking"); err != nil {
			return err
		}
		select {
		case <-time.After(lasts):
			return h.lane.Resume(h.ctx)
		case <-h.ctx.Done():
			return h.ctx.Err()
		}
	})
}

func (s *simulation) replay(d simtest.Dice) {
	head, err := s.disk.Head(context.Background())
	if err != nil || head == 0 {
		return
	}
	since := 1 + d.Int64N(head)
	s.asks(fmt.Sprint("replay since ", since), func(h *host) error {
		err := h.lane.Replay(h.ctx, since)
		var entries []event.Entry
		if err == nil {
			entries = s.journal(since - 1)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.truth.replayed(since, entries) // or perhaps, when it failed
		return err
	})
}

// retry is done while nothing moves, so that the operator can look at the platform first.
func (s *simulation) retry(simtest.Dice) {
	s.asks("retry", func(h *host) error {
		if err := h.lane.Pause(h.ctx, "to retry"); err != nil {
			return err
		}
		if keys := s.tidyUp(); len(keys) > 0 {
			if _, err := h.lane.Retry(h.ctx, keys); err != nil {
				return err
			}
		}
		return h.lane.Resume(h.ctx)
	})
}

// tidyUp says what is behind. What is held because the connector cannot look is
// looked for, and removed at the platform, as the hold's reason asks.
func (s *simulation) tidyUp() []string {
	var keys []string
	for _, link := range s.links() {
		if link.State == store.InStep {
			continue
		}
		s.log("%s is %s: %s", link.Key, link.State, link.Reason)
		keys = append(keys, link.Key)
		if link.State == store.Held {
			s.mu.Lock()
			s.platform.remove(link.Key)
			s.mu.Unlock()
		}
	}
	return keys
}

func (s *simulation) prune(d simtest.Dice) {
	lane, err := s.disk.Lane(context.Background(), connectorName)
	if err == nil {
		var n int64
		n, err = s.disk.Prune(context.Background(), store.PruneLimits{Passed: lane.Passed(), EventsBefore: time.Now().Add(-d.Between(0, s.lasts))})
		s.log("%d rows are pruned up to %d", n, lane.Passed())
	}
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.truth.pruned(s.journal(0))
}

// send has the source send some events, and first those that it could not send
// before, or of which it was not told that they were accepted.
func (s *simulation) send(d simtest.Dice) {
	events := s.unsent
	for range 1 + d.IntN(s.most) {
		events = append(events, s.truth.invent(d))
	}
	s.unsent = nil
	s.mu.Lock()
	full := s.inTrouble(diskFull) || d.Chance(s.faults.disk)
	untold := d.Chance(s.faults.written)
	s.mu.Unlock()
	if full || untold {
		s.unsent = slices.Clip(events)
	}
	if !full {
		s.accept(events)
	}
}

func (s *simulation) accept(events []event.Event) {
	receipts, err := s.disk.Accept(context.Background(), events)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range events {
		s.truth.accepted(&events[i], receipts[i])
	}
}
