package plan

import (
	"slices"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// Told is what an event that comes from a destination says of a product there.
type Told struct {
	Product sdk.Product
	Fields  []string // of Product, those that it speaks of; none: only that something changed
	Gone    bool     // the product is not there any more
}

// Echo says what such an event means.
type Echo string

// The meanings of an event from a destination.
const (
	OwnWrite    Echo = "own write"    // it tells what is known to be there: our own write comes back
	TheirChange Echo = "their change" // it tells something else: the product is to be looked at there
	NoMatter    Echo = "no matter"    // it tells only of fields that are not compared
)

// Hear says whether what a destination tells of a product is what is known to be
// there. It compares the fields that Compare compares, as far as they are told of.
// What was sent counts as known, too, where the platform stores it otherwise. After a
// write without an answer nothing is known.
func Hear(entry *event.Entry, known Known, told Told, policy *Policy) (Echo, error) {
	switch {
	case told.Gone && known.Archived:
		return OwnWrite, nil
	case told.Gone || known.Unknown || len(told.Fields) == 0:
		return TheirChange, nil
	}
	meaning := NoMatter
	if known.Archived && told.Product.Status != "" && slices.Contains(told.Fields, "status") {
		if told.Product.Status != sdk.Archived {
			return TheirChange, nil
		}
		meaning, told.Product.Status = OwnWrite, "" // that it is off sale is our own doing
	}
	c := comparison{policy: policy, before: known, now: known}
	if known.Restore == nil {
		var err error
		if c.wanted, err = wish(entry, policy); err != nil {
			return TheirChange, err
		}
	} else {
		c.product, c.gone = known.Restore.Product, known.Restore.Op != sdk.Upsert
	}
	for _, path := range c.compared() {
		switch {
		case !sdk.CoversField(told.Fields, path), path == "status" && told.Product.Status == "":
		case known.Base == nil, !sdk.EqualField(&told.Product, known.Base, path) && !sdk.EqualField(&told.Product, known.sent(), path):
			return TheirChange, nil
		default:
			meaning = OwnWrite
		}
	}
	return meaning, nil
}
