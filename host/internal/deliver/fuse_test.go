package deliver_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// changedThere has the lane know that somebody gave a product another name at the
// platform, as a look there does.
func (w *world) changedThere(key, name string) {
	w.t.Helper()
	_, err := w.lane.Correct(context.Background(), []string{key}, func(l *store.Link) bool {
		base := sdk.Product{Key: key, Name: name}
		if l.Base, l.Sent = &base, nil; l.State != store.OnHold {
			l.State = store.Due
		}
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.settle(time.Second)
}

func TestAProductThatIsFoughtOverIsPutOnHold(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		w.accept(w.named("p", "ours"), w.named("q", "ours"))
		for range 30 {
			w.changedThere("p", "theirs")
		}
		if got := len(w.platform.took("p")); got != 10 {
			t.Errorf("it was written %d times, want 10", got)
		}
		link := w.link("p")
		if link.State != store.OnHold || !strings.Contains(link.Reason, "10 times") {
			t.Errorf("its link is %q: %q", link.State, link.Reason)
		}
		if want := "we wrote it 10 times for one change at its source"; link.Contended == nil || link.Contended.Text() != want {
			t.Errorf("its contention is %v, want that %s", link.Contended, want)
		}
		last := w.deliveries()[len(w.deliveries())-1]
		if last.Outcome != store.Skipped || last.Message != link.Reason {
			t.Errorf("the last record is %q: %q", last.Outcome, last.Message)
		}
		w.accept(w.named("q", "news"))
		w.expect("q", "ours", "news")

		w.accept(w.named("p", "news")) // waits with it
		if _, err := w.lane.Release(context.Background(), []string{"p"}); err != nil {
			t.Fatal(err)
		}
		w.settle(time.Second)
		if got := w.platform.took("p"); len(got) != 11 || got[10] != "news" {
			t.Errorf("after its release it arrived as %q", got)
		}
	})
}

func TestNewsAndTimeResetTheFuse(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		for i := range 40 {
			w.accept(w.named("p", fmt.Sprint("v", i)))
			w.changedThere("p", "theirs")
		}
		w.accept(w.named("q", "ours"))
		for range 30 {
			w.changedThere("q", "theirs")
			w.settle(10 * time.Minute)
		}
		for _, key := range []string{"p", "q"} {
			if link := w.link(key); link.State != store.InStep {
				t.Errorf("%s is %q: %s", key, link.State, link.Reason)
			}
		}
	})
}

func TestWritesPerSourceChangeAreMeasured(t *testing.T) {
	run(t, deliver.Latest, func(w *world) {
		registry := prometheus.NewRegistry()
		w.options.Metrics = deliver.NewMetrics(registry)
		w.restart()
		w.accept(w.named("p", "ours"))
		w.changedThere("p", "theirs")
		w.accept(w.named("p", "news"))
		want := `# HELP synchost_writes_per_source_change Of each write, how many there were by then of its product for one change at its source; 1 is usual.
# TYPE synchost_writes_per_source_change histogram
synchost_writes_per_source_change_bucket{connector="shop",le="1"} 2
synchost_writes_per_source_change_bucket{connector="shop",le="2"} 3
synchost_writes_per_source_change_bucket{connector="shop",le="3"} 3
synchost_writes_per_source_change_bucket{connector="shop",le="5"} 3
synchost_writes_per_source_change_bucket{connector="shop",le="10"} 3
synchost_writes_per_source_change_bucket{connector="shop",le="+Inf"} 3
synchost_writes_per_source_change_sum{connector="shop"} 4
synchost_writes_per_source_change_count{connector="shop"} 3
`
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "synchost_writes_per_source_change"); err != nil {
			t.Error(err)
		}
	})
}
