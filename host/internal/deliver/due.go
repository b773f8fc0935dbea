package deliver

import (
	"context"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

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
			s.push(p, &entries[i])
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
			if e == nil {
				e = &event.Entry{Key: p.key} // the catalog has no such product
			}
			s.push(p, e)
			s.advance(p)
		}
	}
	return nil
}
