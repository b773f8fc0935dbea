package reconcile_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/simtest"
	"github.com/synchost/synchost/sdk"
)

// scenario is what a seed makes of the world.
type scenario struct {
	own        map[string]plan.Mode // nil: everything is the source's
	onDelete   plan.OnDelete
	maxDeletes plan.Limit
	planOnly   bool
	shrink     float64
	statused   bool // the source speaks of the status

	finds    bool // single products can be asked for
	keyed    bool // the platform keeps our keys
	versions bool // it refuses a write to a version that is not its latest
	cleans   bool // it stores a description otherwise than it was sent
	hides    bool // its listing leaves out what is off sale
	offsets  bool // its pages begin at a number, and what is on them moves
	page     int  // items

	products int
	full     bool // the shop has many of them before it is connected
	acts     int
	lasts    time.Duration
	rounds   int

	kills                          bool
	lies, lost, temporary, diskful float64
}

// names are the fields about which there is something to find out.
var names = []string{"brand", "description", "name", "unit"}

func newScenario(d simtest.Dice) scenario {
	s := scenario{
		onDelete:   simtest.Pick(d, []plan.OnDelete{plan.ArchiveThere, plan.ArchiveThere, plan.DeleteThere, plan.KeepThere}),
		maxDeletes: simtest.Pick(d, []plan.Limit{{Count: 2}, {Percent: 20}, {Count: 100}}),
		planOnly:   d.Chance(0.2), shrink: 0.5, statused: d.Chance(0.5),
		finds: d.Chance(0.7), keyed: d.Chance(0.3), versions: d.Chance(0.3), cleans: d.Chance(0.3), offsets: d.Chance(0.5),
		page:     simtest.Pick(d, []int{2, 5, 50}),
		products: simtest.Pick(d, []int{2, 5, 12}), full: d.Chance(0.6),
		acts: d.IntN(50), lasts: simtest.Pick(d, []time.Duration{10 * time.Minute, time.Hour, 10 * time.Hour}), rounds: 1 + d.IntN(3),
		kills: d.Chance(0.5),
	}
	if s.hides = s.finds && d.Chance(0.3); d.Chance(0.6) {
		s.own = map[string]plan.Mode{"code": plan.Source}
		modes := []plan.Mode{plan.Source, plan.UntilEdited, plan.UntilEdited, plan.FillIfEmpty, plan.Destination, plan.Ignore}
		for _, name := range names {
			s.own[name] = simtest.Pick(d, modes)
		}
		if d.Chance(0.7) {
			s.own["status"] = simtest.Pick(d, modes)
		}
	}
	if d.Chance(0.7) {
		s.lies = simtest.Pick(d, []float64{0.1, 0.5})
	}
	if d.Chance(0.4) {
		s.lost, s.temporary = simtest.Pick(d, []float64{0, 0.1}), simtest.Pick(d, []float64{0, 0.1})
	}
	if d.Chance(0.2) {
		s.diskful = 0.02
	}
	return s
}

// mode is who owns a field.
func (s *scenario) mode(field string) plan.Mode {
	switch mode, ok := s.own[field]; {
	case s.own == nil:
		return plan.Source
	case ok:
		return mode
	}
	return plan.Ignore
}

func (s *scenario) policy() plan.Policy {
	p := plan.Policy{OnDelete: s.onDelete}
	if s.own != nil {
		p.Own = plan.NewOwnership(s.own)
	}
	return p
}

// stored is a value of ours as the platform stores it.
func (s *scenario) stored(field, value string) string {
	if s.cleans && field == "description" {
		return strings.ToUpper(value)
	}
	return value
}

func fieldOf(p *sdk.Product, name string) *string {
	switch name {
	case "brand":
		return &p.Brand
	case "description":
		return &p.Description
	case "name":
		return &p.Name
	}
	return &p.Unit
}

func valuesOf(p *sdk.Product) map[string]string {
	values := map[string]string{}
	for _, name := range names {
		values[name] = *fieldOf(p, name)
	}
	return values
}

// source is what the source said. It is written down without the code under test, by
// the goroutine that tells the story; others lock the simulation to read it.
type source struct {
	sim      *simulation
	events   int
	products map[string]*said
}

// said is what it said of one product.
type said struct {
	values  map[string]string
	deleted bool
}

func newSource(s *simulation) *source { return &source{sim: s, products: map[string]*said{}} }

func (s *source) keys() []string { return slices.Sorted(maps.Keys(s.products)) }

func codeOf(key string) string { return "code-" + key }

// tell has the source say something of a product.
func (s *source) tell(d simtest.Dice, key string, deleted bool) {
	e := s.decide(d, key, deleted)
	_, err := s.sim.disk.Accept(context.Background(), []event.Event{e})
	s.sim.must(err)
	s.sim.log("the source: %s of %s, which is %v", e.Op, key, s.products[key].values)
	time.Sleep(d.Between(time.Microsecond, time.Millisecond)) // what happens at the same time has no order
}

// decide is what it says of a product next.
func (s *source) decide(d simtest.Dice, key string, deleted bool) event.Event {
	s.sim.mu.Lock()
	defer s.sim.mu.Unlock()
	s.events++
	e := event.Event{Source: "pim", ID: fmt.Sprint("e", s.events), Op: sdk.Updated, Key: key, Time: time.Now()}
	p := s.products[key]
	if p == nil {
		p = &said{values: map[string]string{}}
		for _, name := range names {
			p.values[name] = fmt.Sprint(name, s.events)
		}
		s.products[key] = p
	}
	for _, name := range names {
		switch {
		case deleted:
		case d.Chance(0.3):
			p.values[name] = fmt.Sprint(name, s.events)
		case d.Chance(0.05):
			p.values[name] = ""
		}
	}
	if p.deleted = deleted; deleted {
		e.Op = sdk.Deleted
		return e
	}
	e.Patch.Fields = append([]string{"code"}, names...)
	e.Patch.Product.Code = codeOf(key)
	for name, value := range p.values {
		*fieldOf(&e.Patch.Product, name) = value
	}
	if s.sim.statused {
		e.Patch.Fields = append(e.Patch.Fields, "status")
		e.Patch.Product.Status = sdk.Active
	}
	return e
}

// some says something of a few products.
func (s *source) some(d simtest.Dice) {
	for range 1 + d.IntN(3) {
		s.one(d)
	}
}

func (s *source) one(d simtest.Dice) {
	s.tell(d, fmt.Sprint("p", d.IntN(s.sim.products)), d.Chance(0.15))
}
