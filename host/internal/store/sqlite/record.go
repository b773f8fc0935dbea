package sqlite

import (
	"context"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/store"
)

// Record writes what became of a lane's work.
func (s *Store) Record(ctx context.Context, r store.Record) error {
	rows := len(r.Links) + len(r.Forget) + len(r.Deliveries)
	return s.writer.write(ctx, &work{rows: rows + 1, do: func(w *writer) error { return w.record(&r) }})
}

// record adds a lane's step to the commit being made. Memory keeps copies: the
// lane makes its next step in the place of this one.
func (w *writer) record(r *store.Record) error {
	var errs []error
	for _, link := range r.Links {
		errs = append(errs, w.frame.row(inLinks).link(&link).err)
		w.stage.addLink(&link)
	}
	for _, key := range r.Forget {
		w.frame.row(forgotten).text(r.Connector).text(key)
		w.stage.forget(r.Connector, key)
	}
	for i := range r.Deliveries {
		errs = append(errs, w.frame.row(inDeliveries).delivery(&r.Deliveries[i]).err)
		w.stage.addDelivery(&r.Deliveries[i])
	}
	if r.Lane != nil {
		lane := *r.Lane
		errs = append(errs, w.frame.row(inLanes).lane(&lane).err)
		w.stage.addLane(&lane)
	}
	return errors.Join(errs...)
}

// update changes rows of the tables, after all that was committed before.
func (s *Store) update(ctx context.Context, fn func(*sqlite.Conn) error) error {
	if err := s.writer.settled(ctx); err != nil {
		return err
	}
	return s.tables.do(fn)
}

// Retry makes links due.
func (s *Store) Retry(ctx context.Context, connector string, keys []string, states []store.State, at time.Time) (count int64, err error) {
	query := "UPDATE links SET state = ?, next = ?, changed = ?, attempts = 0" +
		" WHERE connector = ? AND state <> '' AND state IN (SELECT value FROM json_each(?))"
	if len(keys) > 0 {
		query += " AND key IN (SELECT value FROM json_each(?))"
	}
	err = s.update(ctx, func(conn *sqlite.Conn) error {
		err := run(conn, query, func(c *columns) {
			c.text(string(store.Due)).time(at).time(s.options.Now()).text(connector).text(jsonList(states))
			if len(keys) > 0 {
				c.text(jsonList(keys))
			}
		})
		count = int64(conn.Changes())
		return err
	})
	return count, err
}

// Hasten makes links due whose time is that of a clock that was wrong.
func (s *Store) Hasten(ctx context.Context, connector string, now time.Time) error {
	return s.update(ctx, func(conn *sqlite.Conn) error {
		return run(conn, "UPDATE links SET next = ?, changed = ? WHERE connector = ? AND state <> '' AND state = ? AND changed > ?",
			func(c *columns) { c.time(now).time(now).text(connector).text(string(store.Due)).time(now) })
	})
}

// Rewind moves links that are not in step back.
func (s *Store) Rewind(ctx context.Context, connector string, seq int64) error {
	return s.update(ctx, func(conn *sqlite.Conn) error {
		return run(conn, "UPDATE links SET seq = ? WHERE connector = ? AND state <> '' AND seq > ?",
			func(c *columns) { c.int(seq).text(connector).int(seq) })
	})
}

// pruneStep bounds the rows of one transaction of Prune, so that nothing waits for it.
const pruneStep = 1_000

// Prune forgets old journal entries and deliveries, in small steps. The newest of
// each stays, since it holds the place of the next, and so does each product's
// latest entry, since it is the catalog's. A full disk is what it may mend: there
// it works on the tables as they are.
func (s *Store) Prune(ctx context.Context, p store.PruneLimits) (int64, error) {
	if err := s.settledOrFull(ctx); err != nil {
		return 0, err
	}
	first, err := s.firstAt(ctx, "events", "accepted", p.EventsBefore)
	if err != nil {
		return 0, err
	}
	var gone []int64
	events, err := s.forget(ctx, "events", min(p.Passed, first-1),
		"SELECT seq, key FROM events e WHERE seq > ? AND seq <= ? AND seq < (SELECT max(seq) FROM events)"+
			" AND NOT EXISTS (SELECT 1 FROM products WHERE seq = e.seq)"+
			" AND NOT EXISTS (SELECT 1 FROM links l WHERE l.key = e.key AND l.state <> '' AND l.seq <= e.seq) ORDER BY seq LIMIT ?",
		func(some []int64) error {
			if gone = append(gone, some...); len(gone) < maxRun {
				return nil
			}
			defer func() { gone = nil }()
			return s.thin(gone)
		})
	err = errors.Join(err, s.thin(gone))
	if s.seen.outgrown(events) {
		defer s.learn(ctx)
	}
	if err != nil {
		return events, err
	}
	if first, err = s.firstAt(ctx, "deliveries", "at", p.DeliveriesBefore); err != nil {
		return events, err
	}
	deliveries, err := s.forget(ctx, "deliveries", first-1,
		"SELECT id, '' FROM deliveries WHERE id > ? AND id <= ? AND id < (SELECT max(id) FROM deliveries) ORDER BY id LIMIT ?",
		func([]int64) error { return nil })
	return events + deliveries, err
}

// thin has nobody look for what was pruned. On a full disk they look in vain.
func (s *Store) thin(gone []int64) error {
	for len(gone) > 0 {
		err := s.tables.do(func(conn *sqlite.Conn) (err error) {
			gone, err = thinRuns(conn, gone)
			return err
		})
		if errors.Is(err, store.ErrFull) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// forget deletes the rows that query finds between two ids, some at a time. A
// reader finds them: there is nothing to write when there are none. What is found
// stays so, since the catalog moves to new entries only. Links are looked for in
// memory first, and then in the tables, where they go. It tells of each step.
func (s *Store) forget(ctx context.Context, table string, last int64, query string, step func(ids []int64) error) (gone int64, err error) {
	type row struct {
		id  int64
		key string
	}
	for from := int64(0); ; {
		needed := map[string]bool{}
		s.memory.behind(func(link *store.Link) { needed[link.Key] = true })
		rows, err := collect(ctx, s, query, func(c *columns) { c.int(from).int(last).limit(pruneStep) },
			func(v *values) row { return row{v.int(), v.text()} })
		if err != nil || len(rows) == 0 {
			return gone, err
		}
		from = rows[len(rows)-1].id
		var ids []int64
		for _, row := range rows {
			if !needed[row.key] {
				ids = append(ids, row.id)
			}
		}
		err = s.tables.do(func(conn *sqlite.Conn) error {
			return run(conn, "DELETE FROM "+table+" WHERE rowid IN (SELECT value FROM json_each(?))", func(c *columns) { c.text(jsonList(ids)) })
		})
		if err != nil {
			return gone, err
		}
		gone += int64(len(ids))
		if err := step(ids); err != nil {
			return gone, err
		}
	}
}
