package plan

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// Finding is what a look at a destination says of one product: what is the
// matter, what is to be done, and what is known from now on. Decide, given Known,
// says the same Op and the same fields.
type Finding struct {
	Kind      Kind
	Op        sdk.Op        // 0: nothing is to be done
	Fields    []FieldChange // those that an Upsert writes, and those that differ and are left alone; by path
	Contended bool          // what we wrote there was changed, and is written again: somebody else writes it too
	Reason    Reason        // why nothing is to be done
	Known     Known         // replaces what was known, whatever becomes of Op
	News      bool          // Known says otherwise than what was known, also where the product is in step
}

// Written are the paths of the fields that an Upsert writes, sorted.
func (f *Finding) Written() []string {
	var paths []string
	for _, change := range f.Fields {
		if change.Written {
			paths = append(paths, change.Path)
		}
	}
	return paths
}

// Kind is what is the matter with one product at a destination.
type Kind string

// The kinds of a finding. Compare never gives Duplicate and Ambiguous, which
// take more than one product to see.
const (
	InStep        Kind = "in-step"        // it is as it should be
	Missing       Kind = "missing"        // it is wanted and not there
	Drift         Kind = "drift"          // it differs in fields that are the source's
	Edited        Kind = "edited"         // it differs only in what people there may keep as they changed it
	NotOwned      Kind = "not-owned"      // it differs only in what is not the source's
	FilteredOut   Kind = "filtered"       // it is not for this connector
	Extra         Kind = "extra"          // it is there from us, and the catalog does not have it
	TombstoneLate Kind = "tombstone-late" // it was deleted at its source, and is there all the same
	Adopt         Kind = "adopt"          // it is there and ours, and not linked yet
	Foreign       Kind = "foreign"        // it is there and none of ours: it is left alone
	Duplicate     Kind = "duplicate"      // several are there for one of ours
	Ambiguous     Kind = "ambiguous"      // one is there for which several of ours have the code
)

// Text is what a kind means, for people.
func (k Kind) Text() string {
	switch k {
	case InStep:
		return "in step"
	case Missing:
		return "missing there"
	case Drift:
		return "differs from what the source says"
	case Edited:
		return "was changed there by a person, who keeps it so"
	case NotOwned:
		return "differs in fields that are not the source's"
	case FilteredOut:
		return "is not for this connector"
	case Extra:
		return "is there from us, and the catalog does not have it"
	case TombstoneLate:
		return "was deleted at its source, and is still there"
	case Adopt:
		return "is there already, and becomes ours"
	case Foreign:
		return "is not ours, and is left alone"
	case Duplicate:
		return "is there more than once: remove the twins, or link one of them"
	case Ambiguous:
		return "has a code that several of our products have: link it, or make the codes differ"
	}
	return string(k)
}

// FieldChange is one field that differs: as it was known, as it is there and as
// it is wanted, in JSON; nil: empty. Of a part of variants it is an object of the
// variants that have it, by code, or by key where there is no code.
type FieldChange struct {
	Path    string          `json:"path"`
	Base    json.RawMessage `json:"base,omitempty"`
	There   json.RawMessage `json:"there,omitempty"`
	Wanted  json.RawMessage `json:"wanted,omitempty"`
	Written bool            `json:"written,omitempty"`
	Why     FieldReason     `json:"why"`
}

// FieldReason says why a field is written, or is not.
type FieldReason string

// The reasons for writing a field, and for leaving it alone.
const (
	NewThere        FieldReason = "it is not there"
	ChangedAtSource FieldReason = "it changed at its source"
	ChangedThere    FieldReason = "it was changed there, and the source owns it"
	DiffersThere    FieldReason = "it differs there, and the source owns it"
	BackOnSale      FieldReason = "the product is back"
	FilledIn        FieldReason = "it is empty there"
	BroughtBack     FieldReason = "an undo brings it back"

	KeptAsEdited FieldReason = "a person changed it there: source-until-edited leaves it"
	KeptAsFilled FieldReason = "it is not empty there: fill-if-empty leaves it"
	KeptAsTheirs FieldReason = "the destination owns it"
)

// value is a field of p in JSON; nil where it is empty, or p is nil.
func value(p *sdk.Product, path string) json.RawMessage {
	if p == nil || empty(p, path) {
		return nil
	}
	if name, ok := strings.CutPrefix(path, attributes); ok {
		return p.Attributes[name].AppendJSON(nil)
	}
	if part, ok := strings.CutPrefix(path, variantPrefix); ok {
		return variantValue(p, part)
	}
	only := sdk.Product{}
	sdk.CopyField(&only, p, path)
	return member(only.AppendJSON(nil), path)
}

// variantValue is a part of p's variants.
func variantValue(p *sdk.Product, part string) json.RawMessage {
	parts := map[string]json.RawMessage{}
	for _, v := range p.Variants {
		name := v.Code
		if name == "" {
			name = v.Key
		}
		one := sdk.Product{Variants: []sdk.Variant{v}}
		var list []json.RawMessage
		if json.Unmarshal(member(one.AppendJSON(nil), "variants"), &list) != nil || len(list) == 0 {
			continue
		}
		if has := member(list[0], part); has != nil {
			parts[name] = has
		}
	}
	text, err := json.Marshal(parts)
	if err != nil {
		return nil
	}
	return text
}

// member is a member of the object in text; nil: it has none of that name.
func member(text []byte, name string) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil
	}
	return slices.Clip(members[name])
}
