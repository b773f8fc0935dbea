package ops

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/store"
)

// fakePlans has plan 3 of the shop.
type fakePlans struct{}

func (fakePlans) Plan(_ context.Context, id int64) (store.Plan, error) {
	if id != 3 {
		return store.Plan{}, fmt.Errorf("plan %d: %w", id, store.ErrNoPlan)
	}
	return store.Plan{ID: 3, Connector: "shop", Started: noon, Made: noon, State: store.PlanApplied, Hash: "abc"}, nil
}

func (f fakePlans) Plans(ctx context.Context, _ string, _ int) ([]store.Plan, error) {
	p, err := f.Plan(ctx, 3)
	return []store.Plan{p}, err
}

func (fakePlans) PlanItems(context.Context, store.PlanQuery) ([]store.PlanItem, error) {
	return []store.PlanItem{
		{Plan: 3, Key: "7", Remote: "991", Name: "Shirt", Code: "SH", Kind: "drift", Op: "upsert", State: store.ItemMarked,
			Finding: []byte(`{"fields":[{"path":"name","there":"Skirt","wanted":"Shirt","written":true,"why":"it differs there"}]}`)},
		{Plan: 3, Remote: "992", Kind: "foreign", Finding: []byte(`{"reason":"it is no product of ours"}`)},
	}, nil
}

func (fakePlans) PlanTotals(context.Context, int64) ([]store.PlanTotal, error) {
	return []store.PlanTotal{{Kind: "drift", Op: "upsert", State: store.ItemMarked, Count: 1}, {Kind: "foreign", Count: 1}}, nil
}

// fakeReconciler notes what it is asked.
type fakeReconciler struct{ asked []string }

func (*fakeReconciler) Name() string { return "shop" }

func (r *fakeReconciler) ask(format string, args ...any) {
	r.asked = append(r.asked, fmt.Sprintf(format, args...))
}

func (r *fakeReconciler) Plan(ctx context.Context, product string) (store.Plan, error) {
	if product == "raw-1" {
		return store.Plan{}, errors.New("there is no such product")
	}
	r.ask("plan %s", product)
	return fakePlans{}.Plan(ctx, 3)
}

func (r *fakeReconciler) Apply(_ context.Context, plan int64, hash string, kinds []string, approved bool) (Applied, error) {
	if hash == "old" {
		return Applied{}, errors.New("it says something else by now")
	}
	r.ask("apply %d %s %v %t", plan, hash, kinds, approved)
	return Applied{Marked: 2, Refused: 1}, nil
}

func (r *fakeReconciler) Undo(_ context.Context, plan int64) (int64, error) {
	r.ask("undo %d", plan)
	return 2, nil
}

func (r *fakeReconciler) UndoProducts(_ context.Context, product string, since time.Time) (int64, error) {
	r.ask("undo %s %s", product, since.Format(time.TimeOnly))
	return 1, nil
}

func (r *fakeReconciler) Link(_ context.Context, product, remote string) error {
	r.ask("link %s %s", product, remote)
	return nil
}

func (r *fakeReconciler) Unlink(_ context.Context, products []string) error {
	r.ask("unlink %s", join(products))
	return nil
}

func (*fakeReconciler) Progress() PlanProgress {
	return PlanProgress{Plan: 3, Doing: "listing", Started: noon, Done: 10, Of: 100}
}

func TestPlansThatWaitAreTrouble(t *testing.T) {
	s := &Status{Lanes: []LaneStatus{{Connector: "new", State: LanePaused, Reason: store.AwaitsPlan}, {Connector: "shop", State: LaneRunning}}}
	for name, c := range map[string]struct {
		plans []store.Plan
		want  string
	}{
		"none":                {nil, "new: nothing is delivered before its first plan was looked at. Make it: synchost plan new"},
		"a first one":         {[]store.Plan{{ID: 2, Connector: "new", State: store.PlanOpen, First: true, Reason: "look"}}, "new: plan 2 waits for somebody: look. See: synchost show 2. Do it: synchost apply 2"},
		"a part of it":        {[]store.Plan{{ID: 2, Connector: "new", State: store.PlanApplied}}, "new: nothing is delivered before its first plan was applied whole. Make a plan of what is left: synchost plan new"},
		"one that asks":       {[]store.Plan{{ID: 3, Connector: "shop", State: store.PlanAsks}, {ID: 2, Connector: "new", State: store.PlanMaking}}, "shop: plan 3 waits for somebody. See: synchost show 3. Do it: synchost approve 3"},
		"an old one that was": {[]store.Plan{{ID: 3, Connector: "shop", State: store.PlanApplied}, {ID: 2, Connector: "shop", State: store.PlanAsks}, {ID: 1, Connector: "new", State: store.PlanMaking}}, ""},
		"one that failed":     {[]store.Plan{{ID: 3, Connector: "shop", State: store.PlanFailed, Reason: "401"}, {ID: 1, Connector: "new", State: store.PlanMaking}}, "shop: its platform could not be compared: 401. It is tried again as scheduled, or with: synchost plan shop"},
	} {
		if got := strings.Join(planTrouble(s, c.plans), "\n"); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
