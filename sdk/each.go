package sdk

import (
	"context"
	"slices"
	"sync"
)

// Each is Apply for platforms that take one product a call. It runs one for
// every change, at most n at a time, and collects the results.
//
// What one returns becomes the Result of its change: the error as its Err, the
// key filled in. It returns a Result and not only a Remote, so that After and
// Exchange can travel too, also beside an error.
//
// After a Throttled or Denied error no further change is started, since the
// platform would refuse it as well; that error is then the outcome of the
// changes that were not tried. The same holds when ctx ends. Each waits for what
// it started. A panic in one is the outcome of that change.
func Each(ctx context.Context, n int, changes []Change, one func(context.Context, Change) (Result, error)) ([]Result, error) {
	w := workers{changes: changes, one: one, results: slices.Grow([]Result(nil), len(changes))}
	var others sync.WaitGroup
	for range min(n, len(changes)) - 1 {
		others.Go(func() { w.work(ctx) })
	}
	w.work(ctx)
	others.Wait()
	return w.results, w.rest
}

// workers are those of one Each, and what they share.
type workers struct {
	changes []Change
	one     func(context.Context, Change) (Result, error)

	mu      sync.Mutex // guards what follows
	next    int
	results []Result
	rest    error // why no further change is started
}

func (w *workers) work(ctx context.Context) {
	for {
		change := w.take(ctx)
		if change == nil {
			return
		}
		w.done(w.try(ctx, change))
	}
}

// take gives the next change; nil: no further one is started.
func (w *workers) take(ctx context.Context) *Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == len(w.changes) || w.rest != nil {
		return nil
	}
	if ctx.Err() != nil {
		w.rest = errStopped(ctx)
		return nil
	}
	w.next++
	return &w.changes[w.next-1]
}

func (w *workers) try(ctx context.Context, change *Change) (result Result) {
	var err error
	func() {
		defer rescue(&err)
		result, err = w.one(ctx, *change)
	}()
	result.Key = change.Key
	if err != nil {
		result.Err = err
	}
	return result
}

func (w *workers) done(result Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.results = append(w.results, result)
	if kind := KindOf(result.Err); w.rest == nil && (kind == Throttled || kind == Denied) {
		w.rest = result.Err
	}
}
