package echo

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/follow"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/sdk"
)

// Follower has products looked at that somebody changed at a destination.
type Follower struct {
	destination Destination
	store       Store
	look        func(ctx context.Context, keys []string) error
	metrics     *Metrics
	log         hclog.Logger
}

// NewFollower makes a Follower; look has products looked at at the destination, and
// does with them what its settings say.
func NewFollower(d Destination, s Store, look func(context.Context, []string) error, m *Metrics, log hclog.Logger) *Follower {
	return &Follower{destination: d, store: s, look: look, metrics: m, log: log}
}

// Name is the connector's.
func (f *Follower) Name() string { return f.destination.Name }

// Position is the name under which the store keeps how far the events of a
// destination are followed: no connector has it.
func Position(connector string) string { return "echoes:" + connector }

const (
	step       = 512
	settle     = 5 * time.Second // in which what is told of one product becomes one look
	lookAtOnce = 100
)

// Run follows until ctx ends. A destination that cannot be asked keeps what is to
// be looked at waiting, in its order, however long.
func (f *Follower) Run(ctx context.Context) error {
	return follow.Follower{
		Store: f.store, Name: Position(f.destination.Name), Do: f.follow, Read: f.read,
		Failed: func(err error, wait time.Duration) {
			f.log.Warn("what was changed at the destination waits to be looked at", "error", err, "next try in", wait)
		},
	}.Run(ctx)
}

// read reads on, and where there is something to look at waits for what else is
// told of it.
func (f *Follower) read(ctx context.Context, after int64) ([]event.Entry, error) {
	entries, err := f.store.Journal(ctx, after, step)
	at := slices.IndexFunc(entries, func(e event.Entry) bool { return f.mine(&e) })
	if err != nil || at < 0 {
		return entries, err
	}
	if rest := time.Until(entries[at].Accepted.Add(settle)); rest > 0 {
		pause(ctx, min(rest, settle))
		return f.store.Journal(ctx, after, step)
	}
	return entries, nil
}

// mine says whether an entry may be of something that somebody changed.
func (f *Follower) mine(e *event.Entry) bool {
	return e.There && !e.Echo && slices.Contains(f.destination.Receivers, e.Source)
}

// follow has the products of entries looked at.
func (f *Follower) follow(ctx context.Context, entries []event.Entry) error {
	var names []string
	for i := range entries {
		if f.mine(&entries[i]) {
			names = append(names, entries[i].Key)
		}
	}
	if len(names) == 0 {
		return nil
	}
	ours, err := f.destination.find(ctx, f.store, names)
	if err != nil {
		return err
	}
	keys, echoes := f.choose(entries, ours)
	for part := range slices.Chunk(keys, lookAtOnce) {
		if err := f.look(ctx, part); err != nil {
			return err
		}
	}
	f.metrics.count(f.destination.Name, echoes)
	return nil
}

// choose are the products that are to be looked at, each once. An echo that came
// before the answer to its write shows as one now.
func (f *Follower) choose(entries []event.Entry, ours map[string]product) (keys []string, echoes int) {
	policy := f.destination.Policy
	fields, ready := f.destination.Fields()
	policy.Carried = fields
	for i := range entries {
		e := &entries[i]
		if !f.mine(e) {
			continue
		}
		p, ok := ours[e.Key]
		if !ok {
			continue // it is none of ours
		}
		meaning := plan.TheirChange
		if ready {
			meaning = p.hear(plan.Told{Product: e.Product, Fields: e.Fields, Gone: e.Op == sdk.Deleted}, &policy)
		}
		switch {
		case meaning == plan.OwnWrite:
			echoes++
		case meaning == plan.TheirChange && !slices.Contains(keys, p.link.Key):
			keys = append(keys, p.link.Key)
		}
	}
	return keys, echoes
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
