package reconcile_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/simtest"
	"github.com/synchost/synchost/sdk"
)

// market is the platform, on which people work, too. It is guarded by the
// simulation's lock, and so are all of its methods.
type market struct {
	sim      *simulation
	made     int
	things   []*thing // in the order of their ids
	inFlight map[string]bool
	writes   int

	listings int            // that were begun
	lie      string         // of the one under way
	sizes    map[string]int // of its pages, by cursor
	whole    bool           // its end was reached
	old      []*thing       // as they were when the one before was begun
	then     []*thing       // as they were when this one was
}

// thing is a product there.
type thing struct {
	id       string
	product  sdk.Product
	archived bool
	version  int
	ours     string // the product of ours that it is; empty: it is other people's
	since    time.Time
	byUs     bool
	settled  bool                       // the host knows what became of its creation
	hands    map[string]map[string]bool // values that people gave its fields
	reopened bool                       // by people, after we took it off sale
	handOff  bool                       // it was people who took it off sale
}

func newMarket(s *simulation) *market { return &market{sim: s, inFlight: map[string]bool{}} }

func (m *market) byID(id string) *thing {
	at := slices.IndexFunc(m.things, func(t *thing) bool { return t.id == id })
	if at < 0 {
		return nil
	}
	return m.things[at]
}

// of are the things that are a product of ours.
func (m *market) of(key string) (list []*thing) {
	for _, t := range m.things {
		if t.ours == key {
			list = append(list, t)
		}
	}
	return list
}

// others are other people's things with a product's code.
func (m *market) others(key string) (list []*thing) {
	for _, t := range m.things {
		if t.ours == "" && strings.TrimSpace(t.product.Code) == codeOf(key) {
			list = append(list, t)
		}
	}
	return list
}

func (m *market) add(p sdk.Product) *thing {
	m.made++
	t := &thing{id: fmt.Sprintf("t%06d", m.made), product: p, since: time.Now(), hands: map[string]map[string]bool{}}
	m.things = append(m.things, t)
	return t
}

func (m *market) remove(t *thing) {
	m.things = slices.DeleteFunc(m.things, func(other *thing) bool { return other == t })
}

// edit has people change a field.
func (m *market) edit(t *thing, name, value string) {
	t.version++
	*fieldOf(&t.product, name) = value
	if t.hands[name] == nil {
		t.hands[name] = map[string]bool{}
	}
	t.hands[name][value] = true
	m.sim.logLocked("people: the %s of %s (%s) is %q", name, t.id, t.ours, value)
}

// take is what becomes of one change that has arrived.
func (m *market) take(c *sdk.Change) sdk.Result {
	s := m.sim
	m.writes++
	t := m.byID(c.Remote.ID)
	if t == nil && c.Remote.ID == "" && s.keyed {
		for _, mine := range m.of(c.Key) { // a repeated create
			if mine.byUs && !mine.settled {
				t = mine
			}
		}
	}
	s.logLocked("%s %s %v %v: %s", c.Op, c.Key, c.Remote, c.Fields, describe(t))
	s.checkChange(c, t)
	switch {
	case t == nil && c.Remote.ID != "":
		return sdk.Result{Key: c.Key, Err: &sdk.Error{Kind: sdk.Gone, After: 3 * time.Second, Err: errors.New("404")}}
	case s.versions && t != nil && c.Remote.Version != "" && c.Remote.Version != strconv.Itoa(t.version):
		return sdk.Result{Key: c.Key, Err: &sdk.Error{Kind: sdk.Conflict, After: 3 * time.Second, Err: errors.New("412")}}
	case t == nil && c.Op != sdk.Upsert:
		return sdk.Result{Key: c.Key}
	case c.Op == sdk.Purge:
		m.remove(t)
		return sdk.Result{Key: c.Key}
	case t == nil:
		t = m.add(sdk.Product{})
		t.ours, t.byUs = c.Key, true
	}
	t.version++
	if t.reopened, t.handOff = false, false; c.Op == sdk.Archive {
		t.archived = true
		return sdk.Result{Key: c.Key, Remote: t.remote(s)}
	}
	t.archived = false
	for _, path := range c.Fields {
		sdk.CopyField(&t.product, &c.Product, path)
	}
	if slices.Contains(c.Fields, "description") {
		t.product.Description = s.stored("description", t.product.Description)
	}
	after := t.product
	return sdk.Result{Key: c.Key, Remote: t.remote(s), After: &after}
}

func describe(t *thing) string {
	if t == nil {
		return "not there"
	}
	return fmt.Sprintf("%s, archived %t, %v", t.id, t.archived, valuesOf(&t.product))
}

func (t *thing) remote(s *simulation) sdk.Remote {
	if !s.versions {
		return sdk.Remote{ID: t.id}
	}
	return sdk.Remote{ID: t.id, Version: strconv.Itoa(t.version)}
}

func (t *thing) item(s *simulation) sdk.Item {
	item := sdk.Item{Remote: t.remote(s), Product: t.product.Clone(), Archived: t.archived}
	if s.keyed && t.byUs {
		item.Key = t.ours
	}
	return item
}

// lieKinds are what may be wrong with a listing.
var lieKinds = []string{"fails", "is denied", "moves", "stumbles", "half", "empty", "hides", "doubles", "stale", "stands still"}

// begin begins a listing.
func (m *market) begin(honest bool) {
	s := m.sim
	m.listings++
	lied := m.lie != ""
	m.lie, m.sizes, m.whole = "", map[string]int{}, false
	if d := s.dice("listing", m.listings); !honest && !lied && d.Chance(s.lies) { // two of them do not agree in the same lie
		if m.lie = simtest.Pick(d, lieKinds); m.lie == "stale" && s.inRound && !s.finds {
			m.lie = "" // what follows from it, nobody can know
		}
	}
	m.old, m.then = m.then, nil
	for _, t := range m.things {
		clone := *t
		m.then = append(m.then, &clone)
	}
	s.logLocked("listing %d %s", m.listings, m.lie)
}

// list is a page of it.
func (m *market) list(cursor string) (page sdk.Page, err error) {
	s := m.sim
	d := s.dice("page", m.listings, cursor)
	if s.quiet {
		m.lie = ""
	}
	switch late := len(m.sizes) > 0 || d.Chance(0.4); {
	case m.lie == "fails" && late:
		return page, sdk.Reject("", errors.New("500"))
	case m.lie == "is denied" && late:
		return page, sdk.Deny(errors.New("401"))
	case m.lie == "moves" && late:
		m.lie = ""
		return page, sdk.Changed(errors.New("moved"))
	case m.lie == "stumbles" && s.againLocked("stumbles").Chance(0.4):
		return page, errReset
	case m.lie == "stands still" && late && cursor != "":
		return sdk.Page{Next: cursor}, nil
	case m.lie == "empty":
		m.sizes[cursor], m.whole = 0, true
		return page, nil
	}
	all := m.things
	if m.lie == "stale" && m.old != nil && d.Chance(0.7) {
		all = m.old
	}
	all = slices.DeleteFunc(slices.Clone(all), func(t *thing) bool {
		return s.hides && t.archived || m.lie == "hides" && s.dice("hides", m.listings, t.id).Chance(0.3)
	})
	from := 0
	switch {
	case cursor == "":
	case s.offsets:
		from, _ = strconv.Atoi(cursor)
	default:
		from, _ = slices.BinarySearchFunc(all, cursor, func(t *thing, id string) int { return cmp.Compare(t.id, id) })
	}
	from = min(from, len(all))
	to := min(from+s.page, len(all))
	if m.lie == "doubles" {
		from = max(0, from-1)
	}
	for _, t := range all[from:to] {
		page.Items = append(page.Items, t.item(s))
	}
	switch {
	case to == len(all), m.lie == "half" && d.Chance(0.5):
		m.whole = true
	case s.offsets:
		page.Next = strconv.Itoa(to)
	default:
		page.Next = all[to].id
	}
	m.sizes[cursor] = len(page.Items)
	return page, nil
}

// size is of the listing, as it was told.
func (m *market) size() (sum int) {
	for _, n := range maps.All(m.sizes) {
		sum += n
	}
	return sum
}

// Ready gives a host the connector.
func (h *host) Ready(ctx context.Context) (deliver.Port, error) { return h, ctx.Err() }

func (h *host) Opened() sdk.Opened {
	return sdk.Opened{Fields: append([]string{"code", "status"}, names...), Limits: sdk.Limits{Batch: 4, InFlight: 2, Timeout: 30 * time.Second}}
}

func (h *host) Can(what sdk.Capability) bool {
	return what == sdk.CanList || what == sdk.CanFind && h.sim.finds
}

// way is that of a request or an answer. What happens at the same time has no
// order, so that hardly any two take the same time.
func (h *host) way(d simtest.Dice) { time.Sleep(d.Between(1, 50*time.Millisecond)) }

func (h *host) Apply(_ context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	s := h.sim
	s.alive()
	d := s.again("apply" + changes[0].Key)
	h.begins(changes)
	h.way(d)
	var results []sdk.Result
	var err error
	s.mu.Lock()
	for i := range changes {
		c := &changes[i]
		if !s.quiet && d.Chance(s.temporary) {
			results = append(results, sdk.Result{Key: c.Key, Err: sdk.Retry(3*time.Second, errReset)})
			continue
		}
		results = append(results, s.market.take(c))
		s.passes()
	}
	if !s.quiet && d.Chance(s.lost) {
		results, err = nil, errReset
	}
	s.mu.Unlock()
	h.way(d)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range changes {
		delete(s.market.inFlight, changes[i].Key)
	}
	return results, err
}

func (h *host) begins(changes []sdk.Change) {
	s := h.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range changes {
		if s.market.inFlight[changes[i].Key] {
			s.breaks("promise 2: two calls in flight for %s", changes[i].Key)
		}
		s.market.inFlight[changes[i].Key] = true
	}
}

func (h *host) Find(_ context.Context, refs []sdk.Ref) (items []sdk.Item, err error) {
	s := h.sim
	s.alive()
	d := s.again("find" + refs[0].Key)
	h.way(d)
	s.mu.Lock()
	for _, ref := range refs {
		for _, t := range s.market.things {
			item := t.item(s)
			switch {
			case ref.Remote != "" && t.id == ref.Remote,
				ref.Remote == "" && item.Key != "" && item.Key == ref.Key,
				ref.Remote == "" && item.Key == "" && ref.Code != "" && strings.TrimSpace(t.product.Code) == ref.Code:
				items = append(items, item)
			}
		}
	}
	if !s.quiet && d.Chance(s.temporary) {
		items, err = nil, sdk.Retry(3*time.Second, errReset)
	}
	s.logLocked("find %v: %d, %v", refs, len(items), err)
	s.mu.Unlock()
	h.way(d)
	return items, err
}

// reconciles marks the context of an errand at the reconciler.
type reconciles struct{}

func (h *host) List(ctx context.Context, q sdk.Query) (sdk.Page, error) {
	s := h.sim
	s.alive()
	d := s.again("list" + q.Cursor)
	h.way(d)
	if ctx.Err() != nil {
		return sdk.Page{}, ctx.Err()
	}
	s.mu.Lock()
	if ctx.Value(reconciles{}) == nil {
		kept := *s.market
		s.market.begin(true)
		page, err := s.market.list(q.Cursor)
		s.market.lie, s.market.sizes, s.market.whole, s.market.old, s.market.then = kept.lie, kept.sizes, kept.whole, kept.old, kept.then
		s.mu.Unlock()
		h.way(d)
		return page, err
	}
	if q.Cursor == "" {
		s.market.begin(s.quiet)
	}
	page, err := s.market.list(q.Cursor)
	s.logLocked("list %q: %d, then %q, %v", q.Cursor, len(page.Items), page.Next, err)
	s.passes()
	s.mu.Unlock()
	h.way(d)
	return page, err
}
