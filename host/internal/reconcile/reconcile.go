// Package reconcile finds what is wrong at a destination. It pages through a
// connector's listing, compares each item with its link and the catalog, finds
// what is missing by what it did not see, and stores all of that as a plan.
//
// It never writes to a platform. To apply a plan is to correct what the lane
// knows of each product, and to have it decided again: the lane makes the calls.
// So a plan's item says what plan.Decide will say of what was found, and an item
// that would be found otherwise by then is refused.
//
// It holds one page at a time, however large the catalog: what it saw is in the
// store, with the place to go on from.
package reconcile

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
)

// Store is what a reconciliation needs of the store.
type Store interface {
	store.Listings
	store.Plans
	Catalog(ctx context.Context, after int64, limit int) ([]event.Entry, error)
	Products(ctx context.Context, keys []string) ([]event.Entry, error)
	Links(ctx context.Context, connector string, keys []string) ([]store.Link, error)
	Lane(ctx context.Context, connector string) (store.Lane, error)
	Head(ctx context.Context) (int64, error)
	At(ctx context.Context, t time.Time) (int64, error)
	Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error)
	Record(ctx context.Context, r store.Record) error
}

// Lane is the lane of the connector that is reconciled.
type Lane interface {
	// Correct changes what the lane knows of products, between two of its calls.
	Correct(ctx context.Context, keys []string, change func(*store.Link) bool) (refused []string, err error)
	Resume(ctx context.Context) error
}

// Options are a connector's settings.
type Options struct {
	Name       string
	Deliver    deliver.Mode // as the lane's
	Policy     plan.Policy  // Carried is filled in when the connector is ready
	Matching   plan.Matching
	MaxDeletes plan.Limit
	Shrink     float64 // a listing of this share of what was expected, or less, cannot be right; 0: any can
	PlanOnly   bool    // plans wait for an operator
	Timeout    time.Duration
	Log        hclog.Logger
	Now        func() time.Time // default time.Now
}

// Reconciler reconciles one connector. Its methods may be called from several
// goroutines; what they do is done one at a time.
type Reconciler struct {
	options   Options
	store     Store
	connector deliver.Connector
	lane      Lane
	running   sync.Mutex

	mu       sync.Mutex
	progress Progress
}

// New makes a reconciler.
func New(s Store, connector deliver.Connector, lane Lane, options Options) *Reconciler {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = hclog.NewNullLogger()
	}
	return &Reconciler{options: options, store: s, connector: connector, lane: lane}
}

// Name is the connector's.
func (r *Reconciler) Name() string { return r.options.Name }

// Progress is how far what is being done has come.
type Progress struct {
	Connector string
	Plan      int64
	Doing     Phase
	Started   time.Time
	Done, Of  int64 // products; Of is a guess, 0: none can be made
}

// Phase is a part of a reconciliation.
type Phase string

// The parts of a reconciliation.
const (
	Idle      Phase = ""
	Listing   Phase = "listing"   // goes through what the platform has
	Searching Phase = "searching" // goes through the catalog for what it has not
	Applying  Phase = "applying"
)

// Progress tells what is being done.
func (r *Reconciler) Progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress
}

func (r *Reconciler) report(change func(*Progress)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress.Connector = r.options.Name
	change(&r.progress)
}

// Run makes a plan and, unless an operator is to see it first, applies it. What an
// earlier run left half done is finished first.
func (r *Reconciler) Run(ctx context.Context) error {
	r.running.Lock()
	defer r.running.Unlock()
	if err := r.finishApplying(ctx); err != nil {
		return err
	}
	made, err := r.make(ctx, "")
	if err != nil || made.State != store.PlanOpen || made.First || r.options.PlanOnly {
		return err
	}
	_, err = r.apply(ctx, made, nil)
	return err
}

// Plan makes a plan, of one product or of all, which waits to be applied.
func (r *Reconciler) Plan(ctx context.Context, product string) (store.Plan, error) {
	r.running.Lock()
	defer r.running.Unlock()
	return r.make(ctx, product)
}

// Await has the lane wait for an operator, as long as nothing was ever planned nor
// delivered: a shop that is full of products is not to get them a second time. It
// is called before the lane runs.
func (r *Reconciler) Await(ctx context.Context) error {
	lane, err := r.store.Lane(ctx, r.options.Name)
	if err != nil || lane.Cursor > 0 || lane.State != store.Running {
		return err
	}
	plans, err := r.store.Plans(ctx, r.options.Name, 1)
	if err != nil || len(plans) > 0 {
		return err
	}
	if _, links, err := r.store.Verified(ctx, r.options.Name, time.Time{}); err != nil || links > 0 {
		return err // it begins again, and knows what is there
	}
	lane.State, lane.Reason = store.Paused, store.AwaitsPlan
	return r.store.Record(ctx, store.Record{Connector: lane.Connector, Lane: &lane})
}
