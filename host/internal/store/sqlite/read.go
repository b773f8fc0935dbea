package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

// collect runs a query and gathers what scan makes of its rows.
func collect[T any](ctx context.Context, s *Store, query string, fill func(*columns), scan func(*values) T) (rows []T, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		st := prepare(conn, query)
		fill(&st.columns)
		return st.each(func(v *values) { rows = append(rows, scan(v)) })
	})
	return rows, err
}

// one runs a query of one row with one number.
func one(ctx context.Context, s *Store, query string, fill func(*columns)) (int64, error) {
	rows, err := collect(ctx, s, query, fill, (*values).int)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return rows[0], nil
}

// entries runs a query for entries. The room that is left is less by what was read.
func (s *Store) entries(ctx context.Context, room *int, query string, fill func(*columns), scan func(*values) event.Entry) ([]event.Entry, error) {
	return collect(ctx, s, query, fill, func(v *values) event.Entry {
		e := scan(v)
		*room -= event.Size(&e.Product, e.Raw)
		v.last = *room <= 0
		return e
	})
}

// behind reads entries behind a position: those in the tables, as rows reads
// them up to a position, and then those in memory that keep lets pass.
func (s *Store) behind(ctx context.Context, after int64, limit int,
	rows func(room *int, after, below int64, limit int) ([]event.Entry, error), keep func([]*tail, *event.Entry) *event.Entry) (list []event.Entry, err error) {
	for room, here := store.MaxRead, false; !here; {
		if first := s.memory.first(); after+1 < first {
			some, err := rows(&room, after, first, limit-len(list))
			if list = append(list, some...); err != nil || room <= 0 || len(list) >= limit {
				return list, err
			}
			after = first - 1
		}
		// By now the tables may have taken over more.
		list, here = s.memory.journal(list, after, limit-len(list), room, keep)
	}
	return list, s.usable(ctx)
}

// Journal reads entries behind a position.
func (s *Store) Journal(ctx context.Context, after int64, limit int) ([]event.Entry, error) {
	return s.behind(ctx, after, limit, func(room *int, after, below int64, limit int) ([]event.Entry, error) {
		return s.entries(ctx, room, "SELECT "+entryColumns+" FROM events WHERE seq > ? AND seq < ? ORDER BY seq LIMIT ?",
			func(c *columns) { c.int(after).int(below).limit(limit) }, (*values).entry)
	}, func(_ []*tail, e *event.Entry) *event.Entry { return e })
}

// History reads one product's entries behind a position.
func (s *Store) History(ctx context.Context, key string, after int64, limit int) ([]event.Entry, error) {
	return s.behind(ctx, after, limit, func(room *int, after, below int64, limit int) (list []event.Entry, err error) {
		for {
			found, err := s.positionsOf(ctx, key, after+1, below-1, limit-len(list))
			if err != nil || len(found) == 0 {
				return list, err
			}
			after = found[len(found)-1]
			rows, err := s.entries(ctx, room, "SELECT "+entryColumns+" FROM events WHERE seq IN (SELECT value FROM json_each(?)) AND key = ? ORDER BY seq",
				func(c *columns) { c.text(jsonList(found)).text(key) }, (*values).entry)
			if list = append(list, rows...); err != nil || *room <= 0 || len(list) >= limit {
				return list, err
			}
		}
	}, func(_ []*tail, e *event.Entry) *event.Entry {
		if e.Key != key {
			return nil
		}
		return e
	})
}

// positionsOf are up to limit places where the tables may have an entry of key.
func (s *Store) positionsOf(ctx context.Context, key string, from, to int64, limit int) (found []int64, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		found, err = positions(conn, byKey, s.salt.ofKey(key), from, to, limit)
		return err
	})
	return found, err
}

// Catalog reads products whose last change is behind a position.
func (s *Store) Catalog(ctx context.Context, after int64, limit int) ([]event.Entry, error) {
	return s.behind(ctx, after, limit, func(room *int, after, below int64, limit int) (list []event.Entry, err error) {
		s.memory.both.RLock()
		defer s.memory.both.RUnlock()
		for {
			rows, err := s.entries(ctx, room, selectProducts+"WHERE p.seq > ? AND p.seq < ? ORDER BY p.seq LIMIT ?",
				func(c *columns) { c.int(after).int(below).limit(limit - len(list)) }, (*values).catalogRow)
			if err != nil || len(rows) == 0 {
				return list, err
			}
			after = rows[len(rows)-1].Seq
			// What has changed since comes later.
			list = append(list, slices.DeleteFunc(rows, func(e event.Entry) bool { return s.memory.product(e.Key) != nil })...)
			if *room <= 0 || len(list) >= limit {
				return list, nil
			}
		}
	}, latest)
}

// latest is the catalog row that e made, nil when there is a later one.
func latest(tails []*tail, e *event.Entry) *event.Entry {
	if row := productIn(tails, e.Key); row != nil && row.Seq == e.Seq {
		return row
	}
	return nil
}

// JournalAt reads the entries at these positions.
func (s *Store) JournalAt(ctx context.Context, positions []int64) ([]event.Entry, error) {
	return settled(ctx, s, "SELECT "+entryColumns+" FROM events WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq",
		func(c *columns) { c.text(jsonList(positions)) }, (*values).entry)
}

// CatalogAt reads the products whose last change is at these positions.
func (s *Store) CatalogAt(ctx context.Context, positions []int64) ([]event.Entry, error) {
	return settled(ctx, s, selectProducts+"WHERE p.seq IN (SELECT value FROM json_each(?)) ORDER BY p.seq",
		func(c *columns) { c.text(jsonList(positions)) }, (*values).catalogRow)
}

// settled is collect after all that was committed is in the tables: for what is
// asked rarely.
func settled[T any](ctx context.Context, s *Store, query string, fill func(*columns), scan func(*values) T) ([]T, error) {
	if err := s.writer.settled(ctx); err != nil {
		return nil, err
	}
	return collect(ctx, s, query, fill, scan)
}

// shown is settled for what people look at, which on a full disk is what the
// tables have: they look because the disk is full.
func shown[T any](ctx context.Context, s *Store, query string, fill func(*columns), scan func(*values) T) ([]T, error) {
	if err := s.settledOrFull(ctx); err != nil {
		return nil, err
	}
	return collect(ctx, s, query, fill, scan)
}

// settledOrFull is writer.settled; on a full disk the tables stay as they are.
func (s *Store) settledOrFull(ctx context.Context) error {
	if err := s.writer.settled(ctx); !errors.Is(err, store.ErrFull) {
		return err
	}
	return nil
}

// Products reads catalog rows.
func (s *Store) Products(ctx context.Context, keys []string) (list []event.Entry, err error) {
	var rest []string
	s.memory.look(func(tails []*tail) {
		for _, key := range keys {
			if row := productIn(tails, key); row != nil {
				list = append(list, *row)
			} else {
				rest = append(rest, key)
			}
		}
	})
	if len(rest) == 0 {
		return list, s.usable(ctx)
	}
	rows, err := collect(ctx, s, selectProducts+"WHERE p.key IN (SELECT value FROM json_each(?))",
		func(c *columns) { c.text(jsonList(rest)) }, (*values).catalogRow)
	return append(list, rows...), err
}

// Keys reads the catalog's keys behind one.
func (s *Store) Keys(ctx context.Context, after string, limit int) ([]string, error) {
	return shown(ctx, s, "SELECT key FROM products WHERE key > ? ORDER BY key LIMIT ?",
		func(c *columns) { c.text(after).limit(limit) }, (*values).text)
}

// Head is the newest position.
func (s *Store) Head(ctx context.Context) (int64, error) {
	return s.memory.head(), s.usable(ctx)
}

// At is the first position accepted at or after t.
func (s *Store) At(ctx context.Context, t time.Time) (int64, error) {
	if err := s.settledOrFull(ctx); err != nil {
		return 0, err
	}
	return s.firstAt(ctx, "events", "accepted", t)
}

// firstAt is the first id of a table whose time is t or later. Times follow ids
// but for steps of the clock, so a search by halves finds the place without an
// index.
func (s *Store) firstAt(ctx context.Context, table, column string, t time.Time) (int64, error) {
	low, err := one(ctx, s, "SELECT coalesce(min(rowid), 1) FROM "+table, none)
	if err != nil {
		return 0, err
	}
	high, err := one(ctx, s, "SELECT coalesce(max(rowid), 0) + 1 FROM "+table, none)
	if err != nil {
		return 0, err
	}
	for low < high {
		middle := low + (high-low)/2
		at, err := one(ctx, s, "SELECT "+column+" FROM "+table+" WHERE rowid >= ? ORDER BY rowid LIMIT 1", func(c *columns) { c.int(middle) })
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
	if lane := s.memory.lane(connector); lane != nil {
		return *lane, s.usable(ctx)
	}
	lanes, err := collect(ctx, s, "SELECT "+laneColumns+" FROM lanes WHERE connector = ?",
		func(c *columns) { c.text(connector) }, (*values).lane)
	if err != nil || len(lanes) == 0 {
		return store.Lane{Connector: connector}, err
	}
	return lanes[0], nil
}

// Links reads what is known of keys at a connector.
func (s *Store) Links(ctx context.Context, connector string, keys []string) (list []store.Link, err error) {
	var rest []string
	s.memory.look(func(tails []*tail) {
		for _, key := range keys {
			switch link, there := linkIn(tails, linkID{connector, key}); {
			case !there:
				rest = append(rest, key)
			case link != nil:
				list = append(list, *link)
			}
		}
	})
	if len(rest) == 0 {
		return list, s.usable(ctx)
	}
	rows, err := collect(ctx, s, "SELECT "+linkColumns+" FROM links WHERE connector = ? AND key IN (SELECT value FROM json_each(?))",
		func(c *columns) { c.text(connector).text(jsonList(rest)) }, (*values).link)
	return append(list, rows...), err
}

// Behind reads links that are due.
func (s *Store) Behind(ctx context.Context, connector string, state store.State, until time.Time, limit int) ([]store.Link, error) {
	if limit <= 0 || state == store.InStep {
		return nil, s.usable(ctx)
	}
	s.memory.both.RLock()
	defer s.memory.both.RUnlock()
	until = until.Truncate(time.Microsecond)
	var due []*store.Link
	s.memory.behind(func(link *store.Link) {
		if link.Connector == connector && link.State == state && !link.Next.Truncate(time.Microsecond).After(until) {
			due = append(due, link)
		}
	})
	most := len(due) + limit
	err := s.read(ctx, func(conn *sqlite.Conn) error {
		st := prepare(conn, "SELECT key, "+linkColumns+" FROM links WHERE connector = ? AND state = ? AND state <> '' AND next <= ? ORDER BY next")
		st.text(connector).text(string(state)).time(until)
		return st.each(func(v *values) {
			if !s.memory.hasLink(connector, v.text()) {
				link := v.link()
				due = append(due, &link)
				v.last = len(due) == most
			}
		})
	})
	slices.SortFunc(due, func(a, b *store.Link) int { return a.Next.Compare(b.Next) })
	list := make([]store.Link, min(limit, len(due)))
	for i := range list {
		list[i] = *due[i]
	}
	return list, err
}

// NextDue is the soonest retry time behind a time.
func (s *Store) NextDue(ctx context.Context, connector string, after time.Time) (soonest time.Time, err error) {
	s.memory.both.RLock()
	defer s.memory.both.RUnlock()
	after = after.Truncate(time.Microsecond)
	earlier := func(t time.Time) {
		if t.After(after) && (soonest.IsZero() || t.Before(soonest)) {
			soonest = t
		}
	}
	s.memory.behind(func(link *store.Link) {
		if link.Connector == connector && link.State == store.Due {
			earlier(stored(link.Next))
		}
	})
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		st := prepare(conn, "SELECT next, key FROM links WHERE connector = ? AND state = ? AND state <> '' AND next > ? ORDER BY next")
		st.text(connector).text(string(store.Due)).time(after)
		return st.each(func(v *values) {
			next := v.time()
			if !s.memory.hasLink(connector, v.text()) {
				earlier(next)
				v.last = true
			}
		})
	})
	return soonest, err
}

// Counts counts links by state.
func (s *Store) Counts(ctx context.Context, connector string) (map[store.State]int64, error) {
	type count struct {
		state store.State
		n     int64
	}
	rows, err := shown(ctx, s,
		"SELECT state, count(*) FROM links WHERE connector = ? AND state <> '' GROUP BY state",
		func(c *columns) { c.text(connector) },
		func(v *values) count { return count{store.State(v.text()), v.int()} })
	counts := make(map[store.State]int64, len(rows))
	for _, row := range rows {
		counts[row.state] = row.n
	}
	return counts, err
}

// Deliveries reads records of attempts.
func (s *Store) Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error) {
	if err := s.settledOrFull(ctx); err != nil {
		return nil, err
	}
	from := q.After
	if !q.Since.IsZero() {
		first, err := s.firstAt(ctx, "deliveries", "at", q.Since)
		if err != nil {
			return nil, err
		}
		from = max(from, first-1)
	}
	query, fill := "SELECT id, "+deliveryColumns+" FROM deliveries WHERE id > ?", []func(*columns){func(c *columns) { c.int(from) }}
	where := func(condition string, value func(*columns)) {
		query, fill = query+" AND "+condition, append(fill, value)
	}
	if q.UpTo > 0 {
		where("id <= ?", func(c *columns) { c.int(q.UpTo) })
	}
	if q.Key != "" {
		positions, err := s.positionsOf(ctx, q.Key, 1, math.MaxInt64, math.MaxInt)
		if err != nil {
			return nil, err
		}
		where("key = ? AND seq IN (SELECT value FROM json_each(?))", func(c *columns) { c.text(q.Key).text(jsonList(positions)) })
	}
	if len(q.Keys) > 0 {
		where("key IN (SELECT value FROM json_each(?))", func(c *columns) { c.text(jsonList(q.Keys)) })
	}
	if q.Connector != "" {
		where("connector = ?", func(c *columns) { c.text(q.Connector) })
	}
	query += " ORDER BY id"
	if q.Newest {
		query += " DESC"
	}
	rows, err := collect(ctx, s, query+" LIMIT ?", func(c *columns) {
		for _, value := range fill {
			value(c)
		}
		c.limit(q.Limit)
	}, func(v *values) store.Delivery {
		id := v.int()
		d := v.delivery()
		d.ID = id
		return d
	})
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
