package deliver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
)

// A product that is let go goes on where it was when it was held, in a lane of every
// event, too.
func TestReleaseDeliversWhatCameSinceTheHold(t *testing.T) {
	run(t, deliver.Every, func(w *world) {
		w.accept(w.named("p", "1"), w.named("q", "1"))
		w.accept(w.named("p", "2"))
		w.settle(time.Minute)
		if err := w.lane.Hold(w.t.Context(), []string{"p"}, "for a while"); err != nil {
			t.Fatal(err)
		}
		w.accept(w.named("p", "3"), w.named("q", "2"))
		w.settle(time.Minute)
		w.expect("p", "1", "2")
		if _, err := w.lane.Release(w.t.Context(), []string{"p"}); err != nil {
			t.Fatal(err)
		}
		w.settle(time.Minute)
		w.expect("p", "1", "2", "3")
	})
}

// All that is on hold is let go at once, however much it is, and nothing else.
func TestReleaseAll(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		const many = 1200
		held, first := make([]string, many), make([]event.Event, many)
		for i := range many {
			held[i] = fmt.Sprint("p", i)
			first[i] = w.named(held[i], "1")
		}
		w.accept(first...)
		w.settle(time.Minute)
		if err := w.lane.Hold(w.t.Context(), held, "for a while"); err != nil {
			t.Fatal(err)
		}
		w.accept(w.named("p7", "2"), w.named("q", "1"))
		if n, err := w.lane.ReleaseAll(w.t.Context()); err != nil || n != many {
			t.Fatalf("%d are released, %v", n, err)
		}
		w.settle(time.Minute)
		w.expect("p7", "1", "2")
		w.expect("p8", "1")
		if counts, err := w.store.Counts(w.t.Context(), "shop"); err != nil || len(counts) > 0 {
			t.Errorf("not in step: %v, %v", counts, err)
		}
		if n, err := w.lane.ReleaseAll(w.t.Context()); err != nil || n != 0 {
			t.Errorf("and then %d more, %v", n, err)
		}
	})
}
