package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

func TestServicesStopInReverseOrder(t *testing.T) {
	var mu sync.Mutex
	var stopped []string
	running := make(chan struct{}, 3)
	wait := func(name string) service {
		return service{name, func(ctx context.Context) error {
			running <- struct{}{}
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			stopped = append(stopped, name)
			return ctx.Err()
		}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for range 3 {
			<-running
		}
		cancel()
	}()
	if err := serve(ctx, []service{wait("store"), wait("lanes"), wait("listener")}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"listener", "lanes", "store"}; !slices.Equal(stopped, want) {
		t.Errorf("stopped in the order %q, want %q", stopped, want)
	}
}

func TestOneFailingServiceStopsAll(t *testing.T) {
	broken := errors.New("address in use")
	err := serve(t.Context(), []service{
		{"lanes", func(ctx context.Context) error { <-ctx.Done(); return nil }},
		{"listener", func(context.Context) error { return broken }},
	})
	if !errors.Is(err, broken) || err.Error() != "listener: address in use" {
		t.Errorf("serve = %v, want the listener's error with its name", err)
	}
}
