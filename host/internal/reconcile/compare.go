package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// mistake is an item that was taken for the only one of its product, before a
// second one was seen.
type mistake struct{ key, first, second string }

// lesson is what a look tells of a product with which nothing is to be done.
type lesson struct {
	was store.Link
	now plan.Known
}

// learn has the lane know what was found, without a plan's being applied: who
// changed a field there keeps it from now on.
func (r *run) learn(ctx context.Context) error {
	if len(r.learned) == 0 {
		return nil
	}
	lessons := make(map[string]lesson, len(r.learned))
	keys := make([]string, len(r.learned))
	for i, l := range r.learned {
		lessons[l.was.Key], keys[i] = l, l.was.Key
	}
	r.learned = r.learned[:0]
	_, err := r.lane.Correct(ctx, keys, func(l *store.Link) bool {
		lesson := lessons[l.Key]
		if !unchanged(l, &lesson.was) {
			return false // the next look tells
		}
		deliver.Learn(l, lesson.now)
		l.Contended = nil
		return true
	})
	return err
}

// confirm asks for those products of which a listing tells that a person changed them,
// where the connector can be asked: what is kept so from then on must not be an old
// page's telling what was there before our own last write.
func (r *run) confirm(ctx context.Context) error {
	if !r.port.Can(sdk.CanFind) {
		return nil
	}
	var edited []string
	sure := r.learned[:0:0]
	for _, l := range r.learned {
		if len(l.now.Edited) > len(l.was.Edited) {
			edited = append(edited, l.was.Key)
		} else {
			sure = append(sure, l)
		}
	}
	if r.learned = sure; len(edited) == 0 {
		return nil
	}
	entries, links, err := r.knownOf(ctx, edited)
	if err != nil {
		return err
	}
	for keys := range slices.Chunk(edited, applyStep) {
		list := make([]wanted, len(keys))
		for i, key := range keys {
			list[i] = wantedOf(key, entries[key], links[key], r.policy)
		}
		found, err := r.lookFor(ctx, r.port, list)
		if err != nil {
			return err
		}
		for _, key := range keys {
			there, link := found[key], links[key]
			if link == nil || len(there) != 1 || madeAnew(link, &there[0]) {
				continue
			}
			if f, err := plan.Compare(entries[key], deliver.Known(link), &there[0], r.policy); err == nil && f.Op == 0 {
				r.learned = append(r.learned, lesson{*link, f.Known})
			}
		}
	}
	return nil
}

// unchanged says whether a link is as it was when it was read. On disk its time has
// microseconds; as long as it is only in memory, it has more.
func unchanged(l, was *store.Link) bool { return l.Changed.UnixMicro() == was.Changed.UnixMicro() }

// compareItems compares a page of the listing with what is known and wanted.
func (r *run) compareItems(ctx context.Context, items []sdk.Item, asked time.Time) error {
	matches, err := r.matchAll(ctx, items)
	if err != nil {
		return err
	}
	var keys []string
	for _, m := range matches {
		if m.key != "" {
			keys = append(keys, m.key)
		}
	}
	entries, err := r.entriesOf(ctx, keys)
	if err != nil {
		return err
	}
	for _, m := range matches {
		// Where only a twin is there, its product is not missing: it would be a third.
		r.seen = append(r.seen, store.Sighting{Remote: m.item.Remote.ID, Key: cmp.Or(m.key, m.twin), Run: r.listing.Run, At: asked})
		switch {
		case m.item.Unreadable != "":
			m.kind, m.why = unreadable, m.item.Unreadable
			err = r.tell(m)
		case m.kind != "":
			err = r.tell(m)
		case !r.onItsWay(entries[m.key], m.link, asked):
			there := &plan.There{Remote: m.item.Remote, Product: m.item.Product, Archived: m.item.Archived}
			err = r.compare(m.key, entries[m.key], m.link, there)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tell adds an item of which it is not known whose product it is.
func (r *run) tell(m match) error {
	of := m.of
	if len(of) == 0 {
		of = []string{""}
	}
	for _, key := range of {
		i, err := note(r.plan.ID, key, m.item.Remote.ID, &m.item.Product, m.kind, m.why)
		if err != nil {
			return err
		}
		r.items = append(r.items, i)
	}
	return nil
}

// compare adds what is to be said of a product. there is nil when the platform
// does not have it.
func (r *run) compare(key string, entry *event.Entry, link *store.Link, there *plan.There) error {
	var k plan.Known
	remote := ""
	if link != nil {
		k, remote = deliver.Known(link), link.Remote.ID
	}
	if there != nil {
		remote = there.Remote.ID
	}
	f, err := plan.Compare(entry, k, there, r.policy)
	if err != nil {
		i, noteErr := note(r.plan.ID, key, remote, &sdk.Product{}, failed, err.Error())
		r.items = append(r.items, i)
		return noteErr
	}
	if link != nil && link.State == store.OnHold && link.Contended != nil {
		i, err := note(r.plan.ID, key, remote, productOf(entry, there), contended, link.Reason)
		r.items = append(r.items, i)
		return err
	}
	sure := there != nil || r.port.Can(sdk.CanFind) // what one listing does not have is not forgotten for that
	if sure && f.Op == 0 && f.Kind != plan.Adopt && link != nil && (f.News || link.Contended != nil) {
		r.learned = append(r.learned, lesson{*link, f.Known})
	}
	if f.Kind == plan.InStep {
		return nil
	}
	i, err := item(r.plan.ID, key, entry, remote, there, &f)
	r.items = append(r.items, i)
	return err
}

// productOf is a product as it is told of: ours, or what is there.
func productOf(entry *event.Entry, there *plan.There) *sdk.Product {
	switch {
	case entry != nil:
		return &entry.Product
	case there != nil:
		return &there.Product
	}
	return &sdk.Product{}
}

// onItsWay says whether the lane has something to do about a product, or did it
// while the platform was asked: then what was found says nothing.
func (r *run) onItsWay(entry *event.Entry, link *store.Link, asked time.Time) bool {
	if link != nil && (link.State == store.Due || link.Unknown || !link.Changed.Before(asked)) {
		return true
	}
	return entry != nil && entry.Seq > r.passed
}

// entriesOf reads the catalog's rows of products.
func (r *run) entriesOf(ctx context.Context, keys []string) (map[string]*event.Entry, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	entries, err := r.store.Products(ctx, keys)
	byKey := make(map[string]*event.Entry, len(entries))
	for i := range entries {
		byKey[entries[i].Key] = &entries[i]
	}
	return byKey, err
}

// linksOf reads the links of products.
func (r *run) linksOf(ctx context.Context, keys []string) (map[string]*store.Link, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	links, err := r.store.Links(ctx, r.options.Name, keys)
	byKey := make(map[string]*store.Link, len(links))
	for i := range links {
		byKey[links[i].Key] = &links[i]
	}
	return byKey, err
}

// knownOf reads both.
func (r *run) knownOf(ctx context.Context, keys []string) (map[string]*event.Entry, map[string]*store.Link, error) {
	entries, err := r.entriesOf(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	links, err := r.linksOf(ctx, keys)
	return entries, links, err
}

// search goes through the catalog for what the listing did not have.
func (r *run) search(ctx context.Context) error {
	head, err := r.store.Head(ctx)
	if err != nil {
		return err
	}
	for {
		r.report(func(p *Progress) {
			*p = Progress{Plan: r.plan.ID, Doing: Searching, Started: r.plan.Started, Done: r.listing.Catalog, Of: head}
		})
		entries, err := r.store.Catalog(ctx, r.listing.Catalog, itemStep)
		if err != nil || len(entries) == 0 {
			return err
		}
		if err := r.compareUnseen(ctx, entries); err != nil {
			return err
		}
		r.listing.Catalog = entries[len(entries)-1].Seq
		if err := r.save(ctx); err != nil {
			return err
		}
	}
}

// compareUnseen compares those of a page of the catalog that were not listed.
func (r *run) compareUnseen(ctx context.Context, entries []event.Entry) error {
	keys := make([]string, len(entries))
	for i := range entries {
		keys[i] = entries[i].Key
	}
	skip := make(map[string]bool, len(keys))
	seen, err := r.store.Sightings(ctx, r.options.Name, store.Reconciling, keys)
	if err != nil {
		return err
	}
	for _, s := range seen {
		skip[s.Key] = skip[s.Key] || s.Run == r.listing.Run
	}
	if keys = slices.DeleteFunc(keys, func(key string) bool { return skip[key] }); len(keys) == 0 {
		return nil
	}
	twins, err := r.store.PlanItems(ctx, store.PlanQuery{Plan: r.plan.ID, Products: keys, Kinds: []string{string(plan.Duplicate), string(plan.Ambiguous)}, Limit: len(keys) * 16})
	if err != nil {
		return err
	}
	for i := range twins {
		skip[twins[i].Key] = true
	}
	links, err := r.linksOf(ctx, keys)
	if err != nil {
		return err
	}
	asked := map[string]*event.Entry{}
	var linked []wanted
	for i := range entries {
		e, link := &entries[i], links[entries[i].Key]
		switch {
		case skip[e.Key] || r.onItsWay(e, link, r.listing.Started):
		case link != nil && link.Remote.ID != "" && !link.Archived && r.port.Can(sdk.CanFind):
			linked, asked[e.Key] = append(linked, wantedOf(e.Key, e, link, r.policy)), e
		default:
			if err := r.compare(e.Key, e, link, nil); err != nil {
				return err
			}
		}
	}
	// A listing need not show all there is, what others took off sale, say. So what is
	// known to be there is asked for, before it is said to be gone.
	for part := range slices.Chunk(linked, applyStep) {
		there, err := r.lookFor(ctx, r.port, part)
		if err != nil {
			return err
		}
		for _, w := range part {
			if err := r.compareFound(ctx, w.key, asked[w.key], links[w.key], there[w.key]); err != nil {
				return err
			}
		}
	}
	return nil
}

// one makes a plan of one product, which is looked for at the platform.
func (r *run) one(ctx context.Context, key string) (store.Plan, error) {
	if err := r.lookAtLane(ctx); err != nil {
		return store.Plan{}, err
	}
	entries, links, err := r.knownOf(ctx, []string{key})
	if err != nil {
		return store.Plan{}, err
	}
	if entries[key] == nil && links[key] == nil {
		return store.Plan{}, errNoProduct(key)
	}
	if err := r.newPlan(ctx, key); err != nil {
		return store.Plan{}, err
	}
	there, err := r.lookFor(ctx, r.port, []wanted{wantedOf(key, entries[key], links[key], r.policy)})
	if err == nil {
		err = r.compareFound(ctx, key, entries[key], links[key], there[key])
	}
	if err == nil {
		err = errors.Join(r.learn(ctx), r.store.SaveItems(ctx, r.items))
	}
	return r.end(ctx, err)
}

// compareFound compares what was found of one product.
func (r *run) compareFound(ctx context.Context, key string, entry *event.Entry, link *store.Link, found []plan.There) error {
	switch {
	case len(found) == 0:
		return r.compare(key, entry, link, nil)
	case len(found) == 1 && !madeAnew(link, &found[0]):
		if link == nil || link.Remote.ID == "" {
			if told, err := r.tellShared(ctx, key, entry, &found[0]); told || err != nil {
				return err
			}
		}
		return r.compare(key, entry, link, &found[0])
	}
	of, why := key, "the platform has several that may be this product"
	if madeAnew(link, &found[0]) {
		of, why = "", linkedTo(key, link.Remote.ID)
	}
	for _, there := range found {
		i, err := note(r.plan.ID, of, there.Remote.ID, &there.Product, plan.Duplicate, why)
		if err != nil {
			return err
		}
		r.items = append(r.items, i)
	}
	return nil
}

// tellShared says whether what was found of a product that is not linked may be that
// of another one of ours, which has the same code, and tells so.
func (r *run) tellShared(ctx context.Context, key string, entry *event.Entry, there *plan.There) (told bool, err error) {
	code := r.options.Matching.Code(wantedOf(key, entry, nil, r.policy).code)
	if code == "" {
		return false, nil
	}
	byCode, err := r.coded(ctx, []string{code})
	if err != nil || len(byCode[code]) < 2 {
		return false, err
	}
	i, err := note(r.plan.ID, key, there.Remote.ID, &there.Product, plan.Ambiguous, manyHave(byCode[code]))
	r.items = append(r.items, i)
	return true, err
}

// linkedTo is why another one is a duplicate.
func linkedTo(key, remote string) string {
	return fmt.Sprintf("product %q is linked to %q there", key, remote)
}
