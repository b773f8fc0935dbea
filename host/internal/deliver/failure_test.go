package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/store/sqlite"
	"github.com/synchost/synchost/sdk"
)

func TestPoisonThatKillsTheProcessIsSetAside(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.set(func() { w.platform.opened.Limits = sdk.Limits{Batch: 20, InFlight: 2, Timeout: 30 * time.Second} })
		deaths := 0
		w.platform.apply = func(_ context.Context, changes []sdk.Change) (results []sdk.Result, err error) {
			w.platform.set(func() {
				for _, c := range changes {
					if c.Key == "p19" {
						deaths++
						results, err = nil, fmt.Errorf("apply: %w", sdk.ErrProcessGone)
						return
					}
					w.platform.changes = append(w.platform.changes, c)
					results = append(results, sdk.Result{Key: c.Key})
				}
			})
			return results, err
		}
		w.restart()
		var events []event.Event
		for i := range 20 {
			events = append(events, w.named(fmt.Sprint("p", i), "1"))
		}
		w.accept(events...)
		w.settle(schedule[0] / 2)
		w.platform.set(func() {
			if deaths != 3 {
				t.Errorf("%d deaths until the poison was set aside, want 3", deaths)
			}
		})
		for i := range 19 {
			if len(w.platform.took(fmt.Sprint("p", i))) == 0 {
				t.Errorf("p%d has not arrived", i)
			}
		}
		if l := w.link("p19"); l.State != store.Due || l.Attempts != 1 {
			t.Errorf("the poison is %q after %d attempts, want behind after one", l.State, l.Attempts)
		}
	})
}

// A call that never came to the connector is no attempt, no crash and no unknown
// outcome.
func TestCallThatWasNotSentIsNoAttempt(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		// It cannot look, and holds what is unknown.
		w.platform.set(func() { w.platform.opened.Fields = sdk.FieldPaths() })
		w.restart()
		refused := 0
		w.platform.set(func() {
			w.platform.apply = func(context.Context, []sdk.Change) ([]sdk.Result, error) {
				if refused++; refused == 10 {
					w.platform.set(func() { w.platform.apply = nil })
				}
				time.Sleep(time.Millisecond)
				return nil, errors.Join(sdk.ErrProcessGone, sdk.ErrNotSent)
			}
		})
		w.accept(w.named("p", "1"))
		w.settle(time.Second)
		w.expect("p", "1")
		if deliveries := w.deliveries(); len(deliveries) != 1 || deliveries[0].Attempt != 1 {
			t.Errorf("the record says %+v, want one attempt", deliveries)
		}
	})
}

func TestPauseAndResumeRetryNoDeadLetter(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.creates()
		tries := 0
		w.platform.set(func() {
			w.platform.answer = func(c sdk.Change) sdk.Result {
				if c.Key == "bad" {
					tries++
					return sdk.Result{Key: c.Key, Err: sdk.Reject("name", errors.New("no"))}
				}
				return sdk.Result{Key: c.Key, Err: sdk.Throttle(time.Minute, errors.New("429"))}
			}
		})
		w.accept(w.named("slow", "1"), w.named("bad", "1"))
		for range 5 {
			w.pauseAndResume()
			w.settle(2 * time.Minute)
		}
		w.platform.set(func() {
			if tries != 1 {
				t.Errorf("the dead letter was tried %d times without a newer event or a retry", tries)
			}
		})
	})
}

func TestDeadLetterIsTriedAgainWhenThePolicyChanges(t *testing.T) {
	for _, mode := range []deliver.Mode{deliver.Every, deliver.Latest} {
		t.Run(string(mode), func(t *testing.T) {
			run(t, mode, func(w *world) {
				mapping := func(source string) *plan.Mapping {
					m, err := plan.CompileMapping(map[string]string{"name": source})
					if err != nil {
						t.Fatal(err)
					}
					return m
				}
				w.options.Policy.Mapping = mapping(`product.prices[0].amount`)
				w.restart()
				w.accept(w.named("p", "1"))
				if l := w.link("p"); l.State != store.Dead {
					t.Fatalf("a product whose mapping fails is %q, want dead", l.State)
				}
				w.options.Policy.Mapping = mapping(`product.name + "!"`)
				w.restart()
				w.settle(time.Second)
				w.expect("p", "1!")
			})
		})
	}
}

// countingStore counts what fillDue reads.
type countingStore struct {
	*sqlite.Store
	mu    sync.Mutex
	calls int
	most  int
}

func (c *countingStore) Behind(ctx context.Context, connector string, state store.State, until time.Time, limit int) ([]store.Link, error) {
	c.mu.Lock()
	c.calls++
	c.most = max(c.most, limit)
	c.mu.Unlock()
	return c.Store.Behind(ctx, connector, state, until, limit)
}

func TestManyDueAtALowRateAreGoneThroughInPages(t *testing.T) {
	for _, mode := range []deliver.Mode{deliver.Every, deliver.Latest} {
		t.Run(string(mode), func(t *testing.T) {
			run(t, mode, func(w *world) {
				w.stop()
				var events []event.Event
				var links []store.Link
				for i := range 1200 {
					key := fmt.Sprint("p", i)
					events = append(events, w.named(key, "1"))
					links = append(links, store.Link{Connector: "shop", Key: key, State: store.Due, Seq: int64(i + 1), Next: time.Now(), Attempts: 1})
				}
				w.accept(events...)
				if err := w.store.Record(context.Background(), store.Record{Connector: "shop", Links: links, Lane: &store.Lane{Connector: "shop", Cursor: 1200}}); err != nil {
					t.Fatal(err)
				}
				w.options.Rate, w.options.Burst = 1, 1
				counting := &countingStore{Store: w.store}
				w.startOn(counting)
				w.accept(w.named("new", "1"))
				w.settle(100 * time.Second)
				counting.mu.Lock()
				if counting.calls > 5 || counting.most > 1000 {
					t.Errorf("in 100 s it asked %d times for what is due, for up to %d", counting.calls, counting.most)
				}
				counting.mu.Unlock()
				w.settle(time.Hour)
				for _, e := range events {
					w.expect(e.Key, "1")
				}
				w.expect("new", "1")
			})
		})
	}
}

func TestForwardToAReceiverThatIsGoneIsNotDone(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.set(func() { w.platform.answer = failing(sdk.Missing(errors.New("404"))) })
		w.accept(event.Event{Source: "test", ID: "raw1", Op: sdk.Received, Key: "k", Time: time.Now(), Raw: &sdk.Raw{}})
		w.platform.set(func() { w.platform.answer = nil })
		w.settle(time.Hour)
		w.expect("k", "")
	})
}

func TestEmptyScheduleIsOneAttempt(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.options.Schedule = []time.Duration{}
		w.restart()
		w.platform.set(func() { w.platform.answer = failing(errDown) })
		w.accept(w.named("p", "1"))
		w.settle(time.Hour)
		if l := w.link("p"); l.State != store.Dead || w.platform.callCount() != 1 {
			t.Errorf("after %d attempts the product is %q", w.platform.callCount(), l.State)
		}
	})
}

// Pauses without an end of their own: one change at a time asks whether it is over.
func TestThrottledPlatformIsAskedGently(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.set(func() { w.platform.answer = failing(sdk.Throttle(0, errors.New("429"))) })
		var events []event.Event
		for i := range 100 {
			events = append(events, w.named(fmt.Sprint("p", i), "1"))
		}
		w.accept(events...)
		w.platform.set(func() { w.platform.calls = nil })
		w.settle(time.Hour)
		w.platform.set(func() {
			if len(w.platform.calls) > 70 {
				t.Errorf("it was asked %d times within an hour", len(w.platform.calls))
			}
			for _, keys := range w.platform.calls {
				if len(keys) > 1 {
					t.Errorf("a call had %d changes", len(keys))
				}
			}
			w.platform.answer = nil
		})
		w.settle(2 * time.Minute)
		for _, e := range events {
			w.expect(e.Key, "1")
		}
	})
}

func TestThrottledAttemptIsRecorded(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.set(func() { w.platform.answer = failing(sdk.Throttle(time.Minute, errors.New("429"))) })
		w.accept(w.named("p", "1"))
		w.platform.set(func() { w.platform.answer = nil })
		w.settle(2 * time.Minute)
		var got []string
		for _, d := range w.deliveries() {
			got = append(got, fmt.Sprintf("%s %s %d", d.Outcome, d.Kind, d.Attempt))
		}
		if want := "failed throttled 0,done  1"; strings.Join(got, ",") != want {
			t.Errorf("the record says %q, want %q", got, want)
		}
	})
}

// What failed with the platform need not wait for its own time when it is back.
func TestWhatFailedWithThePlatformIsTriedWhenItIsBack(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.options.Schedule = []time.Duration{5 * time.Hour}
		w.restart()
		w.platform.set(func() { w.platform.answer = failing(errDown) })
		var events []event.Event
		for i := range 100 {
			events = append(events, w.named(fmt.Sprint("p", i), "1"))
		}
		w.accept(events...)
		w.settle(time.Minute)
		w.platform.set(func() { w.platform.answer = nil })
		w.settle(2 * time.Minute)
		for _, e := range events {
			w.expect(e.Key, "1")
		}
	})
}

// A host that is started again and again while the platform is down makes no
// dead letters of what waits.
func TestRestartsInAnOutageUseUpNoAttempts(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.options.Schedule = []time.Duration{time.Second, time.Second, time.Second}
		w.platform.set(func() {
			w.platform.opened.Limits = sdk.Limits{Batch: 64, InFlight: 8, Timeout: 30 * time.Second}
			w.platform.answer = failing(errDown)
		})
		w.restart()
		var events []event.Event
		for i := range 500 {
			events = append(events, w.named(fmt.Sprint("p", i), "1"))
		}
		w.accept(events...)
		var before int64
		for i := range 10 {
			w.settle(6 * time.Second)
			counts, err := w.store.Counts(context.Background(), "shop")
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				before = counts[store.Due]
			}
			if counts[store.Dead] > 0 || counts[store.Due] > before+10 || before > 150 {
				t.Fatalf("after %d restarts %d products are behind, and %d dead, for a platform that is down", i, counts[store.Due], counts[store.Dead])
			}
			w.restart()
		}
		for _, d := range w.deliveries() {
			if d.Outcome != store.Failed {
				t.Errorf("the record says %+v", d)
			}
		}
	})
}

func TestStatusOfAPausedLaneHasNoTimes(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.set(func() { w.platform.answer = failing(sdk.Throttle(time.Hour, errors.New("429"))) })
		w.accept(w.named("p", "1"))
		if err := w.lane.Pause(context.Background(), "stocktaking"); err != nil {
			t.Fatal(err)
		}
		w.settle(time.Second)
		if st := w.lane.Status(); st.State != deliver.Paused || !st.Until.IsZero() || !st.NextRetry.IsZero() {
			t.Errorf("%+v", st)
		}
	})
}

// Without a limit of its own, a lane that ends waits for its calls to be answered.
func TestLaneThatEndsWaitsForItsCalls(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		hang := make(chan struct{})
		w.platform.set(func() { w.platform.hang = hang })
		w.accept(w.named("p", "1"))
		time.AfterFunc(10*time.Second, func() { close(hang) })
		w.stop()
		w.platform.set(func() { w.platform.hang = nil })
		w.start()
		w.settle(time.Minute)
		w.expect("p", "1")
	})
}

// Large entries are not all held in memory at once.
func TestWindowIsBoundedByBytes(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.stop()
		large := strings.Repeat("x", 1<<20)
		for i := range 100 {
			e := w.named(fmt.Sprint("p", i), "1")
			e.Patch.Product.Description, e.Patch.Fields = large, []string{"description", "name"}
			w.accept(e)
		}
		hang := make(chan struct{})
		w.platform.set(func() { w.platform.hang = hang })
		w.start()
		w.settle(time.Second)
		if st := w.lane.Status(); st.Cursor < 30 || st.Cursor > 40 {
			t.Errorf("%d events of 1 MiB were read while nothing was answered, want about 32", st.Cursor)
		}
		w.platform.set(func() { w.platform.hang = nil })
		close(hang)
		w.settle(time.Second)
		for i := range 100 {
			w.expect(fmt.Sprint("p", i), "1")
		}
	})
}
