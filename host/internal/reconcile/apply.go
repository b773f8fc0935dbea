package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
)

// Applied counts what became of a plan's items.
type Applied struct {
	Marked  int64  // their products are behind, and the lane brings them in step
	Refused int64  // they do not hold any more
	Waits   string // why the lane does not do so now; empty: it does
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

func (r *Reconciler) apply(ctx context.Context, p store.Plan, kinds []plan.Kind) (Applied, error) {
	a, err := r.applying(ctx, p)
	if err != nil {
		return Applied{}, err
	}
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
	a.plan = p
	defer r.report(func(p *Progress) { *p = Progress{} })
	if err := a.listAgain(ctx); err != nil {
		return a.done, err
	}
	if err := a.each(ctx, a.chosen(), a.mark); err != nil {
		return a.done, err
	}
	// Those of which there are twins are held whatever else is done, or the lane
	// would make one more of each.
	if err := a.each(ctx, undecided, a.holdTwins); err != nil {
		return a.done, err
	}
	return a.done, a.end(ctx)
}

// applying is a plan that is being applied.
type applying struct {
	*Reconciler
	port    deliver.Port
	policy  *plan.Policy
	plan    store.Plan
	resumed bool                    // it was interrupted
	listed  map[string][]plan.There // by key, what is there though the plan says that it is missing
	done    Applied
}

func (r *Reconciler) applying(ctx context.Context, p store.Plan) (*applying, error) {
	port, err := r.connector.Ready(ctx)
	if err != nil {
		return nil, err
	}
	policy := r.options.Policy
	policy.Carried = port.Opened().Fields
	return &applying{Reconciler: r, port: port, policy: &policy, plan: p, resumed: p.State == store.PlanApplying}, nil
}

// undecided are the kinds of items of which nobody knows whose they are.
var undecided = []string{string(plan.Duplicate), string(plan.Ambiguous)}

// chosen are the other kinds of items that are to be done.
func (a *applying) chosen() []string {
	var kinds []string
	if a.plan.Only != "" {
		kinds = strings.Split(a.plan.Only, "\n")
	} else {
		for _, kind := range kindsOfItems {
			kinds = append(kinds, string(kind))
		}
	}
	return slices.DeleteFunc(kinds, func(kind string) bool { return slices.Contains(undecided, kind) })
}

// applyStep is how many items are done at once.
const applyStep = 100

// each calls do with the items of these kinds that are still open, some at a time.
func (a *applying) each(ctx context.Context, kinds []string, do func(context.Context, []store.PlanItem) error) error {
	if len(kinds) == 0 {
		return nil
	}
	query := store.PlanQuery{Plan: a.plan.ID, Kinds: kinds, States: []store.ItemState{store.ItemOpen}}
	return a.eachItem(ctx, query, func(items []store.PlanItem) error {
		for part := range slices.Chunk(items, applyStep) {
			if err := do(ctx, part); err != nil {
				return err
			}
			a.report(func(p *Progress) {
				*p = Progress{Plan: a.plan.ID, Doing: Applying, Done: a.done.Marked + a.done.Refused}
			})
		}
		return nil
	})
}

// end has the plan be one that was applied, and the lane go on that waits for it.
func (a *applying) end(ctx context.Context) error {
	totals, err := a.store.PlanTotals(ctx, a.plan.ID)
	if err != nil {
		return err
	}
	var open, notMade int64
	for _, t := range totals {
		switch {
		case t.State == store.ItemOpen && doable(t.Kind, t.Op):
			open += t.Count
		case t.State == store.ItemRefused && (t.Kind == string(plan.Adopt) || t.Kind == string(plan.Missing)):
			notMade += t.Count
		}
	}
	if open == 0 {
		a.plan.Only = "" // there was nothing else in it
	}
	if err := a.letGo(ctx, open+notMade); err != nil {
		return err
	}
	a.plan.State = store.PlanApplied
	return a.store.SavePlan(ctx, a.plan)
}

// letGo has a lane go on that waits for its first plan: not after a plan of a single
// product, and not while something is left of the plan. The lane would make it, though
// nobody has said so, or it may be there already by now. It says why the lane waits.
func (a *applying) letGo(ctx context.Context, left int64) error {
	lane, err := a.store.Lane(ctx, a.options.Name)
	switch {
	case err != nil || lane.State == store.Running:
		return err
	case lane.State != store.Paused || lane.Reason != store.AwaitsPlan:
		a.done.Waits = lane.Waits()
	case a.plan.Product != "":
		a.done.Waits = fmt.Sprintf("%s waits for its first plan of all products. Make it: synchost plan %s", lane.Connector, lane.Connector)
	case left > 0:
		a.done.Waits = fmt.Sprintf("%s waits for the rest of its first plan (%d of its products). Make a plan of it, and apply it whole: synchost plan %s", lane.Connector, left, lane.Connector)
	default:
		if err := a.doubtNewer(ctx); err != nil {
			return err
		}
		return a.lane.Resume(ctx)
	}
	a.options.Log.Warn("nothing is delivered yet", "plan", a.plan.ID, "reason", a.done.Waits)
	return nil
}

// doubtNewer has the lane look, before it makes them, for the products of which the
// source told for the first time after the plan was begun: the plan says nothing of
// them, and they may be there already, too.
func (a *applying) doubtNewer(ctx context.Context) error {
	first, err := a.store.At(ctx, a.plan.Started)
	if err != nil {
		return err
	}
	for after := first - 1; ; {
		entries, err := a.store.Catalog(ctx, after, itemStep)
		if err != nil || len(entries) == 0 {
			return err
		}
		after = entries[len(entries)-1].Seq
		var keys []string
		for i := range entries {
			if !entries[i].Deleted {
				keys = append(keys, entries[i].Key)
			}
		}
		_, err = a.lane.Correct(ctx, keys, func(l *store.Link) bool {
			l.Unknown = true
			return l.Changed.IsZero()
		})
		if err != nil {
			return err
		}
	}
}

// doable says whether there is something to be done about items.
func doable(kind, op string) bool { return op != "" || kind == string(plan.Adopt) }

func doables(items []store.PlanItem) (list []store.PlanItem) {
	for _, item := range items {
		if item.Key != "" && doable(item.Kind, item.Op) {
			list = append(list, item)
		}
	}
	return list
}

// correction is what an item has the lane know.
type correction struct {
	item   *store.PlanItem
	change func(*store.Link) bool
}

// mark has items done about which there is something to be done, as far as they
// still hold.
func (a *applying) mark(ctx context.Context, all []store.PlanItem) error {
	items := doables(all)
	now, err := a.look(ctx, items)
	if err != nil {
		return err
	}
	var corrections []correction
	var others []moved
	for i := range items {
		item := &items[i]
		if finding, why := a.again(item, now); why != "" {
			others = append(others, moved{item, finding, why})
		} else {
			corrections = append(corrections, correction{item, a.correct(item, &finding, now.links[item.Key])})
		}
	}
	did, err := a.did(ctx, others, now)
	if err != nil {
		return err
	}
	for _, m := range others {
		if did[m.item] {
			m.why = ""
		}
		a.settle(m.item, m.why)
	}
	if err := a.carryOut(ctx, corrections, "its lane has written it meanwhile"); err != nil {
		return err
	}
	return a.store.SaveItems(ctx, items)
}

// account says of items that were done just before their plan was interrupted that
// they were.
func (a *applying) account(ctx context.Context, all []store.PlanItem) error {
	items := doables(all)
	now, err := a.look(ctx, items)
	if err != nil {
		return err
	}
	var others []moved
	for i := range items {
		if finding, why := a.again(&items[i], now); why != "" {
			others = append(others, moved{&items[i], finding, why})
		}
	}
	did, err := a.did(ctx, others, now)
	if err != nil {
		return err
	}
	for item := range did {
		a.settle(item, "")
	}
	return a.store.SaveItems(ctx, items)
}

// correct is how a link changes by an item: it says what was found, and its product
// is behind. was is the link as it was when that was found.
func (a *applying) correct(item *store.PlanItem, f *plan.Finding, was *store.Link) func(*store.Link) bool {
	return func(l *store.Link) bool {
		if was != nil && !unchanged(l, was) || was == nil && !l.Changed.IsZero() {
			return false
		}
		deliver.Learn(l, f.Known)
		if tooOften := contend(l, f); tooOften {
			item.Reason = l.Contended.Text() + ": somebody else writes it, too. Find out who, or give the field another owner, then release it"
			return hold(l, item.Reason)
		}
		if f.Op != 0 {
			l.State, l.Seq, l.Attempts, l.Reason = store.Due, item.Seq, 0, a.because(item)
		}
		return true
	}
}

// holdTwins has products left as they are of which nobody knows which one there they
// are, or which there may be of several.
func (a *applying) holdTwins(ctx context.Context, items []store.PlanItem) error {
	var corrections []correction
	for i := range items {
		if items[i].Key == "" {
			continue
		}
		corrections = append(corrections, correction{&items[i], func(l *store.Link) bool {
			return l.Remote.ID == "" && hold(l, "there may be several of it there: see synchost show "+fmt.Sprint(a.plan.ID))
		}})
	}
	if err := a.carryOut(ctx, corrections, "it is linked"); err != nil {
		return err
	}
	return a.store.SaveItems(ctx, items)
}

// carryOut corrects what the lane knows, and says of each item what became of it.
// There may be several of one product.
func (a *applying) carryOut(ctx context.Context, corrections []correction, refusal string) error {
	byKey := make(map[string]func(*store.Link) bool, len(corrections))
	keys := make([]string, 0, len(corrections))
	for _, c := range corrections {
		if byKey[c.item.Key] == nil {
			keys = append(keys, c.item.Key)
		}
		byKey[c.item.Key] = c.change
	}
	refused, err := a.lane.Correct(ctx, keys, func(l *store.Link) bool { return byKey[l.Key](l) })
	if err != nil {
		return err
	}
	for _, c := range corrections {
		why := c.item.Reason // of one that is left alone from now on
		if slices.Contains(refused, c.item.Key) {
			why = refusal
		}
		a.settle(c.item, why)
	}
	return nil
}

// settle says what became of an item; no why: it is done.
func (a *applying) settle(item *store.PlanItem, why string) {
	if item.State, item.Reason = store.ItemMarked, why; why == "" {
		a.done.Marked++
		return
	}
	item.State = store.ItemRefused
	a.done.Refused++
}

// because is why an item's product is behind.
func (a *applying) because(item *store.PlanItem) string {
	return fmt.Sprintf("plan %d: %s", a.plan.ID, item.Kind)
}

// hold has a product left as it is.
func hold(l *store.Link, why string) bool {
	l.State, l.Reason = store.OnHold, why
	return true
}
