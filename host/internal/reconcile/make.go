package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/pages"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// run is the making of one plan.
type run struct {
	*Reconciler
	port    deliver.Port
	policy  *plan.Policy
	plan    store.Plan
	listing store.Listing
	passed  int64           // the lane has done what there is to do up to here; what comes later is on its way
	told    map[string]bool // of which twins the plan tells already

	// What the next save writes.
	items    []store.PlanItem
	seen     []store.Sighting
	mistaken []mistake
	learned  []lesson
}

var (
	errCannotList = errors.New("this connector cannot list its products, so there is nothing to compare with")
	errEvery      = errors.New("this connector delivers every event, and so there is nothing to compare at its platform")
)

// make makes a plan of all products, or of one.
func (r *Reconciler) make(ctx context.Context, product string) (store.Plan, error) {
	port, err := r.connector.Ready(ctx)
	if err != nil {
		return store.Plan{}, err
	}
	policy := r.options.Policy
	policy.Carried = port.Opened().Fields
	run := &run{Reconciler: r, port: port, policy: &policy}
	defer r.report(func(p *Progress) { *p = Progress{} })
	if r.options.Deliver == deliver.Every || r.options.Deliver == "" && policy.CarriesRaw() {
		return store.Plan{}, errEvery
	}
	if product != "" {
		return run.one(ctx, product)
	}
	if !port.Can(sdk.CanList) {
		return store.Plan{}, errCannotList
	}
	for try := 0; ; try++ {
		if err := run.begin(ctx); err != nil {
			return store.Plan{}, err
		}
		if err = run.list(ctx); err == nil {
			err = run.search(ctx)
		}
		if !pages.Moved(err) || try == maxMoves {
			break
		}
		if _, failed := run.end(ctx, err); !errors.Is(failed, err) {
			return run.plan, failed
		}
	}
	if ctx.Err() != nil {
		return run.plan, context.Cause(ctx) // the next run goes on from here
	}
	return run.end(ctx, err)
}

// maxMoves is how often a listing is begun anew because the platform's products
// moved under it.
const maxMoves = 3

// keepsPlace is how long an interrupted listing may be gone on with: much later, what
// moved on the pages meanwhile would look as if it were not there.
const keepsPlace = 24 * time.Hour

// begin takes up a listing that was interrupted, or begins one.
func (r *run) begin(ctx context.Context) (err error) {
	r.told = map[string]bool{}
	if err := r.lookAtLane(ctx); err != nil {
		return err
	}
	if r.listing, err = r.store.Listing(ctx, r.options.Name, store.Reconciling); err != nil {
		return err
	}
	if r.listing.Run > 0 && r.listing.Ended.IsZero() && r.options.Now().Sub(r.listing.Started) < keepsPlace {
		if r.plan, err = r.store.Plan(ctx, r.listing.Plan); err == nil && r.plan.State == store.PlanMaking {
			r.options.Log.Info("the reconciliation goes on where it was interrupted", "plan", r.plan.ID, "products", r.listing.Items)
			return nil
		}
	}
	if err := r.newPlan(ctx, ""); err != nil {
		return err
	}
	r.listing = store.Listing{
		Connector: r.options.Name, Purpose: store.Reconciling, Run: r.listing.Run + 1, Started: r.plan.Started,
		Plan: r.plan.ID, LastItems: r.listing.LastItems,
	}
	return r.save(ctx)
}

// lookAtLane finds out what is on its way.
func (r *run) lookAtLane(ctx context.Context) error {
	lane, err := r.store.Lane(ctx, r.options.Name)
	if r.passed = lane.Passed(); err == nil && lane.State != store.Running {
		r.passed, err = r.store.Head(ctx) // nothing is
	}
	return err
}

func (r *run) newPlan(ctx context.Context, product string) error {
	earlier, err := r.store.Plans(ctx, r.options.Name, 1000)
	if err != nil {
		return err
	}
	applied := slices.ContainsFunc(earlier, func(p store.Plan) bool {
		whole := p.Product == "" && p.Only == ""
		return !p.First || whole && (p.State == store.PlanApplied || p.State == store.PlanUndone)
	})
	r.plan = store.Plan{Connector: r.options.Name, Started: r.options.Now(), State: store.PlanMaking, First: !applied, Product: product}
	r.plan.ID, err = r.store.NewPlan(ctx, r.plan)
	return err
}

// save writes how far the run has come.
func (r *run) save(ctx context.Context) error {
	for _, m := range r.mistaken {
		i, err := note(r.plan.ID, m.key, m.first, &sdk.Product{}, plan.Duplicate, fmt.Sprintf("%q there may be product %q, too", m.second, m.key))
		if err != nil {
			return err
		}
		r.items = append(r.items, i)
	}
	if err := r.confirm(ctx); err != nil {
		return err
	}
	if err := r.learn(ctx); err != nil {
		return err
	}
	err := r.store.Progress(ctx, store.Progress{Listing: r.listing, Sightings: r.seen, Items: r.items})
	r.seen, r.items, r.mistaken = r.seen[:0], r.items[:0], r.mistaken[:0]
	return err
}

// The listing's cursor is behind a mark, so that it can also say that there are
// no more pages.
const (
	atCursor = "at:"
	listed   = "listed"
)

// list goes through what the platform has.
func (r *run) list(ctx context.Context) error {
	for r.listing.Cursor != listed {
		var cursor string
		if r.listing.Cursor != "" {
			cursor = r.listing.Cursor[len(atCursor):]
		}
		r.report(func(p *Progress) {
			*p = Progress{Plan: r.plan.ID, Doing: Listing, Started: r.plan.Started, Done: r.listing.Items, Of: r.listing.LastItems}
		})
		asked := r.options.Now()
		page, err := pages.Next(ctx, r.port, sdk.Query{Cursor: cursor}, r.timeout(r.port), r.options.Log)
		if err != nil {
			return err
		}
		if err := r.compareItems(ctx, page.Items, asked); err != nil {
			return err
		}
		r.listing.Pages++
		r.listing.Items += int64(len(page.Items))
		if r.listing.Cursor = atCursor + page.Next; page.Next == "" {
			r.listing.Cursor = listed
			if err := r.plausible(ctx); err != nil {
				return err
			}
		}
		if err := r.save(ctx); err != nil {
			return err
		}
	}
	return nil
}

// timeout is of one call.
func (r *Reconciler) timeout(port deliver.Port) time.Duration {
	if r.options.Timeout > 0 {
		return r.options.Timeout
	}
	return port.Opened().Limits.Timeout
}

// plausible says why a complete listing cannot be right: it has far less than the
// last one, or than we know to be there.
func (r *run) plausible(ctx context.Context) error {
	_, links, err := r.store.Verified(ctx, r.options.Name, time.Time{})
	if err != nil {
		return err
	}
	expected := max(r.listing.LastItems, links)
	if shrink := r.options.Shrink; shrink == 0 || r.listing.Items >= expected || float64(r.listing.Items) > shrink*float64(expected) {
		return nil
	}
	return fmt.Errorf("the listing has %d products where about %d were expected, and nothing is made of it: if that is right, lower shrink for once",
		r.listing.Items, expected)
}

// end says what becomes of the plan.
func (r *run) end(ctx context.Context, failure error) (store.Plan, error) {
	now := r.options.Now()
	if r.listing.Run > 0 {
		if r.listing.Ended = now; failure == nil {
			r.listing.LastItems = r.listing.Items
		}
	}
	r.plan.Made = now
	if failure != nil {
		r.plan.State, r.plan.Reason = store.PlanFailed, failure.Error()
	} else if err := r.judge(ctx); err != nil {
		return r.plan, err
	}
	if err := r.store.SavePlan(ctx, r.plan); err != nil {
		return r.plan, err
	}
	if r.plan.Product == "" {
		r.items, r.seen, r.mistaken = nil, nil, nil
		if err := r.save(ctx); err != nil {
			return r.plan, err
		}
		if failure == nil {
			r.forget(ctx)
		}
	}
	r.options.Log.Info("a plan was made", "plan", r.plan.ID, "state", r.plan.State, "reason", r.plan.Reason)
	return r.plan, failure
}

// keepsSeen is how long it is kept that a product was seen which is on no listing any
// more: longer than a product counts as verified.
const keepsSeen = 48 * time.Hour

// forget forgets what was not on the listing, which was read to its end, nor for long
// before. What is missing is known by its link, and not by when it was there.
func (r *run) forget(ctx context.Context) {
	before := r.options.Now().Add(-keepsSeen)
	if err := r.store.PruneSightings(ctx, r.options.Name, store.Reconciling, r.listing.Run, before); err != nil {
		r.options.Log.Warn("what is not there any more could not be forgotten, and is tried again after the next listing", "error", err)
	}
}

// judge says whether the plan may be applied as it is, and makes older ones void.
func (r *run) judge(ctx context.Context) error {
	var err error
	if r.plan.Hash, err = r.hash(ctx, r.plan.ID); err != nil {
		return err
	}
	totals, err := r.store.PlanTotals(ctx, r.plan.ID)
	if err != nil {
		return err
	}
	var deletes int64
	for _, t := range totals {
		if t.Op == sdk.Archive.String() || t.Op == sdk.Purge.String() {
			deletes += t.Count
		}
	}
	_, links, err := r.store.Verified(ctx, r.options.Name, time.Time{})
	if err != nil {
		return err
	}
	r.plan.State, r.plan.Reason = store.PlanOpen, ""
	switch {
	case !r.options.MaxDeletes.Allows(int(deletes), int(links)):
		r.plan.State = store.PlanAsks
		r.plan.Reason = fmt.Sprintf("it would take %d of %d products off sale, which is more than max_deletes allows: look at it, then approve it", deletes, links)
	case r.plan.First:
		r.plan.Reason = "it is the first one: look at it, then apply it"
	case r.options.PlanOnly:
		r.plan.Reason = `it waits to be applied, as mode = "plan" says`
	}
	older, err := r.store.Plans(ctx, r.options.Name, 1000)
	for _, p := range older {
		if err == nil && p.ID != r.plan.ID && p.Product == r.plan.Product && (p.State == store.PlanOpen || p.State == store.PlanAsks || p.State == store.PlanMaking) {
			p.State, p.Reason = store.PlanSuperseded, fmt.Sprintf("plan %d is newer", r.plan.ID)
			err = r.store.SavePlan(ctx, p)
		}
	}
	return err
}

// itemStep is how many items are read at once.
const itemStep = 500

// hash is the same for plans that say the same, whatever became of them.
func (r *Reconciler) hash(ctx context.Context, id int64) (string, error) {
	sum := sha256.New()
	err := r.eachItem(ctx, store.PlanQuery{Plan: id}, func(items []store.PlanItem) error {
		for i := range items {
			fmt.Fprintf(sum, "%q %q %q %q %d %q\n", items[i].Key, items[i].Remote, items[i].Kind, items[i].Op, items[i].Seq, items[i].Finding)
		}
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)[:6]), err
}

// eachItem calls do with the items of a query, some at a time.
func (r *Reconciler) eachItem(ctx context.Context, q store.PlanQuery, do func([]store.PlanItem) error) error {
	for q.Limit = itemStep; ; {
		items, err := r.store.PlanItems(ctx, q)
		if err != nil || len(items) == 0 {
			return err
		}
		if err := do(items); err != nil {
			return err
		}
		last := &items[len(items)-1]
		q.AfterKey, q.AfterRemote = last.Key, last.Remote
	}
}
