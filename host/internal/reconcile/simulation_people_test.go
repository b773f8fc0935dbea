package reconcile_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/simtest"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// open is the shop before it is connected, and the catalog as it is by then.
func (s *simulation) open() {
	d := s.dice("open")
	s.host = &host{sim: s}
	if !s.full {
		return
	}
	for n := range s.products {
		key := fmt.Sprint("p", n)
		if d.Chance(0.8) {
			s.source.tell(d, key, false)
		}
		for _, copies := range []float64{0.6, 0.05} {
			if d.Chance(copies) {
				s.makeByHand(d, key)
			}
		}
	}
}

// makeByHand has people make a product that has the code of one of ours.
func (s *simulation) makeByHand(d simtest.Dice, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts["hand"]++
	p := sdk.Product{Code: simtest.Pick(d, []string{"", " "}) + codeOf(key)}
	for _, name := range names {
		if d.Chance(0.7) {
			*fieldOf(&p, name) = fmt.Sprint("hand", s.counts["hand"])
		}
	}
	t := s.market.add(p)
	s.logLocked("people: %s has the code of %s", t.id, key)
}

// people do something on the platform.
func (s *simulation) people(d simtest.Dice) {
	if d.Chance(0.1) {
		s.makeByHand(d, fmt.Sprint("p", d.IntN(s.products)))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.market.things) == 0 || d.Chance(0.1) {
		s.market.made += d.IntN(3) // ids have gaps
		t := s.market.add(sdk.Product{Code: simtest.Pick(d, []string{"", "their own"}), Name: "their own"})
		s.logLocked("people: %s is their own", t.id)
		return
	}
	s.handle(d, simtest.Pick(d, s.market.things))
}

// handle has people change a product. s is locked.
func (s *simulation) handle(d simtest.Dice, t *thing) {
	said := s.source.products[t.ours]
	gone := said != nil && said.deleted
	switch what := d.Float64(); {
	case gone && (what >= 0.25 || s.onDelete == plan.KeepThere): // nobody looks at its fields until it is back
	case what < 0.1:
		s.market.remove(t)
		s.logLocked("people: %s (%s) is removed", t.id, t.ours)
	case what < 0.25:
		if t.archived {
			t.reopened = gone || !t.handOff
		}
		t.archived, t.handOff = !t.archived, !t.archived
		t.version++
		s.logLocked("people: %s (%s) is off sale: %t", t.id, t.ours, t.archived)
	case what < 0.35:
		s.market.edit(t, simtest.Pick(d, names), "")
	default:
		s.counts["hand"]++
		s.market.edit(t, simtest.Pick(d, names), fmt.Sprint("hand", s.counts["hand"]))
	}
}

// chaos lets everybody do what they do, at the same time.
func (s *simulation) chaos() {
	type act struct {
		at time.Duration
		do func(d simtest.Dice)
	}
	var script []act
	d := s.dice("script")
	if d.Chance(0.8) {
		script = append(script, act{d.Between(0, s.lasts/4), s.firstPlan})
	}
	for range s.acts {
		do := simtest.Pick(d, []func(simtest.Dice){s.source.some, s.source.some, s.people, s.people, s.people, s.operate, s.operate})
		script = append(script, act{d.Between(0, s.lasts), do})
	}
	slices.SortFunc(script, func(a, b act) int { return cmp.Compare(a.at, b.at) })
	for i, a := range script {
		d := s.dice("act", i)
		time.Sleep(max(time.Until(s.began.Add(a.at)), d.Between(time.Microsecond, time.Millisecond)))
		a.do(d)
	}
	time.Sleep(time.Until(s.began.Add(s.lasts)))
	s.errands.Wait()
}

func (s *simulation) firstPlan(simtest.Dice) {
	s.errand("the first plan", func(h *host) error {
		p, err := h.desk.Plan(h.reconciling(), "")
		if err != nil {
			return err
		}
		return s.apply(h, p, nil)
	})
}

func (h *host) reconciling() context.Context { return context.WithValue(h.ctx, reconciles{}, true) }

// apply has an operator apply a plan, and approve it where that is needed.
func (s *simulation) apply(h *host, p store.Plan, kinds []plan.Kind) error {
	s.mu.Lock()
	s.approved[p.ID] = true
	s.mu.Unlock()
	done, err := h.desk.Apply(h.reconciling(), p.ID, p.Hash, kinds, true)
	s.log("plan %d: %+v, %v", p.ID, done, err)
	return err
}

// operate has an operator do something, while the host may be killed.
func (s *simulation) operate(d simtest.Dice) {
	what, do := s.operation(d)
	done := s.errand(what, do)
	switch {
	case s.kills && d.Chance(0.3):
		select {
		case err := <-done:
			s.log("in time: %v", err)
		case <-s.nextMoment(d):
			s.kill()
		}
	case d.Chance(0.05):
		time.Sleep(d.Between(time.Microsecond, time.Second))
		s.restart()
	}
}

func (s *simulation) operation(d simtest.Dice) (what string, do func(*host) error) {
	keys := s.source.keys()
	if len(keys) == 0 {
		return "run", s.run
	}
	key := simtest.Pick(d, keys)
	switch d.IntN(14) {
	case 0, 1, 2, 3:
		return "run", s.run
	case 4, 5:
		later := d.Between(0, 10*time.Minute)
		var kinds []plan.Kind
		if d.Chance(0.2) {
			kinds = simtest.Pick(d, [][]plan.Kind{{plan.Adopt}, {plan.Missing}, {plan.Drift}, {plan.TombstoneLate}})
		}
		return fmt.Sprint("plan and apply ", kinds), func(h *host) error {
			p, err := h.desk.Plan(h.reconciling(), "")
			if err != nil {
				return err
			}
			time.Sleep(later)
			return s.apply(h, p, kinds)
		}
	case 6:
		return "plan and apply " + key, func(h *host) error {
			p, err := h.desk.Plan(h.reconciling(), key)
			if err != nil {
				return err
			}
			return s.apply(h, p, nil)
		}
	case 7:
		return "undo", s.undoNewest
	case 8:
		since := time.Now().Add(-d.Between(0, time.Hour))
		if d.Chance(0.5) {
			key = ""
		}
		return fmt.Sprintf("undo %q since %s", key, since.Sub(s.began)), func(h *host) error {
			_, err := h.desk.UndoProducts(h.reconciling(), key, since)
			return err
		}
	case 9:
		return "hold " + key, func(h *host) error { return h.lane.Hold(h.ctx, []string{key}, "stocktaking") }
	case 10:
		return "release " + key, func(h *host) error { return s.release(h, key) }
	case 11:
		return "unlink " + key, func(h *host) error {
			err := h.desk.Unlink(h.ctx, []string{key})
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, t := range s.market.of(key) {
				if s.linkOf(key).Remote.ID == "" {
					t.ours, t.byUs, t.handOff = "", false, t.archived
				}
			}
			return err
		}
	case 12:
		return "look at " + key, func(h *host) error { return h.desk.Look(h.reconciling(), []string{key}) }
	}
	lasts := d.Between(0, 20*time.Minute)
	return "pause", func(h *host) error {
		if row := s.lane(); row.State != store.Running {
			return nil
		}
		if err := h.lane.Pause(h.ctx, "stocktaking"); err != nil {
			return err
		}
		go func() { // others work on meanwhile
			select {
			case <-time.After(lasts):
				_ = h.lane.Resume(h.ctx)
			case <-h.ctx.Done():
			}
		}()
		return nil
	}
}

func (s *simulation) run(h *host) error { return h.desk.Run(h.reconciling()) }

func (s *simulation) undoNewest(h *host) error {
	plans, err := s.disk.Plans(context.Background(), "shop", 100)
	s.must(err)
	for _, p := range plans {
		if p.State == store.PlanApplied || p.State == store.PlanApplying {
			_, err := h.desk.Undo(h.reconciling(), p.ID)
			return err
		}
	}
	return nil
}

// release has an operator let a product that is on hold go on. Of one that is not
// linked the operator looks first which one it is there.
func (s *simulation) release(h *host, key string) error {
	link := s.linkOf(key)
	if link.State != store.OnHold {
		return nil
	}
	s.mu.Lock()
	s.released[key] = true
	there := append(s.market.of(key), s.market.others(key)...)
	s.mu.Unlock()
	if link.Remote.ID == "" && len(there) > 0 {
		s.mu.Lock()
		s.asked[key] = there[0].id
		s.mu.Unlock()
		return h.desk.Link(h.reconciling(), key, there[0].id)
	}
	_, err := h.lane.Release(h.ctx, []string{key})
	return err
}
