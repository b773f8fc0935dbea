package store

import (
	"context"
	"time"
)

// Listings is how far a connector's products have been listed, and what was seen.
// It is read and written by one goroutine for each connector and purpose.
type Listings interface {
	// Listing reads how far a listing has come; of one that never began, Run is 0.
	Listing(ctx context.Context, connector string, purpose Purpose) (Listing, error)
	// Progress writes one step, all or nothing: how far the listing has come, what it
	// saw, and what its plan says of that.
	Progress(ctx context.Context, step Progress) error
	// Sightings reads what was ever seen of keys; keys that never were are left out.
	Sightings(ctx context.Context, connector string, purpose Purpose, keys []string) ([]Sighting, error)
	// Unseen reads up to limit products that were seen in a run before run and not
	// since, whose keys are behind after, in the order of their keys.
	Unseen(ctx context.Context, connector string, purpose Purpose, run int64, after string, limit int) ([]Sighting, error)
	// Unsee forgets that these products were ever seen.
	Unsee(ctx context.Context, connector string, purpose Purpose, remotes []string) error
	// PruneSightings forgets what was seen before a time, and neither in a run nor in
	// a later one.
	PruneSightings(ctx context.Context, connector string, purpose Purpose, run int64, before time.Time) error
	// Verified counts a connector's links of products that are there, and those of
	// them that a listing has seen at or after since. What we took off sale does not
	// count: a listing need not show it.
	Verified(ctx context.Context, connector string, since time.Time) (verified, all int64, err error)
	// Contended reads up to limit links that are contended, by key.
	Contended(ctx context.Context, connector string, limit int) ([]Link, error)
	// LinksTo reads the links to these remote ids; ids without one are left out.
	LinksTo(ctx context.Context, connector string, ids []string) ([]Link, error)

	// CodedTo is the position in the catalog up to which codes are known, by a rule
	// that has this fingerprint; 0 when another rule made them.
	CodedTo(ctx context.Context, connector, rule string) (int64, error)
	// PutCodes adds codes of products, by a rule, up to a position. The codes of
	// another rule are forgotten.
	PutCodes(ctx context.Context, connector, rule string, codes []Code, to int64) error
	// Coded reads who has these codes.
	Coded(ctx context.Context, connector string, codes []string) ([]Code, error)
}

// Purpose says what a listing is for.
type Purpose string

// The purposes of a listing.
const (
	Watching    Purpose = "watch"     // to find out what changed at a source
	Reconciling Purpose = "reconcile" // to find out what is wrong at a destination
)

// Listing is how far a connector's products have been listed for a purpose.
type Listing struct {
	Connector string
	Purpose   Purpose
	Run       int64     // counts the listings that were begun
	Started   time.Time // of this one
	Ended     time.Time // zero: it is under way
	Cursor    string    // of the page that comes next
	Pages     int64     // that were read
	Items     int64     // that were on them
	Catalog   int64     // how far the catalog was gone through for what was not on them
	Plan      int64     // that is being made of it; 0: none
	LastItems int64     // of the last one that was complete
	Since     time.Time // the source was asked only for what changed since; zero: for everything
	Whole     time.Time // when it was last asked for everything
}

// Sighting is a product as a listing met it.
type Sighting struct {
	Remote string // the platform's id; never empty
	Key    string // ours; empty: it is none of ours
	Run    int64
	At     time.Time
}

// Progress is one step of a listing.
type Progress struct {
	Listing   Listing
	Sightings []Sighting
	Items     []PlanItem
}

// Code says which code a product has, in the form in which codes are compared.
type Code struct{ Code, Key string }
