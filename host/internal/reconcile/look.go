package reconcile

import (
	"context"
	"fmt"
	"slices"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// wanted is a product that is looked for at the platform.
type wanted struct {
	key    string
	remote string // as far as it is known
	code   string
}

func wantedOf(key string, entry *event.Entry, link *store.Link, policy *plan.Policy) wanted {
	w := wanted{key: key}
	if link != nil {
		w.remote = link.Remote.ID
	}
	if entry == nil {
		return w
	}
	if product, err := policy.Mapping.Apply(&entry.Product, nil); err == nil {
		w.code = product.Code
	}
	return w
}

// lookFor reads what the platform has of products now, by their keys: by asking
// for them, or where a connector cannot be asked, from its whole listing. What is
// not there under the id by which we know it is looked for by key and code, too:
// people may have made it anew.
func (r *Reconciler) lookFor(ctx context.Context, port deliver.Port, list []wanted) (map[string][]plan.There, error) {
	s := newSought(list, r.options.Matching)
	switch {
	case port.Can(sdk.CanFind):
		if err := r.ask(ctx, port, s, list); err != nil {
			return nil, err
		}
		var lost []wanted
		for _, w := range list {
			if w.remote != "" && len(s.known[w.key]) == 0 {
				lost = append(lost, wanted{key: w.key, code: w.code})
			}
		}
		if err := r.ask(ctx, port, s, lost); err != nil {
			return nil, err
		}
	case port.Can(sdk.CanList):
		for item, err := range sdk.All(ctx, port, sdk.Query{}) {
			if err != nil {
				return nil, err
			}
			s.see(&item)
		}
	default:
		return nil, errCannotList
	}
	return s.found(ctx, r)
}

// ask asks the platform for products, for as many at once as it takes in one call.
func (r *Reconciler) ask(ctx context.Context, port deliver.Port, s *sought, list []wanted) error {
	for part := range slices.Chunk(list, max(1, port.Opened().Limits.Batch)) {
		refs := make([]sdk.Ref, len(part))
		for i, w := range part {
			refs[i] = sdk.Ref{Key: w.key, Remote: w.remote, Code: w.code}
		}
		items, err := r.find(ctx, port, refs)
		if err != nil {
			return err
		}
		for i := range items {
			s.see(&items[i])
		}
	}
	return nil
}

func (r *Reconciler) find(ctx context.Context, port deliver.Port, refs []sdk.Ref) ([]sdk.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout(port))
	defer cancel()
	return port.Find(ctx, refs)
}

// sought is what is looked for at the platform, and what there is of it.
type sought struct {
	matching        plan.Matching
	byRemote, byKey map[string]string
	byCode          map[string][]string
	seen            map[string]bool         // remote ids
	known           map[string][]plan.There // by key: under the id by which we know it
	others          map[string][]plan.There // by key: what has our key or its code
}

func newSought(list []wanted, matching plan.Matching) *sought {
	s := &sought{matching: matching, byRemote: map[string]string{}, byKey: map[string]string{}, byCode: map[string][]string{},
		seen: map[string]bool{}, known: map[string][]plan.There{}, others: map[string][]plan.There{}}
	for _, w := range list {
		if w.remote != "" {
			s.byRemote[w.remote] = w.key
		}
		s.byKey[w.key] = w.key
		if code := matching.Code(w.code); code != "" {
			s.byCode[code] = append(s.byCode[code], w.key)
		}
	}
	return s
}

// see compares what identifies a product, the surest first.
func (s *sought) see(item *sdk.Item) {
	if s.seen[item.Remote.ID] {
		return // several that are asked for may have its code
	}
	there := plan.There{Remote: item.Remote, Product: item.Product, Archived: item.Archived}
	if key, ok := s.byRemote[item.Remote.ID]; ok {
		s.known[key], s.seen[item.Remote.ID] = []plan.There{there}, true
		return
	}
	keys := s.byCode[s.matching.Code(item.Product.Code)]
	if item.Key != "" {
		keys = nil
		if key, ok := s.byKey[item.Key]; ok {
			keys = []string{key}
		}
	}
	for _, key := range keys {
		s.others[key], s.seen[item.Remote.ID] = append(s.others[key], there), true
	}
}

// found is what there is of each product. What is linked to another one is not.
func (s *sought) found(ctx context.Context, r *Reconciler) (map[string][]plan.There, error) {
	var ids []string
	for key, others := range s.others {
		if len(s.known[key]) > 0 {
			continue
		}
		for i := range others {
			ids = append(ids, others[i].Remote.ID)
		}
	}
	if len(ids) == 0 {
		return s.known, nil
	}
	links, err := r.store.LinksTo(ctx, r.options.Name, ids)
	if err != nil {
		return nil, err
	}
	owners := make(map[string]string, len(links))
	for i := range links {
		owners[links[i].Remote.ID] = links[i].Key
	}
	for key, others := range s.others {
		if len(s.known[key]) == 0 {
			s.known[key] = slices.DeleteFunc(others, func(there plan.There) bool {
				owner, linked := owners[there.Remote.ID]
				return linked && owner != key
			})
		}
	}
	return s.known, nil
}

// madeAnew says whether what was found of a product is not what it is linked to.
func madeAnew(link *store.Link, there *plan.There) bool {
	return link != nil && link.Remote.ID != "" && link.Remote.ID != there.Remote.ID
}

func errNoProduct(key string) error {
	return fmt.Errorf("the catalog has no product %q: its source has told nothing of it yet", key)
}
