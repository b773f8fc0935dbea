package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// A create whose answer never came may have made a product. Whatever happens in
// between, it is looked for before another is made.
func TestCutOffCreateIsLookedFor(t *testing.T) {
	for name, between := range map[string]func(w *world){
		"at once":                     func(*world) {},
		"and the product has changed": func(w *world) { w.accept(w.named("p", "v2")) },
		"and the filter has changed":  func(w *world) { w.options.Policy.OnDelete = "keep" },
		"and the process dies looking": func(w *world) {
			w.platform.find = func() error {
				w.platform.find = nil
				return fmt.Errorf("find: %w", sdk.ErrProcessGone)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, deliver.Latest, func(w *world) {
				w.creates()
				w.platform.set(func() { w.platform.apply = w.platform.createAndHang })
				w.accept(w.named("p", "v1"))
				w.stop()
				between(w)
				w.platform.set(func() { w.platform.apply = nil })
				w.start()
				w.settle(time.Minute)
				w.noTwins()
			})
		})
	}
}

func TestCutOffCreateIsLookedForAfterAPause(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.creates()
		w.platform.set(func() { w.platform.apply = w.platform.createAndHang })
		w.accept(w.named("p", "v1"))
		w.stop()
		w.platform.set(func() {
			w.platform.apply = nil
			w.platform.find = func() error { return sdk.Throttle(10*time.Second, errors.New("429")) }
		})
		w.start()
		w.settle(time.Second)
		w.platform.set(func() { w.platform.find = nil })
		w.pauseAndResume()
		w.settle(time.Minute)
		w.noTwins()
	})
}

func TestCutOffRetryIsLookedFor(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.creates()
		w.platform.set(func() { w.platform.answer = failing(sdk.Reject("name", errors.New("no"))) })
		w.accept(w.named("p", "v1"))
		w.platform.set(func() { w.platform.apply = w.platform.createAndHang })
		w.retryAll(1)
		w.settle(time.Second)
		w.stop()
		w.platform.set(func() { w.platform.apply, w.platform.answer = nil, w.platform.create })
		w.start()
		w.settle(time.Minute)
		w.noTwins()
	})
}

func TestAllOfABatchAreLookedForWhenTheProcessDies(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.creates()
		w.platform.set(func() { w.platform.answer = failing(sdk.Reject("name", errors.New("no"))) })
		w.accept(w.named("p", "v1"), w.named("q", "v1"))
		w.platform.set(func() {
			w.platform.apply = func(_ context.Context, changes []sdk.Change) ([]sdk.Result, error) {
				w.platform.set(func() {
					w.platform.apply, w.platform.answer = nil, w.platform.create
					for _, c := range changes {
						w.platform.create(c)
					}
				})
				return nil, fmt.Errorf("apply: %w", sdk.ErrProcessGone)
			}
		})
		w.retryAll(2)
		w.settle(time.Minute)
		w.noTwins()
	})
}

// It was looked for and not there; while it is created, the host is killed.
func TestSecondCreateThatIsCutOffIsLookedForToo(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.creates()
		w.platform.set(func() { w.platform.answer = failing(errDown) })
		frozen := &frozenStore{Store: w.store}
		w.stop()
		w.startOn(frozen)
		w.accept(w.named("p", "v1"))
		w.platform.set(func() { w.platform.apply = w.platform.createAndHang })
		w.settle(2 * schedule[0])
		if _, there := w.platform.remote["p"]; !there || w.platform.finds != 1 {
			t.Fatalf("it was looked for %d times and is there: %v", w.platform.finds, there)
		}
		frozen.dead.Store(true)
		w.stop()
		w.platform.set(func() { w.platform.apply, w.platform.answer = nil, w.platform.create })
		w.start()
		w.settle(time.Hour)
		w.noTwins()
	})
}

func TestDeleteAfterALostAnswerIsCarriedOut(t *testing.T) {
	for _, arrived := range []bool{false, true} {
		t.Run(fmt.Sprint("arrived ", arrived), func(t *testing.T) {
			run(t, deliver.Latest, func(w *world) {
				w.creates()
				w.platform.set(func() {
					w.platform.answer = func(c sdk.Change) sdk.Result {
						if arrived {
							w.platform.create(c)
						}
						w.platform.answer = w.platform.create
						return sdk.Result{Key: c.Key, Err: errors.New("connection reset")}
					}
				})
				w.accept(w.named("p", "v1"))
				w.accept(event.Event{Source: "test", ID: "del", Op: sdk.Deleted, Key: "p", Time: time.Now()})
				w.settle(time.Hour)
				if changes := w.platform.changes; arrived != (len(changes) == 1 && changes[0].Op == sdk.Archive) {
					t.Errorf("after it was deleted at its source, the platform got %+v", changes)
				}
				if l := w.link("p"); l.State != store.InStep || l.Unknown {
					t.Errorf("the link is %+v", l)
				}
			})
		})
	}
}

func TestUnknownOutcomeWhereTheConnectorCannotLook(t *testing.T) {
	for name, test := range map[string]struct {
		carries   []string
		onUnknown deliver.OnUnknown
		want      store.State
	}{
		"a store's is held":           {sdk.FieldPaths(), "", store.Held},
		"a webhook's is repeated":     {append(sdk.FieldPaths(), "raw"), "", store.InStep},
		"the operator wants it held":  {append(sdk.FieldPaths(), "raw"), deliver.Hold, store.Held},
		"the operator takes the risk": {sdk.FieldPaths(), deliver.Retry, store.InStep},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, deliver.Latest, func(w *world) {
				w.options.OnUnknown = test.onUnknown
				w.platform.set(func() { w.platform.opened.Fields = test.carries })
				w.restart()
				w.platform.set(func() { w.platform.answer = failing(errDown) })
				w.accept(w.named("p", "1"))
				w.platform.set(func() { w.platform.answer = nil })
				w.settle(2 * schedule[0])
				if l := w.link("p"); l.State != test.want {
					t.Fatalf("the product is %q, want %q", l.State, test.want)
				}
				if test.want == store.Held {
					w.retryAll(1) // who retries it has looked
					w.settle(time.Second)
				}
				w.expect("p", "1")
			})
		})
	}
}

// Whoever holds and releases what may be there has not looked.
func TestReleaseIsNoRetry(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.options.OnUnknown = deliver.Hold
		w.restart()
		w.platform.set(func() { w.platform.answer = failing(errDown) })
		w.accept(w.named("p", "1"))
		w.platform.set(func() { w.platform.answer = nil })
		w.settle(2 * schedule[0])
		if l := w.link("p"); l.State != store.Held {
			t.Fatalf("the product is %q", l.State)
		}
		if err := w.lane.Hold(context.Background(), []string{"p"}, "to look at it"); err != nil {
			t.Error(err)
		}
		if _, err := w.lane.Release(context.Background(), []string{"p"}); err != nil {
			t.Error(err)
		}
		w.settle(time.Minute)
		if l := w.link("p"); l.State != store.Held {
			t.Errorf("released, it is %q", l.State)
		}
		w.expect("p")
		w.retryAll(1)
		w.settle(time.Second)
		w.expect("p", "1")
	})
}

func TestOneListingLooksForAll(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.platform.set(func() { w.platform.opened.Capabilities = []sdk.Capability{sdk.CanList} })
		w.platform.set(func() { w.platform.opened.Limits = sdk.Limits{Batch: 1, InFlight: 1, Timeout: time.Minute} })
		w.platform.set(func() { w.platform.lasts = time.Second })
		w.platform.set(func() { w.platform.answer = failing(errDown) })
		w.restart()
		var events []event.Event
		for i := range 20 {
			events = append(events, w.named(fmt.Sprint("p", i), "1"))
		}
		w.accept(events...)
		w.platform.set(func() { w.platform.answer = w.platform.create })
		w.settle(time.Minute)
		w.platform.set(func() {
			if w.platform.lists == 0 || w.platform.lists > 3 {
				t.Errorf("%d listings for 20 products", w.platform.lists)
			}
			if len(w.platform.remote) != 20 {
				t.Errorf("%d of 20 products are there", len(w.platform.remote))
			}
		})
	})
}
