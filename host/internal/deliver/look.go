package deliver

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// look finds out about products that may be at the platform already, before
// anything is created. It says false when it can do nothing now.
func (s *session) look(ctx context.Context, now time.Time) bool {
	switch {
	case len(s.looking) == 0:
		return false
	case s.port.Can(sdk.CanFind):
		n := s.allow(len(s.looking), now)
		if n == 0 {
			return false
		}
		batch := s.looking[:n:n]
		s.looking = s.looking[n:]
		s.search(ctx, batch, s.find)
	case s.port.Can(sdk.CanList):
		// One listing tells of all, so it is gone through once for as many as there are.
		if s.listing || s.allow(1, now) == 0 {
			return false
		}
		batch := s.looking
		s.looking, s.listing = nil, true
		s.search(ctx, batch, s.list)
	default:
		for _, p := range s.looking {
			s.cannotLook(p)
		}
		s.looking = nil
	}
	return true
}

// search makes a call that looks for a batch, and takes in what it found.
func (s *session) search(ctx context.Context, batch []*product, ask func(context.Context, *wantedList) error) {
	wanted := newWantedList(batch, s.lane.options.Matching)
	probe := s.lane.circuit.open
	s.call(ctx, 0, func(ctx context.Context) func() {
		start := time.Now()
		err := ask(ctx, wanted)
		took := time.Since(start)
		return func() {
			s.listing = false
			if err != nil {
				attempts := make([]attempt, len(batch))
				for i, p := range batch {
					c := s.change(p)
					attempts[i] = attempt{product: p, change: &c, at: start, took: took, looking: true, probe: probe,
						result: sdk.Result{Key: p.key, Err: err}, unanswered: unanswered(err)}
				}
				s.settle(attempts)
				return
			}
			s.healed()
			if err := s.foundAll(ctx, batch, wanted); err != nil {
				if s.ending = true; ctx.Err() == nil { // the next session looks again
					s.trouble = err
				}
			}
		}
	})
}

// foundAll takes in what was found of a batch. What another product is linked to is
// not taken for one that has its code, too.
func (s *session) foundAll(ctx context.Context, batch []*product, wanted *wantedList) error {
	owners, err := s.owners(ctx, wanted)
	if err != nil {
		return err
	}
	for i, p := range batch {
		w := &wanted.found[i]
		if w.guessed {
			w.leave(p.key, owners)
		}
		if s.found(p, *w); w.guessed {
			owners[p.link.Remote.ID] = p.key
		}
	}
	return nil
}

// find asks the connector.
func (s *session) find(ctx context.Context, wanted *wantedList) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	items, err := s.port.Find(ctx, wanted.refs)
	for i := range items {
		wanted.see(&items[i])
	}
	return err
}

// list goes through the connector's whole listing.
func (s *session) list(ctx context.Context, wanted *wantedList) error {
	for item, err := range sdk.All(ctx, pager{s.port, s.timeout}, sdk.Query{}) {
		if err != nil {
			return err
		}
		wanted.see(&item)
	}
	return nil
}

// pager gives every page of a listing the time of a call.
type pager struct {
	port    Port
	timeout time.Duration
}

func (p pager) List(ctx context.Context, q sdk.Query) (sdk.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	return p.port.List(ctx, q)
}

// wantedList is what is looked for, and what was found of it.
type wantedList struct {
	refs            []sdk.Ref
	found           []whereabouts
	matching        plan.Matching
	byRemote, byKey map[string]int
	byCode          map[string][]int
}

// whereabouts is what the platform has of one product.
type whereabouts struct {
	remotes []sdk.Remote
	guessed bool // it has the product's code, which others may have, too
}

func (w *whereabouts) add(r sdk.Remote) {
	if !slices.ContainsFunc(w.remotes, func(other sdk.Remote) bool { return other.ID == r.ID }) {
		w.remotes = append(w.remotes, r)
	}
}

// leave takes out what is linked to another product than that of key.
func (w *whereabouts) leave(key string, owners map[string]string) {
	w.remotes = slices.DeleteFunc(w.remotes, func(r sdk.Remote) bool {
		owner, linked := owners[r.ID]
		return linked && owner != key
	})
}

func newWantedList(batch []*product, matching plan.Matching) *wantedList {
	w := &wantedList{refs: make([]sdk.Ref, len(batch)), found: make([]whereabouts, len(batch)), matching: matching,
		byRemote: map[string]int{}, byKey: map[string]int{}, byCode: map[string][]int{}}
	for i, p := range batch {
		ref := sdk.Ref{Key: p.key, Remote: p.link.Remote.ID, Code: p.decision.Wanted.Code}
		w.refs[i] = ref
		if ref.Remote != "" {
			w.byRemote[ref.Remote] = i
			continue
		}
		w.byKey[ref.Key] = i
		if code := matching.Code(ref.Code); code != "" {
			w.byCode[code] = append(w.byCode[code], i)
		}
	}
	return w
}

// see compares what identifies a product, the surest first.
func (w *wantedList) see(item *sdk.Item) {
	if i, ok := w.byRemote[item.Remote.ID]; ok {
		w.found[i].add(item.Remote)
		return
	}
	if item.Key != "" {
		if i, ok := w.byKey[item.Key]; ok {
			w.found[i].add(item.Remote)
		}
		return
	}
	for _, i := range w.byCode[w.matching.Code(item.Product.Code)] {
		w.found[i].add(item.Remote)
		w.found[i].guessed = true
	}
}

// owners are the keys of the products that are linked to what was found by a code:
// on disk, or by what is not written yet.
func (s *session) owners(ctx context.Context, w *wantedList) (map[string]string, error) {
	var ids []string
	for i := range w.found {
		if w.found[i].guessed {
			for _, r := range w.found[i].remotes {
				ids = append(ids, r.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	links, err := s.lane.store.LinksTo(ctx, s.lane.options.Name, ids)
	owners := map[string]string{}
	for i := range links {
		if s.products[links[i].Key] == nil {
			owners[links[i].Remote.ID] = links[i].Key
		}
	}
	for key, p := range s.products {
		owners[p.link.Remote.ID] = key
	}
	return owners, err
}

// found takes in what the platform has of p.
func (s *session) found(p *product, w whereabouts) {
	switch remotes := w.remotes; {
	case len(remotes) == 0:
		// What is gone under its id may have been made anew by hand: that is looked for next.
		p.marked = p.link.Remote.ID == "" || p.decision.Op != sdk.Upsert
		p.link.Remote, p.link.Base, p.link.Sent, p.link.Archived = sdk.Remote{}, nil, nil, false
		s.put(p)
		s.free(p) // or who looks again looks for the one that is gone, and not for the one that is created now
		return
	case len(remotes) > 1:
		s.hold(p, fmt.Sprintf("the platform has %d products for this key: remove the twins, then retry", len(remotes)))
		return
	case w.guessed && (p.decision.Op != sdk.Upsert || p.link.Restore != nil && p.link.Restore.Op != sdk.Upsert):
		// Nothing is taken off sale of which it is not sure that we made it.
		s.hold(p, fmt.Sprintf("it is to be taken off sale, and whether %q there, which has its code, is ours is not known: link it, or change its code there, then retry", remotes[0].ID))
		return
	}
	p.link.Remote, p.looked = w.remotes[0], true
	if w.guessed {
		p.link.Unknown = false // or what people there have put in it would be written as if we created it
	}
	p.busy = false
	s.put(p)
	s.advance(p)
}

// cannotLook settles an unknown outcome at a connector that can neither find nor list.
func (s *session) cannotLook(p *product) {
	switch {
	case p.link.Remote.ID != "":
		p.link.Remote.Version, p.looked = "", true // write without a precondition
	case p.link.Base != nil, s.mayRepeat():
		p.looked = true
	default:
		// Who retries it has looked, so that it is as if it had never been tried.
		p.link.Unknown = false
		s.hold(p, "it may have been created or not, and the connector cannot look: check there, then retry")
		return
	}
	p.busy = false
	s.advance(p)
}

// mayRepeat says whether a create may be sent twice.
func (s *session) mayRepeat() bool {
	if s.lane.options.OnUnknown == "" {
		return s.policy.CarriesRaw()
	}
	return s.lane.options.OnUnknown == Retry
}

// hold leaves p to the operator.
func (s *session) hold(p *product, reason string) {
	s.note(p, &p.queue[0], store.Delivery{At: time.Now(), Outcome: store.Unknown, Message: reason})
	s.leave(p, store.Held, reason)
}
