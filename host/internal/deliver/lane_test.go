package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

func TestEveryEventArrivesInOrder(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		var want []string
		for i := range 50 {
			want = append(want, fmt.Sprint("v", i))
			w.accept(w.named("p", want[i]), w.named("q", want[i]))
		}
		w.expect("p", want...)
		w.expect("q", want...)
	})
}

func TestLatestMergesWhatPilesUp(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		hang := make(chan struct{})
		w.platform.set(func() { w.platform.hang = hang })
		w.accept(w.named("p", "first"))
		for i := range 20 {
			w.accept(w.named("p", fmt.Sprint("v", i)))
		}
		w.platform.set(func() { w.platform.hang = nil })
		close(hang)
		w.settle(time.Second)
		w.expect("p", "first", "v19")
	})
}

func TestUnchangedProductCausesNoCall(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.accept(w.named("p", "same"))
		w.accept(w.named("p", "same"))
		w.restart()
		w.settle(time.Second)
		if err := w.lane.Replay(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		w.settle(time.Second)
		w.expect("p", "same")
	})
}

func TestFailedProductHoldsBackOnlyItself(t *testing.T) {
	for _, mode := range []deliver.Mode{deliver.Every, deliver.Latest} {
		t.Run(string(mode), func(t *testing.T) {
			run(t, mode, func(w *world) {
				w.platform.set(func() { w.platform.opened.Capabilities = []sdk.Capability{sdk.CanFind} })
				w.platform.set(func() {
					w.platform.answer = func(c sdk.Change) sdk.Result {
						r := sdk.Result{Key: c.Key}
						if c.Key == "bad" {
							r.Err = errDown
						}
						return r
					}
				})
				w.accept(w.named("bad", "1"), w.named("good", "1"))
				w.accept(w.named("bad", "2"), w.named("good", "2"))
				w.expect("good", "1", "2")
				w.expect("bad")
				w.platform.set(func() { w.platform.answer = nil })
				w.settle(2 * schedule[0])
				if mode == deliver.Every {
					w.expect("bad", "1", "2")
				} else {
					w.expect("bad", "2")
				}
				if l := w.link("bad"); l.State != store.InStep {
					t.Errorf("still %q: %s", l.State, l.Reason)
				}
			})
		})
	}
}

// What comes in while a failure is being written must not overtake what failed.
func TestEventThatComesWhileAFailureIsWrittenWaits(t *testing.T) {
	for _, mode := range []deliver.Mode{deliver.Every, deliver.Latest} {
		t.Run(string(mode), func(t *testing.T) {
			run(t, mode, func(w *world) {
				w.recorded = 10 * time.Second
				w.platform.set(func() { w.platform.opened.Capabilities = []sdk.Capability{sdk.CanFind} })
				w.restart()
				w.platform.set(func() { w.platform.answer = failing(errDown) })
				w.accept(w.named("p", "v1"))
				for w.platform.callCount() == 0 {
					w.settle(100 * time.Millisecond)
				}
				w.platform.set(func() { w.platform.answer = nil })
				w.accept(w.named("p", "v2"))
				w.expect("p")
				w.settle(time.Hour)
				if mode == deliver.Every {
					w.expect("p", "v1", "v2")
				} else {
					w.expect("p", "v2")
				}
				if link := w.link("p"); link.State != store.InStep {
					t.Errorf("the product is %q: %s", link.State, link.Reason)
				}
			})
		})
	}
}

func TestBehindProductCatchesUpInOrderAcrossRestart(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.set(func() { w.platform.answer = failing(errDown) })
		var want []string
		for i := range 200 { // more than one step of its history
			want = append(want, fmt.Sprint(i))
			w.accept(w.named("p", want[i]))
		}
		w.restart()
		w.platform.set(func() { w.platform.answer = nil })
		w.settle(schedule[0] + schedule[1])
		w.accept(w.named("p", "last"))
		w.settle(time.Minute)
		w.expect("p", append(want, "last")...)
	})
}

func TestAttemptsFollowTheScheduleAndEndAsDeadLetter(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.platform.set(func() { w.platform.opened.Capabilities = []sdk.Capability{sdk.CanFind} })
		w.platform.set(func() { w.platform.answer = failing(errDown) })
		w.accept(w.named("p", "1"))
		var gaps []time.Duration
		last := time.Now()
		for range schedule {
			calls := w.platform.callCount()
			for w.platform.callCount() == calls {
				w.settle(time.Second)
			}
			gaps = append(gaps, time.Since(last))
			last = time.Now()
		}
		for i, gap := range gaps {
			if gap < schedule[i] || gap > schedule[i]+schedule[i]/5+2*time.Second {
				t.Errorf("attempt %d came after %v, scheduled are %v", i+2, gap, schedule[i])
			}
		}
		if l := w.link("p"); l.State != store.Dead || l.Reason != errDown.Error() {
			t.Errorf("after the last attempt the product is %q (%s), want dead", l.State, l.Reason)
		}
		w.platform.set(func() { w.platform.answer = nil })
		w.accept(w.named("p", "2"))
		w.expect("p", "2")
	})
}

// What only reads is a source: nothing is delivered to it, and nothing is kept for it.
func TestNothingIsDeliveredToASource(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.platform.set(func() { w.platform.opened.Capabilities = []sdk.Capability{sdk.OnlyReads} })
		w.restart()
		w.accept(w.named("p", "1"))
		w.settle(time.Hour)
		if calls := w.platform.callCount(); calls > 0 {
			t.Errorf("it was called %d times", calls)
		}
		if row, err := w.store.Lane(context.Background(), "shop"); err != nil || row.Passed() == 0 {
			t.Errorf("its lane is at %+v (%v)", row, err)
		}
		if got := w.lane.Status().State; got != deliver.ReadsOnly {
			t.Errorf("its lane is %q", got)
		}
	})
}

func TestDeadLetterIsRetriedByCommand(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.set(func() { w.platform.answer = failing(sdk.Reject("name", errors.New("too long"))) })
		w.accept(w.named("p", "1"))
		if l := w.link("p"); l.State != store.Dead {
			t.Fatalf("a rejected product is %q, want dead", l.State)
		}
		w.platform.set(func() { w.platform.answer = nil })
		if n, err := w.lane.Retry(context.Background(), nil); n != 1 || err != nil {
			t.Fatalf("Retry = %d, %v", n, err)
		}
		w.settle(time.Second)
		w.expect("p", "1")
	})
}

func TestNewerEventTriesADeadLetterOnceMore(t *testing.T) {
	for _, cured := range []bool{false, true} {
		t.Run(fmt.Sprint("cured ", cured), func(t *testing.T) {
			run(t, deliver.Every, func(w *world) {
				poison := func(c sdk.Change) sdk.Result {
					if c.Product.Name == "poison" {
						return sdk.Result{Key: c.Key, Err: sdk.Reject("name", errors.New("not this one"))}
					}
					return sdk.Result{Key: c.Key}
				}
				w.platform.set(func() { w.platform.answer = poison })
				w.accept(w.named("p", "poison"))
				if cured {
					w.platform.set(func() { w.platform.answer = nil })
				}
				w.accept(w.named("p", "fine"))
				w.settle(time.Second)
				if cured {
					w.expect("p", "poison", "fine")
				} else {
					w.expect("p", "fine") // refused twice is passed
				}
				if calls := w.platform.callCount(); calls != 3 {
					t.Errorf("%d calls, want 3: one that made it a dead letter, one that the newer event brought, and the newer event's", calls)
				}
				if l := w.link("p"); l.State != store.InStep {
					t.Errorf("the product is %q: %s", l.State, l.Reason)
				}
			})
		})
	}
}

// Events that wait behind one that is given up are lost by nobody.
func TestEventsBehindADeadLetterAreKept(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.set(func() { w.platform.answer = failing(errDown) })
		w.accept(w.named("p", "1"))
		w.accept(w.named("p", "2"))
		w.settle(3 * time.Hour)
		if l := w.link("p"); l.State != store.Dead {
			t.Fatalf("the product is %q, want dead", l.State)
		}
		w.platform.set(func() { w.platform.answer = nil })
		w.accept(w.named("p", "3"))
		w.settle(time.Second)
		w.expect("p", "1", "2", "3")
	})
}

func TestThrottlePausesTheLaneWithoutUsingAttempts(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.platform.set(func() { w.platform.opened.Capabilities = []sdk.Capability{sdk.CanFind} })
		w.platform.set(func() { w.platform.answer = failing(sdk.Throttle(30*time.Second, errors.New("429"))) })
		w.accept(w.named("p", "1"))
		calls := w.platform.callCount()
		w.accept(w.named("q", "1"))
		w.settle(29 * time.Second)
		if w.platform.callCount() != calls {
			t.Error("the lane called during the pause")
		}
		if st := w.lane.Status(); st.State != deliver.Throttled {
			t.Errorf("status is %q, want throttled", st.State)
		}
		w.platform.set(func() { w.platform.answer = nil })
		w.settle(2 * time.Second)
		w.expect("p", "1")
		w.expect("q", "1")
		if l := w.link("p"); l.Attempts != 0 {
			t.Errorf("%d attempts counted, want none", l.Attempts)
		}
	})
}

func TestDeniedStopsTheLaneUntilResumed(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.set(func() { w.platform.answer = failing(sdk.Deny(errors.New("bad token"))) })
		w.accept(w.named("p", "1"))
		w.accept(w.named("p", "2"))
		calls := w.platform.callCount()
		w.restart()
		w.settle(time.Hour)
		if st := w.lane.Status(); st.State != deliver.Stopped || st.Reason != "bad token" {
			t.Errorf("status is %q (%s), want stopped with the platform's words", st.State, st.Reason)
		}
		if w.platform.callCount() != calls {
			t.Error("a stopped lane called")
		}
		w.platform.set(func() { w.platform.answer = nil })
		if err := w.lane.Resume(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.settle(time.Second)
		w.expect("p", "1", "2")
	})
}

func TestPlatformThatIsDownIsNotAMillionProductsBehind(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.set(func() { w.platform.answer = failing(errDown) })
		var events []event.Event
		for i := range 2000 {
			events = append(events, w.named(fmt.Sprint("p", i), "1"))
		}
		w.accept(events...)
		w.settle(time.Minute)
		counts, err := w.store.Counts(context.Background(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		if behind := counts[store.Due]; behind > 60 {
			t.Errorf("%d products are behind, the circuit should have opened long before", behind)
		}
		if st := w.lane.Status(); st.State != deliver.CircuitOpen {
			t.Errorf("status is %q, want circuit open", st.State)
		}
		w.platform.set(func() { w.platform.answer = nil })
		w.settle(2 * time.Hour)
		for i := range 2000 {
			w.expect(fmt.Sprint("p", i), "1")
		}
	})
}

func TestUnknownOutcomeIsLookedUpBeforeCreating(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.platform.set(func() { w.platform.opened.Capabilities = []sdk.Capability{sdk.CanFind} })
		w.platform.set(func() {
			w.platform.answer = func(c sdk.Change) sdk.Result {
				if c.Remote.ID == "" {
					if _, twin := w.platform.remote[c.Key]; twin {
						w.platform.twins = true
					}
					w.platform.remote[c.Key] = c.Product // created, and the answer is lost
					return sdk.Result{Key: c.Key, Err: errors.New("connection reset")}
				}
				return sdk.Result{Key: c.Key, Remote: c.Remote}
			}
		})
		w.accept(w.named("p", "1"))
		w.settle(2 * schedule[0])
		w.expect("p", "1")
		if w.platform.twins {
			t.Error("a second product was created")
		}
		if l := w.link("p"); l.Remote.ID != "r-p" {
			t.Errorf("linked to %q, want the product that the lost answer created", l.Remote.ID)
		}
	})
}

func TestDyingProcessLosesNothing(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		deaths := 2
		w.platform.set(func() {
			w.platform.answer = func(c sdk.Change) sdk.Result {
				if deaths > 0 {
					return sdk.Result{}
				}
				return sdk.Result{Key: c.Key}
			}
			w.platform.rest = fmt.Errorf("apply: %w", sdk.ErrProcessGone)
		})
		go func() {
			time.Sleep(time.Second)
			w.platform.set(func() { deaths, w.platform.rest = 0, nil })
		}()
		w.accept(w.named("p", "1"), w.named("q", "1"))
		w.settle(3 * schedule[1])
		w.expect("p", "1")
		w.expect("q", "1")
	})
}

func TestGoneProductIsCreatedAgain(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.platform.set(func() {
			w.platform.answer = func(c sdk.Change) sdk.Result { return sdk.Result{Key: c.Key, Remote: sdk.Remote{ID: "first"}} }
		})
		w.accept(w.named("p", "1"))
		w.platform.set(func() {
			w.platform.answer = func(c sdk.Change) sdk.Result {
				if c.Remote.ID == "first" {
					return sdk.Result{Key: c.Key, Err: sdk.Missing(errors.New("404"))}
				}
				return sdk.Result{Key: c.Key, Remote: sdk.Remote{ID: "second"}}
			}
		})
		w.accept(w.named("p", "2"))
		w.settle(10 * time.Second)
		w.expect("p", "1", "2")
		if l := w.link("p"); l.Remote.ID != "second" {
			t.Errorf("linked to %q, want the new one", l.Remote.ID)
		}
	})
}

func TestChangedFilterDecidesEverythingAgain(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		filter, err := plan.CompileFilter(`product.name != "hidden"`)
		if err != nil {
			t.Fatal(err)
		}
		w.options.Policy.Filter = filter
		w.restart()
		w.accept(w.named("p", "hidden"), w.named("q", "shown"))
		w.expect("p")
		w.expect("q", "shown")
		w.options.Policy.Filter = nil
		w.restart()
		w.settle(time.Second)
		w.expect("p", "hidden")
		w.expect("q", "shown") // unchanged: no second call
	})
}

func TestRateIsKept(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.options.Rate, w.options.Burst = 2, 1
		w.restart()
		var events []event.Event
		for i := range 20 {
			events = append(events, w.named(fmt.Sprint("p", i), "1"))
		}
		w.accept(events...)
		w.settle(4900 * time.Millisecond)
		w.platform.set(func() {
			if n := len(w.platform.changes); n < 9 || n > 11 {
				t.Errorf("%d changes in 4.9 s at 2/s", n)
			}
		})
		w.settle(6 * time.Second)
		w.platform.set(func() {
			if n := len(w.platform.changes); n != 20 {
				t.Errorf("%d of 20 changes arrived", n)
			}
		})
	})
}

func TestPausedLaneKeepsItsBacklog(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		ctx := context.Background()
		if err := w.lane.Pause(ctx, "stocktaking"); err != nil {
			t.Fatal(err)
		}
		w.accept(w.named("p", "1"))
		w.restart()
		w.settle(time.Hour)
		w.expect("p")
		if err := w.lane.Resume(ctx); err != nil {
			t.Fatal(err)
		}
		w.settle(time.Second)
		w.expect("p", "1")
	})
}

// Whatever fails, and whenever: every event arrives, each product's in order.
func TestFlappingPlatformGetsEverythingInOrder(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			run(t, deliver.Every, func(w *world) {
				random, faults := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
				w.options.Schedule = slices.Repeat([]time.Duration{100 * time.Millisecond, time.Second}, 50)
				w.restart()
				w.platform.set(func() {
					w.platform.answer = func(c sdk.Change) sdk.Result {
						r := sdk.Result{Key: c.Key}
						switch faults.IntN(8) {
						case 0, 1, 2:
							r.Err = errDown
						case 3:
							r.Err = sdk.Throttle(time.Duration(faults.IntN(300))*time.Millisecond, errors.New("429"))
						case 4:
							r.Key = "" // not a word about it
						}
						return r
					}
				})
				keys := []string{"a", "b", "c", "d", "e"}
				want := map[string][]string{}
				for i := range 150 {
					var events []event.Event
					for range 1 + random.IntN(3) {
						key := keys[random.IntN(len(keys))]
						want[key] = append(want[key], fmt.Sprint(i, "-", len(want[key])))
						events = append(events, w.named(key, want[key][len(want[key])-1]))
					}
					w.accept(events...)
					if random.IntN(4) == 0 {
						time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
					}
					if random.IntN(50) == 0 {
						w.restart()
					}
				}
				w.platform.set(func() { w.platform.answer = nil })
				w.settle(time.Hour)
				for _, key := range keys {
					w.expect(key, want[key]...)
				}
			})
		})
	}
}
