package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// Kinds that are no finding of package plan.
const (
	failed     plan.Kind = "failed"     // the filter or the mapping fails for it
	unreadable plan.Kind = "unreadable" // the platform's product cannot be read
	contended  plan.Kind = "contended"  // somebody else writes it, too, and it is left alone
)

// kindsOfItems are those that items of plans may have.
var kindsOfItems = []plan.Kind{plan.Missing, plan.Drift, plan.Edited, plan.NotOwned, plan.FilteredOut, plan.Extra, plan.TombstoneLate,
	plan.Adopt, plan.Foreign, plan.Duplicate, plan.Ambiguous, failed, unreadable, contended}

// Found is what a plan's item keeps of a finding.
type Found struct {
	Fields []plan.FieldChange `json:"fields,omitempty"`
	Reason string             `json:"reason,omitempty"`
	There  *plan.There        `json:"there,omitempty"` // as it was there
	Digest string             `json:"digest"`          // of all that the item says
}

// item is what a plan says of a finding.
func item(planID int64, key string, entry *event.Entry, remote string, there *plan.There, f *plan.Finding) (store.PlanItem, error) {
	i := store.PlanItem{Plan: planID, Key: key, Remote: remote, Kind: string(f.Kind)}
	if f.Op != 0 {
		i.Op = f.Op.String()
	}
	if entry != nil {
		i.Seq, i.Name, i.Code = entry.Seq, entry.Product.Name, entry.Product.Code
	} else if there != nil {
		i.Name, i.Code = there.Product.Name, there.Product.Code
	}
	found := Found{Fields: f.Fields, Reason: string(f.Reason), There: there}
	var err error
	if found.Digest, err = digest(f); err != nil {
		return i, err
	}
	i.Finding, err = json.Marshal(found)
	return i, err
}

// note is an item that only tells something.
func note(planID int64, key, remote string, product *sdk.Product, kind plan.Kind, reason string) (store.PlanItem, error) {
	i := store.PlanItem{Plan: planID, Key: key, Remote: remote, Kind: string(kind), Name: product.Name, Code: product.Code}
	var err error
	i.Finding, err = json.Marshal(Found{Reason: reason})
	return i, err
}

// digest is the same for findings that say the same.
func digest(f *plan.Finding) (string, error) {
	said, err := json.Marshal(struct {
		Kind   plan.Kind
		Op     sdk.Op
		Fields []plan.FieldChange
	}{f.Kind, f.Op, f.Fields})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:8]), nil
}

// Read is what an item says.
func Read(i *store.PlanItem) (found Found, err error) {
	if err := json.Unmarshal(i.Finding, &found); err != nil {
		return found, fmt.Errorf("plan %d, product %q: %w", i.Plan, i.Key, err)
	}
	return found, nil
}
