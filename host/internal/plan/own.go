package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// Mode says who owns a field at a destination: the source, or the people there.
type Mode string

// The ways of owning a field.
const (
	Source      Mode = "source"              // it is always as the source says
	UntilEdited Mode = "source-until-edited" // likewise, until a person changes it there
	FillIfEmpty Mode = "fill-if-empty"       // it is written while nothing is known to be there
	Destination Mode = "destination"         // it is set when the product is created there, and left alone from then on
	Ignore      Mode = "ignore"              // it is never written, and not looked at
)

// Ownership says who owns each field. The zero Ownership is that of an operator
// who said nothing of it: everything is the source's.
type Ownership struct {
	rules map[string]Mode // by field path or pattern; nil: everything is Source
}

// NewOwnership makes an Ownership of field paths and patterns: "prices",
// "attributes.colour", "attributes.*", "*". Of those that cover a field the most
// specific holds: its own path, then "attributes.*" or "variants", which covers
// its parts, then "*". A field that none covers is ignored. No rules at all (nil)
// leave everything to the source.
func NewOwnership(rules map[string]Mode) Ownership { return Ownership{maps.Clone(rules)} }

// Mode is who owns the field of that path.
func (o Ownership) Mode(path string) Mode {
	if o.rules == nil {
		return Source
	}
	if mode, ok := o.rules[path]; ok {
		return mode
	}
	if group, _, ok := strings.Cut(path, "."); ok {
		for _, pattern := range [...]string{group, group + ".*"} {
			if mode, ok := o.rules[pattern]; ok {
				return mode
			}
		}
	}
	if mode, ok := o.rules["*"]; ok {
		return mode
	}
	return Ignore
}

// fills says whether any field is FillIfEmpty.
func (o Ownership) fills() bool {
	for _, mode := range o.rules {
		if mode == FillIfEmpty {
			return true
		}
	}
	return false
}

// fingerprint changes with the rules.
func (o Ownership) fingerprint() string {
	if o.rules == nil {
		return string(Source)
	}
	var text strings.Builder
	for _, path := range slices.Sorted(maps.Keys(o.rules)) {
		fmt.Fprintf(&text, "%q=%s,", path, o.rules[path])
	}
	return text.String()
}

// may says whether the field of that path may be written as in wanted, given what
// is known.
func (policy *Policy) may(path string, wanted *sdk.Product, known *Known) bool {
	switch policy.Own.Mode(path) {
	case Source:
		return true
	case UntilEdited:
		return known.creating() || !slices.Contains(known.Edited, path)
	case FillIfEmpty:
		return known.creating() || known.Base != nil && vacant(known.Base, wanted, path)
	case Destination:
		return known.creating()
	}
	return false
}
