package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

func TestReplayKeepsWhatIsOpen(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.set(func() { w.platform.answer = failing(sdk.Throttle(10*time.Second, errors.New("429"))) })
		w.accept(w.named("a", "1"), w.named("b", "1"), w.named("c", "1"), w.named("d", "1"))
		w.platform.set(func() { w.platform.answer = nil })
		w.replay(3)
		w.settle(time.Hour)
		for _, key := range []string{"a", "b", "c", "d"} {
			w.expect(key, "1")
		}
	})
}

func TestReplayGoesBackInTheHistoryOfWhatIsBehind(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.accept(w.named("p", "1"))
		w.accept(w.named("p", "2"))
		w.platform.set(func() { w.platform.answer = failing(errDown) })
		w.accept(w.named("p", "3"))
		w.platform.set(func() { w.platform.answer = nil })
		w.replay(1)
		w.settle(time.Hour)
		w.expect("p", "1", "2", "1", "2", "3")
	})
}

func TestHotProductHoldsBackNobody(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.platform.apply = func(_ context.Context, changes []sdk.Change) (results []sdk.Result, err error) {
			time.Sleep(100 * time.Millisecond)
			w.platform.set(func() {
				for _, c := range changes {
					w.platform.changes = append(w.platform.changes, c)
					results = append(results, sdk.Result{Key: c.Key})
				}
			})
			return results, nil
		}
		w.restart()
		var events []event.Event
		var want []string
		for i := range 2000 {
			want = append(want, fmt.Sprint(i))
			events = append(events, w.named("hot", want[i]))
		}
		w.accept(append(events, w.named("other", "1"))...)
		w.settle(time.Second)
		w.expect("other", "1")
		w.restart()
		w.settle(time.Hour)
		w.expect("hot", want...)
	})
}

func TestEventIDsOfSourcesDiffer(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		a, b := w.named("p", "1"), w.named("q", "1")
		a.Source, a.ID, b.Source, b.ID = "crm", "eu_1", "crm_eu", "1"
		w.accept(a, b)
		if changes := w.platform.changes; len(changes) != 2 || changes[0].ID == changes[1].ID {
			t.Errorf("%+v", changes)
		}
	})
}
