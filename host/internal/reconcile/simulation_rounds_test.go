package reconcile_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/simtest"
	"github.com/synchost/synchost/host/internal/store"
)

// look is how a product of ours is there.
type look struct {
	there, archived bool
	reopened        bool
	id              string
	values          map[string]string
	deleted         bool // at its source
}

func (s *simulation) looks() map[string]look {
	s.mu.Lock()
	defer s.mu.Unlock()
	looks := map[string]look{}
	for key, said := range s.source.products {
		l := look{deleted: said.deleted}
		if list := s.market.of(key); len(list) > 0 {
			t := list[0]
			l = look{true, t.archived, t.reopened, t.id, valuesOf(&t.product), said.deleted}
		}
		looks[key] = l
	}
	return looks
}

func (l look) same(other look) bool {
	return l.there == other.there && l.archived == other.archived && maps.EqualFunc(l.values, other.values, strings.EqualFold)
}

func (l look) String() string {
	if !l.there {
		return "not there"
	}
	return fmt.Sprintf("%s, archived %t, %v", l.id, l.archived, l.values)
}

// round has people and the source do something while nothing fails, so that it is
// known what must follow from it, whenever the host is killed.
func (s *simulation) round(n int) {
	d := s.dice("round", n)
	s.log("round %d", n)
	time.Sleep(2 * time.Hour)
	s.keepsEdited()
	base := s.looks()
	for range d.IntN(6) {
		s.source.one(d)
		s.settle()
		s.checkAs("the source spoke", base, base)
		base = s.looks()
	}
	s.handleSome(d, base)
	hand := s.looks()
	switch kind := d.IntN(5); {
	case kind == 0 && s.finds:
		hand = s.moves(d, base, hand)
	case kind == 1:
		s.undoes(d)
		return
	case kind == 2:
		s.lied(d)
		s.reconcile(d)
	case kind == 3:
		s.asksFirst(d)
		return
	default:
		s.reconcile(d)
	}
	s.checkAs("it was reconciled", base, hand)
	s.checkNothingMoves()
	base = s.looks()
	for _, key := range s.source.keys() { // an edit that stays stays
		s.source.tell(d, key, false)
	}
	s.settle()
	s.checkAs("the source spoke of all", base, base)
	s.tidyUp()
}

// keepsEdited begins a round with what people may keep of what they changed before.
func (s *simulation) keepsEdited() {
	links := s.links()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inRound, s.unseen, s.kept = true, map[string]bool{}, map[string]map[string]bool{}
	for _, link := range links {
		s.kept[link.Key] = map[string]bool{}
		for _, path := range link.Edited {
			s.kept[link.Key][path] = link.Remote.ID != ""
		}
	}
}

// handleSome has people change some products of ours, and notes what they keep so.
func (s *simulation) handleSome(d simtest.Dice, base map[string]look) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range d.IntN(8) {
		if len(s.market.things) > 0 {
			s.handle(d, simtest.Pick(d, s.market.things))
		}
	}
	for key, was := range base {
		list := s.market.of(key)
		if len(list) == 0 {
			delete(s.kept, key)
			continue
		}
		is := valuesOf(&list[0].product)
		for _, name := range names {
			if said := s.source.products[key]; !said.deleted && was.values[name] != is[name] && said.values[name] != is[name] {
				s.keep(key, name)
			}
		}
	}
}

func (s *simulation) keep(key, name string) {
	if s.kept[key] == nil {
		s.kept[key] = map[string]bool{}
	}
	s.kept[key][name] = true
}

// reconcile runs a reconciliation, and has an operator apply its plan where it waits.
func (s *simulation) reconcile(d simtest.Dice) {
	s.works("run", s.insist(d, "run", s.run))
	plans, err := s.disk.Plans(context.Background(), "shop", 1000)
	s.must(err)
	for _, p := range plans {
		if p.State == store.PlanApplying {
			s.works("run", fmt.Errorf("plan %d is left half applied", p.ID))
		}
	}
	p := s.newest()
	if p.State == store.PlanOpen || p.State == store.PlanAsks {
		s.applyAll(d, p)
	}
	s.settle()
}

func (s *simulation) newest() store.Plan {
	plans, err := s.disk.Plans(context.Background(), "shop", 1)
	s.must(err)
	return plans[0]
}

// applyAll applies a plan to its end.
func (s *simulation) applyAll(d simtest.Dice, p store.Plan) {
	s.works("apply", s.insist(d, "apply", func(h *host) error {
		if now, err := s.disk.Plan(context.Background(), p.ID); err != nil || now.State == store.PlanApplied {
			return err
		}
		return s.apply(h, p, nil)
	}))
}

// expect is how a product must be, that was as base says, and then as hand says,
// after people had it in their hands.
func (s *simulation) expect(key string, base, hand look) (want look) {
	said := s.source.products[key]
	switch {
	case said.deleted && !hand.there, said.deleted && s.onDelete == plan.DeleteThere:
		return look{}
	case said.deleted:
		want = hand
		if s.onDelete == plan.ArchiveThere {
			want.archived = hand.archived || s.mode("status") == plan.Source || !hand.reopened
		}
		return want
	case !hand.there:
		want = look{there: true, values: map[string]string{}}
		for _, name := range names {
			if want.values[name] = ""; s.mode(name) != plan.Ignore {
				want.values[name] = s.stored(name, said.values[name])
			}
		}
		return want
	}
	want = look{there: true, id: hand.id, archived: hand.archived, values: maps.Clone(hand.values)}
	for _, name := range names {
		w := s.stored(name, said.values[name])
		switch mode := s.mode(name); {
		case mode == plan.Source, mode == plan.UntilEdited && !s.kept[key][name],
			mode == plan.FillIfEmpty && want.values[name] == "":
			want.values[name] = w
		}
	}
	if base.deleted || s.statused && s.mode("status") == plan.Source || !maps.Equal(want.values, hand.values) {
		want.archived = false
	}
	return want
}

// checkAs checks that all products are as they must be, but for those of which
// people have made others.
func (s *simulation) checkAs(after string, base, hand map[string]look) {
	now := s.looks()
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, got := range now {
		want := s.expect(key, base[key], hand[key])
		if !got.there {
			delete(s.kept, key)
		}
		s.unseen[key] = s.unseen[key] || base[key].deleted && base[key].there && !got.deleted
		if !s.unseen[key] && len(s.market.others(key)) == 0 && !got.same(want) {
			s.breaks("promise 3, 6: after %s, %s is %s; want %s (its source says %v, it was %s, and %s)", after, key, got, want,
				*s.source.products[key], base[key], hand[key])
		}
	}
}

// checkNothingMoves checks that a second plan is empty, and promise 4: "an
// unchanged product causes no call".
func (s *simulation) checkNothingMoves() {
	writes := s.market.writes
	p := s.plan()
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []store.PlanItem
	for _, i := range s.items(p.ID) {
		if s.twinned(&i) {
			continue
		}
		left = append(left, i)
	}
	if len(left) > 0 || s.market.writes > writes {
		s.breaks("promise 3: a second plan says %s, after %d writes", saying(left), s.market.writes-writes)
	}
}

// twinned says whether an item is of a product of which people have made others.
func (s *simulation) twinned(i *store.PlanItem) bool {
	if i.Key != "" {
		return len(s.market.others(i.Key)) > 0
	}
	return i.Kind == string(plan.Duplicate)
}

// moves checks promise 7, "a plan does what it said, or refuses because the
// destination moved".
func (s *simulation) moves(d simtest.Dice, base, hand map[string]look) map[string]look {
	p := s.plan()
	s.handleSome(d, hand)
	moved := s.looks()
	s.applyAll(d, p)
	s.settle()
	now, end := s.looks(), maps.Clone(hand)
	s.mu.Lock()
	for _, i := range s.items(p.ID) {
		if i.Key == "" || s.twinned(&i) || i.Op == "" {
			continue
		}
		if s.compared(hand[i.Key]).same(s.compared(moved[i.Key])) {
			continue
		}
		if !now[i.Key].same(moved[i.Key]) {
			s.breaks("promise 7: %s was %s when plan %d was made, and %s when it was applied, and is now %s", i.Key, hand[i.Key], p.ID, moved[i.Key], now[i.Key])
		}
	}
	for key := range end {
		if !moved[key].same(hand[key]) {
			end[key] = moved[key]
		}
	}
	s.mu.Unlock()
	s.reconcile(d)
	return end
}

// compared is a look at what is compared.
func (s *simulation) compared(l look) look {
	l.archived = l.archived && s.statused && s.mode("status") != plan.Ignore
	values := map[string]string{}
	for name, value := range l.values {
		if s.mode(name) != plan.Ignore {
			values[name] = value
		}
	}
	l.values = values
	return l
}

// undoes checks that "undo restores before-images and holds those links until
// released".
func (s *simulation) undoes(d simtest.Dice) {
	s.hideSome(d)
	before := s.looks()
	p := s.plan()
	s.applyAll(d, p)
	s.settle()
	s.works("undo", s.insist(d, "undo", func(h *host) error {
		if now, err := s.disk.Plan(context.Background(), p.ID); err != nil || now.State == store.PlanUndone {
			return err
		}
		_, err := h.desk.Undo(h.reconciling(), p.ID)
		return err
	}))
	s.settle()
	after := s.looks()
	var undone []string
	s.mu.Lock()
	for _, i := range s.items(p.ID) {
		if i.Op == "" || s.twinned(&i) {
			continue
		}
		if i.State == store.ItemUndone { // else it was refused, and is as it was
			undone = append(undone, i.Key)
		}
		was, is := before[i.Key], after[i.Key]
		if !was.there && is.there && is.archived && s.onDelete != plan.DeleteThere {
			continue // what was created is off sale
		}
		if !is.same(was) {
			s.breaks("undo: %s was %s, and is %s after %s was taken back", i.Key, was, is, saying([]store.PlanItem{i}))
		}
	}
	s.mu.Unlock()
	undone = slices.Compact(slices.Sorted(slices.Values(undone)))
	for _, key := range undone {
		s.source.tell(d, key, false)
	}
	s.settle()
	s.reconcile(d)
	now := s.looks()
	s.mu.Lock()
	for _, key := range undone {
		if !now[key].same(after[key]) {
			s.breaks("undo: %s is held, and was %s, and is now %s", key, after[key], now[key])
		}
	}
	s.mu.Unlock()
	s.tidyUp()
	for _, key := range undone {
		l := s.looks()[key]
		s.mu.Lock()
		s.checkConverged(key, l)
		s.mu.Unlock()
	}
}

// hideSome has people take products off sale and change them, too: a plan puts them on
// sale again, where the status is the source's.
func (s *simulation) hideSome(d simtest.Dice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.market.things {
		if t.ours == "" || t.archived || s.source.products[t.ours].deleted || !d.Chance(0.3) {
			continue
		}
		t.archived, t.handOff = true, true
		s.counts["hand"]++
		s.market.edit(t, simtest.Pick(d, names), fmt.Sprint("hand", s.counts["hand"]))
	}
}

// lied runs reconciliations of listings that lie.
func (s *simulation) lied(d simtest.Dice) {
	s.believe(0.5)
	s.setQuiet(false)
	lies := s.lies
	s.lies = 1
	for range 2 {
		if err := s.insist(d, "run", s.run); err != nil {
			s.log("%v", err)
		}
	}
	s.setQuiet(true)
	s.lies = lies
	s.believe(0)
	s.settle()
}

// asksFirst checks the breaker: nothing is taken off sale before an operator has
// said so.
func (s *simulation) asksFirst(d simtest.Dice) {
	s.reconcile(d)
	s.tidyUp()
	s.must(s.host.lane.Pause(s.host.ctx, "stocktaking"))
	for _, key := range s.source.keys() {
		if d.Chance(0.5) {
			s.source.tell(d, key, true)
		}
	}
	writes := s.market.writes
	s.works("run", s.insist(d, "run", s.run))
	p := s.newest()
	if p.State != store.PlanApplied {
		s.must(s.host.lane.Pause(s.host.ctx, "stocktaking"))
	}
	if s.market.writes > writes {
		s.mu.Lock()
		s.breaks("%d writes while the lane is paused", s.market.writes-writes)
		s.mu.Unlock()
	}
	if p.State == store.PlanOpen || p.State == store.PlanAsks {
		s.applyAll(d, p)
	}
	s.must(s.host.lane.Resume(s.host.ctx))
	s.settle()
	s.tidyUp()
	for key, l := range s.looks() {
		s.mu.Lock()
		s.checkConverged(key, l)
		s.mu.Unlock()
	}
}
