package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// Applied counts what became of a plan's items.
type Applied struct {
	Marked  int64 // their products are behind, and are brought in step now
	Refused int64 // they do not hold any more
}

// Apply has a plan's items done: those of kinds, or all. hash is the plan's as it
// was shown; empty: whatever it says now. A plan that asks is applied when it is
// approved.
func (r *Reconciler) Apply(ctx context.Context, id int64, hash string, kinds []plan.Kind, approved bool) (Applied, error) {
	r.running.Lock()
	defer r.running.Unlock()
	p, err := r.planOf(ctx, id)
	if err != nil {
		return Applied{}, err
	}
	for _, kind := range kinds {
		if !slices.Contains(kindsOfItems, kind) {
			return Applied{}, fmt.Errorf("only %q: there is no such kind; there are %q", kind, kindsOfItems)
		}
	}
	switch {
	case hash != "" && hash != p.Hash:
		return Applied{}, fmt.Errorf("plan %d says something else by now (its hash is %s, not %s): look at it again", id, p.Hash, hash)
	case p.State == store.PlanAsks && !approved:
		return Applied{}, fmt.Errorf("plan %d waits to be approved: %s", id, p.Reason)
	case p.State != store.PlanOpen && p.State != store.PlanAsks && p.State != store.PlanApplying:
		return Applied{}, fmt.Errorf("plan %d cannot be applied: it is %s (%s)", id, p.State, p.Reason)
	}
	return r.apply(ctx, p, kinds)
}

// planOf reads one of this connector's plans.
func (r *Reconciler) planOf(ctx context.Context, id int64) (store.Plan, error) {
	p, err := r.store.Plan(ctx, id)
	if err == nil && p.Connector != r.options.Name {
		err = fmt.Errorf("plan %d is one of connector %q", id, p.Connector)
	}
	return p, err
}

// finishApplying goes on with a plan in the midst of which the host ended.
func (r *Reconciler) finishApplying(ctx context.Context) error {
	plans, err := r.store.Plans(ctx, r.options.Name, 1000)
	for _, p := range plans {
		if err == nil && p.State == store.PlanApplying {
			_, err = r.apply(ctx, p, nil)
		}
	}
	return err
}

// applyStep is how many items are marked at once.
const applyStep = 100

func (r *Reconciler) apply(ctx context.Context, p store.Plan, kinds []plan.Kind) (Applied, error) {
	port, err := r.connector.Ready(ctx)
	if err != nil {
		return Applied{}, err
	}
	policy := r.options.Policy
	policy.Carried = port.Opened().Fields
	a := &applying{Reconciler: r, port: port, policy: &policy, plan: p, resumed: p.State == store.PlanApplying}
	if p.State != store.PlanApplying {
		var only []string
		for _, kind := range kinds {
			only = append(only, string(kind))
		}
		p.State, p.Only, p.Reason = store.PlanApplying, strings.Join(only, "\n"), ""
		if err := r.store.SavePlan(ctx, p); err != nil {
			return Applied{}, err
		}
	}
	defer r.report(func(p *Progress) { *p = Progress{} })
	query := store.PlanQuery{Plan: p.ID, States: []store.ItemState{store.ItemOpen}}
	if p.Only != "" {
		// Those of which there are twins are held whatever else is done, or the lane
		// would make one more of each.
		query.Kinds = append(strings.Split(p.Only, "\n"), string(plan.Duplicate), string(plan.Ambiguous))
	}
	err = r.eachItem(ctx, query, func(items []store.PlanItem) error {
		for part := range slices.Chunk(items, applyStep) {
			if err := a.mark(ctx, part); err != nil {
				return err
			}
			r.report(func(progress *Progress) {
				*progress = Progress{Plan: p.ID, Doing: Applying, Done: a.done.Marked + a.done.Refused}
			})
		}
		return nil
	})
	if err != nil {
		return a.done, err
	}
	if err := a.letGo(ctx); err != nil {
		return a.done, err
	}
	p.State = store.PlanApplied
	return a.done, r.store.SavePlan(ctx, p)
}

// letGo has a lane go on that waits for its first plan: not after a plan of a single
// product, and not while there are products that are there already and were not
// adopted, which it would make a second time.
func (a *applying) letGo(ctx context.Context) error {
	lane, err := a.store.Lane(ctx, a.options.Name)
	if err != nil || lane.State != store.Paused || lane.Reason != store.AwaitsPlan || a.plan.Product != "" {
		return err
	}
	totals, err := a.store.PlanTotals(ctx, a.plan.ID)
	if err != nil {
		return err
	}
	for _, t := range totals {
		if t.Kind == string(plan.Adopt) && t.State != store.ItemMarked {
			a.options.Log.Warn("nothing is delivered yet, since products that are there already were not adopted: make a new plan", "plan", a.plan.ID, "products", t.Count)
			return nil
		}
	}
	return a.lane.Resume(ctx)
}

// applying is a plan that is being applied.
type applying struct {
	*Reconciler
	port    deliver.Port
	policy  *plan.Policy
	plan    store.Plan
	resumed bool // it was interrupted
	done    Applied
}

// mark has some items done, as far as they still hold.
func (a *applying) mark(ctx context.Context, items []store.PlanItem) error {
	now, err := a.look(ctx, items)
	if err != nil {
		return err
	}
	corrections := map[string]func(*store.Link) bool{}
	for i := range items {
		item := &items[i]
		if item.Key == "" || item.Op == "" && item.Kind != string(plan.Adopt) && !undecided(item) {
			continue // there is nothing to be done
		}
		if undecided(item) {
			corrections[item.Key] = func(l *store.Link) bool {
				return l.Remote.ID == "" && hold(l, "there may be several of it there: see synchost show "+fmt.Sprint(a.plan.ID))
			}
			continue
		}
		finding, why := a.again(item, now)
		if why != "" && a.did(item, &finding, now.links[item.Key]) {
			item.State = store.ItemMarked
			a.done.Marked++
			continue
		}
		if item.Reason = why; why != "" {
			item.State = store.ItemRefused
			a.done.Refused++
			continue
		}
		was := now.links[item.Key]
		corrections[item.Key] = func(l *store.Link) bool {
			if was != nil && !unchanged(l, was) || was == nil && !l.Changed.IsZero() {
				return false
			}
			deliver.Learn(l, finding.Known)
			if tooOften := contend(l, &finding); tooOften {
				item.Reason = l.Contended.Text() + ": somebody else writes it, too. Find out who, or give the field another owner, then release it"
				return hold(l, item.Reason)
			}
			if finding.Op != 0 {
				l.State, l.Seq, l.Attempts, l.Reason = store.Due, item.Seq, 0, a.because(item)
			}
			return true
		}
	}
	keys := make([]string, 0, len(corrections))
	for key := range corrections {
		keys = append(keys, key)
	}
	refused, err := a.lane.Correct(ctx, keys, func(l *store.Link) bool { return corrections[l.Key](l) })
	if err != nil {
		return err
	}
	for i := range items {
		item := &items[i]
		if corrections[item.Key] == nil {
			continue
		}
		if slices.Contains(refused, item.Key) {
			item.State, item.Reason = store.ItemRefused, "its lane has written it meanwhile"
			if undecided(item) {
				item.Reason = "it was linked meanwhile"
			}
			a.done.Refused++
			continue
		}
		if item.Reason != "" { // it is left alone from now on
			item.State = store.ItemRefused
			a.done.Refused++
			continue
		}
		item.State = store.ItemMarked
		a.done.Marked++
	}
	return a.store.SaveItems(ctx, items)
}

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
		if items[i].Key != "" && !undecided(&items[i]) {
			keys = append(keys, items[i].Key)
			remotes[items[i].Key] = items[i].Remote
		}
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
	entry, link := now.entries[item.Key], now.links[item.Key]
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
	case digest != found.Digest:
		return f, "it has changed there since: make a new plan"
	case now.there == nil && link != nil && link.Changed.After(a.plan.Made):
		return f, "it was written since, and this connector cannot be asked how it is now: make a new plan"
	}
	return f, ""
}

// did says whether an item that does not hold any more was done already, before the
// plan was interrupted: then it can be undone, too.
func (a *applying) did(item *store.PlanItem, f *plan.Finding, link *store.Link) bool {
	switch {
	case !a.resumed:
		return false
	case link != nil && link.State == store.Due && link.Reason == a.because(item):
		return true
	case f.Kind == "" || f.Op != 0:
		return false
	}
	return item.Op != "" || link != nil && link.Remote.ID == item.Remote
}

// because is why an item's product is behind.
func (a *applying) because(item *store.PlanItem) string {
	return fmt.Sprintf("plan %d: %s", a.plan.ID, item.Kind)
}

// undecided says whether an item is of a product of which nobody knows which one
// there it is.
func undecided(item *store.PlanItem) bool {
	return item.Kind == string(plan.Duplicate) || item.Kind == string(plan.Ambiguous)
}

// hold has a product left as it is.
func hold(l *store.Link, why string) bool {
	l.State, l.Reason = store.OnHold, why
	return true
}
