package deliver

import (
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// product is one product that a session works on. It is busy from the moment a
// call is made for it until the outcome is on disk.
type product struct {
	key      string
	link     store.Link
	queue    []event.Entry // to deliver, in order; the first is the one at work
	decision plan.Decision
	busy     bool
	retried  bool // it was taken up because it was due
	marked   bool // its link says Unknown only for the case that we die: what it says of the platform holds
	looked   bool // it was looked for: the link's Remote holds
	probes   int  // how often in a row it showed that nothing gets through

	// It is taken through its own history, apart from the lane's place; its link
	// says where it is to go on.
	catchingUp bool
}

// enqueue puts an entry behind what p has to do, or leaves it to p's being behind.
func (s *session) enqueue(p *product, e *event.Entry) {
	waits := len(p.queue) == 0 && p.link.State != store.InStep && !s.overdue(p, e)
	if p.catchingUp || waits {
		s.close(e.Seq) // its own history, or the catalog, will bring it
		if !p.busy && !p.catchingUp {
			s.release(p)
		}
		return
	}
	if !s.policy.Every && len(p.queue) > 1 {
		s.drop(p, 1) // the newer state has it all
	}
	s.push(p, e)
	switch {
	case s.policy.Every && len(p.queue) > catchUpStep:
		s.overflow(p)
	case p.busy || len(p.queue) > 1:
	default:
		s.advance(p)
	}
}

func (s *session) push(p *product, e *event.Entry) {
	p.queue = append(p.queue, *e)
	s.load += event.Size(&e.Product, e.Raw)
}

// pop takes the first of what p has to do as dealt with.
func (s *session) pop(p *product) {
	e := &p.queue[0]
	s.close(e.Seq)
	s.load -= event.Size(&e.Product, e.Raw)
	*e = event.Entry{}
	p.queue = p.queue[1:]
}

// drop takes what p has to do from the i-th on as dealt with, or as left to
// what p's link says.
func (s *session) drop(p *product, i int) {
	for _, e := range p.queue[i:] {
		s.close(e.Seq)
		s.load -= event.Size(&e.Product, e.Raw)
	}
	clear(p.queue[i:])
	p.queue = p.queue[:i]
}

// overflow leaves a product of which there is much to its own history, so that
// it does not fill the window.
func (s *session) overflow(p *product) {
	for i := range p.queue {
		s.close(p.queue[i].Seq)
	}
	s.takeUp(p)
	p.catchingUp = true
	p.link.State, p.link.Seq, p.link.Next = store.Due, p.queue[0].Seq, time.Now()
	s.put(p)
}

// overdue says whether an event of a product that is behind lets it be tried
// now. If not, the product's own time will come, and bring the event along.
func (s *session) overdue(p *product, e *event.Entry) bool {
	now := time.Now()
	switch link := &p.link; {
	case link.State == store.Held, link.State == store.OnHold:
	case s.policy.Every && link.State == store.Dead:
		// In order: what failed is tried once more before what came after it.
		link.State, link.Next = store.Due, now
		s.put(p)
	case s.policy.Every || e.Seq <= link.Seq: // the latter is read again, and no news
	case link.State == store.Dead:
		link.Attempts = 0
		return true
	default:
		// A newer version deserves an early try, but a stream of them no flood.
		link.Attempts = 0
		early := now
		if schedule := s.lane.options.Schedule; len(schedule) > 0 {
			early = now.Add(jitter(schedule[0]))
		}
		if early.Before(link.Next) {
			link.Next = early
		}
		s.put(p)
	}
	return false
}

// advance decides what is next in p's queue, until a call is needed or nothing
// is left.
func (s *session) advance(p *product) {
	for !p.busy && len(p.queue) > 0 {
		e := &p.queue[0]
		decision, err := plan.Decide(catalogued(e), known(p), s.policy)
		switch {
		case err != nil:
			s.reject(p, err)
		case decision.Op == 0:
			s.skip(p, decision.Reason)
		case !s.policy.Every && s.lane.fuse.blown(p.key, e.Seq, time.Now()):
			s.cutOut(p, e)
		default:
			p.decision, p.busy = decision, true
			s.enlist(p)
			return
		}
	}
	switch {
	case p.busy:
	case p.catchingUp:
		// Its history may have more by now; the store is read in fillDue.
		p.catchingUp = false
		s.release(p)
		s.dueAt(time.Now())
	default:
		s.release(p)
	}
}

// catalogued is an entry as plan takes it: nil where the catalog has no such product.
func catalogued(e *event.Entry) *event.Entry {
	if e.Seq == 0 {
		return nil
	}
	return e
}

// enlist queues p for its call. What may be at the platform under an id that we
// do not know is looked for first. And before a product is created, it goes to
// disk that it may be there: however the call ends, nothing is created twice.
func (s *session) enlist(p *product) {
	switch {
	case s.policy.Every:
		s.ready = append(s.ready, p)
	case p.link.Unknown && !p.marked && !p.looked:
		s.looking = append(s.looking, p)
	case !p.link.Unknown:
		p.link.Unknown, p.marked = true, true
		s.put(p)
		s.free(p)
	default:
		s.ready = append(s.ready, p)
	}
}

// release forgets p, which has nothing to do.
func (s *session) release(p *product) {
	if s.pending.links[p.key] == p {
		// What was put is written first, or a read of the link would miss it.
		s.free(p)
		return
	}
	s.forget(p)
}

func (s *session) forget(p *product) {
	delete(s.products, p.key)
	if len(s.recentLinks) >= maxWindow {
		clear(s.recentLinks)
	}
	if delete(s.recentLinks, p.key); p.link.State == store.InStep && p.link.Base == nil { // a small one
		s.recentLinks[p.key] = p.link
	}
	if p.retried {
		s.retried--
	}
}

func known(p *product) plan.Known {
	k := Known(&p.link)
	k.Unknown = k.Unknown && !p.marked
	return k
}

// put has p's link written with the next Record.
func (s *session) put(p *product) {
	if s.pending.links == nil {
		s.pending.links = map[string]*product{}
	}
	p.link.Connector, p.link.Key, p.link.Changed = s.lane.options.Name, p.key, time.Now()
	s.pending.links[p.key] = p
}

// free has p go on once what is known of it now is on disk.
func (s *session) free(p *product) {
	p.busy = true
	s.pending.freed = append(s.pending.freed, p)
}

// blank says whether a link says nothing that is worth a row.
func blank(l *store.Link) bool {
	return l.State == store.InStep && l.Remote == (sdk.Remote{}) && l.Base == nil && !l.Archived && !l.Unknown
}
