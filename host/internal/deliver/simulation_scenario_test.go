package deliver_test

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/simtest"
	"github.com/synchost/synchost/sdk"
)

const connectorName = "shop"

// scenario is what a seed makes of the world.
type scenario struct {
	mode      deliver.Mode
	fields    []string // that the connector carries
	can       []sdk.Capability
	keyed     bool // the platform knows products by our key, as a webhook's receiver does: a repeat does no harm
	versions  bool // the platform refuses a write to a version that is not its latest
	cleans    bool // the platform stores a description otherwise than it was sent
	onUnknown deliver.OnUnknown
	limits    sdk.Limits
	rate      rate.Limit
	burst     int
	schedule  []time.Duration
	drain     time.Duration
	policies  []policy // those so far; the last is in force

	products int
	hot      bool // most events are of a few products
	sends    int  // how often the source sends
	most     int  // events at once
	acts     int  // of the operator, or of fate
	lasts    time.Duration

	slow, diskSlow time.Duration // the longest that a call's way, or the disk, takes
	faultless      bool
	trusty         bool // the disk takes what it gets
	faults         faults
	troubles       []trouble
	poison         []string // products with which the connector's process dies
}

// faults are the probabilities of what goes wrong by itself.
type faults struct {
	// of one change
	temporary float64 // fails, and nothing was written
	written   float64 // is said to have failed, and was written
	throttled float64
	rejected  float64 // of one version of a product, for as long as there are faults
	conflict  float64
	gone      float64 // somebody removed the product
	denied    float64

	// of one call
	lost    float64 // no answer ever comes
	dies    float64 // the process does
	failed  float64 // as a whole
	partial float64 // some are answered, and the rest is an error
	faulty  float64 // an answer is missing, another is of a product that was not in the call
	notSent float64 // it never comes to the connector

	disk float64 // of one write to the store

	slow time.Duration // the longest that a call's way takes, where that is more than a call may take
}

// trouble is a time in which nothing gets through, or everything is slow.
type trouble struct {
	kind     troubleKind
	from, to time.Duration
}

type troubleKind string

const (
	down      troubleKind = "down"      // every call fails
	silent    troubleKind = "silent"    // no call is answered
	throttles troubleKind = "throttles" // every change is
	denies    troubleKind = "denies"    // every change is
	noProcess troubleKind = "no process"
	diskFull  troubleKind = "disk full"
)

// policy is the operator's, which may change.
type policy struct {
	filter, mapping bool
	onDelete        plan.OnDelete
	own             []string // nil: all
}

func (p policy) owns(field string) bool { return p.own == nil || slices.Contains(p.own, field) }

func (p policy) ownership() plan.Ownership {
	if p.own == nil {
		return plan.Ownership{}
	}
	modes := map[string]plan.Mode{}
	for _, path := range p.own {
		modes[path] = plan.Source
	}
	return plan.NewOwnership(modes)
}

const hidden = "hidden" // the brand that the filter leaves out

func newPolicy(d simtest.Dice) policy {
	p := policy{filter: d.Chance(0.3), mapping: d.Chance(0.3),
		onDelete: simtest.Pick(d, []plan.OnDelete{plan.ArchiveThere, plan.ArchiveThere, plan.DeleteThere, plan.KeepThere})}
	if d.Chance(0.2) {
		p.own = []string{"name", "description"}
	}
	return p
}

func newScenario(d simtest.Dice) scenario {
	s := scenario{
		mode:     simtest.Pick(d, []deliver.Mode{deliver.Every, deliver.Latest, deliver.Latest}),
		limits:   sdk.Limits{Batch: simtest.Pick(d, []int{1, 2, 5, 20}), InFlight: simtest.Pick(d, []int{1, 2, 4}), Timeout: 30 * time.Second},
		versions: d.Chance(0.3), cleans: d.Chance(0.3),
		schedule: simtest.Pick(d, [][]time.Duration{
			{time.Second}, {time.Second, 2 * time.Second, 5 * time.Second}, {5 * time.Second, 5 * time.Minute, 20 * time.Minute},
			{0, 10 * time.Second, time.Minute, time.Minute}, {}}),
		products: simtest.Pick(d, []int{1, 3, 10, 50}), hot: d.Chance(0.3),
		sends: d.IntN(60), most: simtest.Pick(d, []int{1, 3, 10}), acts: d.IntN(12),
		lasts: simtest.Pick(d, []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute, time.Hour}),
		slow:  simtest.Pick(d, []time.Duration{50 * time.Millisecond, time.Second, 10 * time.Second}),
	}
	s.policies = []policy{newPolicy(d)}
	s.fields = sdk.FieldPaths()
	if d.Chance(0.3) {
		s.rate, s.burst = rate.Limit(1+d.IntN(20)), 1+d.IntN(10)
	}
	s.platformKind(d)
	if d.Chance(0.2) {
		s.sends, s.most = 20, 60 // many, or much of a few
	}
	if d.Chance(0.5) {
		s.diskSlow = simtest.Pick(d, []time.Duration{5 * time.Millisecond, 100 * time.Millisecond, time.Second})
	}
	if s.faultless = d.Chance(0.2); !s.faultless {
		s.addFaults(d)
	}
	s.trusty = s.faults.disk == 0 && s.faults.written == 0 &&
		!slices.ContainsFunc(s.troubles, func(t trouble) bool { return t.kind == diskFull })
	return s
}

// platformKind says whether it is a shop, which makes its own ids, or a webhook's receiver.
func (s *scenario) platformKind(d simtest.Dice) {
	s.keyed = s.mode == deliver.Every || d.Chance(0.2)
	switch {
	case s.keyed:
		if s.mode == deliver.Latest || d.Chance(0.7) {
			s.fields = append(s.fields, sdk.RawField)
		}
		s.versions = false
	case d.Chance(0.7):
		s.can = simtest.Pick(d, [][]sdk.Capability{{sdk.CanFind}, {sdk.CanList}, {sdk.CanFind, sdk.CanList}})
	default:
		s.onUnknown = simtest.Pick(d, []deliver.OnUnknown{"", deliver.Hold, deliver.Retry})
	}
}

// addFaults lets a few kinds of faults happen rather than all, so that none hides another.
func (s *scenario) addFaults(d simtest.Dice) {
	f := &s.faults
	some := []*float64{&f.temporary, &f.written, &f.throttled, &f.rejected, &f.conflict, &f.gone, &f.denied,
		&f.lost, &f.dies, &f.failed, &f.partial, &f.faulty, &f.notSent, &f.disk}
	for range 1 + d.IntN(5) {
		*simtest.Pick(d, some) = simtest.Pick(d, []float64{0.02, 0.1, 0.3})
	}
	f.denied /= 5
	s.versions = !s.keyed && (s.versions || f.conflict > 0)
	for range d.IntN(4) {
		from := d.Between(0, s.lasts)
		s.troubles = append(s.troubles, trouble{simtest.Pick(d, []troubleKind{down, silent, throttles, denies, noProcess, diskFull}),
			from, from + d.Between(0, s.lasts/2)})
	}
	if d.Chance(0.3) {
		s.drain = 5 * time.Second // calls that take longer are cut off
	}
	for range d.IntN(2) {
		s.poison = append(s.poison, key(d.IntN(s.products)))
	}
	if d.Chance(0.2) {
		f.slow = 50 * time.Second
	}
}

func (s scenario) String() string {
	return fmt.Sprintf("%s, can %v, keyed %t, versions %t, cleans %t, unknown %q, limits %+v, rate %v/%d, schedule %v, drain %s\n"+
		"%d products, hot %t, lasts %s, slow %s, disk slow %s, raw %t\n%+v\ntroubles %v, poison %v, policies %+v",
		s.mode, s.can, s.keyed, s.versions, s.cleans, s.onUnknown, s.limits, s.rate, s.burst, s.schedule, s.drain,
		s.products, s.hot, s.lasts, s.slow, s.diskSlow, slices.Contains(s.fields, sdk.RawField), s.faults, s.troubles, s.poison, s.policies)
}

func key(n int) string { return fmt.Sprint("p", n) }

func (s *scenario) policy() policy { return s.policies[len(s.policies)-1] }

// mayMakeTwins says whether the operator took that risk.
func (s *scenario) mayMakeTwins() bool { return s.onUnknown == deliver.Retry }

func (s *simulation) options() deliver.Options {
	p := s.policy()
	o := deliver.Options{
		Name: connectorName, Deliver: s.mode, OnUnknown: s.onUnknown, Rate: s.rate, Burst: s.burst,
		Schedule: s.schedule, Drain: s.drain, Policy: plan.Policy{Own: p.ownership(), OnDelete: p.onDelete},
	}
	if p.filter {
		filter, err := plan.CompileFilter(`product.brand != "` + hidden + `"`)
		if err != nil {
			s.t.Fatal(err)
		}
		o.Policy.Filter = filter
	}
	if p.mapping {
		mapping, problems := plan.CompileMapping(map[string]string{"name": `product.name + "!"`})
		if len(problems) > 0 {
			s.t.Fatal(problems)
		}
		o.Policy.Mapping = mapping
	}
	return o
}

// inTrouble says whether it is a time of that kind of trouble. s is locked.
func (s *simulation) inTrouble(kind troubleKind) bool {
	now := time.Since(s.began)
	return slices.ContainsFunc(s.troubles, func(t trouble) bool { return t.kind == kind && t.from <= now && now < t.to })
}

// latency is a time that hardly any other thing takes as well: what happens at
// the same time has no order.
func (s *simulation) latency(d simtest.Dice, most time.Duration) time.Duration {
	if most > 50*time.Millisecond && !d.Chance(0.1) {
		most = 50 * time.Millisecond
	}
	return d.Between(0, most) + d.Between(1, time.Millisecond)
}
