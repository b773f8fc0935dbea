package sqlite

import (
	"context"
	"time"

	"github.com/synchost/synchost/host/internal/store"
)

// Record writes what became of a lane's work.
func (s *Store) Record(ctx context.Context, r store.Record) error {
	rows := len(r.Links) + len(r.Forget) + len(r.Deliveries)
	return s.writer.write(ctx, &work{rows: rows + 1, do: func(w *writer) error { return w.record(&r) }})
}

func (w *writer) record(r *store.Record) error {
	for i := range r.Links {
		if err := w.putLink(&r.Links[i]); err != nil {
			return err
		}
	}
	for _, key := range r.Forget {
		if err := bind(w.conn, "DELETE FROM links WHERE connector = ? AND key = ?").text(r.Connector).text(key).run(); err != nil {
			return err
		}
	}
	for i := range r.Deliveries {
		if err := w.addDelivery(&r.Deliveries[i]); err != nil {
			return err
		}
	}
	if r.Lane != nil {
		return w.putLane(r.Lane)
	}
	return nil
}

func (w *writer) putLane(l *store.Lane) error {
	open, err := encodeOpen(l.Open)
	if err != nil {
		return err
	}
	return bind(w.conn, "INSERT INTO lanes (connector, cursor, open, state, reason, policy) VALUES (?,?,?,?,?,?)"+
		" ON CONFLICT (connector) DO UPDATE SET cursor = excluded.cursor, open = excluded.open, state = excluded.state, reason = excluded.reason, policy = excluded.policy").
		text(l.Connector).int(l.Cursor).blob(open).text(string(l.State)).text(l.Reason).text(l.Policy).run()
}

func (w *writer) putLink(l *store.Link) error {
	return bind(w.conn, "INSERT INTO links ("+linkColumns+") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"+
		" ON CONFLICT (connector, key) DO UPDATE SET remote = excluded.remote, version = excluded.version, base = excluded.base, sent = excluded.sent,"+
		" archived = excluded.archived, state = excluded.state, seq = excluded.seq, attempts = excluded.attempts,"+
		" next = excluded.next, unknown = excluded.unknown, reason = excluded.reason, changed = excluded.changed").
		text(l.Connector).text(l.Key).text(l.Remote.ID).text(l.Remote.Version).product(l.Base).product(l.Sent).bool(l.Archived).
		text(string(l.State)).int(l.Seq).int(int64(l.Attempts)).time(l.Next).bool(l.Unknown).text(l.Reason).time(l.Changed).run()
}

func (w *writer) addDelivery(d *store.Delivery) error {
	return bind(w.conn, "INSERT INTO deliveries ("+deliveryValues+") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)").
		text(d.Connector).text(d.Key).int(d.Seq).text(d.ChangeID).text(d.Op).list(d.Fields).int(int64(d.Attempt)).
		time(d.At).int(int64(d.Took)).text(string(d.Outcome)).text(d.Kind).text(d.Message).
		text(d.Exchange.Request).text(d.Exchange.Response).int(int64(d.Exchange.Status)).
		product(d.Before).product(d.Wanted).run()
}

// Retry makes links due.
func (s *Store) Retry(ctx context.Context, connector string, keys []string, states []store.State, at time.Time) (count int64, err error) {
	query := "UPDATE links SET state = ?, next = ?, changed = ?, attempts = 0" +
		" WHERE connector = ? AND state <> '' AND state IN (SELECT value FROM json_each(?))"
	if len(keys) > 0 {
		query += " AND key IN (SELECT value FROM json_each(?))"
	}
	err = s.writer.write(ctx, &work{rows: 1, do: func(w *writer) error {
		b := bind(w.conn, query).text(string(store.Due)).time(at).time(w.now()).text(connector).text(jsonList(states))
		if len(keys) > 0 {
			b.text(jsonList(keys))
		}
		err := b.run()
		count = int64(w.conn.Changes())
		return err
	}})
	return count, err
}

// Rewind moves links that are not in step back.
func (s *Store) Rewind(ctx context.Context, connector string, seq int64) error {
	return s.writer.write(ctx, &work{rows: 1, do: func(w *writer) error {
		return bind(w.conn, "UPDATE links SET seq = ? WHERE connector = ? AND state <> '' AND seq > ?").int(seq).text(connector).int(seq).run()
	}})
}

// pruneStep bounds the rows of one commit of Prune, so that events do not wait for it.
const pruneStep = 1_000

// Prune forgets old journal entries and deliveries, in small steps. The newest of
// each stays, since it holds the place of the next, and so does each product's
// latest entry, since it is the catalog's.
func (s *Store) Prune(ctx context.Context, p store.PruneLimits) (int64, error) {
	first, err := s.At(ctx, p.EventsBefore)
	if err != nil {
		return 0, err
	}
	events, err := s.forget(ctx, "events", min(p.Passed, first-1),
		"SELECT seq FROM events e WHERE seq > ? AND seq <= ? AND seq < (SELECT max(seq) FROM events)"+
			" AND NOT EXISTS (SELECT 1 FROM products WHERE seq = e.seq)"+
			" AND NOT EXISTS (SELECT 1 FROM links l WHERE l.key = e.key AND l.state <> '' AND l.seq <= e.seq) ORDER BY seq LIMIT ?")
	if err != nil {
		return events, err
	}
	if first, err = s.firstAt(ctx, "deliveries", "at", p.DeliveriesBefore); err != nil {
		return events, err
	}
	deliveries, err := s.forget(ctx, "deliveries", first-1,
		"SELECT id FROM deliveries WHERE id > ? AND id <= ? AND id < (SELECT max(id) FROM deliveries) ORDER BY id LIMIT ?")
	return events + deliveries, err
}

// forget deletes the rows that query finds between two ids, some at a time. A
// reader finds them: the writer has nothing to do when there are none. What is
// found stays so, since the catalog moves to new entries only.
func (s *Store) forget(ctx context.Context, table string, last int64, query string) (gone int64, err error) {
	for from := int64(0); ; {
		ids, err := collect(ctx, s, query, func(b *binder) { b.int(from).int(last).limit(pruneStep) }, (*scanner).int)
		if err != nil || len(ids) == 0 {
			return gone, err
		}
		err = s.writer.write(ctx, &work{rows: len(ids), do: func(w *writer) error {
			return bind(w.conn, "DELETE FROM "+table+" WHERE rowid IN (SELECT value FROM json_each(?))").text(jsonList(ids)).run()
		}})
		if err != nil {
			return gone, err
		}
		gone += int64(len(ids))
		from = ids[len(ids)-1]
	}
}
