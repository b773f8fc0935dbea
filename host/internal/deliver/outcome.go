package deliver

import (
	"errors"
	"fmt"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// attempt is one call's answer about one product.
type attempt struct {
	change     *sdk.Change
	result     sdk.Result
	at         time.Time
	took       time.Duration
	unanswered bool // the connector said nothing of this product: it may have been written
	looking    bool // it was only looked for: nothing can have been written
	number     int  // 1 for the first since the last success
	probe      bool // sent while the circuit was open, to see whether anything gets through
}

// maxCrashes is how often the process may die with a product in flight before
// that counts as the product's failure.
const maxCrashes = 3

// settle takes in what became of one product.
func (s *session) settle(p *product, a *attempt) {
	err := a.result.Err
	a.number = p.link.Attempts + 1
	if err == nil {
		s.done(p, a)
		return
	}
	kind := sdk.KindOf(err)
	if kind != sdk.Temporary {
		s.healed() // the platform answers
	}
	switch {
	case a.unanswered && s.ending:
		s.unsure = s.unsure || !a.looking // stopped in the middle
	case a.unanswered && errors.Is(err, sdk.ErrProcessGone):
		s.processGone(p, a)
	case kind == sdk.Throttled:
		s.lane.throttle.pause(after(err), time.Now())
		s.again(p)
	case kind == sdk.Denied:
		s.denied, s.ending = err.Error(), true
		s.lane.options.Log.Error("the platform refuses us: the lane stops until it is resumed", "reason", s.denied)
		s.deliver(p, a, store.Failed)
	case kind == sdk.Rejected:
		s.deliver(p, a, store.GivenUp)
		p.link.Attempts = len(s.lane.options.Schedule)
		s.giveUp(p, err.Error())
	case kind == sdk.Gone && (a.change.Op == sdk.Archive || a.change.Op == sdk.Purge):
		a.result.Err = nil // what is gone is off sale
		s.done(p, a)
	case kind == sdk.Gone:
		p.link.Remote, p.link.Base, p.link.Sent = sdk.Remote{}, nil, nil
		s.failedFor(p, a, time.Second)
	case kind == sdk.Conflict:
		p.link.Unknown = true // look again before the next write
		s.failedFor(p, a, time.Second)
	default:
		s.temporary(p, a)
	}
}

// temporary is a failure that another try may mend: the platform's, if nothing
// gets through at all, else the product's own.
func (s *session) temporary(p *product, a *attempt) {
	if !a.looking && a.change.Op == sdk.Upsert && p.link.Remote.ID == "" && !s.policy.Every {
		p.link.Unknown = true
	}
	s.lane.lastFailure = a.result.Err.Error()
	if a.probe {
		p.probes++
	}
	// What fails with the platform is not held against the product, unless it
	// fails as a probe time and again: then others shall have their turn.
	if s.lane.circuit.failure(time.Now()) && p.probes < maxProbes {
		if p.link.Unknown {
			s.put(p)
		}
		if a.probe {
			s.last(p)
		} else {
			s.again(p)
		}
		return
	}
	p.probes = 0
	s.failed(p, a)
}

// maxProbes is how often in a row a product may be the one that shows that
// nothing gets through, before that counts as its own failure.
const maxProbes = 3

// last has p tried when all that waits now has been.
func (s *session) last(p *product) {
	if p.link.Unknown && !s.policy.Every && p.decision.Op == sdk.Upsert {
		s.looking = append(s.looking, p)
		return
	}
	s.ready = append(s.ready, p)
}

// again has p tried as soon as the lane may, without counting the attempt.
func (s *session) again(p *product) {
	if p.link.Unknown && !s.policy.Every && p.decision.Op == sdk.Upsert {
		s.looking = append(s.looking, p)
		return
	}
	s.ready = append([]*product{p}, s.ready...)
}

// processGone leaves the product to the next session, which will find it open.
// One that is there whenever the process dies counts as failing.
func (s *session) processGone(p *product, a *attempt) {
	s.ending = true
	s.lane.crashes[p.key]++
	if s.lane.crashes[p.key] < maxCrashes {
		s.unsure = s.unsure || !a.looking
		if !s.policy.Every && !a.looking && p.link.State != store.InStep {
			p.link.Unknown = true // it is not read again as open, but when it is due
			s.put(p)
		}
		return
	}
	delete(s.lane.crashes, p.key)
	s.temporary(p, a)
}

// done is a change that reached the platform, or was there already.
func (s *session) done(p *product, a *attempt) {
	s.healed()
	p.probes = 0
	s.lane.throttle.success()
	delete(s.lane.crashes, p.key)
	outcome := store.Done
	if a.result.Unchanged {
		outcome = store.Unchanged
	}
	s.deliver(p, a, outcome)
	was := blank(&p.link)
	s.wrote(p, a)
	p.link.Attempts, p.link.Unknown, p.link.Reason = 0, false, ""
	s.passed(p)
	if !was || !blank(&p.link) {
		s.put(p)
	}
	s.free(p)
	s.lane.update(func(st *Status) { st.Delivered++; st.LastSuccess = a.at.Add(a.took) })
}

// wrote brings the link up to what the platform has now.
func (s *session) wrote(p *product, a *attempt) {
	link := &p.link
	if a.result.Remote != (sdk.Remote{}) {
		link.Remote = a.result.Remote
	}
	switch {
	case a.change.Op == sdk.Purge:
		link.Remote, link.Base, link.Sent, link.Archived = sdk.Remote{}, nil, nil, false
	case a.change.Op == sdk.Archive && !s.policy.Every:
		link.Archived = true
	case a.change.Op == sdk.Upsert && !s.policy.Every:
		k := known(link).Wrote(&a.change.Product, a.change.Fields, a.result.After)
		link.Base, link.Sent, link.Archived = k.Base, k.Sent, k.Archived
	}
}

// healed closes the circuit. What failed while nothing got through need not wait
// for its own time then.
func (s *session) healed() {
	if s.lane.circuit.open {
		s.wake = true
		s.dueAt(time.Now())
	}
	s.lane.circuit.success()
}

// passed takes the first of p's queue as dealt with. A product that is behind in
// a lane of every event says in its link where it is to go on.
func (s *session) passed(p *product) {
	seq := p.queue[0].Seq
	s.close(seq)
	p.queue = p.queue[1:]
	p.link.Seq, p.link.State = seq, store.InStep
	if p.behind {
		p.link.Seq, p.link.State, p.link.Next = seq+1, store.Due, time.Now()
	}
}

// skip passes the first of p's queue without a call.
func (s *session) skip(p *product, reason plan.Reason) {
	if reason != plan.Unchanged {
		s.note(p, &p.queue[0], store.Delivery{At: time.Now(), Outcome: store.Skipped, Message: string(reason)})
	}
	was := p.link.State
	s.passed(p)
	if was != store.InStep {
		p.link.Attempts, p.link.Reason = 0, ""
		s.put(p)
	}
}

// reject gives up on a product for which the filter or a mapping fails.
func (s *session) reject(p *product, err error) {
	s.note(p, &p.queue[0], store.Delivery{At: time.Now(), Outcome: store.GivenUp, Kind: sdk.Rejected.String(), Message: err.Error()})
	p.link.Attempts = len(s.lane.options.Schedule)
	s.giveUp(p, err.Error())
}

// failed counts the attempt and gives p a time for the next, or gives it up.
func (s *session) failed(p *product, a *attempt) {
	p.link.Attempts++
	wait, more := backoff(s.lane.options.Schedule, p.link.Attempts)
	if !more {
		s.deliver(p, a, store.GivenUp)
		s.giveUp(p, a.result.Err.Error())
		return
	}
	s.behind(p, a, max(wait, after(a.result.Err)))
}

// failedFor is failed, with a wait of its own.
func (s *session) failedFor(p *product, a *attempt, wait time.Duration) {
	p.link.Attempts++
	if p.link.Attempts > len(s.lane.options.Schedule) {
		s.deliver(p, a, store.GivenUp)
		s.giveUp(p, a.result.Err.Error())
		return
	}
	s.behind(p, a, max(jitter(wait), after(a.result.Err)))
}

// behind lets the lane go on without p until its time comes.
func (s *session) behind(p *product, a *attempt, wait time.Duration) {
	outcome := store.Failed
	if a.unanswered {
		outcome = store.Unknown
	}
	s.deliver(p, a, outcome)
	link := &p.link
	link.State, link.Seq, link.Next, link.Reason = store.Due, p.queue[0].Seq, time.Now().Add(wait), a.result.Err.Error()
	for i := range p.queue {
		s.close(p.queue[i].Seq) // they come again with the retry
	}
	p.queue, p.behind = nil, false
	s.put(p)
	s.free(p)
}

// giveUp makes a dead letter of the first of p's queue. It is kept, for a newer
// event or the operator to try again. In a lane of every event what comes after
// it waits with it, since nothing may overtake it; in a lane that follows the
// catalog, a newer state takes its place.
func (s *session) giveUp(p *product, reason string) {
	s.lane.options.Log.Warn("given up until it changes or is retried", "product", p.key, "reason", reason)
	p.link.State, p.link.Seq, p.link.Reason = store.Dead, p.queue[0].Seq, reason
	rest := p.queue[1:]
	s.close(p.queue[0].Seq)
	if s.policy.Every {
		for i := range rest {
			s.close(rest[i].Seq)
		}
		rest = nil
	} else if len(rest) > 0 {
		p.link.Attempts = 0
	}
	p.queue, p.behind = rest, false
	s.put(p)
	s.free(p)
}

// found takes in what the platform has of p.
func (s *session) found(p *product, items []sdk.Item) {
	switch len(items) {
	case 0:
		if p.link.Remote.ID != "" {
			p.link.Remote, p.link.Base, p.link.Sent = sdk.Remote{}, nil, nil
		}
	case 1:
		p.link.Remote = items[0].Remote
	default:
		s.hold(p, fmt.Sprintf("the platform has %d products for this key: remove the twins, then retry", len(items)))
		return
	}
	p.link.Unknown = false
	p.busy = false
	s.put(p)
	s.advance(p)
}

// cannotLook settles an unknown outcome at a connector that can neither find nor list.
func (s *session) cannotLook(p *product) {
	switch {
	case p.link.Remote.ID != "":
		p.link.Remote.Version = "" // write without a precondition
	case s.lane.options.OnUnknown != Retry:
		s.hold(p, "it may have been created or not, and the connector cannot look: check there, then retry")
		return
	}
	p.link.Unknown = false
	p.busy = false
	s.advance(p)
}

// hold leaves p to the operator.
func (s *session) hold(p *product, reason string) {
	s.note(p, &p.queue[0], store.Delivery{At: time.Now(), Outcome: store.Unknown, Message: reason})
	for i := range p.queue {
		s.close(p.queue[i].Seq)
	}
	p.link.State, p.link.Seq, p.link.Reason = store.Held, p.queue[0].Seq, reason
	p.queue, p.behind = nil, false
	s.put(p)
	s.free(p)
}

// deliver records an attempt.
func (s *session) deliver(p *product, a *attempt, outcome store.Outcome) {
	e := &p.queue[0]
	d := store.Delivery{
		ChangeID: a.change.ID, Op: opName(a.change.Op), Fields: a.change.Fields, Attempt: a.number,
		At: a.at, Took: a.took, Outcome: outcome, Exchange: a.result.Exchange,
	}
	if err := a.result.Err; err != nil {
		d.Kind, d.Message = sdk.KindOf(err).String(), err.Error()
		s.lane.update(func(st *Status) { st.Failed++ })
	} else {
		s.lane.options.Metrics.delay.WithLabelValues(s.lane.options.Name).Observe(a.at.Add(a.took).Sub(e.Accepted).Seconds())
	}
	if !s.policy.Every && a.change.Op == sdk.Upsert {
		d.Before, d.Wanted = only(p.link.Base, p.key, a.change.Fields), only(&a.change.Product, p.key, a.change.Fields)
	}
	s.note(p, e, d)
}

func (s *session) note(p *product, e *event.Entry, d store.Delivery) {
	d.Connector, d.Key, d.Seq = s.lane.options.Name, p.key, e.Seq
	s.pending.deliveries = append(s.pending.deliveries, d)
	s.lane.options.Metrics.outcomes.WithLabelValues(d.Connector, string(d.Outcome)).Inc()
}

// only is a product with fields and nothing else; nil of nil.
func only(p *sdk.Product, key string, fields []string) *sdk.Product {
	if p == nil {
		return nil
	}
	part := sdk.Product{Key: key}
	for _, path := range fields {
		sdk.CopyField(&part, p, path)
	}
	return &part
}

// after is how long the error says to wait at least.
func after(err error) time.Duration {
	var e *sdk.Error
	if errors.As(err, &e) {
		return e.After
	}
	return 0
}

func opName(op sdk.Op) string {
	switch op {
	case sdk.Upsert:
		return "upsert"
	case sdk.Archive:
		return "archive"
	case sdk.Purge:
		return "purge"
	case sdk.Forward:
		return "forward"
	}
	return ""
}
