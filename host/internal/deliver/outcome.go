package deliver

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// attempt is one call's answer about one product.
type attempt struct {
	product    *product
	change     *sdk.Change
	result     sdk.Result
	at         time.Time
	took       time.Duration
	unanswered bool // the connector said nothing of this product: it may have been written
	looking    bool // it was only looked for: nothing can have been written
	number     int  // 1 for the first since the last success; 0: it does not count
	probe      bool // sent while the circuit was open, to see whether anything gets through
}

// maxCrashes is how often the process may die with a product in flight before
// that counts as the product's failure.
const maxCrashes = 3

// settle takes in what became of the products of one call.
func (s *session) settle(attempts []attempt) {
	if !slices.ContainsFunc(attempts, through) {
		s.lane.circuit.failure(len(attempts), attempts[0].probe, time.Now())
	}
	for i := range attempts {
		s.settleOne(&attempts[i])
	}
}

// through says whether an attempt shows that the platform can be reached, or
// says nothing of it.
func through(a attempt) bool {
	return a.result.Err == nil || sdk.KindOf(a.result.Err) != sdk.Temporary || a.gone() || a.notSent()
}

// gone says whether the process died with the attempt.
func (a *attempt) gone() bool { return a.unanswered && errors.Is(a.result.Err, sdk.ErrProcessGone) }

// notSent says whether the call certainly never reached the connector.
func (a *attempt) notSent() bool { return a.unanswered && errors.Is(a.result.Err, sdk.ErrNotSent) }

func (s *session) settleOne(a *attempt) {
	p, err := a.product, a.result.Err
	if !a.looking && !a.notSent() && (a.unanswered || err != nil && sdk.KindOf(err) == sdk.Temporary) {
		p.marked, p.looked = false, false // it may have been written
	}
	a.number = p.link.Attempts + 1
	switch {
	case a.notSent():
		// As if it had never been tried: the next session waits for the connector.
		s.ending = true
		return
	case a.gone():
		s.processGone(p, a)
		return
	case a.unanswered && s.ending:
		return // stopped in the middle; the next session takes it up
	case err == nil:
		s.done(p, a)
		return
	}
	delete(s.lane.crashes, p.key)
	if kind := sdk.KindOf(err); kind == sdk.Temporary {
		s.temporary(p, a)
	} else {
		s.turnedDown(p, a, kind)
	}
}

// turnedDown is a change that the platform, or the connector, does not take as
// it is, or not now.
func (s *session) turnedDown(p *product, a *attempt, kind sdk.Kind) {
	err := a.result.Err
	if kind == sdk.Throttled {
		s.reached()
	} else if s.healed(); p.marked {
		p.link.Unknown = false // the platform's word is that it did nothing
	}
	switch op := a.change.Op; {
	case kind == sdk.Throttled:
		wait := after(err)
		s.lane.throttle.pause(wait, time.Now())
		if wait > 0 {
			a.result.Err = fmt.Errorf("asked to wait %s: %w", wait, err)
		}
		s.uncounted(p, a)
		s.put(p)
		s.enlist(p)
	case kind == sdk.Denied:
		s.denied, s.ending = err.Error(), true
		s.lane.options.Log.Error("the platform refuses us: the lane stops until it is resumed", "reason", s.denied)
		s.record(p, a, store.Failed)
		s.put(p)
	case kind == sdk.Rejected:
		s.record(p, a, store.GivenUp)
		if offSaleNext(p, a) { // it goes off sale all the same, as it is
			p.marked, p.looked = false, false
			s.put(p)
			s.free(p)
			return
		}
		s.refuse(p, err.Error())
	case kind == sdk.Gone && (op == sdk.Archive || op == sdk.Purge):
		a.result.Err = nil // what is gone is off sale
		s.done(p, a)
	case kind == sdk.Gone:
		p.link.Remote, p.link.Base, p.link.Sent = sdk.Remote{}, nil, nil
		// People may have made it anew: it is looked for, where the connector can.
		p.link.Unknown = s.port.Can(sdk.CanFind) || s.port.Can(sdk.CanList)
		p.marked, p.looked = false, false
		s.failed(p, a, time.Second)
	default: // Conflict
		p.link.Unknown, p.marked, p.looked = true, false, false // look again before the next write
		s.failed(p, a, time.Second)
	}
}

// temporary is a failure that another try may mend: the platform's, if nothing
// gets through at all, else the product's own.
func (s *session) temporary(p *product, a *attempt) {
	s.lane.lastFailure = a.result.Err.Error()
	if a.probe {
		p.probes++
	}
	// What fails with the platform is not held against the product, unless it
	// fails as a probe time and again: then others shall have their turn.
	if s.lane.circuit.open && p.probes < maxProbes {
		s.uncounted(p, a)
		s.enlist(p)
		return
	}
	p.probes = 0
	s.lane.circuit.charged = append(s.lane.circuit.charged, p.key)
	s.failed(p, a, 0)
}

// maxProbes is how often in a row a product may be the one that shows that
// nothing gets through, before that counts as its own failure.
const maxProbes = 3

// processGone leaves the product to the next session, which will find it open,
// or due. Whoever was in flight is a suspect, and goes alone from then on; one
// that is there whenever the process dies counts as failing.
func (s *session) processGone(p *product, a *attempt) {
	s.ending = true
	s.lane.crashes[p.key]++
	if s.lane.crashes[p.key] < maxCrashes {
		s.uncounted(p, a)
		return
	}
	delete(s.lane.crashes, p.key)
	s.temporary(p, a)
}

// done is a change that reached the platform, or was there already.
func (s *session) done(p *product, a *attempt) {
	s.healed()
	p.probes = 0
	delete(s.lane.crashes, p.key)
	outcome := store.Done
	if a.result.Unchanged {
		outcome = store.Unchanged
	}
	s.record(p, a, outcome)
	if outcome == store.Done && !s.policy.Every {
		n := s.lane.fuse.wrote(p.key, p.queue[0].Seq, time.Now())
		s.lane.options.Metrics.writes.WithLabelValues(s.lane.options.Name).Observe(float64(n))
	}
	was := blank(&p.link)
	s.wrote(p, a)
	p.link.Attempts, p.link.Unknown, p.link.Reason = 0, false, ""
	p.marked, p.looked = false, false
	if !offSaleNext(p, a) {
		s.passed(p)
		s.restored(p)
	}
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
		k := known(p).Wrote(&a.change.Product, a.change.Fields, a.result.After)
		link.Base, link.Sent, link.Archived, link.Edited = k.Base, k.Sent, k.Archived, k.Edited
	}
}

// healed says that the platform takes what it gets.
func (s *session) healed() {
	s.reached()
	s.lane.throttle.success()
}

// reached closes the circuit. What failed while nothing got through need not wait
// for its own time then.
func (s *session) reached() {
	if s.lane.circuit.open {
		s.wake = s.lane.circuit.charged
	}
	s.lane.circuit.success()
}

// passed takes the first of p's queue as dealt with. A product that catches up
// says in its link where it is to go on.
func (s *session) passed(p *product) {
	p.link.Seq, p.link.State = p.queue[0].Seq, store.InStep
	if p.catchingUp {
		p.link.Seq, p.link.State, p.link.Next = p.link.Seq+1, store.Due, time.Now()
	}
	s.pop(p)
}

// skip passes the first of p's queue without a call.
func (s *session) skip(p *product, reason plan.Reason) {
	if reason != plan.Unchanged {
		s.note(p, &p.queue[0], store.Delivery{At: time.Now(), Outcome: store.Skipped, Message: string(reason)})
	}
	was := p.link.State
	s.passed(p)
	s.restored(p)
	if p.marked && p.link.Unknown {
		p.link.Unknown = false
		s.put(p)
	}
	if was != store.InStep {
		if p.link.Attempts = 0; p.link.State == store.InStep {
			p.link.Reason = ""
		}
		s.put(p)
	}
}

// offSaleNext goes on with an undo of what was off sale, and says whether there is one:
// the product has its fields back, or will not get them, and is to be taken off.
func offSaleNext(p *product, a *attempt) bool {
	restore := p.link.Restore
	if restore == nil || restore.Op != sdk.Archive || a.change.Op != sdk.Upsert {
		return false
	}
	p.link.Restore = &store.Restore{Op: restore.Op, Product: sdk.Product{Key: p.key}}
	p.link.State, p.link.Next = store.Due, time.Now()
	return true
}

// restored keeps a product that is now as an operator wanted it back.
func (s *session) restored(p *product) {
	if p.link.Restore != nil && p.link.State == store.InStep {
		p.link.State, p.link.Reason = store.OnHold, "it was taken back, and is kept so until it is released"
	}
}

// reject gives up on a product for which the filter or a mapping fails.
func (s *session) reject(p *product, err error) {
	s.note(p, &p.queue[0], store.Delivery{At: time.Now(), Outcome: store.GivenUp, Kind: sdk.Rejected.String(), Message: err.Error()})
	s.refuse(p, err.Error())
}

// refuse makes a dead letter of what no retry will mend. In a lane of every
// event, one that has been dead before and is refused again, because there is
// news, is passed: it has had its second chance, and what came after it goes on.
func (s *session) refuse(p *product, reason string) {
	dead := len(s.lane.options.Schedule) + 1 // attempts of what is
	if s.policy.Every && p.link.Attempts >= dead && len(p.queue) > 1 {
		s.passed(p)
		p.link.Attempts, p.link.Reason = 0, ""
		s.put(p)
		s.free(p)
		return
	}
	p.link.Attempts = dead
	s.giveUp(p, reason)
}

// failed counts the attempt, and gives p up or a time for the next: after wait;
// 0: as scheduled.
func (s *session) failed(p *product, a *attempt, wait time.Duration) {
	schedule := s.lane.options.Schedule
	if p.link.Attempts++; p.link.Attempts > len(schedule) {
		s.record(p, a, store.GivenUp)
		s.giveUp(p, a.result.Err.Error())
		return
	}
	if wait == 0 {
		wait = schedule[p.link.Attempts-1]
	}
	s.behind(p, a, max(jitter(wait), after(a.result.Err)))
}

// behind lets the lane go on without p until its time comes.
func (s *session) behind(p *product, a *attempt, wait time.Duration) {
	s.record(p, a, a.failure())
	p.link.Next = time.Now().Add(wait)
	s.leave(p, store.Due, a.result.Err.Error())
}

// giveUp makes a dead letter of the first of p's queue. It is kept, for a newer
// event or the operator to try again. In a lane of every event what comes after
// it waits with it, since nothing may overtake it; in a lane that follows the
// catalog, a newer state takes its place.
func (s *session) giveUp(p *product, reason string) {
	s.lane.options.Log.Warn("given up until it changes or is retried", "product", p.key, "reason", reason)
	if s.policy.Every || len(p.queue) == 1 {
		s.leave(p, store.Dead, reason)
		return
	}
	p.link.State, p.link.Seq, p.link.Reason, p.link.Attempts = store.Dead, p.queue[0].Seq, reason, 0
	s.pop(p)
	s.put(p)
	s.free(p)
}

// leave has the lane go on without p, whose link says when and where it is taken
// up again: from the first of its queue on.
func (s *session) leave(p *product, state store.State, reason string) {
	p.link.State, p.link.Seq, p.link.Reason = state, p.queue[0].Seq, reason
	s.drop(p, 0)
	p.catchingUp = false
	s.put(p)
	s.free(p)
}

// uncounted records a call that failed, and uses up no attempt of the product.
func (s *session) uncounted(p *product, a *attempt) {
	if a.number = 0; !a.looking {
		s.record(p, a, a.failure())
	}
}

// failure is the outcome of an attempt that failed.
func (a *attempt) failure() store.Outcome {
	if a.unanswered {
		return store.Unknown
	}
	return store.Failed
}

// record notes an attempt.
func (s *session) record(p *product, a *attempt, outcome store.Outcome) {
	e := &p.queue[0]
	d := store.Delivery{
		ChangeID: a.change.ID, Op: a.change.Op.String(), Fields: a.change.Fields, Attempt: a.number,
		At: a.at, Took: a.took, Outcome: outcome, Exchange: a.result.Exchange,
	}
	if err := a.result.Err; err != nil {
		d.Kind, d.Message = sdk.KindOf(err).String(), err.Error()
		s.lane.update(func(st *Status) { st.Failed++ })
	} else if e.Seq > 0 {
		s.lane.options.Metrics.delay.WithLabelValues(s.lane.options.Name).Observe(a.at.Add(a.took).Sub(e.Accepted).Seconds())
	}
	switch {
	case s.policy.Every:
	case a.change.Op == sdk.Upsert:
		d.Before, d.Wanted = only(p.link.Base, p.key, a.change.Fields), only(&a.change.Product, p.key, a.change.Fields)
		if d.Before != nil && p.link.Archived {
			d.Before.Status = sdk.Archived
		}
	case a.change.Op == sdk.Archive:
		d.Before = only(p.link.Base, p.key, []string{"status"})
	case a.change.Op == sdk.Purge:
		d.Before = p.link.Base
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
