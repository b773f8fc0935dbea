package plan

import (
	"slices"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// There is a product as a destination's listing has it.
type There struct {
	Remote   sdk.Remote
	Product  sdk.Product // in the fields that the connector carries; it speaks of no others
	Archived bool        // it is off sale
}

// Compare says what is the matter with a product at a destination, given what the
// catalog has (nil: nothing), what was known of it there, and what a listing that
// was read to its end, or a look at this one product, has of it (nil: nothing).
// known must not be older than there: a write in between would look like a change
// by somebody else. The policy must be of a lane that delivers the latest state.
//
// Compared are the fields that are carried, that the source has spoken of and that
// are not ignored, as sdk.Diff compares. Three values tell a person's edit from
// what the source changed: what is there, what is known of there, and what is
// wanted. What the platform stores otherwise than it was sent (a rounded price) is
// no difference while it stays so. After a write without an answer nothing tells
// its effect from a person's edit: it is taken for no edit.
//
// That a product is off sale there is its status, "archived", as far as the status
// is compared at all: so who owns the status says whether it is put on sale again.
// A product that we took off sale, since its source deleted it, is put on sale by
// its coming back, whoever owns the status. If a person puts a deleted product on
// sale again, it is taken off again where the status is the source's, and left
// alone where it is not.
//
// Of a product that is not there nothing is known any more, unless we took it off
// sale: a listing need not show what is. A product that was never ours is not
// archived or deleted, and a deleted one is not adopted.
func Compare(entry *event.Entry, known Known, there *There, policy *Policy) (Finding, error) {
	c := comparison{policy: policy, before: known, now: known, there: there}
	if known.Restore == nil {
		var err error
		if c.wanted, err = wish(entry, policy); err != nil {
			return Finding{}, err
		}
	} else {
		c.product = known.Restore.Product
		c.gone = known.Restore.Op != sdk.Upsert
	}
	c.look()
	d := c.decide()
	f := Finding{Op: d.Op, Reason: d.Reason, Known: c.now, News: !c.now.same(&c.before), Fields: c.changes(&d)}
	f.Kind = c.kind(&d, f.Fields)
	f.Contended = c.contended(&d, f.Fields)
	if f.Kind == InStep && (d.Reason == NeverWritten || d.Reason == NothingOwned) {
		f.Reason = Unchanged // it is gone there, too, or differs where nobody looks
	}
	return f, nil
}

// comparison is what one call of Compare works on.
type comparison struct {
	wanted
	policy *Policy
	before Known // what was known
	now    Known // what is known after the look
	there  *There
	seen   sdk.Product // what is there, its status as Compare tells
	paths  []string    // of the fields that are compared, sorted
}

// look brings what is known up to what is there.
func (c *comparison) look() {
	if c.there == nil {
		if !c.before.Archived {
			c.now = Known{Restore: c.before.Restore}
		}
		return
	}
	c.see()
	if c.paths = c.compared(); len(c.paths) == 0 && !c.before.written() {
		return // it is none of ours, and there is nothing for which to adopt it
	}
	c.now.Remote, c.now.Unknown = c.there.Remote, false
	c.now.Archived = c.before.Archived && c.there.Archived
	if c.gone {
		c.now.Archived = c.there.Archived || c.before.Archived && c.before.Restore == nil && c.policy.Own.Mode("status") != Source
	}
	c.learn()
	c.notice()
}

// compares says whether there is anything to compare: not of a product that is
// gone, or not for this connector.
func (c *comparison) compares() bool { return c.none == "" && !c.gone }

// foreign says whether what is there is none of ours, and does not become ours.
func (c *comparison) foreign() bool { return !c.before.written() && !c.compares() }

// see makes "off sale" a status.
func (c *comparison) see() {
	c.seen = c.there.Product
	switch status := c.seen.Status; {
	case !c.there.Archived:
	case c.before.Archived:
		if (status == "" || status == sdk.Archived) && c.before.Base != nil {
			c.seen.Status = c.before.Base.Status // that it is off sale is our own doing
		}
	case status == "" || status == sdk.Active:
		c.seen.Status = sdk.Archived
	}
}

// compared are the paths of the fields that are compared, sorted.
func (c *comparison) compared() []string {
	switch {
	case !c.compares():
		return nil
	case c.before.Restore != nil:
		return slices.Sorted(slices.Values(c.policy.carried(c.before.Restore.Fields)))
	}
	return slices.DeleteFunc(c.policy.carried(c.spokenOf(c.before.sent(), c.policy)), func(path string) bool {
		return c.policy.Own.Mode(path) == Ignore
	})
}

// learn takes what is there for what is known. What was sent stays, where what
// came of it is still there.
func (c *comparison) learn() {
	if !c.compares() {
		if c.before.Unknown {
			c.now.Base, c.now.Sent = nil, nil
		}
		return
	}
	besides := c.besides()
	parts := !slices.Contains(c.paths, "variants") && slices.ContainsFunc(c.paths, ofVariants)
	if c.known() && !slices.ContainsFunc(c.paths, c.changed) && !slices.ContainsFunc(besides, c.changed) &&
		!(parts && c.changed("variants")) {
		return
	}
	base, sent := sdk.Product{Key: c.product.Key}, sdk.Product{Key: c.product.Key}
	if c.known() {
		base, sent = *c.before.Base, *c.before.sent()
	}
	if parts {
		base.Variants, sent.Variants = c.seen.Variants, c.seen.Variants // those that are there have the parts that are compared
	}
	for _, path := range c.paths {
		switch {
		case !c.known() || c.changed(path):
			sdk.CopyField(&base, &c.seen, path)
			sdk.CopyField(&sent, &c.seen, path)
		case ofVariants(path): // the variants may have changed around it
			sdk.CopyField(&base, c.before.Base, path)
			sdk.CopyField(&sent, c.before.sent(), path)
		}
	}
	for _, path := range besides {
		sdk.CopyField(&base, &c.seen, path)
	}
	c.now.know(base, sent)
}

// changed says whether a field is otherwise there than was known.
func (c *comparison) changed(path string) bool { return !sdk.EqualField(&c.seen, c.before.Base, path) }

// known says whether what was known before holds, but for what others did there.
func (c *comparison) known() bool { return c.before.Base != nil && !c.before.Unknown }

// besides are the paths of the fields that are not compared, and of which it is
// kept what is there all the same: those that may have to be filled once the source
// speaks of them, and the parts of variants that go along when variants are written.
func (c *comparison) besides() []string {
	var paths []string
	add := func(path string) {
		if c.policy.carries(path) && !slices.Contains(c.paths, path) {
			paths = append(paths, path)
		}
	}
	if slices.Contains(c.paths, "variants") {
		for _, path := range variantParts {
			add(path)
		}
	}
	if !c.policy.Own.fills() {
		return paths
	}
	for _, path := range sdk.Diff(&sdk.Product{}, &c.seen) {
		if c.policy.Own.Mode(path) == FillIfEmpty {
			add(path)
		}
	}
	if !slices.ContainsFunc(c.paths, ofVariants) && slices.ContainsFunc(variantParts, func(path string) bool {
		return c.policy.carries(path) && c.policy.Own.Mode(path) == FillIfEmpty
	}) {
		paths = append(paths, "variants")
	}
	return paths
}

// notice notes what people have changed, where they may.
func (c *comparison) notice() {
	if c.before.Restore != nil {
		return
	}
	c.now.Edited = nil
	for _, path := range c.before.Edited {
		if c.policy.Own.Mode(path) == UntilEdited {
			c.now.Edited = append(c.now.Edited, path)
		}
	}
	add := func(path string) {
		if !slices.Contains(c.now.Edited, path) && c.policy.Own.Mode(path) == UntilEdited {
			c.now.Edited = append(c.now.Edited, path)
		}
	}
	if c.reopened() {
		add("status")
	}
	for _, path := range c.paths {
		if c.known() && c.changed(path) && !sdk.EqualField(&c.seen, &c.product, path) {
			add(path)
		}
	}
	slices.Sort(c.now.Edited)
}

// reopened says whether a product that is gone at its source, and that we took
// off sale, is on sale again.
func (c *comparison) reopened() bool {
	return c.gone && c.before.Archived && c.there != nil && !c.there.Archived
}

func (c *comparison) decide() Decision {
	if c.before.Restore != nil {
		return decideRestore(c.now, c.policy)
	}
	return c.wanted.decide(c.now, c.policy)
}

// changes are the fields that are written, and those that differ and are not.
func (c *comparison) changes(d *Decision) []FieldChange {
	paths := slices.Concat(c.paths, d.Fields)
	slices.Sort(paths)
	var changes []FieldChange
	for _, path := range slices.Compact(paths) {
		written := slices.Contains(d.Fields, path)
		if !written && (c.there == nil || sdk.EqualField(c.now.sent(), &c.product, path)) {
			continue
		}
		changes = append(changes, c.change(path, written, d))
	}
	if c.reopened() && d.Op == 0 && d.Reason == Unchanged {
		changes = append(changes, FieldChange{Path: "status", Base: value(&sdk.Product{Status: sdk.Archived}, "status"),
			There: value(&c.seen, "status"), Wanted: value(&sdk.Product{Status: sdk.Archived}, "status"), Why: c.why("status", false)})
	}
	return changes
}

func (c *comparison) change(path string, written bool, d *Decision) FieldChange {
	f := FieldChange{Path: path, Base: value(c.before.Base, path), Wanted: value(&c.product, path),
		Written: written, Why: c.why(path, written)}
	if written {
		f.Wanted = value(&d.Wanted, path)
	}
	if c.there != nil {
		f.There = value(&c.seen, path)
	}
	return f
}

func (c *comparison) why(path string, written bool) FieldReason {
	mode := c.policy.Own.Mode(path)
	switch {
	case !written && mode == UntilEdited:
		return KeptAsEdited
	case !written && mode == FillIfEmpty:
		return KeptAsFilled
	case !written:
		return KeptAsTheirs
	case c.before.Restore != nil:
		return BroughtBack
	case c.there == nil && !c.before.Archived:
		return NewThere
	case c.now.Archived && (c.now.Base == nil || sdk.EqualField(c.now.sent(), &c.product, path)):
		return BackOnSale
	case mode == FillIfEmpty:
		return FilledIn
	case !c.known():
		return DiffersThere
	case c.there != nil && c.changed(path):
		return ChangedThere
	case c.there != nil && ofVariants(path) && c.changed("variants"):
		return DiffersThere
	}
	return ChangedAtSource
}

func (c *comparison) kind(d *Decision, changes []FieldChange) Kind {
	owned := len(c.paths) > 0
	switch {
	case c.none != "":
		return FilteredOut
	case c.there != nil && c.foreign():
		return Foreign
	case d.Op == sdk.Archive || d.Op == sdk.Purge:
		if c.entry == nil {
			return Extra
		}
		return TombstoneLate
	case c.there == nil && !c.before.Archived && d.Op == sdk.Upsert:
		return Missing
	case c.there == nil && d.Reason == NothingOwned, c.there != nil && !c.before.written() && !owned:
		return NotOwned
	case !c.before.written() && c.there != nil:
		return Adopt
	case d.Op == sdk.Upsert:
		return Drift
	case slices.ContainsFunc(changes, func(f FieldChange) bool { return f.Why == KeptAsEdited }):
		return Edited
	case len(changes) > 0:
		return NotOwned
	}
	return InStep
}

// contended says whether what we wrote was changed there and is written again.
func (c *comparison) contended(d *Decision, changes []FieldChange) bool {
	if d.Op == sdk.Archive && c.reopened() {
		return true
	}
	return slices.ContainsFunc(changes, func(f FieldChange) bool { return f.Why == ChangedThere && f.Base != nil })
}
