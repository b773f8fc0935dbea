package deliver_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/simtest"
	"github.com/synchost/synchost/sdk"
)

var (
	errKilled  = errors.New("the host was killed")
	errDisk    = errors.New("the disk gave no answer")
	errNoWord  = errors.New("not a word of it")
	errReset   = errors.New("connection reset")
	errGone    = fmt.Errorf("apply: %w", sdk.ErrProcessGone)
	errNotSent = fmt.Errorf("apply: %w (%w)", sdk.ErrProcessGone, sdk.ErrNotSent)
)

// shop is the platform. It is guarded by the simulation's lock, and so are all
// of its methods.
type shop struct {
	sim      *simulation
	made     int
	remotes  []*remote       // in the order of their ids
	inFlight map[string]bool // products in calls
	applying int             // calls that are under way
	calls    int             // so far, of all kinds
	starts   int             // of processes
}

// remote is one product there.
type remote struct {
	id, key  string
	product  sdk.Product
	archived bool
	version  int
}

func newShop(s *simulation) *shop { return &shop{sim: s, inFlight: map[string]bool{}} }

func (p *shop) byID(id string) *remote {
	for _, r := range p.remotes {
		if r.id == id {
			return r
		}
	}
	return nil
}

func (p *shop) byKey(key string) (list []*remote) {
	for _, r := range p.remotes {
		if r.key == key {
			list = append(list, r)
		}
	}
	return list
}

// remove removes all products of a key.
func (p *shop) remove(key string) {
	p.remotes = slices.DeleteFunc(p.remotes, func(r *remote) bool { return r.key == key })
}

// of is the product that a change is about; nil: none.
func (p *shop) of(c *sdk.Change) *remote {
	if !p.sim.keyed {
		return p.byID(c.Remote.ID)
	}
	if list := p.byKey(c.Key); len(list) > 0 {
		return list[0]
	}
	return nil
}

// take is what becomes of one change that has arrived.
func (p *shop) take(c *sdk.Change) sdk.Result {
	s := p.sim
	s.truth.sent(c)
	s.counts["take"+c.Key]++
	d := s.dice("take", c.Key, s.counts["take"+c.Key])
	result := func(err error) sdk.Result { return sdk.Result{Key: c.Key, Err: err} }
	r, f := p.of(c), s.faults
	switch {
	case s.inTrouble(throttles), d.Chance(f.throttled):
		return result(sdk.Throttle(simtest.Pick(d, []time.Duration{0, 0, time.Second, 90 * time.Second}), errors.New("429")))
	case s.inTrouble(denies), d.Chance(f.denied):
		return result(sdk.Deny(errors.New("401")))
	case d.Chance(f.temporary):
		return result(simtest.Pick(d, []error{errReset, sdk.Retry(time.Minute, errors.New("503"))}))
	case s.dice("version", s.truth.version(c)).Chance(f.rejected):
		s.truth.rejected(c)
		return result(sdk.Reject("name", errors.New("not acceptable")))
	case r != nil && !s.keyed && d.Chance(f.gone):
		p.remotes = slices.DeleteFunc(p.remotes, func(other *remote) bool { return other == r })
		r = nil
	case r != nil && s.versions && d.Chance(f.conflict):
		r.version++ // somebody wrote to it
	}
	switch {
	case !s.keyed && r == nil && c.Remote.ID != "":
		return result(sdk.Missing(errors.New("404")))
	case s.versions && r != nil && c.Remote.Version != "" && c.Remote.Version != strconv.Itoa(r.version):
		return result(sdk.Changed(errors.New("412")))
	}
	answer := p.write(c, r)
	if d.Chance(f.written) {
		return result(errReset)
	}
	return answer
}

// write carries out a change of r; nil: of what is not there yet.
func (p *shop) write(c *sdk.Change, r *remote) sdk.Result {
	p.sim.truth.arrived(c)
	before := remote{archived: true} // as good as not there
	if r != nil {
		before = remote{archived: r.archived, product: r.product.Clone()}
	}
	answer := p.carryOut(c, r)
	after := before
	if there := p.byKey(c.Key); len(there) == 1 {
		after = remote{archived: there[0].archived, product: there[0].product}
	}
	if s := p.sim; s.faultless && s.mode == deliver.Latest && reflect.DeepEqual(before, after) && (c.Op != sdk.Purge || r == nil) {
		s.breaks("promise 4: nothing was to be done: %s", s.truth.describe(c))
	}
	return answer
}

func (p *shop) carryOut(c *sdk.Change, r *remote) sdk.Result {
	switch {
	case c.Op == sdk.Forward:
		return sdk.Result{Key: c.Key}
	case c.Op == sdk.Purge:
		p.remotes = slices.DeleteFunc(p.remotes, func(other *remote) bool { return other == r })
		return sdk.Result{Key: c.Key}
	case c.Op == sdk.Archive && r == nil:
		return sdk.Result{Key: c.Key}
	case c.Op == sdk.Archive:
		r.archived = true
	case r == nil:
		p.made++
		r = &remote{id: fmt.Sprintf("r%06d", p.made), key: c.Key}
		p.remotes = append(p.remotes, r)
		if n := len(p.byKey(c.Key)); n > 1 && !p.sim.mayMakeTwins() {
			p.sim.breaks("promise 3: %d twins of %s", n, c.Key)
		}
	}
	r.version++
	answer := sdk.Result{Key: c.Key}
	if c.Op == sdk.Upsert {
		for _, field := range c.Fields {
			sdk.CopyField(&r.product, &c.Product, field)
		}
		r.archived = false
		if p.sim.cleans {
			r.product.Description = strings.ToUpper(r.product.Description)
			after := r.product.Clone()
			answer.After = &after
		}
	}
	if !p.sim.keyed {
		answer.Remote = r.remote(p.sim)
	}
	return answer
}

func (r *remote) remote(s *simulation) sdk.Remote {
	if !s.versions {
		return sdk.Remote{ID: r.id}
	}
	return sdk.Remote{ID: r.id, Version: strconv.Itoa(r.version)}
}

func (r *remote) item(s *simulation) sdk.Item {
	return sdk.Item{Key: r.key, Remote: r.remote(s), Product: r.product, Archived: r.archived}
}

// checkInStep checks that the platform has of one product what it should.
func (p *shop) checkInStep(key string) {
	s := p.sim
	want, wanted := s.truth.wanted(key)
	there := p.byKey(key)
	if !wanted || s.mayMakeTwins() && (len(there) > 1 || want == nil) {
		return // the operator took the risk of what nobody knows of
	}
	onSale := slices.DeleteFunc(slices.Clone(there), func(r *remote) bool { return r.archived })
	switch {
	case want == nil && s.policy().onDelete == "delete" && len(there) > 0:
		s.breaks("promise 3: %s is deleted, and there", key)
	case want == nil && len(onSale) > 0:
		s.breaks("promise 3: %s is deleted, and on sale", key)
	case want == nil:
	case len(onSale) != 1:
		s.breaks("promise 3: %s is there %d times, and %d times on sale", key, len(there), len(onSale))
	default:
		for field, value := range want {
			if s.cleans && field == "description" {
				value = strings.ToUpper(value)
			}
			if got := valueOf(&onSale[0].product, field); got != value {
				s.breaks("promise 3: %s has the %s %q, want %q", key, field, got, value)
			}
		}
	}
}

// process is the connector's, in one run.
type process struct {
	host *host
	dead chan struct{}
}

// dies ends the process, if there is one. s is locked.
func (h *host) dies() {
	p := h.process
	if p == nil {
		return
	}
	h.process = nil
	close(p.dead)
	s := h.sim
	s.platform.starts++
	h.restartAt = time.Now().Add(s.dice("start", s.platform.starts).Between(time.Millisecond, 3*time.Second))
}

// Ready waits for a process, and starts one.
func (h *host) Ready(ctx context.Context) (deliver.Port, error) {
	s := h.sim
	s.alive()
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait := time.Until(h.restartAt); wait > 0 && h.process == nil {
		s.mu.Unlock()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		s.mu.Lock()
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case s.inTrouble(noProcess):
		return nil, errors.New("it ends as soon as it starts")
	case h.process == nil:
		h.process = &process{host: h, dead: make(chan struct{})}
	}
	return h.process, nil
}

func (p *process) Opened() sdk.Opened {
	s := p.host.sim
	return sdk.Opened{Capabilities: s.can, Fields: s.fields, Limits: s.limits}
}

func (p *process) Can(c sdk.Capability) bool { return slices.Contains(p.host.sim.can, c) }

// way is the way of a request, or of an answer.
func (p *process) way(ctx context.Context, d simtest.Dice) error {
	s := p.host.sim
	s.mu.Lock()
	most := max(s.slow, s.faults.slow)
	s.mu.Unlock()
	return p.travels(ctx, s.latency(d, most))
}

func (p *process) travels(ctx context.Context, takes time.Duration) error {
	select {
	case <-time.After(takes):
		return nil
	case <-p.dead:
		return errGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *process) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	s := p.host.sim
	d := s.again("call", changes[0].Key)
	time.Sleep(time.Nanosecond) // so that what is delivered is written down as accepted
	end, err := p.begins(changes)
	if err != nil {
		return nil, err
	}
	results, err := p.apply(ctx, d, changes)
	time.Sleep(d.Between(1, time.Microsecond)) // what ends at the same time has no order
	end(results, err)
	return results, err
}

// begins checks what every call must keep to.
func (p *process) begins(changes []sdk.Change) (end func([]sdk.Result, error), err error) {
	s := p.host.sim
	s.alive()
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.host.process != p {
		return nil, errNotSent
	}
	s.platform.calls++
	if s.platform.applying++; s.platform.applying > s.limits.InFlight {
		s.breaks("limits: %d calls at once", s.platform.applying)
	}
	if len(changes) > s.limits.Batch {
		s.breaks("limits: %d changes in a call", len(changes))
	}
	for i := range changes {
		c := &changes[i]
		if s.platform.inFlight[c.Key] {
			s.breaks("promise 2: two calls in flight for %s", c.Key)
		}
		s.platform.inFlight[c.Key] = true
		s.truth.called(c)
	}
	start := time.Since(s.began)
	return func(results []sdk.Result, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.platform.applying--
		for i := range changes {
			c := &changes[i]
			delete(s.platform.inFlight, c.Key)
			outcome := err
			if err == nil {
				outcome = errNoWord
			}
			if at := slices.IndexFunc(results, func(r sdk.Result) bool { return r.Key == c.Key }); at >= 0 {
				outcome = results[at].Err
			}
			s.truth.answered(c, outcome)
			s.logLocked("%s, called at %s: %v", s.truth.describe(c), start, outcome)
		}
	}, nil
}

// apply is what becomes of a call.
func (p *process) apply(ctx context.Context, d simtest.Dice, changes []sdk.Change) ([]sdk.Result, error) {
	s := p.host.sim
	way := p.way(ctx, d)
	s.mu.Lock()
	f := s.faults
	if way != nil { // it may have arrived, all the same
		p.arrive(changes[:d.IntN(len(changes)+1)])
		s.mu.Unlock()
		return nil, way
	}
	isPoison := func(c sdk.Change) bool { return slices.Contains(s.poison, c.Key) }
	var results []sdk.Result
	var err error
	silent, gone := false, p.host.process != p
	switch some := changes[:d.IntN(len(changes)+1)]; {
	case gone:
		err = errGone
	case slices.ContainsFunc(changes, isPoison), d.Chance(f.dies):
		p.arrive(some)
		p.host.dies()
		err = errGone
	case d.Chance(f.notSent):
		p.host.dies()
		err = errNotSent
	case s.inTrouble(down), d.Chance(f.failed):
		if d.Chance(0.3) {
			p.arrive(some)
		}
		err = simtest.Pick(d, []error{errReset, sdk.Retry(0, errReset)})
	case s.inTrouble("silent"), d.Chance(f.lost):
		p.arrive(some)
		silent = true
	case d.Chance(f.partial):
		results = p.arrive(some)
		err = simtest.Pick(d, []error{nil, errReset, sdk.Throttle(0, errors.New("429")), sdk.Throttle(time.Minute, errors.New("429"))})
	case d.Chance(f.faulty):
		results = p.arrive(changes)
		switch d.IntN(3) {
		case 0:
			results = append(results[1:], sdk.Result{Key: "ghost"})
		case 1:
			results = append(results, results[0])
		default:
			results = results[1:] // as the client leaves out what is answered twice
		}
		err = simtest.Pick(d, []error{nil, sdk.ErrFaulty})
	default:
		results = p.arrive(changes)
	}
	d.Shuffle(len(results), func(i, j int) { results[i], results[j] = results[j], results[i] })
	s.mu.Unlock()
	if silent {
		return nil, p.travels(ctx, 1000*time.Hour)
	}
	if way := p.way(ctx, d); way != nil && err == nil {
		return nil, way
	}
	return results, err
}

// arrive has changes arrive at the platform. s is locked.
func (p *process) arrive(changes []sdk.Change) []sdk.Result {
	results := make([]sdk.Result, len(changes))
	for i := range changes {
		results[i] = p.host.sim.platform.take(&changes[i])
		p.host.sim.passes()
	}
	return results
}

// looks is what Find and List have in common. look is called with s locked.
func (p *process) looks(ctx context.Context, what, about string, look func()) error {
	s := p.host.sim
	s.alive()
	d := s.again(what, about)
	if err := p.way(ctx, d); err != nil {
		return err
	}
	s.mu.Lock()
	s.platform.calls++
	f := s.faults
	var err error
	silent := false
	switch {
	case p.host.process != p:
		err = errNotSent
	case d.Chance(f.dies):
		p.host.dies()
		err = errGone
	case s.inTrouble(down), d.Chance(f.failed), d.Chance(f.temporary):
		err = simtest.Pick(d, []error{errReset, sdk.Retry(time.Second, errReset)})
	case s.inTrouble("silent"), d.Chance(f.lost):
		silent = true
	case s.inTrouble(throttles), d.Chance(f.throttled):
		err = sdk.Throttle(simtest.Pick(d, []time.Duration{0, time.Minute}), errors.New("429"))
	case s.inTrouble(denies), d.Chance(f.denied):
		err = sdk.Deny(errors.New("401"))
	default:
		look()
	}
	s.logLocked("%s %s: silent %t, %v", what, about, silent, err)
	s.mu.Unlock()
	if silent {
		err = p.travels(ctx, 1000*time.Hour)
	} else if way := p.way(ctx, d); err == nil {
		err = way
	}
	time.Sleep(d.Between(1, time.Microsecond))
	return err
}

func (p *process) Find(ctx context.Context, refs []sdk.Ref) (items []sdk.Item, err error) {
	s := p.host.sim
	err = p.looks(ctx, "find", refs[0].Key, func() {
		for _, ref := range refs {
			for _, r := range s.platform.remotes {
				if ref.Remote != "" && r.id == ref.Remote || ref.Remote == "" && r.key == ref.Key {
					items = append(items, r.item(s))
				}
			}
		}
	})
	return items, err
}

func (p *process) List(ctx context.Context, q sdk.Query) (page sdk.Page, err error) {
	const size = 3
	s := p.host.sim
	err = p.looks(ctx, "list", q.Cursor, func() {
		from, found := slices.BinarySearchFunc(s.platform.remotes, q.Cursor, func(r *remote, id string) int { return cmp.Compare(r.id, id) })
		if found {
			from++
		}
		for _, r := range s.platform.remotes[from:] {
			if len(page.Items) == size {
				page.Next = page.Items[size-1].Remote.ID
				return
			}
			page.Items = append(page.Items, r.item(s))
		}
	})
	return page, err
}
