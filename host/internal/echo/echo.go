// Package echo listens to destinations. What a destination's receiver brings is
// our own write coming back, or a change that somebody made there. Neither is ever
// what another destination is to have: both are kept in the journal and change
// nothing. Of what somebody changed, the product is looked at there.
//
// A Filter stands between receivers and store, and marks what comes from a
// destination. A Follower goes through the journal, as a lane does, and has those
// products looked at that are not as they were left.
package echo

import (
	"context"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// Store is what this package needs of the store.
type Store interface {
	Journal(ctx context.Context, after int64, limit int) ([]event.Entry, error)
	Products(ctx context.Context, keys []string) ([]event.Entry, error)
	Changed() <-chan struct{}
	Lane(ctx context.Context, connector string) (store.Lane, error)
	Record(ctx context.Context, r store.Record) error
	Links(ctx context.Context, connector string, keys []string) ([]store.Link, error)
	LinksTo(ctx context.Context, connector string, ids []string) ([]store.Link, error)
}

// Accepter keeps events.
type Accepter interface {
	Accept(ctx context.Context, events []event.Event) ([]store.Receipt, error)
}

// Destination is a connector whose platform sends events, too.
type Destination struct {
	Name      string
	Receivers []string // that bring them
	Policy    plan.Policy
	// Fields are those that the connector carries, and whether that is known now.
	Fields func() ([]string, bool)
}

// Metrics count echoes.
type Metrics struct{ echoes *prometheus.CounterVec }

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "synchost_echoes_total", Help: "Events from a destination that told our own writes back.",
	}, []string{"connector"})}
	if r != nil {
		r.MustRegister(m.echoes)
	}
	return m
}

func (m *Metrics) count(connector string, n int) {
	m.echoes.WithLabelValues(connector).Add(float64(n))
}

// Filter is an Accepter that marks what comes from destinations.
type Filter struct {
	accepter     Accepter
	store        Store
	destinations []Destination
	metrics      *Metrics
}

// NewFilter makes a Filter before an Accepter.
func NewFilter(a Accepter, s Store, destinations []Destination, m *Metrics) *Filter {
	for _, d := range destinations {
		m.count(d.Name, 0)
	}
	return &Filter{accepter: a, store: s, destinations: destinations, metrics: m}
}

// Accept marks events and hands them on. What comes from a destination goes on
// under the key of our product, as far as there is one. A raw event is nobody's
// product and stays as it is.
func (f *Filter) Accept(ctx context.Context, events []event.Event) ([]store.Receipt, error) {
	marked := events
	for i := range f.destinations {
		d := &f.destinations[i]
		at := d.mine(events)
		if len(at) == 0 {
			continue
		}
		if &marked[0] == &events[0] {
			marked = slices.Clone(events)
		}
		if err := f.mark(ctx, d, marked, at); err != nil {
			return nil, err
		}
	}
	receipts, err := f.accepter.Accept(ctx, marked)
	for i := range receipts {
		if receipts[i].Echo = marked[i].Echo && !receipts[i].Duplicate; receipts[i].Echo {
			f.metrics.count(f.of(marked[i].Source), 1)
		}
	}
	return receipts, err
}

// mine are the places of a destination's events.
func (d *Destination) mine(events []event.Event) (at []int) {
	for i := range events {
		if e := &events[i]; e.Op != sdk.Received && slices.Contains(d.Receivers, e.Source) {
			at = append(at, i)
		}
	}
	return at
}

// of is the connector that a receiver belongs to.
func (f *Filter) of(receiver string) string {
	for i := range f.destinations {
		if slices.Contains(f.destinations[i].Receivers, receiver) {
			return f.destinations[i].Name
		}
	}
	return ""
}

// mark makes hints of events, and echoes of those that tell what is known.
func (f *Filter) mark(ctx context.Context, d *Destination, events []event.Event, at []int) error {
	keys := make([]string, len(at))
	for i, place := range at {
		keys[i] = events[place].Key
	}
	ours, err := d.find(ctx, f.store, keys)
	if err != nil {
		return err
	}
	fields, ready := d.Fields()
	policy := d.Policy
	policy.Carried = fields
	for _, place := range at {
		e := &events[place]
		e.Hint, e.There = true, true
		if e.Patch.Whole { // a hint speaks of the fields that it names
			e.Patch.Whole, e.Patch.Fields = false, append(sdk.FieldPaths(), "attributes.*")
		}
		p, ok := ours[e.Key]
		if !ok {
			continue // it may be ours once the answer to its create is there: the follower looks again
		}
		e.Key = p.link.Key
		told := plan.Told{Product: e.Patch.Product, Fields: e.Patch.Fields, Gone: e.Op == sdk.Deleted}
		if ready {
			e.Echo = p.hear(told, &policy) == plan.OwnWrite
		}
	}
	return nil
}

// product is one of ours at a destination.
type product struct {
	link  store.Link
	entry *event.Entry
}

// find reads what is known of products by what the platform calls them: its own
// ids, or else our keys.
func (d *Destination) find(ctx context.Context, s Store, names []string) (map[string]product, error) {
	byID, err := s.LinksTo(ctx, d.Name, names)
	if err != nil {
		return nil, err
	}
	found := make(map[string]product, len(names))
	for _, link := range byID {
		found[link.Remote.ID] = product{link: link}
	}
	var rest []string
	for _, name := range names {
		if _, ok := found[name]; !ok {
			rest = append(rest, name)
		}
	}
	byKey, err := s.Links(ctx, d.Name, rest)
	if err != nil {
		return nil, err
	}
	for _, link := range byKey {
		found[link.Key] = product{link: link}
	}
	keys := make([]string, 0, len(found))
	for _, p := range found {
		keys = append(keys, p.link.Key)
	}
	entries, err := s.Products(ctx, keys)
	entryOf := make(map[string]*event.Entry, len(entries))
	for i := range entries {
		entryOf[entries[i].Key] = &entries[i]
	}
	for name, p := range found {
		p.entry = entryOf[p.link.Key]
		found[name] = p
	}
	return found, err
}

// hear says what the platform means. Where the filter or the mapping fails, that
// is to be found by looking.
func (p *product) hear(told plan.Told, policy *plan.Policy) plan.Echo {
	meaning, err := plan.Hear(p.entry, deliver.Known(&p.link), told, policy)
	if err != nil {
		return plan.TheirChange
	}
	return meaning
}
