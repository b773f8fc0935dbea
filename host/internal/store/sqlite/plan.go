package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/store"
)

const planColumns = "connector, started, made, state, reason, first, hash, product, only"

func (c *columns) plan(p *store.Plan) *columns {
	return c.text(p.Connector).time(p.Started).time(p.Made).text(string(p.State)).text(p.Reason).bool(p.First).text(p.Hash).text(p.Product).text(p.Only)
}

func (v *values) plan() store.Plan {
	return store.Plan{ID: v.int(), Connector: v.text(), Started: v.time(), Made: v.time(), State: store.PlanState(v.text()),
		Reason: v.text(), First: v.bool(), Hash: v.text(), Product: v.text(), Only: v.text()}
}

// NewPlan adds a plan.
func (s *Store) NewPlan(ctx context.Context, p store.Plan) (id int64, err error) {
	err = s.change(ctx, func(conn *sqlite.Conn) error {
		err := run(conn, "INSERT INTO plans ("+planColumns+") VALUES (?,?,?,?,?,?,?,?,?)", func(c *columns) { c.plan(&p) })
		id = conn.LastInsertRowID()
		return err
	})
	return id, err
}

// SavePlan writes what changed of a plan.
func (s *Store) SavePlan(ctx context.Context, p store.Plan) error {
	return s.change(ctx, func(conn *sqlite.Conn) error {
		return run(conn, "UPDATE plans SET ("+planColumns+") = (?,?,?,?,?,?,?,?,?) WHERE id = ?", func(c *columns) { c.plan(&p).int(p.ID) })
	})
}

// Plan reads one.
func (s *Store) Plan(ctx context.Context, id int64) (store.Plan, error) {
	rows, err := collect(ctx, s, "SELECT id, "+planColumns+" FROM plans WHERE id = ?", func(c *columns) { c.int(id) }, (*values).plan)
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("plan %d: %w", id, store.ErrNoPlan)
	}
	if err != nil {
		return store.Plan{}, err
	}
	return rows[0], nil
}

// Plans reads the newest.
func (s *Store) Plans(ctx context.Context, connector string, limit int) ([]store.Plan, error) {
	return collect(ctx, s, "SELECT id, "+planColumns+" FROM plans WHERE connector = ? OR ? = '' ORDER BY id DESC LIMIT ?",
		func(c *columns) { c.text(connector).text(connector).limit(limit) }, (*values).plan)
}

const itemColumns = "plan, key, remote, name, code, kind, op, seq, finding, state, reason"

func putItems(conn *sqlite.Conn, items []store.PlanItem) error {
	for i := range items {
		p := &items[i]
		err := run(conn, "INSERT OR REPLACE INTO plan_items ("+itemColumns+") VALUES (?,?,?,?,?,?,?,?,?,?,?)", func(c *columns) {
			c.int(p.Plan).text(p.Key).text(p.Remote).text(p.Name).text(p.Code).text(p.Kind).text(p.Op).int(p.Seq).
				blob(append([]byte{}, p.Finding...)).text(string(p.State)).text(p.Reason)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *values) planItem() store.PlanItem {
	return store.PlanItem{Plan: v.int(), Key: v.text(), Remote: v.text(), Name: v.text(), Code: v.text(), Kind: v.text(), Op: v.text(),
		Seq: v.int(), Finding: v.blob(), State: store.ItemState(v.text()), Reason: v.text()}
}

// PlanItems reads items.
func (s *Store) PlanItems(ctx context.Context, q store.PlanQuery) ([]store.PlanItem, error) {
	query := "SELECT " + itemColumns + " FROM plan_items WHERE plan = ? AND (key, remote) > (?, ?)"
	if len(q.Products) > 0 {
		query += " AND key IN (SELECT value FROM json_each(?))"
	}
	if len(q.Kinds) > 0 {
		query += " AND kind IN (SELECT value FROM json_each(?))"
	}
	if q.States != nil {
		query += " AND state IN (SELECT value FROM json_each(?))"
	}
	return collect(ctx, s, query+" ORDER BY key, remote LIMIT ?", func(c *columns) {
		c.int(q.Plan).text(q.AfterKey).text(q.AfterRemote)
		if len(q.Products) > 0 {
			c.text(jsonList(q.Products))
		}
		if len(q.Kinds) > 0 {
			c.text(jsonList(q.Kinds))
		}
		if q.States != nil {
			c.text(jsonList(q.States))
		}
		c.limit(q.Limit)
	}, (*values).planItem)
}

// PlanTotals counts a plan's items.
func (s *Store) PlanTotals(ctx context.Context, id int64) ([]store.PlanTotal, error) {
	return collect(ctx, s, "SELECT kind, op, state, count(*) FROM plan_items WHERE plan = ? GROUP BY kind, op, state ORDER BY kind, op, state",
		func(c *columns) { c.int(id) },
		func(v *values) store.PlanTotal {
			return store.PlanTotal{Kind: v.text(), Op: v.text(), State: store.ItemState(v.text()), Count: v.int()}
		})
}

// SaveItems writes items.
func (s *Store) SaveItems(ctx context.Context, items []store.PlanItem) error {
	return s.change(ctx, func(conn *sqlite.Conn) error { return putItems(conn, items) })
}

// PrunePlans forgets old plans.
func (s *Store) PrunePlans(ctx context.Context, before time.Time) error {
	const old = "SELECT id FROM plans p WHERE started < ? AND made > 0 AND id < (SELECT max(id) FROM plans WHERE connector = p.connector)"
	return s.change(ctx, func(conn *sqlite.Conn) error {
		err := run(conn, "DELETE FROM plan_items WHERE plan IN ("+old+")", func(c *columns) { c.time(before) })
		if err == nil {
			err = run(conn, "DELETE FROM plans WHERE id IN ("+old+")", func(c *columns) { c.time(before) })
		}
		return err
	})
}
