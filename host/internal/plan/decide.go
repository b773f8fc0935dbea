// Package plan decides. Given what is wanted of one product and what is known
// of it at one connector, Decide says what to do there, or why to do nothing.
//
// It is pure: no clock, no I/O, no logger, and the same arguments give the same
// decision. Delivery and reconciliation use it alike, and the operator's
// policies live here and nowhere else.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// Policy is what the operator and the connector settle for every product.
type Policy struct {
	Every    bool     // each event is delivered, rather than the latest state
	Filter   *Filter  // nil: everything passes
	Mapping  *Mapping // nil: products go as they are
	Carried  []string // field paths that the connector carries; nil: all of a product
	Own      Ownership
	OnDelete OnDelete
}

// OnDelete says what happens at a destination when a product is gone at its source.
type OnDelete string

// The ways of following a delete.
const (
	ArchiveThere OnDelete = "archive" // take it off sale there; the default
	DeleteThere  OnDelete = "delete"  // delete it there for good
	KeepThere    OnDelete = "keep"    // leave it as it is
)

// CarriesRaw says whether the connector takes events of no product.
func (policy *Policy) CarriesRaw() bool { return slices.Contains(policy.Carried, sdk.RawField) }

// Decision is what to do about one product at one connector.
type Decision struct {
	Op     sdk.Op // 0: no call
	Reason Reason // of no call

	// Of a call. Wanted is whole, after the mapping; Fields are to be written.
	Wanted sdk.Product
	Fields []string
}

// Reason says why no call is made.
type Reason string

// The reasons for no call.
const (
	Unchanged    Reason = "unchanged: the platform has it so already"
	Filtered     Reason = "filtered: the connector's filter leaves it out"
	NothingOwned Reason = "not owned: none of the changed fields is carried and owned by the connector"
	EditedThere  Reason = "edited there: a person changed it there, and source-until-edited leaves it so"
	Restored     Reason = "restored: an undo brought it back as it was, and holds it until it is released"
	NeverWritten Reason = "never written: the product is gone at its source and was never sent here"
	Kept         Reason = "kept: on_delete = \"keep\" leaves deleted products as they are"
	OnlyHint     Reason = "a hint: the sender said only that something changed, and this connector needs to know what"
	EchoOfOurs   Reason = "an echo: it is our own write, told back by the platform"
	ToldThere    Reason = "told by a destination: what is changed there is looked at there, and is not what others are to have"
	NotCarried   Reason = "raw: this connector does not take events of no product"
)

// Decide says what to do about entry, which is a catalog row, or a journal
// entry where the policy delivers every event; nil: the catalog has no such
// product, which is followed as a delete is. An error means that the filter or a
// mapping failed on this product: it is the product's own trouble.
func Decide(entry *event.Entry, known Known, policy *Policy) (Decision, error) {
	if known.Restore != nil {
		return decideRestore(known, policy), nil
	}
	w, err := wish(entry, policy)
	if err != nil {
		return Decision{}, err
	}
	return w.decide(known, policy), nil
}

// wanted is what an entry wants of a connector, whatever is known of the product there.
type wanted struct {
	entry   *event.Entry // nil: the catalog has no such product
	product sdk.Product  // after the mapping
	gone    bool         // it is gone at its source
	none    Reason       // why nothing is wanted at all
}

// wish reads an entry by the policy.
func wish(entry *event.Entry, policy *Policy) (wanted, error) {
	if entry == nil {
		return wanted{gone: true}, nil
	}
	w := wanted{entry: entry, product: entry.Product}
	var e *sdk.Event
	if policy.Every {
		e = Event(entry)
	}
	switch {
	case entry.Op == sdk.Received && !policy.CarriesRaw():
		w.none = NotCarried
		return w, nil
	case entry.Echo:
		w.none = EchoOfOurs
		return w, nil
	case entry.There:
		w.none = ToldThere
		return w, nil
	case entry.Hint && !policy.CarriesRaw():
		w.none = OnlyHint
		return w, nil
	}
	if pass, err := policy.Filter.Match(&entry.Product, e); err != nil {
		return w, fmt.Errorf("filter: %w", err)
	} else if !pass {
		w.none = Filtered
		return w, nil
	}
	if entry.Op == sdk.Received {
		return w, nil
	}
	var err error
	if w.product, err = policy.Mapping.Apply(&entry.Product, e); err != nil {
		return w, fmt.Errorf("map: %w", err)
	}
	// In a lane of every event, an event is what it says, and not what the product
	// had become before it.
	w.gone = entry.Op == sdk.Deleted || entry.Deleted && !policy.Every
	return w, nil
}

func (w *wanted) decide(known Known, policy *Policy) Decision {
	switch {
	case w.none != "":
		return Decision{Reason: w.none}
	case w.gone:
		return w.decideDelete(known, policy)
	case w.entry.Op == sdk.Received:
		return Decision{Op: sdk.Forward, Wanted: w.product, Fields: []string{sdk.RawField}}
	case policy.Every:
		return w.decideEvent(policy)
	}
	return w.decideUpsert(known, policy)
}

func (w *wanted) decideDelete(known Known, policy *Policy) Decision {
	d := Decision{Wanted: w.product}
	switch policy.OnDelete {
	case KeepThere:
		d.Reason = Kept
	case DeleteThere:
		d.Op = sdk.Purge
	default:
		d.Op = sdk.Archive
	}
	switch {
	case policy.Every || d.Op == 0:
	case !known.written():
		d.Op, d.Reason = 0, NeverWritten
	case d.Op == sdk.Archive && known.Archived && !known.Unknown:
		d.Op, d.Reason = 0, Unchanged
	}
	return d
}

// decideEvent passes an event on, whatever was sent before it. Of what is there
// nothing is known: what is FillIfEmpty or Destination goes with the event that
// created the product, and with no other.
func (w *wanted) decideEvent(policy *Policy) Decision {
	changed := w.entry.Fields
	if len(changed) == 0 || policy.Mapping != nil {
		changed = sdk.Diff(&sdk.Product{Key: w.product.Key}, &w.product)
	}
	if len(changed) == 0 {
		// A product of which only the key is known is still worth telling of.
		return Decision{Op: sdk.Upsert, Wanted: w.product, Fields: []string{"name"}}
	}
	known := Known{}
	if w.entry.Op != sdk.Created {
		known.Remote.ID = "there"
	}
	fields := policy.writable(changed, &w.product, &known)
	if len(fields) == 0 {
		return Decision{Reason: NothingOwned}
	}
	return Decision{Op: sdk.Upsert, Wanted: w.product, Fields: fields}
}

// decideUpsert writes the fields in which the platform is out of step.
func (w *wanted) decideUpsert(known Known, policy *Policy) Decision {
	spoken := w.spokenOf(known.sent(), policy)
	changed := spoken
	if known.Base != nil && !known.Archived && !known.Unknown {
		changed = intersect(sdk.Diff(known.sent(), &w.product), spoken)
		if len(changed) == 0 {
			return Decision{Reason: Unchanged}
		}
	}
	// What was never written, or is back after it was archived, is written with
	// everything that the source has said of it.
	fields := policy.writable(changed, &w.product, &known)
	if len(fields) > 0 {
		return Decision{Op: sdk.Upsert, Wanted: policy.spare(&w.product, fields, &known), Fields: fields}
	}
	if slices.ContainsFunc(changed, func(path string) bool {
		return policy.carries(path) && policy.Own.Mode(path) == UntilEdited
	}) {
		return Decision{Reason: EditedThere}
	}
	return Decision{Reason: NothingOwned}
}

// decideRestore brings back what was there before, and nothing else. What was off sale
// gets its fields back before it is taken off: to write them puts it on sale.
func decideRestore(known Known, policy *Policy) Decision {
	restore := known.Restore
	d := Decision{Op: restore.Op, Wanted: restore.Product}
	switch {
	case d.Op != sdk.Upsert && !known.written(), d.Op == sdk.Archive && known.Archived && !known.Unknown:
		return Decision{Reason: Restored}
	case d.Op == sdk.Purge:
		return d
	}
	fields := policy.carried(slices.Compact(slices.Sorted(slices.Values(restore.Fields))))
	if known.Base != nil && !known.Archived && !known.Unknown {
		fields = intersect(sdk.Diff(known.sent(), &restore.Product), fields)
	}
	switch {
	case len(fields) > 0:
		d.Op, d.Fields = sdk.Upsert, fields
	case d.Op == sdk.Upsert:
		return Decision{Reason: Restored}
	}
	return d
}

// spokenOf are the field paths of which the source has spoken, and those that the
// mapping makes, sorted. What a source never spoke of is never written, not even
// empty. A source that spoke of all attributes has cleared those that were sent
// and are not there any more. An empty status says nothing.
func (w *wanted) spokenOf(sent *sdk.Product, policy *Policy) []string {
	var paths []string
	for _, path := range w.entry.Known {
		if !strings.HasSuffix(path, "*") {
			paths = append(paths, path)
		}
	}
	for name := range w.product.Attributes {
		paths = append(paths, attributes+name)
	}
	if slices.Contains(w.entry.Known, attributes+"*") && sent != nil {
		for name := range sent.Attributes {
			paths = append(paths, attributes+name)
		}
	}
	paths = append(paths, policy.Mapping.Fields()...)
	if slices.Contains(paths, "variants") {
		paths = append(paths, variantParts...)
	}
	if w.product.Status == "" {
		paths = slices.DeleteFunc(paths, func(path string) bool { return path == "status" })
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// carries says whether the connector reads and writes the field of that path.
func (policy *Policy) carries(path string) bool {
	return policy.Carried == nil || sdk.CoversField(policy.Carried, path)
}

// carried are those of paths that the connector carries.
func (policy *Policy) carried(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return !policy.carries(path) })
}

// writable are those of paths that are carried, and owned so that they may be written.
func (policy *Policy) writable(paths []string, wanted *sdk.Product, known *Known) []string {
	var fields []string
	for _, path := range paths {
		if policy.carries(path) && policy.may(path, wanted, known) {
			fields = append(fields, path)
		}
	}
	return fields
}

// intersect are those of paths that sorted has too.
func intersect(paths, sorted []string) []string {
	var both []string
	for _, path := range paths {
		if _, found := slices.BinarySearch(sorted, path); found {
			both = append(both, path)
		}
	}
	return both
}

// Event is the entry's event as a connector is told of it.
func Event(entry *event.Entry) *sdk.Event {
	return &sdk.Event{ID: entry.ID, Source: entry.Source, Op: entry.Op, Time: entry.Time,
		Hint: entry.Hint, Fields: entry.Fields, Raw: entry.Raw}
}

// Fingerprint changes whenever the policy could decide otherwise than before.
func (policy *Policy) Fingerprint() string {
	text := fmt.Sprintf("%t\n%s\n%s\n%q\n%s\n%s", policy.Every, policy.Filter.Fingerprint(), policy.Mapping.Fingerprint(),
		policy.Carried, policy.Own.fingerprint(), policy.OnDelete)
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
