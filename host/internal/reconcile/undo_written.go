package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

const (
	undoStep = 1000 // records of deliveries that are read at once

	// A call is recorded when it ends, under the time when it began: those of a time
	// are looked for among what was recorded since this long before.
	recordedLate = time.Hour
)

// UndoProducts takes back what was written since a time: of one product, or of all.
// It goes by the records of deliveries, which are kept for keep_deliveries, up to the
// newest that there is when it begins: what it writes itself is not taken back.
func (r *Reconciler) UndoProducts(ctx context.Context, key string, since time.Time) (count int64, err error) {
	r.running.Lock()
	defer r.running.Unlock()
	if key == "" && since.IsZero() {
		return 0, errors.New("say what to take back: a plan, a product, or since when")
	}
	newest, err := r.store.Deliveries(ctx, store.DeliveryQuery{Connector: r.options.Name, Newest: true, Limit: 1})
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	query := store.DeliveryQuery{Connector: r.options.Name, UpTo: newest[0].ID, Limit: undoStep}
	if !since.IsZero() {
		query.Since = since.Add(-recordedLate)
	}
	if key != "" {
		query.Keys = []string{key}
	}
	for {
		list, err := r.store.Deliveries(ctx, query)
		if err != nil || len(list) == 0 {
			return count, err
		}
		backs, err := r.backsOf(ctx, list, query, since)
		if err != nil {
			return count, err
		}
		n, err := r.takeBack(ctx, backs, "what was written is taken back")
		if err != nil {
			return count, err
		}
		count += n
		query.After = list[len(list)-1].ID
	}
}

// backsOf is how those products were at a time that were written for the first time
// after it in one step of what a query finds.
func (r *Reconciler) backsOf(ctx context.Context, step []store.Delivery, query store.DeliveryQuery, since time.Time) (map[string]*back, error) {
	written := map[string]*past{}
	var keys []string
	for i := range step {
		if d := &step[i]; d.Outcome == store.Done && !d.At.Before(since) && written[d.Key] == nil {
			written[d.Key] = &past{had: map[string]bool{}, restore: store.Restore{Op: sdk.Upsert, Product: sdk.Product{Key: d.Key}}}
			keys = append(keys, d.Key)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	before := query.After
	for query.Keys, query.After = keys, 0; ; {
		list, err := r.store.Deliveries(ctx, query)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			break
		}
		for i := range list {
			if d := &list[i]; d.Outcome == store.Done && !d.At.Before(since) {
				written[d.Key].take(d)
			}
		}
		query.After = list[len(list)-1].ID
	}
	backs := make(map[string]*back, len(keys))
	for key, p := range written {
		if p.first > before {
			backs[key] = &back{&p.restore}
		}
	}
	return backs, nil
}

// past is how one product was, as far as the records have been gone through.
type past struct {
	first   int64           // id of the first write
	created bool            // by it, as far as is known
	had     map[string]bool // by paths: what the fields held is known
	restore store.Restore
}

// take goes by one write more: what a field held before it was first written it is
// to hold again. What was created, or put on sale, is to be off sale.
func (p *past) take(d *store.Delivery) {
	if p.first == 0 {
		p.first = d.ID
		if d.Op == sdk.Upsert.String() && wasOff(d) {
			p.restore.Op, p.created = sdk.Archive, d.Before == nil
		}
	}
	if p.created {
		return
	}
	for _, path := range d.BeforeFields() {
		if p.had[path] {
			continue
		}
		if p.had[path] = true; path == "status" && d.Before.Status == "" {
			continue // it says nothing
		}
		p.restore.Fields = append(p.restore.Fields, path)
		sdk.CopyField(&p.restore.Product, d.Before, path)
	}
}

// wasOff says whether the product was not on sale before it was written: it was not
// there, as far as is known, or had been taken off.
func wasOff(d *store.Delivery) bool {
	return d.Before == nil || d.Before.Status == sdk.Archived && !slices.Contains(d.Fields, "status")
}
