package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/store"
)

var closeTests = []test{
	{"a closed store says that it is", func(t *testing.T, f *fixture) {
		f.accept(t, several("a", 1)...)
		must(t, f.Close())
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for _, ctx := range []context.Context{t.Context(), gone} {
			for name, err := range f.callAll(ctx) {
				if !errors.Is(err, store.ErrClosed) {
					t.Errorf("%s answers %v", name, err)
				}
			}
		}
	}},
	{"it may be closed again", func(t *testing.T, f *fixture) {
		var closers sync.WaitGroup
		for range 4 {
			closers.Go(func() {
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		closers.Wait()
	}},
	{"Close waits for what is being written", func(t *testing.T, f *fixture) {
		entered, goOn := f.clock.stall()
		accepted := make(chan error, 1)
		go func() {
			_, err := f.Accept(t.Context(), several("a", 1))
			accepted <- err
		}()
		<-entered
		closed := make(chan error, 1)
		go func() { closed <- f.Close() }()
		// Close has begun when new calls are refused for that.
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for {
			if _, err := f.Accept(gone, several("b", 1)); errors.Is(err, store.ErrClosed) {
				break
			}
		}
		select {
		case err := <-closed:
			t.Errorf("Close returned in the middle of an Accept: %v", err)
		default:
		}
		goOn()
		must(t, <-accepted)
		must(t, <-closed)
	}},
	{"what waits when it is closed is written or refused", func(t *testing.T, f *fixture) {
		entered, goOn := f.clock.stall()
		var calls sync.WaitGroup
		calls.Go(func() { _, _ = f.Accept(t.Context(), several("first", 1)) })
		<-entered
		for range 50 {
			calls.Go(func() {
				if _, err := f.Accept(t.Context(), several("a", 1)); err != nil && !errors.Is(err, store.ErrClosed) {
					t.Error(err)
				}
			})
		}
		calls.Go(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
		goOn()
		calls.Wait()
	}},
}

// callAll makes each call of a store once.
func (f *fixture) callAll(ctx context.Context) map[string]error {
	errs := map[string]error{}
	_, errs["Accept"] = f.Accept(ctx, several("x", 1))
	errs["Record"] = f.Record(ctx, store.Record{Connector: "shop"})
	_, errs["Journal"] = f.Journal(ctx, 0, 1)
	_, errs["JournalAt"] = f.JournalAt(ctx, []int64{1})
	_, errs["Catalog"] = f.Catalog(ctx, 0, 1)
	_, errs["CatalogAt"] = f.CatalogAt(ctx, []int64{1})
	_, errs["History"] = f.History(ctx, "a", 0, 1)
	_, errs["Products"] = f.Products(ctx, []string{"a"})
	_, errs["Head"] = f.Head(ctx)
	_, errs["At"] = f.At(ctx, start)
	_, errs["Lane"] = f.Lane(ctx, "shop")
	_, errs["Links"] = f.Links(ctx, "shop", []string{"a"})
	_, errs["Behind"] = f.Behind(ctx, "shop", store.Due, start, 1)
	_, errs["NextDue"] = f.NextDue(ctx, "shop", start)
	_, errs["Retry"] = f.Retry(ctx, "shop", nil, []store.State{store.Dead}, start)
	errs["Rewind"] = f.Rewind(ctx, "shop", 1)
	_, errs["Counts"] = f.Counts(ctx, "shop")
	_, errs["Deliveries"] = f.Deliveries(ctx, store.DeliveryQuery{Limit: 1})
	_, errs["Prune"] = f.Prune(ctx, store.PruneLimits{EventsBefore: start.Add(time.Hour), Passed: 1})
	return errs
}
