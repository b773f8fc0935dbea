package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/synchost/synchost/host/internal/store"
)

var loadTests = []test{
	{"what may wait is bounded, and what was taken is kept", func(t *testing.T, f *fixture) {
		entered, goOn := f.clock.stall()
		busy := make(chan struct{})
		var once sync.Once
		var taken atomic.Int64
		var calls sync.WaitGroup
		send := func(i int) {
			calls.Go(func() {
				const each = MaxWaiting / 20
				switch _, err := f.Accept(t.Context(), several(fmt.Sprint(i), each)); {
				case err == nil:
					taken.Add(each)
				case errors.Is(err, store.ErrBusy):
					once.Do(func() { close(busy) })
				default:
					t.Error(err)
				}
			})
		}
		send(0)
		<-entered
		for i := range 60 {
			send(1 + i)
		}
		// Were they all made to wait, this would be waited for until the test times out.
		<-busy
		calls.Go(func() { // lanes go on while senders are refused
			if err := f.Record(t.Context(), store.Record{Connector: "shop", Lane: &store.Lane{Connector: "shop", Cursor: 3}}); err != nil {
				t.Error(err)
			}
		})
		goOn()
		calls.Wait()
		same(t, "the number of events", int64(len(f.journal(t))), taken.Load())
		same(t, "the cursor", from(f.Lane(t.Context(), "shop")).must(t).Cursor, 3)
		f.accept(t, several("after", 1)...)
	}},
	{"a call with many events is taken when nobody waits", func(t *testing.T, f *fixture) {
		f.accept(t, several("many", MaxWaiting+1)...)
		same(t, "the number of events", len(f.journal(t)), MaxWaiting+1)
	}},
	{"everything at once is free of races", everythingAtOnce},
}

// everythingAtOnce is for the race detector, and for deadlocks.
func everythingAtOnce(t *testing.T, f *fixture) {
	ctx := t.Context()
	var work sync.WaitGroup
	try := func(do func(i int) error) {
		work.Go(func() {
			for i := range 40 {
				if err := do(i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	try(func(i int) error { _, err := f.Accept(ctx, several(fmt.Sprint("a", i), 3)); return err })
	try(func(i int) error { _, err := f.Accept(ctx, several(fmt.Sprint("b", i), 1)); return err })
	for _, connector := range []string{"shop", "crm"} {
		try(func(i int) error {
			return f.Record(ctx, store.Record{
				Connector: connector, Lane: &store.Lane{Connector: connector, Cursor: int64(i), Open: []int64{int64(i) + 1}},
				Links:      []store.Link{{Connector: connector, Key: fmt.Sprint(i % 5), State: store.Due, Seq: int64(i), Next: start}},
				Deliveries: []store.Delivery{{Connector: connector, Key: fmt.Sprint(i % 5), At: start}},
			})
		})
	}
	try(func(i int) error { _, err := f.Journal(ctx, int64(i), 100); return err })
	try(func(i int) error { _, err := f.Catalog(ctx, int64(i), 100); return err })
	try(func(int) error { _, err := f.Behind(ctx, "shop", store.Due, start, 100); return err })
	try(func(int) error { _, err := f.Deliveries(ctx, store.DeliveryQuery{Newest: true, Limit: 10}); return err })
	try(func(int) error {
		_, err := f.Prune(ctx, store.PruneLimits{EventsBefore: start, Passed: 10})
		return err
	})
	try(func(int) error { f.Changed(); f.Size(); return nil })
	work.Wait()
	same(t, "the number of events", len(f.journal(t)), 160)
}
