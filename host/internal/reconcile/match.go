package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// match is whose product an item is.
type match struct {
	item *sdk.Item
	key  string // empty: none of ours, or nobody knows whose
	link *store.Link
	kind plan.Kind // foreign or duplicate: nothing is compared
	why  string    // of that
	of   []string  // products of ours that a duplicate may be
	twin string    // of a duplicate: the product of ours that is linked to another item
}

// matchAll finds out whose products items are: by remote id, else by our key
// where the platform keeps it, else by code.
func (r *run) matchAll(ctx context.Context, items []sdk.Item) ([]match, error) {
	matches := make([]match, len(items))
	ids := make([]string, len(items))
	for i := range items {
		matches[i].item, ids[i] = &items[i], items[i].Remote.ID
	}
	links, err := r.store.LinksTo(ctx, r.options.Name, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*store.Link, len(links))
	for i := range links {
		byID[links[i].Remote.ID] = &links[i]
	}
	var keys, codes []string
	for i := range matches {
		m := &matches[i]
		if m.link = byID[m.item.Remote.ID]; m.link != nil {
			m.key = m.link.Key
			continue
		}
		if m.item.Key != "" {
			keys = append(keys, m.item.Key)
		} else if code := r.options.Matching.Code(m.item.Product.Code); code != "" {
			codes = append(codes, code)
		}
	}
	inCatalog, err := r.catalogued(ctx, keys)
	if err != nil {
		return nil, err
	}
	byCode, err := r.coded(ctx, codes)
	if err != nil {
		return nil, err
	}
	for i := range matches {
		m := &matches[i]
		if m.key != "" {
			continue
		}
		code := r.options.Matching.Code(m.item.Product.Code)
		candidates := byCode[code]
		switch {
		case m.item.Key != "" && inCatalog[m.item.Key]:
			m.key = m.item.Key
		case m.item.Key != "" || len(candidates) == 0:
			m.kind, m.why = plan.Foreign, "it is no product of ours"
		case len(candidates) > 1:
			m.kind, m.why = plan.Ambiguous, manyHave(candidates)
			if r.untold("code " + code) {
				m.of = candidates
			}
		default:
			m.key = candidates[0]
		}
	}
	return matches, r.twins(ctx, matches)
}

// twins makes duplicates of what would be a second item of one product.
func (r *run) twins(ctx context.Context, matches []match) error {
	var keys, unlinked []string
	for _, m := range matches {
		if m.key != "" {
			keys = append(keys, m.key)
		}
		if m.key != "" && m.link == nil {
			unlinked = append(unlinked, m.key)
		}
	}
	links, err := r.store.Links(ctx, r.options.Name, unlinked)
	if err != nil {
		return err
	}
	others := make(map[string]*store.Link, len(links))
	for i := range links {
		others[links[i].Key] = &links[i]
	}
	linked := make(map[string]string, len(keys)) // remote ids
	for i := range matches {
		m := &matches[i]
		if m.link == nil {
			m.link = others[m.key]
		}
		if m.link != nil {
			linked[m.key] = m.link.Remote.ID
		}
	}
	seen, err := r.store.Sightings(ctx, r.options.Name, store.Reconciling, keys)
	if err != nil {
		return err
	}
	first := map[string]string{} // remote ids by the keys for which they were seen
	for _, s := range seen {
		if s.Run == r.listing.Run {
			first[s.Key] = s.Remote
		}
	}
	for i := range matches {
		m := &matches[i]
		id := m.item.Remote.ID
		if m.key == "" {
			continue
		}
		if other := linked[m.key]; other != "" && other != id {
			m.kind, m.why = plan.Duplicate, linkedTo(m.key, other)
			m.twin, m.key = m.key, ""
			continue
		}
		if other := first[m.key]; other != "" && other != id && linked[m.key] != id {
			m.kind, m.why = plan.Duplicate, fmt.Sprintf("%q there may be product %q, too", other, m.key)
			if linked[m.key] == "" && r.untold("product "+m.key) {
				m.of = []string{m.key}
				r.mistaken = append(r.mistaken, mistake{m.key, other, id})
			}
			m.key = ""
			continue
		}
		first[m.key] = id
	}
	return nil
}

// untold says whether it is the first time that a plan tells of something. Where many
// there have a code, or many of ours, each product of ours is told of once, and not
// with each of those there.
func (r *run) untold(what string) bool {
	was := r.told[what]
	r.told[what] = true
	return !was
}

// manyHave is why one there is not clear that has the code of several of ours.
func manyHave(keys []string) string {
	const most = 5
	text := "several products of ours have its code: " + strings.Join(keys[:min(most, len(keys))], ", ")
	if len(keys) > most {
		text += fmt.Sprintf(" and %d more", len(keys)-most)
	}
	return text
}

// catalogued are those of keys that the catalog has.
func (r *run) catalogued(ctx context.Context, keys []string) (map[string]bool, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	entries, err := r.store.Products(ctx, keys)
	there := make(map[string]bool, len(entries))
	for i := range entries {
		there[entries[i].Key] = true
	}
	return there, err
}

// codeStep is how many products' codes are worked out at once.
const codeStep = 512

// coded are the keys of the products that have codes. It first works out the codes
// of products that changed since it was last asked.
func (r *run) coded(ctx context.Context, codes []string) (map[string][]string, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	rule := fmt.Sprint(r.policy.Mapping.Fingerprint(), r.options.Matching)
	to, err := r.store.CodedTo(ctx, r.options.Name, rule)
	if err != nil {
		return nil, err
	}
	for {
		entries, err := r.store.Catalog(ctx, to, codeStep)
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			break
		}
		list := make([]store.Code, 0, len(entries))
		for i := range entries {
			e := &entries[i]
			code := ""
			if wanted, err := r.policy.Mapping.Apply(&e.Product, nil); err == nil && !e.Deleted {
				code = r.options.Matching.Code(wanted.Code)
			}
			list = append(list, store.Code{Code: code, Key: e.Key})
		}
		to = entries[len(entries)-1].Seq
		if err := r.store.PutCodes(ctx, r.options.Name, rule, list, to); err != nil {
			return nil, err
		}
	}
	slices.Sort(codes)
	rows, err := r.store.Coded(ctx, r.options.Name, slices.Compact(codes))
	byCode := map[string][]string{}
	for _, row := range rows {
		byCode[row.Code] = append(byCode[row.Code], row.Key)
	}
	return byCode, err
}
