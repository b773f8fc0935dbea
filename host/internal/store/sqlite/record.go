package sqlite

import (
	"context"

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

// pruneStep bounds the rows of one commit of Prune, so that events do not wait for it.
const pruneStep = 1_000

// Prune forgets old journal entries and deliveries, in small steps. The newest
// entry of all stays, since it holds the place of the next position, and that of
// each product, since it is the catalog's.
func (s *Store) Prune(ctx context.Context, p store.PruneLimits) (int64, error) {
	first, err := s.At(ctx, p.EventsBefore)
	if err != nil {
		return 0, err
	}
	events, err := s.pruneSteps(ctx, "events", min(p.Passed, first-1),
		"DELETE FROM events WHERE seq > ?1 AND seq <= ?2 AND seq < (SELECT max(seq) FROM events)"+
			" AND NOT EXISTS (SELECT 1 FROM products p WHERE p.seq = events.seq)")
	if err != nil {
		return events, err
	}
	last, err := one(ctx, s, "SELECT coalesce(max(id), 0) FROM (SELECT id, at FROM deliveries ORDER BY id DESC) WHERE at < ?",
		func(b *binder) { b.time(p.DeliveriesBefore) })
	if err != nil {
		return events, err
	}
	deliveries, err := s.pruneSteps(ctx, "deliveries", last, "DELETE FROM deliveries WHERE rowid > ?1 AND rowid <= ?2")
	return events + deliveries, err
}

// pruneSteps runs a delete over a table's rows up to a last one, some at a time.
func (s *Store) pruneSteps(ctx context.Context, table string, last int64, query string) (gone int64, err error) {
	for from := int64(0); ; {
		to, err := one(ctx, s, "SELECT coalesce(max(rowid), 0) FROM (SELECT rowid FROM "+table+" WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?)",
			func(b *binder) { b.int(from).int(last).int(pruneStep) })
		if err != nil || to == 0 {
			return gone, err
		}
		var step int64
		err = s.writer.write(ctx, &work{rows: pruneStep, do: func(w *writer) error {
			err := bind(w.conn, query).int(from).int(to).run()
			step = int64(w.conn.Changes())
			return err
		}})
		if err != nil {
			return gone, err
		}
		gone += step
		from = to
	}
}
