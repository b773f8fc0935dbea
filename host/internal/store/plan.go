package store

import (
	"context"
	"time"
)

// Plans is what reconciliations found, and what became of it.
type Plans interface {
	// NewPlan adds a plan and returns its number.
	NewPlan(ctx context.Context, p Plan) (int64, error)
	// SavePlan writes what changed of a plan.
	SavePlan(ctx context.Context, p Plan) error
	// Plan reads one; ErrNoPlan when there is none of that number.
	Plan(ctx context.Context, id int64) (Plan, error)
	// Plans reads a connector's newest, the newest first; no connector: everybody's.
	Plans(ctx context.Context, connector string, limit int) ([]Plan, error)
	// PlanItems reads items, by key and remote id.
	PlanItems(ctx context.Context, q PlanQuery) ([]PlanItem, error)
	// PlanTotals counts a plan's items.
	PlanTotals(ctx context.Context, id int64) ([]PlanTotal, error)
	// SaveItems writes items, whatever there was of them.
	SaveItems(ctx context.Context, items []PlanItem) error
	// PrunePlans forgets plans that were made before a time, but for each connector's newest.
	PrunePlans(ctx context.Context, before time.Time) error
}

// Plan is what one reconciliation found.
type Plan struct {
	ID        int64
	Connector string
	Started   time.Time
	Made      time.Time // zero: it is being made
	State     PlanState
	Reason    string // of its state, for people
	First     bool   // the connector's first: it waits for an operator whatever the mode
	Hash      string // of all that its items say, once it is made
	Product   string // it is of this product only; empty: of all
	Only      string // kinds of items that are applied, one a line; empty: all
}

// PlanState is what became of a plan.
type PlanState string

// The states of a plan.
const (
	PlanMaking     PlanState = "making"     // the listing is under way
	PlanOpen       PlanState = "open"       // it waits to be applied
	PlanAsks       PlanState = "asks"       // it would delete more than it may: it waits to be approved
	PlanApplying   PlanState = "applying"   // its items are being marked
	PlanApplied    PlanState = "applied"    // they are
	PlanFailed     PlanState = "failed"     // the listing failed, or cannot be right
	PlanSuperseded PlanState = "superseded" // there is a newer one
	PlanUndone     PlanState = "undone"     // it was taken back
)

// PlanItem is what a plan says of one product.
type PlanItem struct {
	Plan    int64
	Key     string // our key; empty: it is none of ours
	Remote  string // the platform's id; empty: it is not there
	Name    string // for people
	Code    string // likewise
	Kind    string // what is the matter; see package plan
	Op      string // what is to be done; empty: nothing
	Seq     int64  // of the catalog's row that was compared; 0: none
	Finding []byte // all that was found, as package reconcile writes it
	State   ItemState
	Reason  string // of its state
}

// ItemState is what became of an item.
type ItemState string

// The states of an item.
const (
	ItemOpen    ItemState = ""        // nothing yet
	ItemMarked  ItemState = "marked"  // its product is behind, and its lane brings it in step
	ItemRefused ItemState = "refused" // it does not hold any more
	ItemUndone  ItemState = "undone"  // it was taken back
)

// PlanQuery selects items of a plan.
type PlanQuery struct {
	Plan        int64
	Products    []string    // of these keys only; empty: of all
	Kinds       []string    // empty: all
	States      []ItemState // nil: all
	AfterKey    string      // items behind this place
	AfterRemote string
	Limit       int
}

// PlanTotal counts the items of a plan that are alike.
type PlanTotal struct {
	Kind  string
	Op    string
	State ItemState
	Count int64
}

// AwaitsPlan is why the lane of a new connector that is to be reconciled is paused:
// what its platform has already is not to be made a second time.
const AwaitsPlan = "waits for its first plan to be applied"
