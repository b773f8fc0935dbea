package main

import (
	"context"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/ops"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/reconcile"
)

// reconciles says whether a connector may have a platform to compare with: one
// that delivers every event has none.
func reconciles(c config.Connector) bool { return c.Deliver != string(deliver.Every) }

func (h *host) reconcileOptions(c config.Connector, policy plan.Policy) reconcile.Options {
	return reconcile.Options{
		Name: c.Name, Deliver: deliver.Mode(c.Deliver), Policy: policy, Matching: plan.NewMatching(c.Match),
		MaxDeletes: plan.Limit(c.MaxDeletes), Shrink: c.Shrink, PlanOnly: c.Mode == "plan", Timeout: c.Timeout,
		Log: h.log.Named("reconcile").Named(c.Name),
	}
}

// reconcilerView is a reconciler as the control API sees it.
type reconcilerView struct{ *reconcile.Reconciler }

func (r reconcilerView) Apply(ctx context.Context, id int64, hash string, kinds []string, approved bool) (ops.Applied, error) {
	only := make([]plan.Kind, len(kinds))
	for i, kind := range kinds {
		only[i] = plan.Kind(kind)
	}
	applied, err := r.Reconciler.Apply(ctx, id, hash, only, approved)
	return ops.Applied(applied), err
}

func (r reconcilerView) Progress() ops.PlanProgress {
	p := r.Reconciler.Progress()
	return ops.PlanProgress{Plan: p.Plan, Doing: string(p.Doing), Started: p.Started, Done: p.Done, Of: p.Of}
}

// reconcilersView are the reconcilers as the control API sees them.
func (h *host) reconcilersView() []ops.Reconciler {
	views := make([]ops.Reconciler, len(h.reconcilers))
	for i, r := range h.reconcilers {
		views[i] = reconcilerView{r}
	}
	return views
}

// awaitPlans has new connectors that are to be reconciled wait for their first plan.
func (h *host) awaitPlans(ctx context.Context) error {
	for _, r := range h.reconcilers {
		if h.connectorOf(r.Name()).Reconcile != "" {
			if err := r.Await(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// reconciled are the connectors that are reconciled by schedule.
func (h *host) reconciled() (names []string) {
	for _, r := range h.reconcilers {
		if h.connectorOf(r.Name()).Reconcile != "" {
			names = append(names, r.Name())
		}
	}
	return names
}

func (h *host) connectorOf(name string) config.Connector {
	for _, c := range h.config.Connectors {
		if c.Name == name {
			return c
		}
	}
	return config.Connector{}
}
