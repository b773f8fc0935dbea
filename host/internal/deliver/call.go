package deliver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
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
	for s.calls < s.inFlight && !s.ending {
		if n := s.allow(len(s.looking), now); n > 0 {
			batch := s.looking[:n:n]
			s.looking = s.looking[n:]
			s.look(ctx, batch)
			continue
		}
		n := s.tokens(light(s.ready, s.allow(len(s.ready), now)), now)
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

// light is how many of the first n products fit into one call; at least one.
func light(ready []*product, n int) int {
	size := 0
	for i, p := range ready[:n] {
		if size += weight(p); size > maxCall && i > 0 {
			return i
		}
	}
	return n
}

// weight is roughly what p's change takes in a message.
func weight(p *product) int {
	wanted := &p.decision.Wanted
	size := 1024 + len(wanted.Description)
	for _, value := range wanted.Attributes {
		size += len(value.Text())
	}
	for _, m := range wanted.Media {
		size += len(m.URL)
	}
	size += 256 * len(wanted.Variants)
	if len(p.queue) > 0 && p.queue[0].Raw != nil {
		size += len(p.queue[0].Raw.Body)
	}
	return size
}

// allow says how many of n products may go with one call.
func (s *session) allow(n int, now time.Time) int {
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
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		settle := do(ctx)
		s.answers <- func() {
			s.calls--
			s.sent -= changes
			settle()
		}
	}()
}

func (s *session) apply(ctx context.Context, batch []*product) {
	probe := s.lane.circuit.open
	changes := make([]sdk.Change, len(batch))
	for i, p := range batch {
		changes[i] = s.change(p)
	}
	s.call(ctx, len(batch), func(ctx context.Context) func() {
		start := time.Now()
		results, err := s.port.Apply(ctx, changes)
		took := time.Since(start)
		return func() {
			answered := make(map[string]*sdk.Result, len(results))
			for i := range results {
				answered[results[i].Key] = &results[i]
			}
			for i, p := range batch {
				a := attempt{change: &changes[i], at: start, took: took, probe: probe}
				if result := answered[p.key]; result != nil {
					a.result = *result
				} else {
					a.result = sdk.Result{Key: p.key, Err: err}
					if err == nil {
						a.result.Err = sdk.ErrFaulty
					}
					// Whatever is not the connector's own word leaves it open
					// whether the change was written.
					a.unanswered = !errors.As(err, new(*sdk.Error))
				}
				s.settle(p, &a)
			}
		}
	})
}

// change is what the connector is asked to do about p.
func (s *session) change(p *product) sdk.Change {
	e := &p.queue[0]
	c := sdk.Change{
		Key: p.key, Op: p.decision.Op, Product: p.decision.Wanted, Fields: p.decision.Fields, Remote: p.link.Remote,
	}
	if s.policy.Every {
		c.ID, c.Event = eventID(e), plan.Event(e)
	} else {
		c.ID = hash(s.lane.options.Name, p.key, strconv.FormatInt(e.Seq, 10), s.lane.row.Policy)
	}
	return c
}

// eventID is an event's id as receivers see it: the same on every retry, unique
// among all sources, and without the "." that Standard Webhooks forbids.
func eventID(e *event.Entry) string {
	if len(e.ID) <= 64 && strings.IndexFunc(e.ID, unsafe) < 0 {
		return e.Source + "_" + e.ID
	}
	return e.Source + "_" + hash(e.Source, e.ID)
}

func unsafe(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// look finds out about products of which it is not known whether they are
// there, before anything is created.
func (s *session) look(ctx context.Context, batch []*product) {
	if !s.port.Can(sdk.CanFind) && !s.port.Can(sdk.CanList) {
		for _, p := range batch {
			s.cannotLook(p)
		}
		return
	}
	refs := make([]sdk.Ref, len(batch))
	for i, p := range batch {
		refs[i] = sdk.Ref{Key: p.key, Remote: p.link.Remote.ID, Code: p.decision.Wanted.Code}
	}
	s.call(ctx, 0, func(ctx context.Context) func() {
		start := time.Now()
		found, err := s.find(ctx, refs)
		took := time.Since(start)
		return func() {
			for i, p := range batch {
				if err != nil {
					c := s.change(p)
					s.settle(p, &attempt{change: &c, at: start, took: took, result: sdk.Result{Key: p.key, Err: err},
						unanswered: errors.Is(err, sdk.ErrProcessGone), looking: true, probe: s.lane.circuit.probing})
					continue
				}
				s.found(p, matches(found, refs[i]))
			}
			if err == nil {
				s.healed()
			}
		}
	})
}

// find asks the connector, or goes through its whole listing where it cannot look
// single products up.
func (s *session) find(ctx context.Context, refs []sdk.Ref) ([]sdk.Item, error) {
	if s.port.Can(sdk.CanFind) {
		return s.port.Find(ctx, refs)
	}
	var found []sdk.Item
	for item, err := range sdk.All(ctx, s.port, sdk.Query{}) {
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			if match(&item, ref) {
				found = append(found, item)
				break
			}
		}
	}
	return found, nil
}

func matches(items []sdk.Item, ref sdk.Ref) []sdk.Item {
	var found []sdk.Item
	for i := range items {
		if match(&items[i], ref) {
			found = append(found, items[i])
		}
	}
	return found
}

// match compares what identifies a product, the surest first.
func match(item *sdk.Item, ref sdk.Ref) bool {
	switch {
	case ref.Remote != "":
		return item.Remote.ID == ref.Remote
	case item.Key != "":
		return item.Key == ref.Key
	}
	return ref.Code != "" && item.Product.Code == ref.Code
}
