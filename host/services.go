package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// service is one part of the host that runs until its context ends.
type service struct {
	name string
	run  func(context.Context) error
}

// serve runs services until ctx ends or one of them does, and then stops them
// one after the other, the last first: what takes events in comes last, so that
// what it hands them to outlives it.
func serve(ctx context.Context, services []service) error {
	type end struct {
		index int
		err   error
	}
	ended := make(chan end, len(services))
	stops := make([]context.CancelFunc, len(services))
	for i, s := range services {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		stops[i] = cancel
		go func() { ended <- end{i, s.run(own)} }()
	}
	results := make(map[int]error, len(services))
	take := func(e end) {
		if e.err != nil && !errors.Is(e.err, context.Canceled) {
			e.err = fmt.Errorf("%s: %w", services[e.index].name, e.err)
		} else {
			e.err = nil
		}
		results[e.index] = e.err
	}
	select {
	case <-ctx.Done():
	case e := <-ended:
		take(e)
	}
	for i := len(services) - 1; i >= 0; i-- {
		stops[i]()
		for _, done := results[i]; !done; _, done = results[i] {
			take(<-ended)
		}
	}
	var all []error
	for _, err := range results {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// together makes one service's run of several alike: they start and stop at once.
func together[T any](all []T, run func(T, context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		for _, one := range all {
			group.Go(func() error { return run(one, ctx) })
		}
		<-ctx.Done()
		return group.Wait()
	}
}

// serveHTTP serves handler on listener until its context ends, and then waits for
// requests in hand. Answers that go on for ever end with the context.
func serveHTTP(listener net.Listener, handler http.Handler, drain time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		server := &http.Server{
			Handler: handler, ReadHeaderTimeout: 10 * time.Second,
			BaseContext: func(net.Listener) context.Context { return ctx },
		}
		stopped := make(chan error, 1)
		stop := context.AfterFunc(ctx, func() {
			limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
			defer cancel()
			stopped <- errors.Join(server.Shutdown(limit), server.Close())
		})
		err := server.Serve(listener)
		if !stop() {
			err = <-stopped
		}
		if errors.Is(err, http.ErrServerClosed) || errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	}
}
