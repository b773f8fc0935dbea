package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// listAgain lists once more what a connector has that cannot be asked for single
// products: what we know by an id is made anew only when two listings agree that it
// is missing.
func (a *applying) listAgain(ctx context.Context) error {
	if a.port.Can(sdk.CanFind) || !slices.Contains(a.chosen(), string(plan.Missing)) {
		return nil
	}
	a.listed = map[string][]plan.There{}
	var missing []wanted
	look := func() error {
		there, err := a.lookFor(ctx, a.port, missing)
		maps.Copy(a.listed, there)
		missing = missing[:0]
		return err
	}
	err := a.each(ctx, []string{string(plan.Missing)}, func(_ context.Context, items []store.PlanItem) error {
		for i := range items {
			if items[i].Remote != "" {
				missing = append(missing, wanted{key: items[i].Key, remote: items[i].Remote, code: items[i].Code})
			}
		}
		if len(missing) >= soughtAtOnce {
			return look()
		}
		return nil
	})
	if err != nil || len(missing) == 0 {
		return err
	}
	return look()
}

// soughtAtOnce bounds the products that are looked for in one listing, which are in
// memory.
const soughtAtOnce = 20_000

// present is all that is known of some products now.
type present struct {
	entries map[string]*event.Entry
	links   map[string]*store.Link
	owners  map[string]string       // keys by the remote ids to which they are linked
	there   map[string][]plan.There // nil: the connector cannot be asked for single products
}

func (a *applying) look(ctx context.Context, items []store.PlanItem) (now present, err error) {
	var keys []string
	remotes := map[string]string{}
	for i := range items {
		keys = append(keys, items[i].Key)
		remotes[items[i].Key] = items[i].Remote
	}
	if len(keys) == 0 {
		return now, nil
	}
	r := &run{Reconciler: a.Reconciler, port: a.port, policy: a.policy}
	owners, err := a.store.LinksTo(ctx, a.options.Name, slices.Collect(maps.Values(remotes)))
	if err != nil {
		return now, err
	}
	now.owners = make(map[string]string, len(owners))
	for _, link := range owners {
		now.owners[link.Remote.ID] = link.Key
	}
	if now.entries, now.links, err = r.knownOf(ctx, keys); err != nil || !a.port.Can(sdk.CanFind) {
		return now, err
	}
	list := make([]wanted, len(keys))
	for i, key := range keys {
		list[i] = wantedOf(key, now.entries[key], now.links[key], a.policy)
		list[i].remote = remotes[key] // one that is adopted, too
	}
	now.there, err = a.lookFor(ctx, a.port, list)
	return now, err
}

// again finds what an item says once more. It says why it does not hold any more.
func (a *applying) again(item *store.PlanItem, now present) (f plan.Finding, why string) {
	found, err := Read(item)
	if err != nil {
		return f, err.Error()
	}
	there := found.There
	if now.there != nil {
		switch list := now.there[item.Key]; len(list) {
		case 0:
			there = nil
		case 1:
			there = &list[0]
		default:
			return f, "the platform has several of it by now"
		}
	}
	if there != nil && item.Remote != "" && there.Remote.ID != item.Remote {
		return f, "what is there by now is another one: make a new plan"
	}
	if len(a.listed[item.Key]) > 0 {
		return f, "it is there, and the listing did not have it: make a new plan"
	}
	entry, link := now.entries[item.Key], now.links[item.Key]
	if there != nil && madeAnew(link, there) {
		return f, fmt.Sprintf("it is linked to %q there by now", link.Remote.ID)
	}
	if link != nil && link.State == store.OnHold {
		return f, "it is on hold: release it first"
	}
	if other, linked := now.owners[item.Remote]; linked && other != item.Key {
		return f, fmt.Sprintf("the one there is linked to product %q by now", other)
	}
	if seq := item.Seq; entry != nil && entry.Seq != seq {
		return f, "its source has changed it since: the lane brings that"
	}
	var k plan.Known
	if link != nil {
		k = deliver.Known(link)
	}
	if f, err = plan.Compare(entry, k, there, a.policy); err != nil {
		return f, err.Error()
	}
	digest, err := digest(&f)
	switch {
	case err != nil:
		return f, err.Error()
	case digest != found.Digest && item.Kind == string(plan.Missing) && f.Kind == plan.Adopt:
		return f, fmt.Sprintf("it is there as %q, which the listing did not show: make a plan of it alone, with --product %s", there.Remote.ID, item.Key)
	case digest != found.Digest:
		return f, "it has changed there since: make a new plan"
	case now.there == nil && link != nil && link.Changed.After(a.plan.Made):
		return f, "it was written since, and this connector cannot be asked how it is now: make a new plan"
	}
	return f, ""
}

// moved is an item that does not hold any more.
type moved struct {
	item    *store.PlanItem
	finding plan.Finding // as it is now; it says nothing where that is not known
	why     string
}

// did are those of the items that were done already, before the plan was interrupted:
// then they can be undone, too.
func (a *applying) did(ctx context.Context, items []moved, now present) (map[*store.PlanItem]bool, error) {
	if !a.resumed {
		return nil, nil
	}
	did := map[*store.PlanItem]bool{}
	rest := map[string]*store.PlanItem{}
	for i := range items {
		item, f := items[i].item, &items[i].finding
		link := now.links[item.Key]
		switch {
		case link != nil && link.State == store.Due && link.Reason == a.because(item):
			did[item] = true
		case f.Kind != "" && f.Op == 0 && (item.Op != "" || link != nil && link.Remote.ID == item.Remote):
			did[item] = true
		case item.Op != "":
			rest[item.Key] = item
		}
	}
	return did, a.tried(ctx, rest, did)
}

// tried adds those to did, of items by key, that their lane has tried to do since the
// plan was made: what the lane does by itself is of a later change at the source.
func (a *applying) tried(ctx context.Context, items map[string]*store.PlanItem, did map[*store.PlanItem]bool) error {
	if len(items) == 0 {
		return nil
	}
	query := store.DeliveryQuery{Connector: a.options.Name, Keys: slices.Collect(maps.Keys(items)), Since: a.plan.Made.Add(-recordedLate), Limit: undoStep}
	for {
		list, err := a.store.Deliveries(ctx, query)
		if err != nil || len(list) == 0 {
			return err
		}
		for i := range list {
			d := &list[i]
			if item := items[d.Key]; d.Seq == item.Seq && d.Op == item.Op && d.Outcome != store.Skipped && !d.At.Before(a.plan.Made) {
				did[item] = true
			}
		}
		query.After = list[len(list)-1].ID
	}
}
