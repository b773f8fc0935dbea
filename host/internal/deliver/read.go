package deliver

import (
	"context"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// reopen takes up the positions that an earlier session read and did not finish.
func (s *session) reopen(ctx context.Context) error {
	positions := s.lane.row.Open
	read := s.lane.store.CatalogAt
	if s.policy.Every {
		read = s.lane.store.JournalAt
	}
	entries, err := read(ctx, positions)
	if err != nil {
		return err
	}
	// What is no longer there was pruned, or the catalog has it further on.
	s.open = make([]int64, 0, len(entries))
	for i := range entries {
		s.open = append(s.open, entries[i].Seq)
	}
	s.pending.positions = len(entries) < len(positions)
	return s.take(ctx, entries, true)
}

// fill reads on: first what is due again, then what is new.
func (s *session) fill(ctx context.Context, now time.Time) error {
	if now.Before(s.lane.throttle.until) {
		return nil
	}
	if s.lane.circuit.open && (len(s.ready)+len(s.looking) > 0 || s.lane.circuit.allow(1, now) == 0) {
		return nil
	}
	if !s.nextDue.IsZero() && !now.Before(s.nextDue) {
		if err := s.fillDue(ctx, now); err != nil {
			return err
		}
	}
	for !s.caughtUp && s.room() > 0 {
		if s.changed == nil {
			s.changed = s.lane.store.Changed()
		}
		read := s.lane.store.Catalog
		if s.policy.Every {
			read = s.lane.store.Journal
		}
		limit := min(s.room(), readStep)
		entries, err := read(ctx, s.cursor, limit)
		if err != nil {
			return err
		}
		s.caughtUp = len(entries) < limit
		for i := range entries {
			s.open = append(s.open, entries[i].Seq)
			s.cursor = entries[i].Seq
		}
		if err := s.take(ctx, entries, false); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) room() int { return s.window - max(s.outstanding(), len(s.products)) }

// take hands entries to their products. again: an earlier session read them, and
// may have sent them.
func (s *session) take(ctx context.Context, entries []event.Entry, again bool) error {
	links, err := s.linksOf(ctx, entries)
	if err != nil {
		return err
	}
	for i := range entries {
		e := &entries[i]
		p := s.products[e.Key]
		if p == nil {
			p = &product{key: e.Key, link: links[e.Key]}
			s.products[e.Key] = p
		}
		if again && !s.policy.Every && p.link.Remote.ID == "" && p.link.Base == nil {
			p.link.Unknown = true
		}
		s.enqueue(p, e, again)
	}
	return nil
}

// linksOf reads the links of products that are not being worked on; of the
// others the session knows more than the store.
func (s *session) linksOf(ctx context.Context, entries []event.Entry) (map[string]store.Link, error) {
	var keys []string
	for i := range entries {
		if s.products[entries[i].Key] == nil {
			keys = append(keys, entries[i].Key)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	rows, err := s.lane.store.Links(ctx, s.lane.options.Name, keys)
	links := make(map[string]store.Link, len(rows))
	for _, link := range rows {
		links[link.Key] = link
	}
	return links, err
}

// enqueue puts an entry behind what p has to do, or leaves it to p's being behind.
func (s *session) enqueue(p *product, e *event.Entry, again bool) {
	waits := len(p.queue) == 0 && p.link.State != store.InStep && !s.overdue(p, e)
	if p.behind || waits {
		s.close(e.Seq) // its own history, or the catalog, will bring it
		if !p.busy && !p.behind {
			s.release(p)
		}
		return
	}
	if !s.policy.Every && len(p.queue) > 1 {
		s.close(p.queue[1].Seq) // the newer state has it all
		p.queue = p.queue[:1]
	}
	p.queue = append(p.queue, *e)
	switch {
	case p.busy || len(p.queue) > 1:
	case s.policy.Every || again:
		s.advance(p)
	default:
		// That this position is being worked on goes to disk before anything is
		// sent, so that after a crash nothing is created twice.
		s.pending.positions = true
		s.free(p)
	}
}

// overdue says whether an event of a product that is behind lets it be tried
// now. If not, the product's own time will come, and bring the event along.
func (s *session) overdue(p *product, e *event.Entry) bool {
	now := time.Now()
	switch link := &p.link; {
	case link.State == store.Held:
	case s.policy.Every && link.State == store.Dead:
		// In order: what failed is tried once more, and then given up for this.
		link.State, link.Next = store.Due, now
		s.put(p)
	case !s.policy.Every && link.State == store.Dead:
		link.Attempts = 0
		return true
	case !s.policy.Every:
		// A newer version deserves an early try, but a stream of them no flood.
		link.Attempts = 0
		if soon := now.Add(s.lane.options.Schedule[0]); soon.Before(link.Next) {
			link.Next = soon
		}
		s.put(p)
	}
	return false
}

// fillDue takes up products whose time to be tried again has come.
func (s *session) fillDue(ctx context.Context, now time.Time) error {
	limit := min(max(s.room(), 1), readStep) + len(s.products)
	until := now
	if s.wake {
		until, s.wake = farFuture, false
	}
	links, err := s.lane.store.Behind(ctx, s.lane.options.Name, store.Due, until, limit)
	if err != nil {
		return err
	}
	if s.nextDue, err = s.lane.store.NextDue(ctx, s.lane.options.Name, now); err != nil {
		return err
	}
	if len(links) == limit && until == now {
		s.dueAt(now.Add(10 * time.Millisecond))
	}
	var due []*product
	for _, link := range links {
		if s.products[link.Key] != nil {
			continue // it is being worked on, and its next time comes with its outcome
		}
		p := &product{key: link.Key, link: link, behind: true}
		s.products[link.Key] = p
		due = append(due, p)
	}
	if s.policy.Every {
		for _, p := range due {
			if err := s.catchUp(ctx, p); err != nil {
				return err
			}
		}
		return nil
	}
	return s.refresh(ctx, due)
}

// dueAt has the session look for due products at t.
func (s *session) dueAt(t time.Time) {
	if s.nextDue.IsZero() || t.Before(s.nextDue) {
		s.nextDue = t
	}
}

// catchUpStep bounds the events of one product that are read at once.
const catchUpStep = 64

// catchUp reads p's own history, from the first event that it has not delivered
// up to where the lane has read. When there is no more, p is no longer behind.
func (s *session) catchUp(ctx context.Context, p *product) error {
	entries, err := s.lane.store.History(ctx, p.key, p.link.Seq-1, catchUpStep)
	if err != nil {
		return err
	}
	for i := range entries {
		if entries[i].Seq <= s.cursor {
			p.queue = append(p.queue, entries[i])
		}
	}
	if len(p.queue) == 0 {
		p.behind = false
		p.link.State, p.link.Attempts, p.link.Reason = store.InStep, 0, ""
		s.put(p)
		s.free(p)
		return nil
	}
	s.advance(p)
	return nil
}

// refresh gives products that are behind the catalog's latest state.
func (s *session) refresh(ctx context.Context, due []*product) error {
	keys := make([]string, len(due))
	for i, p := range due {
		keys[i] = p.key
	}
	entries, err := s.lane.store.Products(ctx, keys)
	if err != nil {
		return err
	}
	for _, p := range due {
		p.behind = false
		i := slices.IndexFunc(entries, func(e event.Entry) bool { return e.Key == p.key })
		if i < 0 { // the catalog never forgets; only a link of a lane that changed its mode comes here
			p.link.State = store.InStep
			s.put(p)
			s.free(p)
			continue
		}
		p.queue = []event.Entry{entries[i]}
		s.advance(p)
	}
	return nil
}

// advance decides what is next in p's queue, until a call is needed or nothing
// is left.
func (s *session) advance(p *product) {
	for !p.busy && len(p.queue) > 0 {
		e := &p.queue[0]
		decision, err := plan.Decide(e, known(&p.link), s.policy)
		switch {
		case err != nil:
			s.reject(p, err)
		case decision.Op == 0:
			s.skip(p, decision.Reason)
		default:
			p.decision = decision
			p.busy = true
			if p.link.Unknown && !s.policy.Every && decision.Op == sdk.Upsert {
				s.looking = append(s.looking, p)
			} else {
				s.ready = append(s.ready, p)
			}
			return
		}
	}
	switch {
	case p.busy:
	case p.behind:
		// Its history may have more by now; the store is read in fillDue.
		p.behind = false
		s.release(p)
		s.dueAt(time.Now())
	default:
		s.release(p)
	}
}

// release forgets p, which has nothing to do.
func (s *session) release(p *product) {
	if s.pending.links[p.key] == p {
		// What was put is written first, or a read of the link would miss it.
		s.free(p)
		return
	}
	delete(s.products, p.key)
}

func known(l *store.Link) plan.Known {
	return plan.Known{Remote: l.Remote, Base: l.Base, Sent: l.Sent, Archived: l.Archived}
}
