package reconcile_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/reconcile"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/store/sqlite"
	"github.com/synchost/synchost/sdk"
)

// simStore is the store as a host sees it that may be killed at any moment.
type simStore struct {
	*sqlite.Store
	host *host
}

// write writes, or fails to.
func (s *simStore) write(what string, do func() error) error {
	sim := s.host.sim
	sim.alive()
	d := sim.dice(what, time.Since(sim.began))
	time.Sleep(d.Between(1, 5*time.Millisecond))
	sim.mu.Lock()
	killed, fails := s.host.killed, !sim.quiet && d.Chance(sim.diskful)
	sim.mu.Unlock()
	switch {
	case killed:
		return errKilled
	case fails:
		return errDisk
	}
	if err := do(); err != nil {
		return err
	}
	sim.mu.Lock()
	sim.passes()
	sim.mu.Unlock()
	time.Sleep(d.Between(1, 5*time.Millisecond))
	sim.mu.Lock()
	defer sim.mu.Unlock()
	if s.host.killed {
		return errKilled
	}
	return nil
}

func (s *simStore) Record(ctx context.Context, r store.Record) error {
	return s.write("record", func() error {
		s.host.sim.recorded(&r)
		return s.Store.Record(ctx, r)
	})
}

func (s *simStore) NewPlan(ctx context.Context, p store.Plan) (id int64, err error) {
	err = s.write("new plan", func() error {
		id, err = s.Store.NewPlan(ctx, p)
		return err
	})
	return id, err
}

func (s *simStore) SavePlan(ctx context.Context, p store.Plan) error {
	return s.write("plan", func() error {
		s.host.sim.checkPlan(&p)
		return s.Store.SavePlan(ctx, p)
	})
}

func (s *simStore) SaveItems(ctx context.Context, items []store.PlanItem) error {
	return s.write("items", func() error {
		s.host.sim.checkMarked(items)
		return s.Store.SaveItems(ctx, items)
	})
}

func (s *simStore) Progress(ctx context.Context, p store.Progress) error {
	return s.write("progress", func() error { return s.Store.Progress(ctx, p) })
}

func (s *simStore) PutCodes(ctx context.Context, connector, rule string, codes []store.Code, to int64) error {
	return s.write("codes", func() error { return s.Store.PutCodes(ctx, connector, rule, codes, to) })
}

// Behind has one order, so that a seed takes the same course again.
func (s *simStore) Behind(ctx context.Context, connector string, state store.State, until time.Time, limit int) ([]store.Link, error) {
	links, err := s.Store.Behind(ctx, connector, state, until, limit)
	slices.SortStableFunc(links, func(a, b store.Link) int { return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.Key, b.Key)) })
	return links, err
}

// recorded takes in which things are ours from now on, and checks the first half of
// promise 5: "only what we created or the operator adopted".
func (s *simulation) recorded(r *store.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range r.Links {
		l := &r.Links[i]
		s.logLocked("link %s to %q: %q, unknown %t, edited %v, restore %t: %s", l.Key, l.Remote.ID, l.State, l.Unknown, l.Edited, l.Restore != nil, l.Reason)
		if was := s.linkOf(l.Key); was.State == store.OnHold && l.State != store.OnHold && l.Restore == nil && !s.released[l.Key] {
			s.breaks("%s was on hold (%s), is %q (%s), and nobody released it", l.Key, was.Reason, l.State, l.Reason)
		}
		if l.State == store.OnHold {
			delete(s.released, l.Key)
		}
		t := s.market.byID(l.Remote.ID)
		switch {
		case t == nil:
			continue
		case t.ours == l.Key:
		case t.ours == "" && (strings.TrimSpace(t.product.Code) == codeOf(l.Key) || s.asked[l.Key] == t.id):
			t.ours = l.Key
		default:
			s.breaks("promise 5: %s is linked to %s, which is %q", l.Key, t.id, t.ours)
		}
		t.settled = t.settled || l.State == store.InStep || l.Base != nil && !l.Unknown
	}
}

// checkPlan checks what a plan may be made of, "a listing that did not finish
// deletes nothing", and the breaker: "never more than the breaker allows".
func (s *simulation) checkPlan(p *store.Plan) {
	s.mu.Lock()
	keys := s.source.keys()
	s.mu.Unlock()
	links, err := s.disk.Links(context.Background(), "shop", keys)
	s.must(err)
	totals, err := s.disk.PlanTotals(context.Background(), p.ID)
	s.must(err)
	linked, deletes := 0, 0
	for i := range links {
		if links[i].Remote.ID != "" && !links[i].Archived {
			linked++
		}
	}
	for _, t := range totals {
		if t.Op == "archive" || t.Op == "purge" {
			deletes += int(t.Count)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logLocked("plan %d of %q is %s (%s): %v", p.ID, p.Product, p.State, p.Reason, totals)
	s.asks[p.ID] = s.asks[p.ID] || p.State == store.PlanAsks
	if _, known := s.planned[p.ID]; !known && p.State == store.PlanApplying {
		s.planned[p.ID] = time.Now()
	}
	if p.State != store.PlanOpen && p.State != store.PlanAsks {
		return
	}
	most := s.maxDeletes.Count
	if share := s.maxDeletes.Percent; share > 0 {
		most = max(1, int(float64(linked)*share/100))
	}
	switch {
	case p.State == store.PlanOpen && deletes > most:
		s.breaks("promise 5: plan %d takes %d of %d off sale, and does not ask", p.ID, deletes, linked)
	case p.Product != "":
	case !s.market.whole:
		s.breaks("promise 5: plan %d is of a listing that did not finish", p.ID)
	case s.shrink > 0 && float64(s.market.size()) <= s.shrink*float64(linked) && linked > 0:
		s.breaks("promise 5: plan %d is of a listing of %d, and %d are linked", p.ID, s.market.size(), linked)
	}
}

// checkMarked checks that only what an operator has seen is done, where one is to
// see it: the breaker stops "the run before the first delete and asks".
func (s *simulation) checkMarked(items []store.PlanItem) {
	at := slices.IndexFunc(items, func(i store.PlanItem) bool { return i.State == store.ItemMarked })
	if at < 0 {
		return
	}
	p, err := s.disk.Plan(context.Background(), items[at].Plan)
	s.must(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.State != store.PlanApplying && p.State != store.PlanApplied {
		s.breaks("promise 7: items of plan %d are marked, which is %s", p.ID, p.State)
	}
	if !s.approved[p.ID] && (p.First || s.planOnly || s.asks[p.ID]) {
		s.breaks("promise 5: plan %d is applied, and nobody said so", p.ID)
	}
}

// checkChange checks a change that arrives: promise 5, "only what we created or the
// operator adopted", promise 6, "only owned fields are written", and promise 7, "a
// plan does what it said".
func (s *simulation) checkChange(c *sdk.Change, t *thing) {
	link := s.linkOf(c.Key)
	if t != nil && t.ours != c.Key {
		s.breaks("promise 5: %s of %s, which is %q, for %s", c.Op, t.id, t.ours, c.Key)
	}
	if t != nil && t.version > 0 && link.State == store.OnHold {
		s.breaks("%s is on hold (%s), and %sed", c.Key, link.Reason, c.Op)
	}
	if t == nil && c.Remote.ID == "" && c.Op == sdk.Upsert {
		s.checkCreate(c, &link)
	}
	s.checkOwned(c, t, &link)
	s.checkPlanned(c, &link)
}

func (s *simulation) checkCreate(c *sdk.Change, link *store.Link) {
	if len(s.planned) == 0 {
		s.breaks("promise 5: %s is made before the first plan was applied", c.Key)
	}
	if twins := s.market.of(c.Key); len(twins) > 0 {
		s.breaks("promise 5: a twin of %s is made: %s", c.Key, describe(twins[0]))
	}
	for _, t := range s.market.others(c.Key) {
		if s.finds && strings.HasPrefix(link.Reason, "plan ") && t.since.Before(s.planned[planOf(link)]) {
			s.breaks("promise 5: a twin of %s, which people made, is made: %s", c.Key, describe(t))
		}
	}
}

// planOf is the plan that a link says it is behind for; 0: none.
func planOf(l *store.Link) (id int64) {
	if _, err := fmt.Sscanf(l.Reason, "plan %d:", &id); err != nil {
		return 0
	}
	return id
}

func (s *simulation) checkOwned(c *sdk.Change, t *thing, link *store.Link) {
	if c.Op == sdk.Upsert && len(c.Fields) == 0 {
		s.breaks("an upsert of %s without fields", c.Key)
	}
	for _, path := range c.Fields {
		switch mode := s.mode(path); {
		case link.Restore != nil:
			if !slices.Contains(link.Restore.Fields, path) {
				s.breaks("promise 6: the %s of %s is not to be restored", path, c.Key)
			}
		case mode == plan.Ignore,
			mode == plan.Destination && t != nil && t.settled,
			mode == plan.UntilEdited && t != nil && t.settled && slices.Contains(link.Edited, path):
			s.breaks("promise 6: the %s of %s (%s) is %s", path, c.Key, c.Remote.ID, mode)
		}
	}
}

func (s *simulation) checkPlanned(c *sdk.Change, link *store.Link) {
	id := planOf(link)
	if id == 0 || link.State != store.Due || link.Attempts > 0 || link.Unknown && s.planned[id].Before(s.host.started) {
		return
	}
	writes := slices.Sorted(slices.Values(c.Fields))
	items, err := s.disk.PlanItems(context.Background(), store.PlanQuery{Plan: id, Products: []string{c.Key}, Limit: 100})
	s.must(err)
	entries, err := s.disk.Products(context.Background(), []string{c.Key})
	s.must(err)
	for i := range items {
		item := &items[i]
		if item.Op == "" || len(entries) == 0 || entries[0].Seq != item.Seq {
			continue
		}
		found, err := reconcile.Read(item)
		s.must(err)
		var fields []string
		for _, f := range found.Fields {
			if !f.Written {
				continue
			}
			var value string
			if slices.Contains(names, f.Path) && (f.Wanted == nil || json.Unmarshal(f.Wanted, &value) == nil) && value != *fieldOf(&c.Product, f.Path) {
				s.breaks("promise 7: plan %d said %s of %s, and it is %q", id, f.Wanted, c.Key, *fieldOf(&c.Product, f.Path))
			}
			fields = append(fields, f.Path)
		}
		if item.Op != c.Op.String() || c.Op == sdk.Upsert && !slices.Equal(fields, writes) {
			s.breaks("promise 7: plan %d said %s %v of %s, and it is %s %v", id, item.Op, fields, c.Key, c.Op, writes)
		}
	}
}
