package deliver

import (
	"context"
	"time"

	"github.com/synchost/synchost/host/internal/event"
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
