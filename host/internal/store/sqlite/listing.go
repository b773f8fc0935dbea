package sqlite

import (
	"context"
	"maps"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/store"
)

var (
	_ store.Listings = (*Store)(nil)
	_ store.Plans    = (*Store)(nil)
)

// What is listed and planned is written to the tables at once: it comes in pages,
// and what is lost of it is listed again.

const listingColumns = "connector, purpose, run, started, ended, cursor, pages, items, catalog, plan, last_items, since, whole"

func (c *columns) listing(l *store.Listing) *columns {
	return c.text(l.Connector).text(string(l.Purpose)).int(l.Run).time(l.Started).time(l.Ended).text(l.Cursor).
		int(l.Pages).int(l.Items).int(l.Catalog).int(l.Plan).int(l.LastItems).time(l.Since).time(l.Whole)
}

func (v *values) listing() store.Listing {
	return store.Listing{Connector: v.text(), Purpose: store.Purpose(v.text()), Run: v.int(), Started: v.time(), Ended: v.time(), Cursor: v.text(),
		Pages: v.int(), Items: v.int(), Catalog: v.int(), Plan: v.int(), LastItems: v.int(), Since: v.time(), Whole: v.time()}
}

// Listing reads how far a listing has come.
func (s *Store) Listing(ctx context.Context, connector string, purpose store.Purpose) (store.Listing, error) {
	rows, err := collect(ctx, s, "SELECT "+listingColumns+" FROM listings WHERE connector = ? AND purpose = ?",
		func(c *columns) { c.text(connector).text(string(purpose)) }, (*values).listing)
	if err != nil || len(rows) == 0 {
		return store.Listing{Connector: connector, Purpose: purpose}, err
	}
	return rows[0], nil
}

// Progress writes one step of a listing.
func (s *Store) Progress(ctx context.Context, step store.Progress) error {
	l := &step.Listing
	return s.change(ctx, func(conn *sqlite.Conn) error {
		err := run(conn, "INSERT OR REPLACE INTO listings ("+listingColumns+") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", func(c *columns) { c.listing(l) })
		for _, seen := range step.Sightings {
			if err != nil {
				return err
			}
			err = run(conn, "INSERT INTO sightings (connector, purpose, remote, key, run, at) VALUES (?,?,?,?,?,?)"+
				" ON CONFLICT (connector, purpose, remote) DO UPDATE SET key = excluded.key, run = excluded.run, at = excluded.at", func(c *columns) {
				c.text(l.Connector).text(string(l.Purpose)).text(seen.Remote).text(seen.Key).int(seen.Run).time(seen.At)
			})
		}
		if err != nil {
			return err
		}
		return putItems(conn, step.Items)
	})
}

// change writes to the tables, whatever the log still has.
func (s *Store) change(ctx context.Context, fn func(*sqlite.Conn) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	return s.tables.do(fn)
}

func (v *values) sighting() store.Sighting {
	return store.Sighting{Remote: v.text(), Key: v.text(), Run: v.int(), At: v.time()}
}

// Sightings reads what was seen of keys.
func (s *Store) Sightings(ctx context.Context, connector string, purpose store.Purpose, keys []string) ([]store.Sighting, error) {
	return collect(ctx, s, "SELECT remote, key, run, at FROM sightings WHERE connector = ? AND purpose = ? AND key <> ''"+
		" AND key IN (SELECT value FROM json_each(?)) ORDER BY key, remote",
		func(c *columns) { c.text(connector).text(string(purpose)).text(jsonList(keys)) }, (*values).sighting)
}

// Unseen reads what was not seen in a run, nor in a later one.
func (s *Store) Unseen(ctx context.Context, connector string, purpose store.Purpose, run int64, after string, limit int) ([]store.Sighting, error) {
	return collect(ctx, s, "SELECT remote, key, run, at FROM sightings WHERE connector = ? AND purpose = ? AND key <> ''"+
		" AND key > ? AND run < ? ORDER BY key LIMIT ?",
		func(c *columns) { c.text(connector).text(string(purpose)).text(after).int(run).limit(limit) }, (*values).sighting)
}

// Unsee forgets that products were ever seen.
func (s *Store) Unsee(ctx context.Context, connector string, purpose store.Purpose, remotes []string) error {
	return s.change(ctx, func(conn *sqlite.Conn) error {
		return run(conn, "DELETE FROM sightings WHERE connector = ? AND purpose = ? AND remote IN (SELECT value FROM json_each(?))",
			func(c *columns) { c.text(connector).text(string(purpose)).text(jsonList(remotes)) })
	})
}

// PruneSightings forgets what was not seen for long, some at a time.
func (s *Store) PruneSightings(ctx context.Context, connector string, purpose store.Purpose, run int64, before time.Time) error {
	for after := ""; ; {
		old, err := collect(ctx, s, "SELECT remote FROM sightings WHERE connector = ? AND purpose = ? AND remote > ? AND run < ? AND at < ? ORDER BY remote LIMIT ?",
			func(c *columns) {
				c.text(connector).text(string(purpose)).text(after).int(run).time(before).limit(pruneStep)
			}, (*values).text)
		if err != nil || len(old) == 0 {
			return err
		}
		if err := s.Unsee(ctx, connector, purpose, old); err != nil {
			return err
		}
		after = old[len(old)-1]
	}
}

// Verified counts the links of products that are there, and those seen since.
func (s *Store) Verified(ctx context.Context, connector string, since time.Time) (verified, all int64, err error) {
	rows, err := shown(ctx, s, "SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM sightings s WHERE s.connector = l.connector AND s.purpose = ?"+
		" AND s.remote = l.remote AND s.at >= ?)), count(*) FROM links l WHERE l.connector = ? AND l.remote <> '' AND l.archived = 0",
		func(c *columns) { c.text(string(store.Reconciling)).time(since).text(connector) },
		func(v *values) [2]int64 { return [2]int64{v.int(), v.int()} })
	if err != nil || len(rows) == 0 {
		return 0, 0, err
	}
	return rows[0][0], rows[0][1], nil
}

// Contended reads the links that are contended.
func (s *Store) Contended(ctx context.Context, connector string, limit int) ([]store.Link, error) {
	return shown(ctx, s, "SELECT "+linkColumns+" FROM links WHERE connector = ? AND contended IS NOT NULL ORDER BY key LIMIT ?",
		func(c *columns) { c.text(connector).limit(limit) }, (*values).link)
}

// LinksTo reads links by their remote ids.
func (s *Store) LinksTo(ctx context.Context, connector string, ids []string) ([]store.Link, error) {
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = id != ""
	}
	s.memory.both.RLock()
	defer s.memory.both.RUnlock()
	found := map[string]store.Link{}
	rows, err := collect(ctx, s, "SELECT "+linkColumns+" FROM links WHERE connector = ? AND remote <> '' AND remote IN (SELECT value FROM json_each(?))",
		func(c *columns) { c.text(connector).text(jsonList(ids)) }, (*values).link)
	if err != nil {
		return nil, err
	}
	for _, link := range rows {
		if !s.memory.hasLink(connector, link.Key) {
			found[link.Key] = link
		}
	}
	s.memory.look(func(tails []*tail) {
		for i, t := range tails {
			for id, link := range t.links {
				if id.connector != connector || link == nil || !wanted[link.Remote.ID] {
					continue
				}
				if _, newer := linkIn(tails[:i], id); !newer {
					found[id.key] = *link
				}
			}
		}
	})
	return slices.Collect(maps.Values(found)), nil
}

// CodedTo is up to where codes are known by a rule.
func (s *Store) CodedTo(ctx context.Context, connector, rule string) (int64, error) {
	return one(ctx, s, "SELECT upto FROM codings WHERE connector = ? AND rule = ?", func(c *columns) { c.text(connector).text(rule) })
}

// PutCodes adds codes.
func (s *Store) PutCodes(ctx context.Context, connector, rule string, codes []store.Code, to int64) error {
	return s.change(ctx, func(conn *sqlite.Conn) error {
		// Beside a condition that is no column's, all codes would be gone through to delete none.
		err := run(conn, "DELETE FROM codes WHERE connector = (SELECT ? WHERE NOT EXISTS (SELECT 1 FROM codings WHERE connector = ? AND rule = ?))",
			func(c *columns) { c.text(connector).text(connector).text(rule) })
		if err == nil {
			err = run(conn, "INSERT OR REPLACE INTO codings (connector, rule, upto) VALUES (?,?,?)", func(c *columns) { c.text(connector).text(rule).int(to) })
		}
		for _, code := range codes {
			if err != nil {
				break
			}
			if code.Code == "" {
				err = run(conn, "DELETE FROM codes WHERE connector = ? AND key = ?", func(c *columns) { c.text(connector).text(code.Key) })
				continue
			}
			err = run(conn, "INSERT OR REPLACE INTO codes (connector, key, code) VALUES (?,?,?)", func(c *columns) { c.text(connector).text(code.Key).text(code.Code) })
		}
		return err
	})
}

// Coded reads who has these codes.
func (s *Store) Coded(ctx context.Context, connector string, codes []string) ([]store.Code, error) {
	return collect(ctx, s, "SELECT code, key FROM codes WHERE connector = ? AND code IN (SELECT value FROM json_each(?)) ORDER BY code, key",
		func(c *columns) { c.text(connector).text(jsonList(codes)) },
		func(v *values) store.Code { return store.Code{Code: v.text(), Key: v.text()} })
}
