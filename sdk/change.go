package sdk

import (
	"strconv"
	"time"
)

// Change is one product that a destination is to be brought in step with.
//
// It carries the wanted state, not what happened: repeated, late or merged
// changes do no harm. At most one change per key is in flight at a time.
type Change struct {
	Key     string   // our product key
	ID      string   // same on every retry of this change: use it as idempotency key
	Op      Op       // what to do
	Product Product  // the wanted state, whole
	Fields  []string // write these field paths and no others; never empty on Upsert
	Remote  Remote   // the remote product as last seen; zero: never written
	Event   *Event   // the event behind it, in lanes that deliver every event; else nil
}

// Op is what a change asks for.
type Op uint8

// The operations of a change.
const (
	Upsert  Op = iota + 1 // create it, or update Fields of it
	Archive               // take it off sale, keep it; archiving twice is no error
	Purge                 // delete it for good; only where the operator opted in; purging what is gone is no error
	Forward               // pass Event.Raw on as it came; only to connectors that carry "raw"
)

// String is the operation's name in messages and records: "upsert", "archive",
// "purge", "forward"; of any other "op(7)".
func (op Op) String() string {
	switch op {
	case Upsert:
		return "upsert"
	case Archive:
		return "archive"
	case Purge:
		return "purge"
	case Forward:
		return "forward"
	}
	return "op(" + strconv.Itoa(int(op)) + ")"
}

// Remote names a product at the platform.
type Remote struct {
	ID      string // the platform's id; empty: not known
	Version string // the platform's version, etag or sync token, where it has one
}

// Result is what became of one change.
type Result struct {
	Key       string   // of the change it answers
	Remote    Remote   // the remote product after the call; zero: as in the change
	After     *Product // the product as the platform now stores it, where it says so
	Unchanged bool     // the platform had it so already; nothing was written
	Err       error    // why it failed; see Error. nil: done
	Exchange  Exchange // what was sent and what came back, for the delivery record
}

// Exchange sums up one request and its answer for people who later ask what
// happened. Secrets must not be in it; sdk/rest fills it safely.
type Exchange struct {
	Request  string // "POST https://shop.example/products", then as much of the body as is worth keeping
	Response string // as much of the answer's body as is worth keeping
	Status   int    // HTTP status; 0: no answer, or not HTTP
}

// Query asks for one page of a listing.
type Query struct {
	Cursor string    // opaque, from the page before; empty: the first page
	Since  time.Time // only what changed since then, as a hint: more may be returned; zero: everything
	Limit  int       // at most this many items; 0: the connector's choice
}

// Page is one page of a listing.
type Page struct {
	Items []Item // in any order; none twice in one listing
	Next  string // cursor of the next page; empty: the listing is complete
}

// Ref names a product to find: by Remote where it is known, else by Key where the
// platform keeps it, else by Code.
type Ref struct {
	Key    string // our product key; never empty
	Remote string // the platform's id; empty: not known
	Code   string // the product's code as it is wanted there; empty: it has none
}

// Item is a product as a platform has it.
type Item struct {
	Key      string  // our key, where the platform keeps it; else empty
	Remote   Remote  // its ID is never empty
	Product  Product // as the platform has it, in the fields that the connector carries
	Archived bool    // it is there, and off sale, as Archive leaves it

	// Unreadable says why what it holds cannot be read, for people: a price that is
	// no number, say. It is there all the same, so that nobody takes it for deleted;
	// Product is not looked at then. Empty: it can be read.
	Unreadable string
}
