package sqlite

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

// collect runs a query and gathers what scan makes of its rows.
func collect[T any](ctx context.Context, s *Store, query string, fill func(*binder), scan func(*scanner) T) (rows []T, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		b := bind(conn, query)
		fill(b)
		return b.each(func(r *scanner) { rows = append(rows, scan(r)) })
	})
	return rows, err
}

// entries is collect for entries of any size: it stops when they pass
// store.MaxRead.
func (s *Store) entries(ctx context.Context, query string, fill func(*binder), scan func(*scanner) event.Entry) ([]event.Entry, error) {
	size := 0
	return collect(ctx, s, query, fill, func(r *scanner) event.Entry {
		e := scan(r)
		size += event.Size(&e.Product, e.Raw)
		r.last = size >= store.MaxRead
		return e
	})
}

// one runs a query of one row with one number.
func one(ctx context.Context, s *Store, query string, fill func(*binder)) (int64, error) {
	rows, err := collect(ctx, s, query, fill, (*scanner).int)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return rows[0], nil
}

// Journal reads entries behind a position.
func (s *Store) Journal(ctx context.Context, after int64, limit int) ([]event.Entry, error) {
	return s.entries(ctx, "SELECT "+entryColumns+" FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
		func(b *binder) { b.int(after).limit(limit) }, (*scanner).entry)
}

// Catalog reads products whose last change is behind a position.
func (s *Store) Catalog(ctx context.Context, after int64, limit int) ([]event.Entry, error) {
	return s.entries(ctx, selectProducts+"WHERE p.seq > ? ORDER BY p.seq LIMIT ?",
		func(b *binder) { b.int(after).limit(limit) }, (*scanner).catalogRow)
}

// JournalAt reads the entries at these positions.
func (s *Store) JournalAt(ctx context.Context, positions []int64) ([]event.Entry, error) {
	return collect(ctx, s, "SELECT "+entryColumns+" FROM events WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq",
		func(b *binder) { b.text(jsonList(positions)) }, (*scanner).entry)
}

// CatalogAt reads the products whose last change is at these positions.
func (s *Store) CatalogAt(ctx context.Context, positions []int64) ([]event.Entry, error) {
	return collect(ctx, s, selectProducts+"WHERE p.seq IN (SELECT value FROM json_each(?)) ORDER BY p.seq",
		func(b *binder) { b.text(jsonList(positions)) }, (*scanner).catalogRow)
}

// History reads one product's entries behind a position.
func (s *Store) History(ctx context.Context, key string, after int64, limit int) ([]event.Entry, error) {
	return s.entries(ctx, "SELECT "+entryColumns+" FROM events WHERE key = ? AND seq > ? ORDER BY seq LIMIT ?",
		func(b *binder) { b.text(key).int(after).limit(limit) }, (*scanner).entry)
}

// Products reads catalog rows.
func (s *Store) Products(ctx context.Context, keys []string) ([]event.Entry, error) {
	return collect(ctx, s, selectProducts+"WHERE p.key IN (SELECT value FROM json_each(?))",
		func(b *binder) { b.text(jsonList(keys)) }, (*scanner).catalogRow)
}

// Head is the newest position.
func (s *Store) Head(ctx context.Context) (int64, error) {
	return one(ctx, s, "SELECT coalesce(max(seq), 0) FROM events", func(*binder) {})
}

// At is the first position accepted at or after t.
func (s *Store) At(ctx context.Context, t time.Time) (int64, error) {
	return s.firstAt(ctx, "events", "accepted", t)
}

// firstAt is the first id of a table whose time is t or later. Times follow ids
// but for steps of the clock, so a search by halves finds the place without an
// index.
func (s *Store) firstAt(ctx context.Context, table, column string, t time.Time) (int64, error) {
	low, err := one(ctx, s, "SELECT coalesce(min(rowid), 1) FROM "+table, func(*binder) {})
	if err != nil {
		return 0, err
	}
	high, err := one(ctx, s, "SELECT coalesce(max(rowid), 0) + 1 FROM "+table, func(*binder) {})
	if err != nil {
		return 0, err
	}
	for low < high {
		middle := low + (high-low)/2
		at, err := one(ctx, s, "SELECT "+column+" FROM "+table+" WHERE rowid >= ? ORDER BY rowid LIMIT 1", func(b *binder) { b.int(middle) })
		if err != nil {
			return 0, err
		}
		if at < t.UnixMicro() {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// Lane reads a connector's lane.
func (s *Store) Lane(ctx context.Context, connector string) (store.Lane, error) {
	lanes, err := collect(ctx, s, "SELECT cursor, open, state, reason, policy FROM lanes WHERE connector = ?",
		func(b *binder) { b.text(connector) },
		func(r *scanner) store.Lane {
			l := store.Lane{Connector: connector, Cursor: r.int(), Open: r.open(connector)}
			l.State, l.Reason, l.Policy = store.LaneState(r.text()), r.text(), r.text()
			return l
		})
	if err != nil || len(lanes) == 0 {
		return store.Lane{Connector: connector}, err
	}
	return lanes[0], nil
}

// Links reads what is known of keys at a connector.
func (s *Store) Links(ctx context.Context, connector string, keys []string) ([]store.Link, error) {
	return collect(ctx, s, "SELECT "+linkColumns+" FROM links WHERE connector = ? AND key IN (SELECT value FROM json_each(?))",
		func(b *binder) { b.text(connector).text(jsonList(keys)) }, (*scanner).link)
}

// Behind reads links that are due.
func (s *Store) Behind(ctx context.Context, connector string, state store.State, until time.Time, limit int) ([]store.Link, error) {
	return collect(ctx, s, "SELECT "+linkColumns+" FROM links WHERE connector = ? AND state = ? AND state <> '' AND next <= ? ORDER BY next LIMIT ?",
		func(b *binder) { b.text(connector).text(string(state)).time(until).limit(limit) }, (*scanner).link)
}

// NextDue is the soonest retry time behind a time.
func (s *Store) NextDue(ctx context.Context, connector string, after time.Time) (time.Time, error) {
	next, err := one(ctx, s, "SELECT coalesce(min(next), 0) FROM links WHERE connector = ? AND state = ? AND state <> '' AND next > ?",
		func(b *binder) { b.text(connector).text(string(store.Due)).time(after) })
	if err != nil || next == 0 {
		return time.Time{}, err
	}
	return time.UnixMicro(next).UTC(), nil
}

// Counts counts links by state.
func (s *Store) Counts(ctx context.Context, connector string) (map[store.State]int64, error) {
	type count struct {
		state store.State
		n     int64
	}
	rows, err := collect(ctx, s,
		"SELECT state, count(*) FROM links WHERE connector = ? AND state <> '' GROUP BY state",
		func(b *binder) { b.text(connector) },
		func(r *scanner) count { return count{store.State(r.text()), r.int()} })
	counts := make(map[store.State]int64, len(rows))
	for _, row := range rows {
		counts[row.state] = row.n
	}
	return counts, err
}

// Deliveries reads records of attempts.
func (s *Store) Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error) {
	query := "SELECT " + deliveryColumns + " FROM deliveries WHERE id > ?"
	if q.Key != "" {
		query += " AND key = ? AND seq IN (SELECT seq FROM events WHERE key = ?)"
	}
	if q.Connector != "" {
		query += " AND connector = ?"
	}
	query += " ORDER BY id"
	if q.Newest {
		query += " DESC"
	}
	rows, err := collect(ctx, s, query+" LIMIT ?", func(b *binder) {
		b.int(q.After)
		if q.Key != "" {
			b.text(q.Key).text(q.Key)
		}
		if q.Connector != "" {
			b.text(q.Connector)
		}
		b.limit(q.Limit)
	}, (*scanner).delivery)
	if q.Newest {
		slices.Reverse(rows)
	}
	return rows, err
}

func jsonList[T ~string | int64](list []T) string {
	data, err := json.Marshal(list)
	if err != nil {
		panic("a list of strings or numbers has a JSON form: " + err.Error())
	}
	return string(data)
}
