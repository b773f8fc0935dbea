package reconcile_test

import (
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
)

func (s *simulation) setQuiet(quiet bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = quiet
}

// calm ends all faults, and checks promise 3, "when faults stop, every destination
// reaches the wanted state": after whole listings, and with an operator who says
// which of twins are to go.
func (s *simulation) calm() {
	s.log("all is calm now")
	s.setQuiet(true)
	s.believe(0)
	s.tidyUp()
	for key, l := range s.looks() {
		s.mu.Lock()
		s.checkConverged(key, l)
		s.mu.Unlock()
	}
}

// believe has an operator say what a listing may shrink to: people remove many of
// a few products.
func (s *simulation) believe(shrink float64) {
	s.shrink = shrink
	s.restart()
}

// checkConverged checks one product, whatever has happened to it. s is locked.
func (s *simulation) checkConverged(key string, l look) {
	said := s.source.products[key]
	switch {
	case said.deleted && s.onDelete == plan.DeleteThere && l.there:
		s.breaks("promise 3: %s is deleted, and there", key)
	case said.deleted && s.onDelete == plan.ArchiveThere && l.there && !l.archived && (s.mode("status") == plan.Source || !l.reopened):
		s.breaks("promise 3: %s is deleted, and on sale", key)
	case said.deleted:
	case !l.there:
		s.breaks("promise 3: %s is not there", key)
	default:
		t := s.market.of(key)[0]
		if l.archived && (!t.handOff || s.statused && s.mode("status") == plan.Source) {
			s.breaks("promise 3: %s is off sale", key)
		}
		for _, name := range names {
			want := s.stored(name, said.values[name])
			got := l.values[name]
			switch s.mode(name) {
			case plan.Source:
			case plan.UntilEdited:
				if !s.finds && s.lies > 0 || t.hands[name][got] || strings.HasPrefix(strings.ToLower(got), "hand") {
					continue
				}
			default:
				continue
			}
			if got != want && !(s.cleans && strings.EqualFold(got, want)) {
				s.breaks("promise 3: the %s of %s is %q, want %q", name, key, got, want)
			}
		}
	}
}

// tidyUp has an operator look after all that waits for one, until there is nothing
// more to do: then the newest plan is empty.
func (s *simulation) tidyUp() {
	var left []store.PlanItem
	began := time.Now()
	for range 12 {
		if row := s.lane(); row.State != store.Running && row.Reason != store.AwaitsPlan {
			s.must(s.host.lane.Resume(s.host.ctx))
		}
		s.settle()
		s.removeTwins()
		waits := s.lane().State != store.Running
		for _, link := range s.links() {
			switch link.State {
			case store.InStep:
				s.relink(&link)
			case store.OnHold:
				waits = true
				if err := <-s.errand("release "+link.Key, func(h *host) error { return s.release(h, link.Key) }); err != nil {
					s.log("%v", err)
				}
			case store.Held, store.Dead:
				waits = true
				_, err := s.host.lane.Retry(s.host.ctx, []string{link.Key})
				s.must(err)
			}
		}
		s.settle()
		p := s.plan()
		if left = s.items(p.ID); len(left) == 0 && !waits && p.Started.After(began) { // not of a listing that was interrupted before
			return
		}
		s.works("apply", <-s.errand("apply", func(h *host) error { return s.apply(h, p, nil) }))
		s.settle()
		s.planSingly(s.items(p.ID))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaks("promise 3: there is no end to it: %s", saying(left))
}

// plan makes a plan of all.
func (s *simulation) plan() (p store.Plan) {
	s.works("plan", <-s.errand("plan", func(h *host) (err error) {
		p, err = h.desk.Plan(h.reconciling(), "")
		return err
	}))
	return p
}

// planSingly has an operator make plans of what is there and not listed, since
// people took it off sale.
func (s *simulation) planSingly(items []store.PlanItem) {
	for _, i := range items {
		if i.Kind != string(plan.Missing) || i.State != store.ItemRefused {
			continue
		}
		s.works("plan of "+i.Key, <-s.errand("plan and apply "+i.Key, func(h *host) error {
			p, err := h.desk.Plan(h.reconciling(), i.Key)
			if err != nil {
				return err
			}
			return s.apply(h, p, nil)
		}))
		s.settle()
	}
}

// relink has an operator say which product is now the one of a link, since people
// removed the one that was and made another.
func (s *simulation) relink(link *store.Link) {
	s.mu.Lock()
	others := s.market.others(link.Key)
	anew := link.Remote.ID != "" && s.market.byID(link.Remote.ID) == nil && len(others) > 0
	if anew {
		s.asked[link.Key] = others[0].id
	}
	s.mu.Unlock()
	if anew {
		s.works("link "+link.Key, <-s.errand("link "+link.Key, func(h *host) error { return h.desk.Link(h.reconciling(), link.Key, others[0].id) }))
	}
}

// removeTwins has people leave one product there for each of ours.
func (s *simulation) removeTwins() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.source.keys() {
		others := s.market.others(key)
		if len(s.market.of(key)) == 0 && len(others) > 0 {
			others = others[1:]
		}
		for _, t := range others {
			s.logLocked("people: %s, a twin of %s, is removed", t.id, key)
			s.market.remove(t)
		}
	}
}
