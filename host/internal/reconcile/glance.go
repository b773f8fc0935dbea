package reconcile

import (
	"context"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// Look looks at single products at the platform, all together, since somebody
// is said to have changed them there. Each that is to be written gets a plan of its
// own, which is applied as Run's is; of the others it is remembered how they are. A
// platform that cannot be asked for single products is left to the next Run.
func (r *Reconciler) Look(ctx context.Context, keys []string) error {
	r.running.Lock()
	defer r.running.Unlock()
	port, err := r.connector.Ready(ctx)
	if err != nil || !port.Can(sdk.CanFind) {
		return err
	}
	policy := r.options.Policy
	policy.Carried = port.Opened().Fields
	if r.options.Deliver == deliver.Every || r.options.Deliver == "" && policy.CarriesRaw() {
		return nil
	}
	run := &run{Reconciler: r, port: port, policy: &policy}
	entries, links, err := run.knownOf(ctx, keys)
	if err != nil {
		return err
	}
	list := make([]wanted, len(keys))
	for i, key := range keys {
		list[i] = wantedOf(key, entries[key], links[key], &policy)
	}
	there, err := r.lookFor(ctx, port, list)
	if err != nil {
		return err
	}
	for _, key := range keys {
		link := links[key]
		if link == nil || link.State == store.OnHold {
			continue
		}
		var one *plan.There
		switch found := there[key]; {
		case len(found) == 0:
		case len(found) == 1 && !madeAnew(link, &found[0]):
			one = &found[0]
		default:
			continue // twins are for the next run to tell of
		}
		f, err := plan.Compare(entries[key], deliver.Known(link), one, &policy)
		switch {
		case err != nil: // the lane tells of it
		case f.Kind == plan.Adopt: // what was unlinked stays so, and what never was linked waits for a plan
		case f.Op != 0:
			if err := r.mend(ctx, key); err != nil {
				return err
			}
		case f.News, link.Contended != nil:
			run.learned = append(run.learned, lesson{*link, f.Known})
		}
	}
	return run.learn(ctx)
}

// mend makes a plan of one product, and applies it unless an operator is to see it
// first.
func (r *Reconciler) mend(ctx context.Context, key string) error {
	made, err := r.make(ctx, key)
	if err != nil || made.State != store.PlanOpen || made.First || r.options.PlanOnly {
		return err
	}
	_, err = r.apply(ctx, made, nil)
	return err
}
