package reconcile

import (
	"context"
	"fmt"
	"slices"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// Undo has all that a plan did brought back to how it was, and kept so until it is
// released. What it adopted stays linked, or its release would create a twin of
// it. It returns the number of products.
func (r *Reconciler) Undo(ctx context.Context, id int64) (count int64, err error) {
	r.running.Lock()
	defer r.running.Unlock()
	p, err := r.planOf(ctx, id)
	if err != nil {
		return 0, err
	}
	if p.State != store.PlanApplied && p.State != store.PlanApplying {
		return 0, fmt.Errorf("plan %d did nothing that could be taken back: it is %s", id, p.State)
	}
	if p.State == store.PlanApplying { // what was not done of it is not done any more, also if this is interrupted
		a, err := r.applying(ctx, p)
		if err != nil {
			return 0, err
		}
		if err := a.each(ctx, a.chosen(), a.account); err != nil {
			return 0, err
		}
		p.State = store.PlanApplied
		if err := r.store.SavePlan(ctx, p); err != nil {
			return 0, err
		}
	}
	query := store.PlanQuery{Plan: id, States: []store.ItemState{store.ItemMarked}}
	err = r.eachItem(ctx, query, func(items []store.PlanItem) error {
		backs := map[string]*back{}
		for i := range items {
			if b, err := r.backOf(&items[i]); err != nil {
				return err
			} else if b != nil {
				backs[items[i].Key] = b
			}
			items[i].State = store.ItemUndone
		}
		n, err := r.takeBack(ctx, backs, fmt.Sprintf("plan %d is taken back", id))
		if err != nil {
			return err
		}
		count += n
		return r.store.SaveItems(ctx, items)
	})
	if err != nil {
		return count, err
	}
	p.State = store.PlanUndone
	return count, r.store.SavePlan(ctx, p)
}

// back is how a product was.
type back struct {
	restore *store.Restore // nil: it was as it is
}

// backOf is how a product was before an item was done; nil: it is as it was.
func (r *Reconciler) backOf(item *store.PlanItem) (*back, error) {
	found, err := Read(item)
	if err != nil {
		return nil, err
	}
	switch {
	case slices.Contains(undecided, item.Kind):
		return nil, nil
	case item.Op == sdk.Upsert.String() && found.There == nil:
		return &back{restore: &store.Restore{Op: r.takeOff(), Product: sdk.Product{Key: item.Key}}}, nil
	case item.Op == sdk.Upsert.String():
		return &back{restore: restoreOf(item.Key, found)}, nil
	case item.Op != "" && found.There != nil:
		all := found.There.Product
		all.Key = item.Key
		return &back{restore: &store.Restore{Op: sdk.Upsert, Product: all, Fields: sdk.Diff(&sdk.Product{Key: item.Key}, &all)}}, nil
	case item.Kind == string(plan.Adopt):
		return &back{}, nil
	}
	return nil, nil
}

// restoreOf is how a product was there before it was written.
func restoreOf(key string, found Found) *store.Restore {
	restore := &store.Restore{Op: sdk.Upsert, Product: sdk.Product{Key: key}}
	there := &found.There.Product
	if found.There.Archived {
		restore.Op = sdk.Archive
	}
	for _, field := range found.Fields {
		if !field.Written || field.Path == "status" && there.Status == "" && restore.Op == sdk.Archive {
			continue // that it was off sale is all that it said
		}
		restore.Fields = append(restore.Fields, field.Path)
		sdk.CopyField(&restore.Product, there, field.Path)
	}
	return restore
}

// takeOff is how what we created is taken back.
func (r *Reconciler) takeOff() sdk.Op {
	if r.options.Policy.OnDelete == plan.DeleteThere {
		return sdk.Purge
	}
	return sdk.Archive
}

// takeBack has products brought back. It returns the number of those of which it is
// known how they were.
func (r *Reconciler) takeBack(ctx context.Context, backs map[string]*back, reason string) (int64, error) {
	keys := make([]string, 0, len(backs))
	for key := range backs {
		keys = append(keys, key)
	}
	lost, err := r.lane.Correct(ctx, keys, func(l *store.Link) bool {
		b := backs[l.Key]
		if l.State == store.Held {
			l.Unknown = true // this is no retry of what it is held for
		}
		if b.restore == nil {
			return hold(l, reason)
		}
		if r := b.restore; r.Op == sdk.Upsert && len(r.Fields) == 0 {
			if l.Base == nil {
				return false
			}
			// It was taken off sale, and is as it was but for that.
			r.Product, r.Fields = *l.Base, sdk.Diff(&sdk.Product{Key: l.Key}, l.Base)
		}
		l.Restore, l.State, l.Attempts, l.Reason = b.restore, store.Due, 0, reason
		return true
	})
	return int64(len(keys) - len(lost)), err
}
