package deliver

import (
	"context"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
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
	return s.take(ctx, entries)
}

// fill reads on: first what is due again, then what is new.
func (s *session) fill(ctx context.Context, now time.Time) error {
	if now.Before(s.lane.throttle.until) {
		return nil
	}
	if s.lane.circuit.open && (len(s.ready)+len(s.looking) > 0 || s.lane.circuit.allow(1, now) == 0) {
		return nil
	}
	if err := s.fillDue(ctx, now); err != nil {
		return err
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
		load := s.load
		for i := range entries {
			s.open = append(s.open, entries[i].Seq)
			s.cursor = entries[i].Seq
		}
		if err := s.take(ctx, entries); err != nil {
			return err
		}
		s.caughtUp = len(entries) < limit && (len(entries) == 0 || s.load-load < store.MaxRead/2)
	}
	return nil
}

// room is how many more products and positions may be taken up.
func (s *session) room() int {
	if s.load >= maxLoad {
		return 0
	}
	return s.window - max(s.outstanding(), len(s.products))
}

// take hands entries to their products.
func (s *session) take(ctx context.Context, entries []event.Entry) error {
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
		s.enqueue(p, e)
	}
	return nil
}

// linksOf reads the links of products that are not being worked on; of the
// others the session knows more than the store.
func (s *session) linksOf(ctx context.Context, entries []event.Entry) (map[string]store.Link, error) {
	var keys []string
	links := make(map[string]store.Link, len(entries))
	for i := range entries {
		key := entries[i].Key
		if link, known := s.recentLinks[key]; known {
			links[key] = link
		} else if s.products[key] == nil {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return links, nil
	}
	rows, err := s.lane.store.Links(ctx, s.lane.options.Name, keys)
	for _, link := range rows {
		links[link.Key] = link
	}
	return links, err
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
		s.unqueue(p, 1) // the newer state has it all
	}
	s.queue(p, e)
	switch {
	case s.policy.Every && len(p.queue) > catchUpStep:
		s.overflow(p)
	case p.busy || len(p.queue) > 1:
	default:
		s.advance(p)
	}
}

func (s *session) queue(p *product, e *event.Entry) {
	p.queue = append(p.queue, *e)
	s.load += event.Size(&e.Product, e.Raw)
}

// dequeue takes the first of what p has to do as dealt with.
func (s *session) dequeue(p *product) {
	e := &p.queue[0]
	s.close(e.Seq)
	s.load -= event.Size(&e.Product, e.Raw)
	*e = event.Entry{}
	p.queue = p.queue[1:]
}

// unqueue takes what p has to do from the i-th on as dealt with, or as left to
// what p's link says.
func (s *session) unqueue(p *product, i int) {
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
	case link.State == store.Held:
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

// fillDue takes up products whose time to be tried again has come, some at a
// time, so that new entries find room beside them.
func (s *session) fillDue(ctx context.Context, now time.Time) error {
	page := min(readStep, s.window/2)
	if s.retried > page/4 || s.room() <= 0 {
		return nil
	}
	if len(s.wake) > 0 {
		keys := s.wake[:min(page, len(s.wake))]
		links, err := s.lane.store.Links(ctx, s.lane.options.Name, keys)
		if err != nil {
			return err
		}
		s.wake = s.wake[len(keys):]
		return s.takeDue(ctx, links)
	}
	if s.nextDue.IsZero() || now.Before(s.nextDue) {
		return nil
	}
	// Those being worked on may still be due on disk.
	limit := page + s.retried
	links, err := s.lane.store.Behind(ctx, s.lane.options.Name, store.Due, now, limit)
	if err != nil {
		return err
	}
	if s.nextDue, err = s.lane.store.NextDue(ctx, s.lane.options.Name, now); err != nil {
		return err
	}
	if len(links) == limit {
		s.dueAt(now)
	}
	return s.takeDue(ctx, links)
}

// takeDue takes up those of links that are due and not being worked on.
func (s *session) takeDue(ctx context.Context, links []store.Link) error {
	var due []*product
	for _, link := range links {
		if link.State != store.Due || s.products[link.Key] != nil {
			continue // its next time comes with its outcome
		}
		p := &product{key: link.Key, link: link, catchingUp: s.policy.Every}
		s.products[p.key] = p
		s.takeUp(p)
		due = append(due, p)
	}
	if !s.policy.Every {
		return s.refresh(ctx, due)
	}
	for i, p := range due {
		if s.room() <= 0 {
			s.putBack(due[i:])
			return nil
		}
		if err := s.catchUp(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) takeUp(p *product) {
	if !p.retried {
		p.retried = true
		s.retried++
	}
}

// putBack leaves products for which there is no room until there is.
func (s *session) putBack(due []*product) {
	for _, p := range due {
		s.forget(p)
	}
	s.dueAt(time.Now())
}

// dueAt has the session look for due products at t.
func (s *session) dueAt(t time.Time) {
	if s.nextDue.IsZero() || t.Before(s.nextDue) {
		s.nextDue = t
	}
}

// catchUpStep bounds the events of one product that are held at once; of what
// is more, its history is read on when they are done.
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
			s.queue(p, &entries[i])
		}
	}
	if len(p.queue) == 0 {
		p.catchingUp = false
		s.inStep(p)
		return nil
	}
	s.advance(p)
	return nil
}

// inStep is of a product that turns out to have nothing to do.
func (s *session) inStep(p *product) {
	p.link.State, p.link.Attempts, p.link.Reason = store.InStep, 0, ""
	s.put(p)
	s.free(p)
}

// refreshStep bounds the products that are read at once: they may be large.
const refreshStep = 32

// refresh gives products that are behind the catalog's latest state.
func (s *session) refresh(ctx context.Context, due []*product) error {
	for batch := range slices.Chunk(due, refreshStep) {
		if s.room() <= 0 {
			s.putBack(batch)
			continue
		}
		keys := make([]string, len(batch))
		for i, p := range batch {
			keys[i] = p.key
		}
		entries, err := s.lane.store.Products(ctx, keys)
		if err != nil {
			return err
		}
		latest := make(map[string]*event.Entry, len(entries))
		for i := range entries {
			latest[entries[i].Key] = &entries[i]
		}
		for _, p := range batch {
			e := latest[p.key]
			if e == nil { // the catalog never forgets; only a link of a lane that changed its mode comes here
				s.inStep(p)
				continue
			}
			s.queue(p, e)
			s.advance(p)
		}
	}
	return nil
}

// advance decides what is next in p's queue, until a call is needed or nothing
// is left.
func (s *session) advance(p *product) {
	for !p.busy && len(p.queue) > 0 {
		e := &p.queue[0]
		decision, err := plan.Decide(e, known(p), s.policy)
		switch {
		case err != nil:
			s.reject(p, err)
		case decision.Op == 0:
			s.skip(p, decision.Reason)
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
	l := &p.link
	return plan.Known{Remote: l.Remote, Base: l.Base, Sent: l.Sent, Archived: l.Archived, Unknown: l.Unknown && !p.marked}
}
