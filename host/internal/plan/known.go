package plan

import (
	"slices"

	"github.com/synchost/synchost/sdk"
)

// Known is what the host knows of a product at a connector.
type Known struct {
	Remote   sdk.Remote
	Base     *sdk.Product // what is there, as the platform stores it: from us, or as it was last seen; nil: nobody knows
	Sent     *sdk.Product // what we sent, where the platform stores it otherwise (a rounded price); nil: as Base
	Archived bool         // it is off sale there, since we took it off
	Unknown  bool         // it may be there without our knowing: an attempt had no clear answer
	Edited   []string     // field paths that a person changed there, which UntilEdited leaves alone from then on; sorted
	Restore  *Restore     // what an operator wants back, whatever the source says; nil: nothing
}

// Restore is how a product was at a connector, and is to be again: an undo. It
// holds until the operator releases the product.
type Restore struct {
	Op      sdk.Op // Upsert; Archive or Purge of what was not there, or not on sale, before
	Product sdk.Product
	Fields  []string // of Product, those to bring back; of an Archive before it, if it is on sale
}

// sent is what the platform was last told.
func (k *Known) sent() *sdk.Product {
	if k.Sent != nil {
		return k.Sent
	}
	return k.Base
}

// written says whether the product may have reached the platform from us, or was
// adopted. Nothing else is ever archived or deleted.
func (k *Known) written() bool { return k.Base != nil || k.Remote.ID != "" || k.Unknown }

// creating says whether a write would create the product, or repeat a create
// that had no answer. What is linked and was never looked at is not created.
func (k *Known) creating() bool { return k.Base == nil && (k.Remote.ID == "" || k.Unknown) }

// Wrote is what is known after fields of wanted were written. after is the
// product as the platform says it now stores it; nil: as it was sent. A platform
// that rounds or cleans what it gets thus causes neither drift nor endless writes.
// What an earlier write with an unknown outcome may have changed, and this one
// did not write, counts as not sent. What was written is a person's edit
// no longer.
func (k Known) Wrote(wanted *sdk.Product, fields []string, after *sdk.Product) Known {
	base, sent := sdk.Product{Key: wanted.Key}, sdk.Product{Key: wanted.Key}
	if k.Base != nil {
		base = *k.Base
	}
	if k.Base != nil && !k.Unknown {
		sent = *k.sent()
	}
	if after == nil {
		after = wanted
	}
	for _, path := range fields {
		sdk.CopyField(&base, after, path)
		sdk.CopyField(&sent, wanted, path)
	}
	k.know(base, sent)
	k.Archived = false
	k.Edited = without(k.Edited, fields)
	return k
}

// know sets what is there, and what was sent where that differs.
func (k *Known) know(base, sent sdk.Product) {
	k.Base, k.Sent = &base, nil
	if len(sdk.Diff(&base, &sent)) > 0 {
		k.Sent = &sent
	}
}

// same says whether both say the same; versions, which change with everything
// that happens there, are no matter.
func (k *Known) same(other *Known) bool {
	return k.Remote.ID == other.Remote.ID && k.Archived == other.Archived && k.Unknown == other.Unknown &&
		slices.Equal(k.Edited, other.Edited) && sameProduct(k.Base, other.Base) && sameProduct(k.Sent, other.Sent)
}

func sameProduct(a, b *sdk.Product) bool {
	return a == b || a != nil && b != nil && len(sdk.Diff(a, b)) == 0
}

// without are those of paths that are not among others; nil: none. paths stays as it is.
func without(paths, others []string) []string {
	var left []string
	for _, path := range paths {
		if !slices.Contains(others, path) {
			left = append(left, path)
		}
	}
	return left
}
