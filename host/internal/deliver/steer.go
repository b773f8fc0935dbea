package deliver

import (
	"context"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/store"
)

// command is something an operator asks of a lane. It runs between two sessions,
// when nothing is in flight.
type command struct {
	do   func(context.Context) error
	done chan error
}

// ask has the lane run do between two sessions.
func (l *Lane) ask(ctx context.Context, do func(context.Context) error) error {
	asked := ctx
	c := command{done: make(chan error, 1), do: func(ctx context.Context) error {
		if asked.Err() != nil {
			return context.Cause(asked) // nobody waits for it any more
		}
		return do(ctx)
	}}
	select {
	case l.commands <- c:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Pause stops the lane until Resume; the backlog is kept.
func (l *Lane) Pause(ctx context.Context, reason string) error {
	return l.ask(ctx, func(ctx context.Context) error {
		row := l.row
		row.State, row.Reason = store.Paused, reason
		return l.save(ctx, row)
	})
}

// Resume lets a paused or stopped lane go on.
func (l *Lane) Resume(ctx context.Context) error {
	return l.ask(ctx, func(ctx context.Context) error {
		row := l.row
		row.State, row.Reason = store.Running, ""
		l.circuit, l.throttle = circuit{}, throttle{}
		return l.save(ctx, row)
	})
}

// Replay delivers again from position since on: all products changed since then,
// or all events, as the lane's mode is. In a lane that follows the catalog, what
// is unchanged still costs no call, and what is behind keeps its time.
func (l *Lane) Replay(ctx context.Context, since int64) error {
	return l.ask(ctx, func(ctx context.Context) error {
		row := l.row
		if l.Status().Deliver != Latest {
			if err := l.store.Rewind(ctx, row.Connector, since); err != nil {
				return err
			}
		}
		if since <= row.Cursor {
			row.Cursor = max(0, since-1)
			row.Open = slices.DeleteFunc(slices.Clone(row.Open), func(seq int64) bool { return seq > row.Cursor })
		}
		return l.save(ctx, row)
	})
}

// Retry tries products that are behind, dead or held at once; no keys: all of
// them. It returns how many there are.
func (l *Lane) Retry(ctx context.Context, keys []string) (int, error) {
	var count int64
	err := l.ask(ctx, func(ctx context.Context) (err error) {
		states := []store.State{store.Due, store.Dead, store.Held}
		count, err = l.store.Retry(ctx, l.options.Name, keys, states, time.Now())
		return err
	})
	return int(count), err
}

// Correct has change bring what the lane knows of products up to date, and takes
// those up at once that are Due then. Of a product that nothing is known of, change
// gets a link that says nothing. It returns the keys for which change says no, and
// which stay as they are.
func (l *Lane) Correct(ctx context.Context, keys []string, change func(*store.Link) bool) (refused []string, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var others []string // read only when it is done: who gives up waiting leaves it to the lane
	err = l.ask(ctx, func(ctx context.Context) (err error) {
		others, err = l.correct(ctx, keys, change)
		return err
	})
	if err != nil {
		return nil, err
	}
	return others, nil
}

// correct is Correct between two sessions.
func (l *Lane) correct(ctx context.Context, keys []string, change func(*store.Link) bool) (refused []string, err error) {
	links, err := l.store.Links(ctx, l.options.Name, keys)
	if err != nil {
		return nil, err
	}
	known := make(map[string]store.Link, len(links))
	for _, link := range links {
		known[link.Key] = link
	}
	now := time.Now()
	r := store.Record{Connector: l.options.Name}
	for _, key := range keys {
		link, ok := known[key]
		if !ok {
			link = store.Link{Connector: l.options.Name, Key: key}
		}
		switch {
		case !change(&link):
			refused = append(refused, key)
		case !blank(&link):
			link.Changed = now
			if link.State == store.Due {
				link.Next = now
			}
			r.Links = append(r.Links, link)
		case ok:
			r.Forget = append(r.Forget, key)
		}
	}
	return refused, l.store.Record(ctx, r)
}

// Hold has products left as they are at the platform until Release, whatever
// happens at their source.
func (l *Lane) Hold(ctx context.Context, keys []string, reason string) error {
	every := l.Status().Deliver != Latest
	_, err := l.Correct(ctx, keys, func(link *store.Link) bool {
		if every && link.State == store.InStep {
			link.Seq = l.row.Passed() + 1 // where it goes on then
		}
		if link.State == store.Held {
			link.Unknown = true // release is no retry: whoever retries it has looked
		}
		link.State, link.Reason = store.OnHold, reason
		return true
	})
	return err
}

// Release has products follow their source again that were on hold. It returns
// those that were not.
func (l *Lane) Release(ctx context.Context, keys []string) (others []string, err error) {
	return l.Correct(ctx, keys, l.release)
}

// ReleaseAll is Release of all that are on hold. It returns how many those are.
func (l *Lane) ReleaseAll(ctx context.Context) (int64, error) {
	var count int64
	err := l.ask(ctx, func(ctx context.Context) error {
		for {
			links, err := l.store.Behind(ctx, l.options.Name, store.OnHold, forever, releaseStep)
			if err != nil || len(links) == 0 {
				return err
			}
			keys := make([]string, len(links))
			for i := range links {
				keys[i] = links[i].Key
			}
			if _, err := l.correct(ctx, keys, l.release); err != nil {
				return err
			}
			count += int64(len(keys))
		}
	})
	return count, err
}

// releaseStep is how many products are released with one commit.
const releaseStep = 500

// forever is later than anything is put off to.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// release has a link follow its source again. What was unlinked, or never linked, may
// be there all the same: where the connector can look, it is looked for before it is
// made.
func (l *Lane) release(link *store.Link) bool {
	if link.State != store.OnHold {
		return false
	}
	if link.Remote.ID == "" && link.Base == nil && !l.blind && l.Status().Deliver != Every {
		link.Unknown = true
	}
	link.State, link.Restore, link.Contended, link.Reason, link.Attempts = store.Due, nil, nil, "", 0
	return true
}
