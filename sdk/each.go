package sdk

import (
	"context"
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
	e := eacher{changes: changes, one: one}
	var others sync.WaitGroup
	for range min(n, len(changes)) - 1 {
		others.Go(func() { e.work(ctx) })
	}
	e.work(ctx)
	others.Wait()
	return e.results, e.rest
}

// eacher is the state that the workers of one Each share.
type eacher struct {
	changes []Change
	one     func(context.Context, Change) (Result, error)

	mu      sync.Mutex // guards what follows
	next    int
	results []Result
	rest    error // why no further change is started
}

func (e *eacher) work(ctx context.Context) {
	for {
		change := e.take(ctx)
		if change == nil {
			return
		}
		e.done(e.try(ctx, change))
	}
}

// take gives the next change; nil: no further one is started.
func (e *eacher) take(ctx context.Context) *Change {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.next == len(e.changes) || e.rest != nil {
		return nil
	}
	if ctx.Err() != nil {
		e.rest = errStopped(ctx)
		return nil
	}
	e.next++
	return &e.changes[e.next-1]
}

func (e *eacher) try(ctx context.Context, change *Change) (result Result) {
	var err error
	func() {
		defer rescue(&err)
		result, err = e.one(ctx, *change)
	}()
	result.Key = change.Key
	if err != nil {
		result.Err = err
	}
	return result
}

func (e *eacher) done(result Result) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.results = append(e.results, result)
	if kind := KindOf(result.Err); e.rest == nil && (kind == Throttled || kind == Denied) {
		e.rest = result.Err
	}
}
