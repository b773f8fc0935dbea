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

// Prune forgets old journal entries and deliveries, in small steps.
func (s *Store) Prune(ctx context.Context, p store.PruneLimits) (int64, error) {
	first, err := s.At(ctx, p.EventsBefore)
	if err != nil {
		return 0, err
	}
	passed := min(p.Passed, first-1)
	var total int64
	for _, step := range []func(*writer) error{
		func(w *writer) error {
			// The newest entry stays: it holds the place of the next position.
			return bind(w.conn, "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq <= ?"+
				" AND seq < (SELECT max(seq) FROM events) ORDER BY seq LIMIT ?)").
				int(passed).int(pruneStep).run()
		},
		func(w *writer) error {
			// Only the oldest are looked at, so that a step with nothing to do is short.
			return bind(w.conn, "DELETE FROM deliveries WHERE id IN (SELECT id FROM"+
				" (SELECT id, at FROM deliveries ORDER BY id LIMIT ?) WHERE at < ?)").
				int(pruneStep).time(p.DeliveriesBefore).run()
		},
	} {
		for gone := int64(pruneStep); gone == pruneStep; total += gone {
			err := s.writer.write(ctx, &work{rows: pruneStep, do: func(w *writer) error {
				err := step(w)
				gone = int64(w.conn.Changes())
				return err
			}})
			if err != nil {
				return total, err
			}
		}
	}
	return total, nil
}
