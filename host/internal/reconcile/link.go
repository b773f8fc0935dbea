package reconcile

import (
	"context"
	"fmt"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
)

// Link says that a product of ours is the one of this id at the platform, which
// from then on is brought in step with it.
func (r *Reconciler) Link(ctx context.Context, key, remote string) error {
	r.running.Lock()
	defer r.running.Unlock()
	port, err := r.connector.Ready(ctx)
	if err != nil {
		return err
	}
	policy := r.options.Policy
	policy.Carried = port.Opened().Fields
	entries, err := r.store.Products(ctx, []string{key})
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return errNoProduct(key)
	}
	others, err := r.store.LinksTo(ctx, r.options.Name, []string{remote})
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.Key != key {
			return fmt.Errorf("%q there is linked to product %q: unlink that first", remote, other.Key)
		}
	}
	found, err := r.lookFor(ctx, port, []wanted{{key: key, remote: remote}})
	if err != nil {
		return err
	}
	if len(found[key]) != 1 || found[key][0].Remote.ID != remote {
		return fmt.Errorf("the platform has no product %q", remote)
	}
	there := found[key][0]
	f, err := plan.Compare(&entries[0], plan.Known{Remote: there.Remote}, &there, &policy)
	if err != nil {
		return err
	}
	_, err = r.lane.Correct(ctx, []string{key}, func(l *store.Link) bool {
		deliver.Learn(l, f.Known)
		l.Remote, l.Restore, l.State, l.Attempts, l.Reason = there.Remote, nil, store.Due, 0, ""
		return true
	})
	return err
}

// Unlink forgets which products there are ours. They are left as they are, and are
// not created anew, until they are linked or released.
func (r *Reconciler) Unlink(ctx context.Context, keys []string) error {
	_, err := r.lane.Correct(ctx, keys, func(l *store.Link) bool {
		*l = store.Link{Connector: l.Connector, Key: l.Key, State: store.OnHold, Reason: "it was unlinked, and is kept so until it is linked or released"}
		return true
	})
	return err
}
