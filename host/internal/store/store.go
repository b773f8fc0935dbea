// Package store is the host's only durable state: the journal of accepted
// events, the catalog they merge into, the lanes with their links, and the
// record of deliveries.
//
// Two invariants hold for every engine behind Store: what Accept or Record has
// answered survives any crash, and positions in the journal become visible in
// order.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// Errors of every engine. Others mean that the engine itself is in trouble.
var (
	// ErrBusy: more is waiting to be written than may wait. Try again soon.
	ErrBusy = errors.New("the store has more to write than it may keep waiting")
	// ErrFull: there is no room on the disk. Nothing was written; try again when there is.
	ErrFull = errors.New("the disk of the data folder is full")
	// ErrLocked: another host uses the data folder.
	ErrLocked = errors.New("another synchost uses this data folder")
	// ErrNoPlan: there is no plan of that number.
	ErrNoPlan = errors.New("there is no such plan")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// MaxRead is about how many bytes of entries one read returns, however many
// entries were asked for; the one that passes it is still part.
const MaxRead = 4 << 20

// Store keeps what the host must not forget. Its methods may be called from
// several goroutines; one lane's Record calls come one at a time. Products, raw
// events and lists of positions that are given to it, or come from it, are shared
// with it: nobody changes them.
type Store interface {
	// Accept appends events to the journal and merges them into the catalog, in
	// their order and all or none. It returns when they are on disk. Events whose
	// source and id are already there are answered with their first position.
	Accept(ctx context.Context, events []event.Event) ([]Receipt, error)

	// Journal reads up to limit entries behind position after, in order. As Catalog
	// and History it stops early when what it read passes MaxRead.
	Journal(ctx context.Context, after int64, limit int) ([]event.Entry, error)
	// Catalog reads up to limit products whose last change is behind after, in order of that change.
	Catalog(ctx context.Context, after int64, limit int) ([]event.Entry, error)
	// JournalAt and CatalogAt read what is at these positions, in order; those
	// that are not there are left out.
	JournalAt(ctx context.Context, positions []int64) ([]event.Entry, error)
	CatalogAt(ctx context.Context, positions []int64) ([]event.Entry, error)
	// History reads up to limit entries of one product behind after, in order.
	History(ctx context.Context, key string, after int64, limit int) ([]event.Entry, error)
	// Products reads the catalog rows of keys; those that are not there are left out.
	Products(ctx context.Context, keys []string) ([]event.Entry, error)
	// Keys reads up to limit keys of the catalog behind after, in their order.
	Keys(ctx context.Context, after string, limit int) ([]string, error)
	// Head is the position of the newest entry, 0 when there is none.
	Head(ctx context.Context) (int64, error)
	// At is the position of the first entry accepted at or after t; Head+1 when there is none.
	At(ctx context.Context, t time.Time) (int64, error)
	// Changed is closed at the next append. Ask for it before reading.
	Changed() <-chan struct{}

	// Lane reads a connector's lane; a new one is at cursor 0.
	Lane(ctx context.Context, connector string) (Lane, error)
	// Links reads what is known of keys at a connector; unknown keys are left out.
	Links(ctx context.Context, connector string, keys []string) ([]Link, error)
	// Behind reads up to limit links of the state whose retry time is not after until, soonest first.
	Behind(ctx context.Context, connector string, state State, until time.Time, limit int) ([]Link, error)
	// NextDue is the soonest retry time behind after of the links that are Due; zero: there is none.
	NextDue(ctx context.Context, connector string, after time.Time) (time.Time, error)
	// Counts counts a connector's links that are not in step, by state.
	Counts(ctx context.Context, connector string) (map[State]int64, error)
	// Record writes what became of a lane's work, all or nothing. It returns when it is on disk.
	Record(ctx context.Context, r Record) error
	// Retry makes links that are in one of states due at at, with no attempts
	// counted, and returns how many; no keys: all of them.
	Retry(ctx context.Context, connector string, keys []string, states []State, at time.Time) (int64, error)
	// Hasten makes due at now the links that are Due and were last changed behind
	// now: the clock has been set back since, and their time is that of the wrong one.
	Hasten(ctx context.Context, connector string, now time.Time) error
	// Rewind has the links that are not in step speak of position seq at most, so
	// that an every lane goes on from there.
	Rewind(ctx context.Context, connector string, seq int64) error
	// Deliveries reads records of attempts, in their order.
	Deliveries(ctx context.Context, q DeliveryQuery) ([]Delivery, error)

	// Prune forgets journal entries and deliveries that are older than their
	// limits, the journal only up to position Passed, no product's latest change,
	// and nothing that a link not in step has still to deliver. It returns how many
	// rows went. Positions and ids are never given twice.
	Prune(ctx context.Context, p PruneLimits) (int64, error)
	// Size is the space that the store takes on disk, in bytes.
	Size() int64
	// Close waits for what is being written, and has every later call answered with
	// ErrClosed. It may be called again.
	Close() error
}

// Receipt answers one accepted event.
type Receipt struct {
	Seq       int64
	Duplicate bool // it was there already
	Echo      bool // it tells our own write back, and changes nothing
}

// Lane is a connector's way through the journal.
type Lane struct {
	Connector string
	Cursor    int64   // read up to here; all of it is done, or its key is behind, but for Open
	Open      []int64 // positions up to Cursor that are still to be done, ascending
	State     LaneState
	Reason    string // why it is paused or stopped, for people; of one that runs, why nothing gets through
	Policy    string // fingerprint of filter, mapping and owned fields that decided up to Cursor
}

// Passed is the position up to which the lane needs the journal no more.
func (l Lane) Passed() int64 {
	if len(l.Open) > 0 {
		return l.Open[0] - 1
	}
	return l.Cursor
}

// Waits says, for people, why a lane writes nothing, and what lets it; empty: it goes on.
func (l Lane) Waits() string {
	if l.State == Running {
		return ""
	}
	return fmt.Sprintf("%s is %s (%s). Let it go on with: synchost resume %s", l.Connector, l.State, l.Reason, l.Connector)
}

// LaneState says whether a lane goes on.
type LaneState string

// The states of a lane.
const (
	Running LaneState = ""        // goes on
	Paused  LaneState = "paused"  // an operator stopped it
	Stopped LaneState = "stopped" // the connector was denied, or its platform said stop
)

// State is where one product stands at one connector.
type State string

// The states of a link.
const (
	InStep State = ""       // nothing to do
	Due    State = "behind" // to be tried at Link.Next
	Dead   State = "dead"   // attempts used up, or rejected: waits for a newer event or the operator
	Held   State = "held"   // its outcome is unknown and the connector cannot look: waits for the operator
	OnHold State = "hold"   // it is left as it is, until an operator releases it
)

// Link is what is known of one product at one connector.
type Link struct {
	Connector string
	Key       string
	Remote    sdk.Remote
	Base      *sdk.Product // what the platform has from us, as it stores it; nil: never written
	Sent      *sdk.Product // what we sent, where the platform stores it otherwise; nil: as Base
	Archived  bool         // we took it off sale there
	State     State
	Seq       int64      // position this link speaks of: last written, or the first that is undelivered
	Attempts  int        // failed ones since the last success
	Next      time.Time  // when to try again, for Due
	Unknown   bool       // the last attempt may have written: find before creating
	Reason    string     // why it is not in step, for people
	Edited    []string   // field paths that a person changed there, and that are left to that person
	Restore   *Restore   // what an operator wants back there, whatever the source says
	Contended *Contended // somebody else writes it there, too; nil: the last look found it as we wrote it
	Changed   time.Time  // when this row last changed
}

// Restore is how a product was at a connector, and is to be again.
type Restore struct {
	Op      sdk.Op
	Product sdk.Product
	Fields  []string // of Product, those that are to be brought back still
}

// Contended is of a product that is otherwise, whenever it is looked at, than it
// was written. It tells of the last look; values are JSON, empty where there is none.
// Without a field, nobody looked: it was written that often for one change.
type Contended struct {
	Times int // in a row
	Field string
	Wrote string
	Found string
}

// Text is it in words.
func (c *Contended) Text() string {
	times := "once"
	if c.Times > 1 {
		times = fmt.Sprintf("%d times", c.Times)
	}
	if c.Field == "" {
		return fmt.Sprintf("we wrote it %s for one change at its source", times)
	}
	return fmt.Sprintf("%s: we wrote %s, found %s, %s", c.Field, cmp.Or(c.Wrote, "nothing"), cmp.Or(c.Found, "nothing"), times)
}

// Record is one step of a lane: links, deliveries and cursor together.
type Record struct {
	Connector  string
	Lane       *Lane // nil: unchanged
	Links      []Link
	Forget     []string // keys whose link says nothing any more
	Deliveries []Delivery
}

// Outcome says how an attempt ended.
type Outcome string

// The outcomes of a delivery.
const (
	Done      Outcome = "done"      // written
	Unchanged Outcome = "unchanged" // the platform had it so already
	Failed    Outcome = "failed"    // will be tried again
	Unknown   Outcome = "unknown"   // it may have been written or not
	GivenUp   Outcome = "dead"      // will not be tried again by itself
	Skipped   Outcome = "skipped"   // no call was made; Message says why
)

// Delivery is the record of one attempt, or of the decision to make none.
type Delivery struct {
	ID        int64 // position among deliveries; set by the store
	Connector string
	Key       string
	Seq       int64 // journal position it delivered, or the catalog's at that time
	ChangeID  string
	Op        string // upsert, archive, purge, forward; empty when skipped
	Fields    []string
	Attempt   int // from 1; 0: it uses up none
	At        time.Time
	Took      time.Duration
	Outcome   Outcome
	Kind      string // of the failure
	Message   string // of the failure, or why it was skipped
	Exchange  sdk.Exchange
	Before    *sdk.Product // the base before, in lanes that follow the catalog: see BeforeFields
	Wanted    *sdk.Product // the Fields that were sent
}

// BeforeFields are the fields that Before has: those that were sent, the status where
// it was taken off sale, and all where it was deleted. Of what was off sale when it was
// written the status is Archived.
func (d *Delivery) BeforeFields() []string {
	switch {
	case d.Before == nil:
		return nil
	case d.Op == sdk.Archive.String():
		return []string{"status"}
	case d.Op == sdk.Purge.String():
		return sdk.Diff(&sdk.Product{Key: d.Key}, d.Before)
	}
	return d.Fields
}

// DeliveryQuery selects deliveries.
type DeliveryQuery struct {
	Connector string    // empty: all
	Key       string    // empty: all; else those of its entries that the journal still has
	Keys      []string  // none: all; else all of these products, which means to go through every record
	Since     time.Time // those recorded since the first one of that time; zero: all
	After     int64     // ids behind this one
	UpTo      int64     // ids up to this one; 0: all
	Newest    bool      // the newest Limit, still in ascending order
	Limit     int
}

// PruneLimits says what may be forgotten; zero: nothing.
type PruneLimits struct {
	EventsBefore     time.Time
	DeliveriesBefore time.Time
	Passed           int64 // journal positions that every lane is past
}
