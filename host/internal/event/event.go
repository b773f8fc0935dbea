// Package event is the host's shared noun: one reported change of one product,
// as receivers and watched sources make it and the store keeps it.
package event

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/synchost/synchost/sdk"
)

// Event is one reported change. The pair of Source and ID is unique: the store
// keeps an event once, however often it is sent.
type Event struct {
	Source string      // name of the receiver or watched connector
	ID     string      // the source's own id, or NewID
	Op     sdk.EventOp // what happened there
	Key    string      // of the product; of a raw event the operator's grouping key, or the event's ID
	Time   time.Time   // by the source's clock where it tells, else the arrival
	Hint   bool        // "look again": Patch is what the sender said in passing, never merged into the catalog
	There  bool        // a destination tells it, of what is there; a Hint as well, and it goes nowhere
	Echo   bool        // it is There, and tells our own write back
	Patch  Patch       // the snapshot; zero: none
	Raw    *sdk.Raw    // for sdk.Received
}

// Patch is some or all fields of a product, merged by the rules of RFC 7396: a
// field that is not in Fields is unchanged, one that is in Fields and empty in
// Product is cleared.
type Patch struct {
	Product sdk.Product
	Fields  []string // field paths that Product speaks of; "attributes.*" is all attributes, also those it lacks
	Whole   bool     // the snapshot is complete: fields it does not name are cleared too
}

// Entry is an event as the journal keeps it, or a product as the catalog does.
type Entry struct {
	Seq      int64     // position in the journal; of a catalog row, that of its last change
	Accepted time.Time // when the host took it
	Key      string
	Product  sdk.Product // as of this event, after the merge
	Deleted  bool        // the product is gone at its source (a tombstone)
	Fields   []string    // field paths that this event changed; nil in catalog rows
	Known    []string    // in catalog rows: field paths that the source has ever spoken of, sorted

	// Of the event; zero in catalog rows.
	Source string
	ID     string
	Op     sdk.EventOp
	Time   time.Time
	Hint   bool
	There  bool
	Echo   bool
	Raw    *sdk.Raw
}

// NewID makes an event id for a source that sends none: 128 random bits.
func NewID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
