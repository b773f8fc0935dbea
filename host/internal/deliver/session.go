package deliver

import (
	"context"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
)

const (
	maxWindow = 4096     // products and positions that a session works on at once
	readStep  = 512      // entries read at once
	maxLoad   = 32 << 20 // bytes of entries that a session holds; one read more at most
)

// session is a lane at work with one connector process and one policy. It ends
// when the process dies, when an operator's command has to run, or when the lane
// is to stop; whatever it had not recorded by then is read again by the next.
type session struct {
	lane   *Lane
	port   Port
	policy *plan.Policy

	batch, inFlight, window int
	timeout                 time.Duration

	cursor      int64                 // read up to here
	open        []int64               // positions up to cursor that are not done, ascending
	closed      map[int64]bool        // those of open that are done, until open is next gone through
	products    map[string]*product   // those being worked on
	recentLinks map[string]store.Link // of some products that were worked on, so that they need not be read again
	load        int                   // bytes of the entries in their queues
	ready       []*product            // those with a decision to carry out, in order
	looking     []*product            // those to be found before anything is written
	retried     int                   // of products, those taken up because they were due
	wake        []string              // keys of products that are due now, whatever their time
	nextDue     time.Time             // when the next product that is behind is to be tried; zero: none

	calls   int         // calls in flight
	sent    int         // changes in them
	alone   bool        // the one in flight is of a suspect, and nothing goes beside it
	listing bool        // one of them goes through a listing
	answers chan func() // each takes in what a call answered

	pending    step // to be written with the next Record
	writing    step // being written
	writingRow store.Lane
	saving     bool
	saved      chan error
	saveAt     time.Time // not before; after a Record failed
	trouble    error     // of the store: nothing is sent while it lasts

	changed  <-chan struct{} // closed when there is more to read
	caughtUp bool
	tokensAt time.Time // when the rate allows another change; zero: now
	ending   bool
	lastTry  bool   // to write what is known, before the lane ends
	denied   string // why the platform refuses us
	commands []command
}

// step is what the next Record writes.
type step struct {
	links      map[string]*product
	deliveries []store.Delivery
	freed      []*product // no longer busy once it is on disk
	positions  bool       // cursor or open changed
}

func newSession(l *Lane, port Port, policy *plan.Policy) *session {
	limits := port.Opened().Limits
	lower := func(limit, operator int) int {
		if operator > 0 {
			return min(limit, operator)
		}
		return limit
	}
	s := &session{
		lane: l, port: port, policy: policy,
		batch:       lower(limits.Batch, l.options.Batch),
		inFlight:    lower(limits.InFlight, l.options.InFlight),
		timeout:     l.options.Timeout,
		cursor:      l.row.Cursor,
		closed:      map[int64]bool{},
		products:    map[string]*product{},
		recentLinks: map[string]store.Link{},
		nextDue:     time.Now(),
		saved:       make(chan error, 1),
	}
	if s.timeout == 0 {
		s.timeout = limits.Timeout
	}
	s.window = min(maxWindow, max(readStep, 2*s.batch*s.inFlight))
	s.answers = make(chan func(), s.inFlight)
	l.circuit.probing = false // its answer went with the session before
	return s
}

// run works until the session ends. Its error is the store's.
func (s *session) run(ctx context.Context) error {
	keep := context.WithoutCancel(ctx) // what is known is written, even when all is to stop
	calls, cancel := context.WithCancel(keep)
	defer cancel()
	if err := s.reopen(ctx); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var drained <-chan time.Time
	stop := ctx.Done()
	for {
		now := time.Now()
		s.work(ctx, calls, now)
		if s.ending && s.calls == 0 {
			s.unmark()
			if stop == nil && !s.lastTry {
				s.lastTry, s.saveAt = true, time.Time{}
			}
		}
		s.save(keep, now)
		s.report(now)
		if s.ending && s.calls == 0 && !s.saving && (s.pending.empty() || s.lastTry) {
			return s.finish(keep)
		}
		timer.Reset(s.sleep(now))
		select {
		case settle := <-s.answers:
			settle()
			s.settleMore()
		case err := <-s.saved:
			s.afterSave(err)
		case <-s.changed:
			s.caughtUp = false
			s.changed = nil
		case <-timer.C:
		case c := <-s.lane.commands:
			s.commands = append(s.commands, c)
			s.ending = true
		case <-stop:
			s.ending, stop = true, nil
			if drain := s.lane.options.Drain; drain > 0 {
				drained = time.After(drain)
			}
		case <-drained:
			cancel()
		}
	}
}

// work reads on and sends what is ready, unless the session is to end.
func (s *session) work(ctx, calls context.Context, now time.Time) {
	if s.lane.setBack(now) {
		s.ending = true
	} else {
		s.lane.seen = now.Round(0)
	}
	if s.ending || s.trouble != nil {
		return
	}
	if err := s.fill(ctx, now); err != nil && ctx.Err() == nil {
		s.ending, s.trouble = true, err
	}
	s.dispatch(calls, now)
}

// unmark takes back the marks of what was not sent.
func (s *session) unmark() {
	for _, p := range s.products {
		if p.marked && p.link.Unknown {
			p.link.Unknown = false
			s.put(p)
		}
	}
}

// settleMore takes the other answers that are already there, so that they share a Record.
func (s *session) settleMore() {
	for {
		select {
		case settle := <-s.answers:
			settle()
		default:
			return
		}
	}
}

// sleep is how long there is nothing to do unless something happens.
func (s *session) sleep(now time.Time) time.Duration {
	until := now.Add(time.Minute)
	sooner := func(t time.Time) {
		if t.After(now) && t.Before(until) {
			until = t
		}
	}
	sooner(s.lane.throttle.until)
	sooner(s.saveAt)
	sooner(s.tokensAt)
	if !s.nextDue.IsZero() {
		sooner(s.nextDue)
	}
	if s.lane.circuit.open && !s.lane.circuit.probing {
		sooner(s.lane.circuit.probeAt)
	}
	return until.Sub(now)
}

// save starts a Record of what there is to write. There is one at a time: what
// comes in the meantime is written together, next.
func (s *session) save(ctx context.Context, now time.Time) {
	if s.saving || s.pending.empty() || now.Before(s.saveAt) {
		return
	}
	s.writing, s.pending = s.pending, step{}
	s.writingRow = s.row()
	r := store.Record{Connector: s.writingRow.Connector, Lane: &s.writingRow, Deliveries: s.writing.deliveries}
	for key, p := range s.writing.links {
		if blank(&p.link) {
			r.Forget = append(r.Forget, key)
		} else {
			r.Links = append(r.Links, p.link)
		}
	}
	s.saving = true
	go func() { s.saved <- s.lane.store.Record(ctx, r) }()
}

// afterSave frees the products whose outcomes are on disk now. If they are not,
// nothing more is sent until they are.
func (s *session) afterSave(err error) {
	s.saving = false
	if err != nil {
		s.trouble, s.saveAt = err, time.Now().Add(time.Second)
		s.writing.add(s.pending)
		s.pending = s.writing
		return
	}
	s.trouble, s.lane.row = nil, s.writingRow
	for _, p := range s.writing.freed {
		if p.busy = false; !s.ending {
			s.advance(p)
		}
	}
	for _, p := range s.writing.links {
		if p.link.State == store.Due {
			s.dueAt(p.link.Next)
		}
	}
	s.writing = step{}
}

// finish leaves the lane's row as the next session shall find it: what is open
// was not sent, or may have been, and is gone through again.
func (s *session) finish(ctx context.Context) error {
	if s.trouble != nil {
		return s.trouble
	}
	row := s.row()
	if row.Cursor == s.lane.row.Cursor && slices.Equal(row.Open, s.lane.row.Open) &&
		row.State == s.lane.row.State && row.Reason == s.lane.row.Reason {
		return nil
	}
	return s.lane.save(ctx, row)
}

// row is the lane's row as it is to be on disk.
func (s *session) row() store.Lane {
	s.open = slices.DeleteFunc(s.open, func(seq int64) bool { return s.closed[seq] })
	clear(s.closed)
	row := s.lane.row
	row.Cursor, row.Open, row.Reason = s.cursor, slices.Clone(s.open), ""
	if s.lane.circuit.open {
		row.Reason = s.lane.lastFailure
	}
	if s.denied != "" {
		row.State, row.Reason = store.Stopped, s.denied
	}
	return row
}

// close marks a position as done. Positions that were not read from the lane's
// own place, but because a product was behind, are none of its.
func (s *session) close(seq int64) {
	if _, found := slices.BinarySearch(s.open, seq); found {
		s.closed[seq] = true
		s.pending.positions = true
	}
}

// outstanding is how many positions are read and not done.
func (s *session) outstanding() int { return len(s.open) - len(s.closed) }

func (s *session) report(now time.Time) {
	s.lane.update(func(st *Status) {
		st.State, st.Reason, st.Until = Delivering, "", time.Time{}
		switch c, t := &s.lane.circuit, s.lane.throttle.until; {
		case s.trouble != nil:
			st.State, st.Reason = Troubled, s.trouble.Error()
		case c.open:
			st.State, st.Reason, st.Until = CircuitOpen, "nothing gets through: "+s.lane.lastFailure, c.probeAt
		case now.Before(t):
			st.State, st.Reason, st.Until = Throttled, "the platform asked for a pause", t
		}
		st.Cursor, st.Passed, st.InFlight, st.NextRetry = s.cursor, s.lane.row.Passed(), s.sent, s.nextDue
	})
}

func (st *step) empty() bool {
	return len(st.links) == 0 && len(st.deliveries) == 0 && len(st.freed) == 0 && !st.positions
}

// add joins a later step to st.
func (st *step) add(later step) {
	if st.links == nil {
		st.links = later.links
	}
	for key, p := range later.links {
		st.links[key] = p
	}
	st.deliveries = append(st.deliveries, later.deliveries...)
	st.freed = append(st.freed, later.freed...)
	st.positions = st.positions || later.positions
}
