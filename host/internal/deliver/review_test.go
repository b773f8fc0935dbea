package deliver_test

import (
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/deliver"
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
