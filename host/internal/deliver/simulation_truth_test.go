package deliver_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/simtest"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// truth is what the source said, and what must follow from it. It is written
// down without the code under test, in as simple a way as can be. It is guarded
// by the simulation's lock, but for invent.
type truth struct {
	sim      *simulation
	invented int
	products map[string]*history
	byID     map[string]*fact // by the event's id
	last     *event.Event     // to be sent again
	head     int64            // the last position that a lane of this mode reads
	replays  int

	unrecorded map[string]*fact // by key, what arrived, as the host knows, and is not on disk
}

// fact is one event that was accepted.
type fact struct {
	seq     int64
	key     string
	event   *event.Event
	state   state    // of the product, with what the event says of it
	changed []string // fields, by it
	since   int      // the policy that was in force when it came

	arrivals, rejections, failures int
	before                         int // of arrivals, those before it was to arrive again
}

// history is that of one product.
type history struct {
	facts  []*fact
	states []state // those that the catalog had, in their order
	latest int     // of states, the latest that the platform was told of
	place  int64   // of facts, the last that arrived since a replay
	calls  int     // that were made about it
	writes int
}

// state is a product's.
type state struct {
	values  map[string]string // of the fields that the source has spoken of
	whole   bool              // it spoke of all there are
	deleted bool
}

var fieldNames = []string{"brand", "description", "name"}

func newTruth(s *simulation) *truth {
	return &truth{sim: s, products: map[string]*history{}, byID: map[string]*fact{}, unrecorded: map[string]*fact{}}
}

func valueOf(p *sdk.Product, field string) string { return *fieldOf(p, field) }

func fieldOf(p *sdk.Product, field string) *string {
	return map[string]*string{"name": &p.Name, "brand": &p.Brand, "description": &p.Description}[field]
}

// invent makes up an event.
func (t *truth) invent(d simtest.Dice) event.Event {
	s := t.sim
	if t.last != nil && d.Chance(0.03) {
		return *t.last
	}
	t.invented++
	n := d.IntN(s.products)
	if s.hot && d.Chance(0.9) {
		n = 0
	}
	e := event.Event{Source: "pim", ID: fmt.Sprint("e", t.invented), Op: sdk.Updated, Key: key(n), Time: time.Now()}
	what := d.Float64()
	switch {
	case what < 0.08:
		e.Op = sdk.Deleted
	case what < 0.12:
		e.Op, e.Raw = sdk.Received, &sdk.Raw{}
	default:
		e.Hint = what < 0.17
		e.Patch = t.patch(d)
	}
	t.last = &e
	return e
}

func (t *truth) patch(d simtest.Dice) (p event.Patch) {
	p.Whole = d.Chance(0.2)
	for _, field := range fieldNames {
		if p.Whole || d.Chance(0.5) {
			p.Fields = append(p.Fields, field)
			*fieldOf(&p.Product, field) = fmt.Sprint(field, t.invented)
		}
		switch {
		case d.Chance(0.1):
			*fieldOf(&p.Product, field) = ""
		case field == "brand" && d.Chance(0.3):
			p.Product.Brand = hidden
		case d.Chance(0.1):
			*fieldOf(&p.Product, field) = field // as before, perhaps
		}
	}
	for _, field := range fieldNames {
		if !slices.Contains(p.Fields, field) {
			*fieldOf(&p.Product, field) = ""
		}
	}
	if len(p.Fields) == 0 {
		p.Fields, p.Product.Name = []string{"name"}, fmt.Sprint("name", t.invented)
	}
	return p
}

// accepted writes down an event that is on disk now.
func (t *truth) accepted(e *event.Event, receipt store.Receipt) {
	s := t.sim
	if receipt.Duplicate != (t.byID[e.ID] != nil) {
		s.breaks("the store: %s is a duplicate: %t", e.ID, receipt.Duplicate)
	}
	if receipt.Duplicate {
		return
	}
	h := t.products[e.Key]
	if h == nil {
		h = &history{latest: -1}
		t.products[e.Key] = h
	}
	before := state{}
	if len(h.states) > 0 {
		before = h.states[len(h.states)-1]
	}
	f := &fact{seq: receipt.Seq, key: e.Key, event: e, state: before.with(e), since: len(s.policies) - 1}
	for _, field := range fieldNames {
		if e.Hint && slices.Contains(e.Patch.Fields, field) || !e.Hint && f.state.values[field] != before.values[field] {
			f.changed = append(f.changed, field)
		}
	}
	h.facts, t.byID[e.ID] = append(h.facts, f), f
	if news := e.Op != sdk.Received && !e.Hint &&
		(len(h.states) == 0 || len(f.changed) > 0 || f.state.deleted != before.deleted ||
			f.state.whole != before.whole || len(f.state.values) != len(before.values)); news {
		h.states = append(h.states, f.state)
		t.head = f.seq
	}
	if s.mode == deliver.Every {
		t.head = f.seq
	}
	s.logLocked("event %d: %s of %s%s, which is now %v", f.seq, e.Op, e.Key, map[bool]string{true: ", a hint,"}[e.Hint], f.state)
}

// pruned forgets which events there were but for those that the journal still has:
// the others are new when they are sent again.
func (t *truth) pruned(journal []event.Entry) {
	kept := map[string]*fact{}
	for i := range journal {
		kept[journal[i].ID] = t.byID[journal[i].ID]
	}
	t.byID = kept
}

// with is the state after e.
func (st state) with(e *event.Event) state {
	if e.Op == sdk.Received {
		return st
	}
	st.values = maps.Clone(st.values)
	if st.values == nil {
		st.values = map[string]string{}
	}
	for _, field := range e.Patch.Fields {
		st.values[field] = valueOf(&e.Patch.Product, field)
	}
	if !e.Hint {
		st.whole = st.whole || e.Patch.Whole
		st.deleted = e.Op == sdk.Deleted
	}
	return st
}

func (st state) String() string {
	return fmt.Sprintf("%v deleted %t", st.values, st.deleted)
}

// as is the field as the policy has it.
func (st state) as(p policy, field string) string {
	if field == "name" && p.mapping {
		return st.values[field] + "!"
	}
	return st.values[field]
}

// is says whether a change carries this state.
func (st state) is(c *sdk.Change, p policy) bool {
	for _, field := range fieldNames {
		if valueOf(&c.Product, field) != st.as(p, field) {
			return false
		}
	}
	return st.deleted == (c.Op == sdk.Archive || c.Op == sdk.Purge)
}

func (t *truth) keys() []string { return slices.Sorted(maps.Keys(t.products)) }

func (t *truth) end() int64 { return t.head }

// version names what a change is about, so that it is rejected whenever it comes.
func (t *truth) version(c *sdk.Change) string {
	if c.Event != nil {
		return c.Event.ID
	}
	return fmt.Sprint(c.Key, c.Op, c.Product.Name, c.Product.Brand, c.Product.Description)
}

func (t *truth) describe(c *sdk.Change) string {
	what := map[sdk.Op]string{sdk.Upsert: "upsert", sdk.Archive: "archive", sdk.Purge: "purge", sdk.Forward: "forward"}[c.Op]
	if c.Event != nil {
		return fmt.Sprintf("%s %s of event %d", what, c.Key, t.byID[c.Event.ID].seq)
	}
	return fmt.Sprintf("%s %s %v %v", what, c.Key, c.Remote, fields(c))
}

func fields(c *sdk.Change) map[string]string {
	values := map[string]string{}
	for _, field := range c.Fields {
		if slices.Contains(fieldNames, field) {
			values[field] = valueOf(&c.Product, field)
		}
	}
	return values
}

// called checks that a host that dies now would not deliver behind c what came
// before it.
func (t *truth) called(c *sdk.Change) {
	t.products[c.Key].calls++
	if c.Event == nil {
		return
	}
	if f := t.unrecorded[c.Key]; f != nil && f.event.ID != c.Event.ID {
		t.sim.breaks("promise 2: %s goes out while it is not on disk that event %d arrived", t.describe(c), f.seq)
	}
}

// recorded takes in what is on disk.
func (t *truth) recorded(deliveries []store.Delivery) {
	for i := range deliveries {
		d := &deliveries[i]
		if f := t.unrecorded[d.Key]; f != nil && f.seq == d.Seq {
			delete(t.unrecorded, d.Key)
		}
	}
}

// sent checks a change that is sent.
func (t *truth) sent(c *sdk.Change) {
	s := t.sim
	t.products[c.Key].writes++
	for _, field := range c.Fields {
		if field != sdk.RawField && !s.policy().owns(field) {
			s.breaks("promise 6: the %s of %s is not owned", field, c.Key)
		}
	}
	if c.Op == sdk.Upsert && len(c.Fields) == 0 {
		s.breaks("an upsert of %s without fields", c.Key)
	}
}

// arrived checks promise 2 when a change is written.
func (t *truth) arrived(c *sdk.Change) {
	if t.sim.mode == deliver.Every {
		t.eventArrived(c, t.byID[c.Event.ID])
		return
	}
	h, s := t.products[c.Key], t.sim
	at := len(h.states) - 1
	for at >= 0 && !h.states[at].is(c, s.policy()) {
		at--
	}
	switch {
	case at < 0:
		s.breaks("promise 2: %s was never as it is in: %s", c.Key, t.describe(c))
	case at < h.latest:
		s.breaks("promise 2: state %d of %s comes after state %d: %s", at, c.Key, h.latest, t.describe(c))
	}
	h.latest = max(at, h.latest)
}

func (t *truth) eventArrived(c *sdk.Change, f *fact) {
	h, s := t.products[c.Key], t.sim
	if f.key != c.Key || !t.passes(f, s.policy()) {
		s.breaks("event %d is not to be delivered: %+v", f.seq, c)
	}
	if c.Op == sdk.Upsert {
		state := f.state
		state.deleted = false // an event is what it says
		if !state.is(c, s.policy()) {
			s.breaks("event %d arrives with %+v", f.seq, c.Product)
		}
	}
	if f.seq < h.place {
		s.breaks("promise 2: event %d of %s arrives after event %d", f.seq, c.Key, h.place)
	}
	for _, earlier := range h.facts {
		if earlier.seq < f.seq && t.mustArrive(earlier) {
			s.breaks("promise 2: event %d of %s arrives before event %d", f.seq, c.Key, earlier.seq)
		}
	}
	h.place = f.seq
	f.arrivals++
}

func (t *truth) rejected(c *sdk.Change) {
	if c.Event != nil {
		t.byID[c.Event.ID].rejections++
	}
}

// answered takes in what the lane was told of a change.
func (t *truth) answered(c *sdk.Change, err error) {
	if c.Event != nil && err == nil {
		t.unrecorded[c.Key] = t.byID[c.Event.ID]
	}
	if c.Event != nil && err != nil && sdk.KindOf(err) != sdk.Rejected {
		t.byID[c.Event.ID].failures++
	}
}

// replayed says that events from a position on may arrive again, and that entries
// must.
func (t *truth) replayed(since int64, entries []event.Entry) {
	t.replays++
	for _, h := range t.products {
		h.place = min(h.place, since-1)
	}
	for i := range entries {
		f := t.byID[entries[i].ID]
		f.before, f.since = f.arrivals, len(t.sim.policies)-1
	}
}

// mustArrive says whether a fact is still to arrive: every policy since it came
// lets it pass, and it was not passed over because it was rejected after it had
// been a dead letter already.
func (t *truth) mustArrive(f *fact) bool {
	wasDead := f.rejections > 1 || f.failures > len(t.sim.schedule)
	if f.arrivals > f.before || f.rejections > 0 && wasDead {
		return false
	}
	for _, p := range t.sim.policies[f.since:] {
		if !t.passes(f, p) {
			return false
		}
	}
	return true
}

// missing is the first event of a product that has to arrive, and has not.
func (t *truth) missing(key string) *fact {
	if t.sim.mode != deliver.Every {
		return nil
	}
	for _, f := range t.products[key].facts {
		if t.mustArrive(f) {
			return f
		}
	}
	return nil
}

// passes says whether a policy has a fact delivered, in a lane of every event.
func (t *truth) passes(f *fact, p policy) bool {
	takesRaw := slices.Contains(t.sim.fields, sdk.RawField)
	raw := f.event.Op == sdk.Received
	switch {
	case (raw || f.event.Hint) && !takesRaw, p.filter && f.state.values["brand"] == hidden:
		return false
	case raw:
		return true
	case f.event.Op == sdk.Deleted:
		return p.onDelete != plan.KeepThere
	}
	told := f.changed
	if len(told) == 0 || p.mapping {
		told = nil
		for _, field := range fieldNames {
			if f.state.as(p, field) != "" {
				told = append(told, field)
			}
		}
	}
	return len(told) == 0 || slices.ContainsFunc(told, p.owns)
}

// wanted is what the platform should have of a product's fields at the end; nil:
// no such product. It says false when the policy has no say in that.
func (t *truth) wanted(key string) (map[string]string, bool) {
	p, h := t.sim.policy(), t.products[key]
	if len(h.states) == 0 {
		return nil, true
	}
	st := h.states[len(h.states)-1]
	switch {
	case p.filter && st.values["brand"] == hidden, st.deleted && p.onDelete == plan.KeepThere:
		return nil, false
	case st.deleted:
		return nil, true
	}
	want := map[string]string{}
	for _, field := range fieldNames {
		_, spoken := st.values[field]
		if (spoken || field == "name" && p.mapping) && p.owns(field) {
			want[field] = st.as(p, field)
		}
	}
	return want, len(want) > 0
}

// checkNeedful checks that without faults no call was made in vain.
func (t *truth) checkNeedful(key string) {
	s, h := t.sim, t.products[key]
	if s.mode == deliver.Latest {
		if most := len(h.states) + len(s.policies) - 1; h.writes > most {
			s.breaks("promise 4: %d writes of %s, which changed %d times", h.writes, key, most)
		}
		return
	}
	for _, f := range h.facts {
		if f.arrivals > 1+t.replays {
			s.breaks("promise 4: event %d of %s arrived %d times", f.seq, key, f.arrivals)
		}
	}
}
