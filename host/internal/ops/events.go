package ops

import (
	"context"
	"net/http"

	"github.com/synchost/synchost/host/internal/event"
)

const (
	// MaxLimit bounds how many of anything are in one answer.
	MaxLimit = 10_000
	readStep = 500     // entries read at once
	scanMost = 100_000 // entries gone through for one answer
)

// eventQuery selects events.
type eventQuery struct {
	after       int64
	oldest      bool // the oldest behind after, not the newest
	limit       int
	key, source string
}

func readEventQuery(r *http.Request) (q eventQuery, err error) {
	values := r.URL.Query()
	q = eventQuery{key: values.Get("key"), source: values.Get("source"), oldest: values.Has("after")}
	if q.after, err = number(r, "after", 0, 1<<62); err != nil {
		return q, err
	}
	limit, err := number(r, "limit", 20, MaxLimit)
	q.limit = int(limit)
	return q, err
}

// read reads on behind a position.
func (q *eventQuery) read(ctx context.Context, s Store, after int64) ([]event.Entry, error) {
	if q.key != "" {
		return s.History(ctx, q.key, after, readStep)
	}
	return s.Journal(ctx, after, readStep)
}

func (q *eventQuery) match(e *event.Entry) bool { return q.source == "" || e.Source == q.source }

func (a *api) events(r *http.Request) (any, error) {
	q, err := readEventQuery(r)
	if err != nil {
		return nil, err
	}
	return a.find(r.Context(), q)
}

func (a *api) find(ctx context.Context, q eventQuery) (Events, error) {
	found := Events{Events: []Event{}}
	var err error
	switch {
	case q.oldest:
		found.Next, err = a.forward(ctx, q, func(e *event.Entry) bool {
			found.Events = append(found.Events, newEvent(e))
			return len(found.Events) < q.limit
		})
	case q.key != "":
		found.Next, err = a.forward(ctx, q, func(e *event.Entry) bool {
			found.Events = newest(append(found.Events, newEvent(e)), q.limit, 2*q.limit+readStep)
			return true
		})
		found.Events = newest(found.Events, q.limit, q.limit)
	default:
		found, err = a.backward(ctx, q)
	}
	return found, err
}

// newest cuts list down to its last n once it has more than most.
func newest[T any](list []T, n, most int) []T {
	if len(list) > most {
		return list[:copy(list, list[len(list)-n:])]
	}
	return list
}

// forward goes through what is behind q.after until take has enough, and returns
// where it stopped.
func (a *api) forward(ctx context.Context, q eventQuery, take func(*event.Entry) bool) (next int64, err error) {
	next = q.after
	for seen := 0; seen < scanMost || q.key != ""; {
		entries, err := q.read(ctx, a.Store, next)
		if err != nil || len(entries) == 0 {
			return next, err
		}
		for i := range entries {
			next = entries[i].Seq
			if q.match(&entries[i]) && !take(&entries[i]) {
				return next, nil
			}
		}
		seen += len(entries)
	}
	return next, nil
}

// backward finds the newest events, whatever their product.
func (a *api) backward(ctx context.Context, q eventQuery) (Events, error) {
	found := Events{Events: []Event{}}
	head, err := a.Store.Head(ctx)
	if err != nil {
		return found, err
	}
	first, err := a.Store.Journal(ctx, 0, 1)
	if err != nil || len(first) == 0 {
		return found, err
	}
	found.Next = head
	var blocks [][]Event
	count := 0
	for high := head; count < q.limit && high >= first[0].Seq && head-high < scanMost; high -= readStep {
		entries, err := a.Store.Journal(ctx, max(0, high-readStep), readStep)
		if err != nil {
			return found, err
		}
		var block []Event
		for i := range entries {
			if entries[i].Seq <= high && q.match(&entries[i]) {
				block = append(block, newEvent(&entries[i]))
			}
		}
		blocks = append(blocks, block)
		count += len(block)
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		found.Events = append(found.Events, blocks[i]...)
	}
	found.Events = newest(found.Events, q.limit, q.limit)
	return found, nil
}

func (a *api) followEvents(r *http.Request, out *lines) error {
	q, err := readEventQuery(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	if !q.oldest {
		first, err := a.find(ctx, q)
		if err != nil {
			return err
		}
		for i := range first.Events {
			if err := out.put(first.Events[i]); err != nil {
				return err
			}
		}
		q.after = first.Next
	}
	for {
		changed := a.Store.Changed()
		for {
			start := q.after
			var broken error
			q.after, err = a.forward(ctx, q, func(e *event.Entry) bool {
				broken = out.put(newEvent(e))
				return broken == nil
			})
			if err != nil {
				return err
			}
			if broken != nil {
				return broken
			}
			if q.after == start {
				break
			}
		}
		if err := out.flush(); err != nil {
			return err
		}
		if err := wait(ctx, changed); err != nil {
			return err
		}
	}
}
