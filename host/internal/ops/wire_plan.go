package ops

import (
	"encoding/json"
	"time"
)

// PlanRequest asks for a plan.
type PlanRequest struct {
	Product string `json:"product,omitempty" doc:"key of the one product to compare; without it, all"`
}

// Plan is what a comparison found.
type Plan struct {
	ID        int64       `json:"id"`
	Connector string      `json:"connector"`
	Product   string      `json:"product,omitempty" doc:"the one product that was compared"`
	Started   time.Time   `json:"started"`
	Made      time.Time   `json:"made,omitzero"`
	State     string      `json:"state" enum:"making,open,asks,applying,applied,failed,superseded,undone"`
	Reason    string      `json:"reason,omitempty" doc:"of its state"`
	First     bool        `json:"first,omitempty" doc:"the connector's first: it waits for somebody, whatever the mode"`
	Hash      string      `json:"hash,omitempty" doc:"of all that it says"`
	Totals    []PlanTotal `json:"totals" doc:"its items, counted by kind"`
}

// PlanTotal counts items that are alike.
type PlanTotal struct {
	Kind  string `json:"kind" enum:"missing,drift,edited,not-owned,filtered,extra,tombstone-late,adopt,foreign,duplicate,ambiguous,contended,failed,unreadable"`
	Op    string `json:"op,omitempty" doc:"what is to be done: upsert, archive or purge; empty: nothing"`
	State string `json:"state,omitempty" enum:"marked,refused,undone"`
	Count int64  `json:"count"`
}

// Plans are the newest.
type Plans struct {
	Plans []Plan `json:"plans" doc:"newest first"`
}

// PlanItem is what a plan says of one product.
type PlanItem struct {
	Key    string        `json:"key,omitempty" doc:"ours; empty: it is none of ours"`
	Remote string        `json:"remote,omitempty" doc:"the platform's id; empty: it is not there"`
	Name   string        `json:"name,omitempty"`
	Code   string        `json:"code,omitempty"`
	Kind   string        `json:"kind"`
	Op     string        `json:"op,omitempty"`
	Why    string        `json:"why,omitempty" doc:"why nothing is to be done"`
	Fields []FieldChange `json:"fields,omitempty" doc:"those that differ"`
	State  string        `json:"state,omitempty" enum:"marked,refused,undone"`
	Reason string        `json:"reason,omitempty" doc:"of its state"`
}

// FieldChange is one field that differs.
type FieldChange struct {
	Path    string  `json:"path"`
	Base    Literal `json:"base,omitempty" doc:"as it was known"`
	There   Literal `json:"there,omitempty" doc:"as it is there"`
	Wanted  Literal `json:"wanted,omitempty" doc:"as it is wanted"`
	Written bool    `json:"written,omitempty" doc:"it is written; else it is left alone"`
	Why     string  `json:"why"`
}

// Literal is any JSON value.
type Literal []byte

// MarshalJSON is the value itself.
func (l Literal) MarshalJSON() ([]byte, error) { return json.RawMessage(l).MarshalJSON() }

// UnmarshalJSON takes any value.
func (l *Literal) UnmarshalJSON(data []byte) error { return (*json.RawMessage)(l).UnmarshalJSON(data) }

// PlanItems is a part of a plan.
type PlanItems struct {
	Items []PlanItem `json:"items" doc:"by key"`
}

// ApplyRequest asks for a plan to be done.
type ApplyRequest struct {
	Hash    string   `json:"hash,omitempty" doc:"of the plan as it was looked at; it is refused if it says something else by now"`
	Only    []string `json:"only,omitempty" doc:"kinds of items; without it, all"`
	Approve bool     `json:"approve,omitempty" doc:"it may delete more than max_deletes allows"`
}

// Applied says what became of a plan's items.
type Applied struct {
	Marked  int64  `json:"marked" doc:"their products are brought in step"`
	Refused int64  `json:"refused" doc:"they do not hold any more"`
	Waits   string `json:"waits,omitempty" doc:"why nothing is written now; without it, it is"`
}

// UndoRequest asks for what was written to be brought back.
type UndoRequest struct {
	Product string    `json:"product,omitempty" doc:"key of the one product; without it, all"`
	Since   time.Time `json:"since,omitzero" doc:"what was written from then on; without it, from the oldest record on"`
}

// Undone says what an undo did.
type Undone struct {
	Products int64  `json:"products" doc:"those that are brought back, and held"`
	Waits    string `json:"waits,omitempty" doc:"why nothing is written now; without it, it is"`
}

// HoldRequest asks for products to be left as they are.
type HoldRequest struct {
	Keys   []string `json:"keys"`
	Reason string   `json:"reason,omitempty"`
}

// KeysRequest names products.
type KeysRequest struct {
	Keys []string `json:"keys"`
}

// ReleaseRequest names products, or says all.
type ReleaseRequest struct {
	Keys []string `json:"keys,omitempty" doc:"of the products"`
	All  bool     `json:"all,omitempty" doc:"all that are on hold, unlinked ones too"`
}

// Released says what a release did.
type Released struct {
	Released int64    `json:"released"`
	Others   []string `json:"others,omitempty" doc:"products that were not on hold"`
}

// LinkRequest says which product is which.
type LinkRequest struct {
	Key    string `json:"key" doc:"ours"`
	Remote string `json:"remote" doc:"the platform's id"`
}

// PlanProgress is how far a comparison has come.
type PlanProgress struct {
	Plan    int64     `json:"plan,omitempty"`
	Doing   string    `json:"doing,omitempty" enum:"listing,searching,applying"`
	Started time.Time `json:"started,omitzero"`
	Done    int64     `json:"done,omitempty" doc:"products"`
	Of      int64     `json:"of,omitempty" doc:"products, as far as can be guessed"`
}
