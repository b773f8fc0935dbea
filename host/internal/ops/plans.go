package ops

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/synchost/synchost/host/internal/store"
)

// Reconciler compares one connector's platform with what is wanted there.
type Reconciler interface {
	Name() string
	Plan(ctx context.Context, product string) (store.Plan, error)
	Apply(ctx context.Context, plan int64, hash string, kinds []string, approved bool) (Applied, error)
	Undo(ctx context.Context, plan int64) (int64, error)
	UndoProducts(ctx context.Context, product string, since time.Time) (int64, error)
	Link(ctx context.Context, product, remote string) error
	Unlink(ctx context.Context, products []string) error
	Progress() PlanProgress
}

// reconciler finds that of a connector.
func (a *api) reconciler(connector string) (Reconciler, error) {
	for _, r := range a.Reconcilers() {
		if r.Name() == connector {
			return r, nil
		}
	}
	if err := a.enabled(connector); err != nil {
		return nil, err
	}
	return nil, refuse(http.StatusConflict, "connector %s delivers every event, and so there is nothing to compare at its platform", connector)
}

func (a *api) makePlan(r *http.Request) (any, error) {
	reconciler, err := a.reconciler(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	request, err := body[PlanRequest](r)
	if err != nil {
		return nil, err
	}
	if request.Product != "" {
		if err := a.onRecord(r.Context(), reconciler.Name(), request.Product); err != nil {
			return nil, err
		}
	}
	plan, err := reconciler.Plan(r.Context(), request.Product)
	if err != nil {
		return nil, refuse(http.StatusBadGateway, "no plan was made: %w", err)
	}
	return a.planView(r.Context(), &plan)
}

func (a *api) planProgress(r *http.Request) (any, error) {
	reconciler, err := a.reconciler(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return reconciler.Progress(), nil
}

func (a *api) planView(ctx context.Context, p *store.Plan) (Plan, error) {
	view := Plan{
		ID: p.ID, Connector: p.Connector, Product: p.Product, Started: p.Started, Made: p.Made, State: string(p.State),
		Reason: p.Reason, First: p.First, Hash: p.Hash, Totals: []PlanTotal{},
	}
	totals, err := a.Store.PlanTotals(ctx, p.ID)
	for _, t := range totals {
		view.Totals = append(view.Totals, PlanTotal{Kind: t.Kind, Op: t.Op, State: string(t.State), Count: t.Count})
	}
	return view, err
}

func (a *api) plans(r *http.Request) (any, error) {
	n, err := number(r, "limit", 20, 1000)
	if err != nil {
		return nil, err
	}
	list, err := a.Store.Plans(r.Context(), r.URL.Query().Get("connector"), int(n))
	if err != nil {
		return nil, err
	}
	answer := Plans{Plans: []Plan{}}
	for i := range list {
		view, err := a.planView(r.Context(), &list[i])
		if err != nil {
			return nil, err
		}
		answer.Plans = append(answer.Plans, view)
	}
	return answer, nil
}

// planOf is the plan that a request names.
func (a *api) planOf(r *http.Request) (store.Plan, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return store.Plan{}, refuse(http.StatusBadRequest, "%q is no plan: plans have numbers, which synchost plans lists", r.PathValue("id"))
	}
	plan, err := a.Store.Plan(r.Context(), id)
	if errors.Is(err, store.ErrNoPlan) {
		err = refuse(http.StatusNotFound, "there is no plan %d: synchost plans lists those that there are", id)
	}
	return plan, err
}

func (a *api) plan(r *http.Request) (any, error) {
	plan, err := a.planOf(r)
	if err != nil {
		return nil, err
	}
	return a.planView(r.Context(), &plan)
}

func (a *api) planItems(r *http.Request) (any, error) {
	plan, err := a.planOf(r)
	if err != nil {
		return nil, err
	}
	n, err := number(r, "limit", 100, 1000)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	items, err := a.Store.PlanItems(r.Context(), store.PlanQuery{
		Plan: plan.ID, Kinds: query["kind"], Products: query["product"], AfterKey: query.Get("after"), AfterRemote: query.Get("after_remote"), Limit: int(n),
	})
	if err != nil {
		return nil, err
	}
	answer := PlanItems{Items: []PlanItem{}}
	for i := range items {
		item := &items[i]
		view := PlanItem{Key: item.Key, Remote: item.Remote, Name: item.Name, Code: item.Code, Kind: item.Kind, Op: item.Op, State: string(item.State), Reason: item.Reason}
		var found struct {
			Fields []FieldChange
			Reason string
		}
		if err := json.Unmarshal(item.Finding, &found); err != nil {
			return nil, err
		}
		view.Fields, view.Why = found.Fields, found.Reason
		answer.Items = append(answer.Items, view)
	}
	return answer, nil
}

func (a *api) applyPlan(r *http.Request) (any, error) {
	plan, reconciler, err := a.planAndReconciler(r)
	if err != nil {
		return nil, err
	}
	request, err := body[ApplyRequest](r)
	if err != nil {
		return nil, err
	}
	applied, err := reconciler.Apply(r.Context(), plan.ID, request.Hash, request.Only, request.Approve)
	if err != nil {
		return nil, refuse(http.StatusConflict, "%w", err)
	}
	return applied, nil
}

func (a *api) undoPlan(r *http.Request) (any, error) {
	plan, reconciler, err := a.planAndReconciler(r)
	if err != nil {
		return nil, err
	}
	n, err := reconciler.Undo(r.Context(), plan.ID)
	if err != nil {
		return nil, refuse(http.StatusConflict, "%w", err)
	}
	return a.undone(r.Context(), plan.Connector, n)
}

func (a *api) undone(ctx context.Context, connector string, products int64) (Undone, error) {
	lane, err := a.Store.Lane(ctx, connector)
	return Undone{Products: products, Waits: lane.Waits()}, err
}

func (a *api) planAndReconciler(r *http.Request) (store.Plan, Reconciler, error) {
	plan, err := a.planOf(r)
	if err != nil {
		return plan, nil, err
	}
	reconciler, err := a.reconciler(plan.Connector)
	return plan, reconciler, err
}

func (a *api) undo(r *http.Request) (any, error) {
	reconciler, err := a.reconciler(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	request, err := body[UndoRequest](r)
	if err != nil {
		return nil, err
	}
	if request.Product != "" {
		if err := a.onRecord(r.Context(), reconciler.Name(), request.Product); err != nil {
			return nil, err
		}
	}
	n, err := reconciler.UndoProducts(r.Context(), request.Product, request.Since)
	if err != nil {
		return nil, refuse(http.StatusConflict, "%w", err)
	}
	return a.undone(r.Context(), r.PathValue("name"), n)
}

func (a *api) hold(r *http.Request) (any, error) {
	lane, err := a.lane(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	request, err := body[HoldRequest](r)
	if err != nil {
		return nil, err
	}
	if len(request.Keys) == 0 {
		return nil, refuse(http.StatusBadRequest, "say which products to hold, by their keys")
	}
	if request.Reason == "" {
		request.Reason = "an operator holds it"
	}
	if err := a.onRecord(r.Context(), lane.Name(), request.Keys...); err != nil {
		return nil, err
	}
	return nil, lane.Hold(r.Context(), request.Keys, request.Reason)
}

func (a *api) release(r *http.Request) (any, error) {
	lane, err := a.lane(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	request, err := body[ReleaseRequest](r)
	switch {
	case err != nil:
		return nil, err
	case request.All == (len(request.Keys) > 0):
		return nil, refuse(http.StatusBadRequest, "say which products to release: either keys or all")
	case request.All:
		n, err := lane.ReleaseAll(r.Context())
		return Released{Released: n}, err
	}
	if err := a.onRecord(r.Context(), lane.Name(), request.Keys...); err != nil {
		return nil, err
	}
	others, err := lane.Release(r.Context(), request.Keys)
	return Released{Released: int64(len(request.Keys) - len(others)), Others: others}, err
}

func (a *api) link(r *http.Request) (any, error) {
	reconciler, err := a.reconciler(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	request, err := body[LinkRequest](r)
	switch {
	case err != nil:
		return nil, err
	case request.Key == "" || request.Remote == "":
		return nil, refuse(http.StatusBadRequest, "say which product of ours is which one there: both key and remote")
	}
	if err := a.onRecord(r.Context(), reconciler.Name(), request.Key); err != nil {
		return nil, err
	}
	if err := reconciler.Link(r.Context(), request.Key, request.Remote); err != nil {
		return nil, refuse(http.StatusConflict, "%w", err)
	}
	return nil, nil
}

func (a *api) unlink(r *http.Request) (any, error) {
	reconciler, err := a.reconciler(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	request, err := body[KeysRequest](r)
	if err != nil {
		return nil, err
	}
	if len(request.Keys) == 0 {
		return nil, refuse(http.StatusBadRequest, "say which products to unlink, by their keys")
	}
	if err := a.onRecord(r.Context(), reconciler.Name(), request.Keys...); err != nil {
		return nil, err
	}
	return nil, reconciler.Unlink(r.Context(), request.Keys)
}
