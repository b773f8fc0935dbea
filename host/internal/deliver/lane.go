// Package deliver brings one destination in step: a lane reads on in the
// journal or the catalog, asks plan what to do, calls the connector, and records
// what became of it.
//
// Its invariants: at most one call per product is in flight; a product's events
// are delivered in their order; a position is passed only when its outcome is on
// disk, or its product is behind with a time to try again. One goroutine owns all
// of a lane's state; calls and commits run beside it and report back to it.
package deliver

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// Store is what a lane needs of the store.
type Store interface {
	Journal(ctx context.Context, after int64, limit int) ([]event.Entry, error)
	Catalog(ctx context.Context, after int64, limit int) ([]event.Entry, error)
	JournalAt(ctx context.Context, positions []int64) ([]event.Entry, error)
	CatalogAt(ctx context.Context, positions []int64) ([]event.Entry, error)
	History(ctx context.Context, key string, after int64, limit int) ([]event.Entry, error)
	Products(ctx context.Context, keys []string) ([]event.Entry, error)
	Head(ctx context.Context) (int64, error)
	Changed() <-chan struct{}

	Lane(ctx context.Context, connector string) (store.Lane, error)
	Links(ctx context.Context, connector string, keys []string) ([]store.Link, error)
	LinksTo(ctx context.Context, connector string, ids []string) ([]store.Link, error)
	Behind(ctx context.Context, connector string, state store.State, until time.Time, limit int) ([]store.Link, error)
	NextDue(ctx context.Context, connector string, after time.Time) (time.Time, error)
	Counts(ctx context.Context, connector string) (map[store.State]int64, error)
	Record(ctx context.Context, r store.Record) error
	Retry(ctx context.Context, connector string, keys []string, states []store.State, at time.Time) (int64, error)
	Rewind(ctx context.Context, connector string, seq int64) error
	Hasten(ctx context.Context, connector string, now time.Time) error
}

// Connector is a connector process that comes and goes.
type Connector interface {
	// Ready waits until the connector can be called. It fails when that will not
	// happen without somebody's help.
	Ready(ctx context.Context) (Port, error)
}

// Port is a connector that can be called; *sdk.Client is one. All of its limits
// are set.
type Port interface {
	Opened() sdk.Opened
	Can(sdk.Capability) bool
	Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error)
	Find(ctx context.Context, refs []sdk.Ref) ([]sdk.Item, error)
	List(ctx context.Context, q sdk.Query) (sdk.Page, error)
}

// Mode is what a lane follows.
type Mode string

// The ways of delivering.
const (
	Latest Mode = "latest" // the catalog: changes that pile up become one
	Every  Mode = "every"  // the journal: each event, in order per product
)

// OnUnknown says what to do about a create whose outcome is unknown, at a
// connector that can neither find nor list.
type OnUnknown string

// The ways of dealing with an unknown outcome.
const (
	Hold  OnUnknown = "hold"  // wait for the operator
	Retry OnUnknown = "retry" // take the risk of a twin
)

// Options are a lane's settings.
type Options struct {
	Name      string        // of the connector
	Deliver   Mode          // empty: Every for a connector that carries raw events, else Latest
	Policy    plan.Policy   // Every and Carried are filled in when the connector is ready
	Matching  plan.Matching // of codes, of what may be there already
	OnUnknown OnUnknown     // empty: Retry for a connector that carries raw events, whose receivers take a repeat for one; else Hold
	Rate      rate.Limit    // changes a second; 0: unlimited
	Burst     int
	Batch     int             // lowers the connector's limit; 0: keeps it
	InFlight  int             // likewise
	Timeout   time.Duration   // of one call; 0: the connector's
	Schedule  []time.Duration // waits before the second, third … attempt; none: there is one attempt
	Drain     time.Duration   // how long calls in flight may take when the lane ends; 0: until each times out
	Log       hclog.Logger
	Metrics   *Metrics
}

// Lane is one connector's way through the journal.
type Lane struct {
	options   Options
	store     Store
	connector Connector
	commands  chan command

	// Run's own:
	row         store.Lane // as it is on disk
	limiter     *rate.Limiter
	circuit     circuit
	throttle    throttle
	fuse        fuse
	lastFailure string         // of a platform in trouble, for people
	crashes     map[string]int // how often the process died with this product in flight
	blind       bool           // the connector can neither find nor list, as far as is known
	seen        time.Time      // the clock as it was last looked at; zero: not yet

	mu     sync.Mutex
	status Status
}

// New makes a lane; Run runs it.
func New(s Store, c Connector, options Options) *Lane {
	if options.Metrics == nil {
		options.Metrics = NewMetrics(nil)
	}
	if options.Log == nil {
		options.Log = hclog.NewNullLogger()
	}
	l := &Lane{
		options: options, store: s, connector: c,
		crashes:  map[string]int{},
		commands: make(chan command),
		status:   Status{Connector: options.Name, Deliver: options.Deliver, State: Waiting},
	}
	if options.Rate > 0 {
		l.limiter = rate.NewLimiter(options.Rate, max(1, options.Burst))
	}
	return l
}

// Name is the connector's.
func (l *Lane) Name() string { return l.options.Name }

// Run delivers until ctx ends, and then waits for what is in flight. Its error
// is the store's: a connector's trouble never ends a lane.
func (l *Lane) Run(ctx context.Context) error {
	row, err := l.store.Lane(ctx, l.options.Name)
	if err != nil && ctx.Err() == nil {
		return err
	}
	l.row = row
	if row.State == store.Running && row.Reason != "" {
		// Nothing got through when the host ended: one change finds out whether it does now.
		l.circuit, l.lastFailure = circuit{open: true}, row.Reason
	}
	for ctx.Err() == nil {
		if err := l.once(ctx); err != nil && ctx.Err() == nil {
			l.options.Log.Error("the lane cannot use the store and tries again", "error", err)
			l.setState(Troubled, err.Error())
			l.wait(ctx, time.After(time.Second))
		}
	}
	return nil
}

// once runs one session, or what has to be waited for before one.
func (l *Lane) once(ctx context.Context) error {
	if l.row.State != store.Running {
		l.setState(State(l.row.State), l.row.Reason)
		l.wait(ctx, nil)
		return nil
	}
	l.setState(Waiting, "waits for the connector")
	port := l.ready(ctx)
	if port == nil {
		return nil
	}
	if port.Can(sdk.OnlyReads) {
		return l.standBy(ctx)
	}
	l.blind = !port.Can(sdk.CanFind) && !port.Can(sdk.CanList)
	policy := l.policy(port.Opened().Fields)
	if err := l.decideAgain(ctx, policy); err != nil {
		return err
	}
	if err := l.lookAtClock(ctx); err != nil {
		return err
	}
	l.setState(Delivering, "")
	s := newSession(l, port, policy)
	err := s.run(ctx)
	for _, c := range s.commands {
		c.done <- c.do(ctx)
	}
	return err
}

// lookAgain is how long a lane with nothing to deliver to rests.
const lookAgain = 10 * time.Minute

// standBy passes everything: there is nowhere to deliver it to, and nothing is to
// be kept for it.
func (l *Lane) standBy(ctx context.Context) error {
	head, err := l.store.Head(ctx)
	if err != nil {
		return err
	}
	row := l.row
	if row.Cursor, row.Open = head, nil; row.Cursor != l.row.Cursor {
		if err := l.save(ctx, row); err != nil {
			return err
		}
	}
	l.update(func(st *Status) {
		st.Deliver, st.State, st.Reason, st.Cursor, st.Passed = Latest, ReadsOnly, "", head, head
	})
	l.wait(ctx, time.After(lookAgain))
	return nil
}

// policy is the operator's, completed by what the connector carries.
func (l *Lane) policy(carried []string) *plan.Policy {
	policy := l.options.Policy
	policy.Carried = carried
	policy.Every = l.options.Deliver == Every || l.options.Deliver == "" && policy.CarriesRaw()
	l.update(func(st *Status) {
		if st.Deliver = Latest; policy.Every {
			st.Deliver = Every
		}
	})
	return &policy
}

// decideAgain has a changed policy decide about what another decided before:
// about all products where the lane follows the catalog, and about dead letters
// everywhere, which the change may have cured. What an every lane has delivered
// stays delivered.
func (l *Lane) decideAgain(ctx context.Context, policy *plan.Policy) error {
	row := l.row
	fingerprint := policy.Fingerprint()
	if fingerprint == row.Policy {
		return nil
	}
	if row.Policy != "" {
		l.options.Log.Info("filter, mapping or fields changed: products are decided again")
		if _, err := l.store.Retry(ctx, row.Connector, nil, []store.State{store.Dead}, time.Now()); err != nil {
			return err
		}
		if !policy.Every {
			row.Cursor, row.Open = 0, nil
		}
	}
	row.Policy = fingerprint
	return l.save(ctx, row)
}

// lookAtClock has nothing wait for a time that a clock which was set back, now or
// while the host was down, would reach far too late.
func (l *Lane) lookAtClock(ctx context.Context) error {
	now := time.Now()
	if l.seen.IsZero() || l.setBack(now) {
		if err := l.store.Hasten(ctx, l.options.Name, now); err != nil {
			return err
		}
	}
	l.seen = now.Round(0)
	return nil
}

// setBack says whether the clock was set back since it was last looked at. A
// second makes no difference.
func (l *Lane) setBack(now time.Time) bool { return now.Round(0).Add(time.Second).Before(l.seen) }

// ready waits for the connector; nil means that something else came first.
func (l *Lane) ready(ctx context.Context) Port {
	type answer struct {
		port Port
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		port, err := l.connector.Ready(ctx)
		answers <- answer{port, err}
	}()
	select {
	case a := <-answers:
		if a.err == nil {
			return a.port
		}
		l.setState(Waiting, a.err.Error())
		l.wait(ctx, time.After(time.Second))
	case c := <-l.commands:
		c.done <- c.do(ctx)
	case <-ctx.Done():
	}
	return nil
}

// wait waits for a command, which it runs, or until the other channels say so.
func (l *Lane) wait(ctx context.Context, until <-chan time.Time) {
	select {
	case c := <-l.commands:
		c.done <- c.do(ctx)
	case <-until:
	case <-ctx.Done():
	}
}

// save makes row the lane's, on disk first.
func (l *Lane) save(ctx context.Context, row store.Lane) error {
	if err := l.store.Record(ctx, store.Record{Connector: row.Connector, Lane: &row}); err != nil {
		return err
	}
	l.row = row
	return nil
}
