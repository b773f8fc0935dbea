package deliver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/sdk"
)

// dispatch makes as many calls as limits, rate and circuit allow.
func (s *session) dispatch(ctx context.Context, now time.Time) {
	if now.Before(s.lane.throttle.until) {
		return
	}
	s.tokensAt = time.Time{}
	for s.calls < s.inFlight && !s.alone && !s.ending {
		if s.look(ctx, now) {
			continue
		}
		n := s.tokens(s.fit(s.allow(len(s.ready), now)), now)
		if n == 0 {
			return
		}
		batch := s.ready[:n:n]
		s.ready = s.ready[n:]
		s.apply(ctx, batch)
	}
}

// maxCall bounds what one call carries, in bytes: far below what a message may
// hold, and enough that only unusual products make calls of fewer changes.
const maxCall = 4 << 20

// fit is how many of the first n that are ready make one call: as many as its
// size allows, but a suspect goes alone, with nothing beside it.
func (s *session) fit(n int) int {
	size := 0
	for i, p := range s.ready[:n] {
		switch size += event.Size(&p.decision.Wanted, p.queue[0].Raw); {
		case i > 0 && (size > maxCall || s.suspect(p)):
			return i
		case s.suspect(p) && s.calls > 0:
			return 0
		case s.suspect(p):
			return 1
		}
	}
	return n
}

// suspect says whether the process has died with p in flight.
func (s *session) suspect(p *product) bool { return s.lane.crashes[p.key] > 0 }

// allow says how many of n products may go with one call.
func (s *session) allow(n int, now time.Time) int {
	if s.lane.throttle.slow {
		if s.calls > 0 {
			return 0
		}
		n = min(n, 1)
	}
	return s.lane.circuit.allow(min(n, s.batch), now)
}

// tokens takes up to n changes from the lane's rate.
func (s *session) tokens(n int, now time.Time) int {
	limiter := s.lane.limiter
	if limiter == nil || n == 0 {
		return n
	}
	if n = min(n, int(limiter.TokensAt(now))); n <= 0 {
		next := limiter.ReserveN(now, 1)
		s.tokensAt = now.Add(max(next.DelayFrom(now), time.Millisecond))
		next.CancelAt(now)
		return 0
	}
	limiter.AllowN(now, n)
	return n
}

// call runs do beside the session and brings its answer back.
func (s *session) call(ctx context.Context, changes int, do func(context.Context) func()) {
	s.calls++
	s.sent += changes
	s.lane.circuit.probing = s.lane.circuit.open
	go func() {
		settle := do(ctx)
		s.answers <- func() {
			s.calls--
			s.sent -= changes
			s.alone = false
			settle()
		}
	}()
}

func (s *session) apply(ctx context.Context, batch []*product) {
	probe := s.lane.circuit.open
	s.alone = s.suspect(batch[0])
	changes := make([]sdk.Change, len(batch))
	for i, p := range batch {
		changes[i] = s.change(p)
	}
	s.call(ctx, len(batch), func(ctx context.Context) func() {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		start := time.Now()
		results, err := s.port.Apply(ctx, changes)
		took := time.Since(start)
		return func() {
			answered := make(map[string]*sdk.Result, len(results))
			for i := range results {
				answered[results[i].Key] = &results[i]
			}
			attempts := make([]attempt, len(batch))
			for i, p := range batch {
				a := attempt{product: p, change: &changes[i], at: start, took: took, probe: probe}
				switch result := answered[p.key]; {
				case result != nil:
					a.result = *result
				case err == nil:
					a.result, a.unanswered = sdk.Result{Key: p.key, Err: fmt.Errorf("%w: it says nothing of product %q", sdk.ErrFaulty, p.key)}, true
				default:
					a.result, a.unanswered = sdk.Result{Key: p.key, Err: err}, unanswered(err)
				}
				attempts[i] = a
			}
			s.settle(attempts)
		}
	})
}

// unanswered says whether err leaves it open what was written: whatever is not
// the connector's own word does.
func unanswered(err error) bool { return err != nil && !errors.As(err, new(*sdk.Error)) }

// change is what the connector is asked to do about p.
func (s *session) change(p *product) sdk.Change {
	e := &p.queue[0]
	c := sdk.Change{
		Key: p.key, Op: p.decision.Op, Product: p.decision.Wanted, Fields: p.decision.Fields, Remote: p.link.Remote,
	}
	if s.policy.Every {
		c.ID, c.Event = eventID(e), plan.Event(e)
	} else {
		// An undo is no repeat of what it undoes, nor is what is written once more
		// because somebody else wrote it.
		var contended int
		if p.link.Contended != nil {
			contended = p.link.Contended.Times
		}
		c.ID = hash(s.lane.options.Name, p.key, strconv.FormatInt(e.Seq, 10), s.lane.row.Policy, p.link.Remote.ID,
			c.Op.String(), strconv.FormatBool(p.link.Restore != nil), strconv.Itoa(contended))
	}
	return c
}

// eventID is an event's id as receivers see it: the same on every retry, unique
// among all sources, since no source's name has a ":", and without the "." that
// Standard Webhooks forbids.
func eventID(e *event.Entry) string {
	if len(e.ID) <= 64 && strings.IndexFunc(e.ID, unsafe) < 0 {
		return e.Source + ":" + e.ID
	}
	return e.Source + "::" + hash(e.Source, e.ID)
}

func unsafe(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}
