package reconcile

import (
	"context"
	"fmt"

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
// for them, or where a connector cannot be asked, from its whole listing.
func (r *Reconciler) lookFor(ctx context.Context, port deliver.Port, list []wanted) (map[string][]plan.There, error) {
	byRemote, byKey, byCode := map[string]string{}, map[string]string{}, map[string][]string{}
	refs := make([]sdk.Ref, len(list))
	for i, w := range list {
		refs[i] = sdk.Ref{Key: w.key, Remote: w.remote, Code: w.code}
		if w.remote != "" {
			byRemote[w.remote] = w.key
			continue
		}
		byKey[w.key] = w.key
		if code := r.options.Matching.Code(w.code); code != "" {
			byCode[code] = append(byCode[code], w.key)
		}
	}
	found := map[string][]plan.There{}
	see := func(item *sdk.Item) {
		there := plan.There{Remote: item.Remote, Product: item.Product, Archived: item.Archived}
		if key, ok := byRemote[item.Remote.ID]; ok {
			found[key] = append(found[key], there)
			return
		}
		if item.Key != "" {
			if key, ok := byKey[item.Key]; ok {
				found[key] = append(found[key], there)
			}
			return
		}
		for _, key := range byCode[r.options.Matching.Code(item.Product.Code)] {
			found[key] = append(found[key], there)
		}
	}
	switch {
	case port.Can(sdk.CanFind):
		own, cancel := context.WithTimeout(ctx, r.timeout(port))
		defer cancel()
		items, err := port.Find(own, refs)
		for i := range items {
			see(&items[i])
		}
		return found, err
	case port.Can(sdk.CanList):
		for item, err := range sdk.All(ctx, port, sdk.Query{}) {
			if err != nil {
				return nil, err
			}
			see(&item)
		}
		return found, nil
	}
	return nil, errCannotList
}

func errNoProduct(key string) error {
	return fmt.Errorf("there is no product %q: keys are the source's own ids; synchost products lists them", key)
}
