package echo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/synchost/synchost/host/internal/echo"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/store/sqlite"
	"github.com/synchost/synchost/sdk"
)

// world is a store, with a shop to which products are linked and which sends events.
type world struct {
	t        *testing.T
	store    *sqlite.Store
	registry *prometheus.Registry
	metrics  *echo.Metrics
	filter   *echo.Filter
	shop     echo.Destination
	ready    bool // the shop's connector is
	events   int
	looks    [][]string
	down     error // what a look says
}

// run runs test in a bubble where the source told of p and q, named "Tea", and the
// shop has them as 17 and 18.
func run(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Log: hclog.NewNullLogger()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		w := &world{t: t, store: s, registry: prometheus.NewRegistry(), ready: true}
		w.metrics = echo.NewMetrics(w.registry)
		w.shop = echo.Destination{Name: "shop", Receivers: []string{"shop-news"}, Fields: func() ([]string, bool) { return []string{"name", "code"}, w.ready }}
		w.filter = echo.NewFilter(s, s, []echo.Destination{w.shop}, w.metrics)
		w.say("pim", "p", "Tea")
		w.say("pim", "q", "Tea")
		w.link("p", "17")
		w.link("q", "18")
		test(w)
	})
}

func (w *world) link(key, remote string) {
	w.t.Helper()
	link := store.Link{Connector: "shop", Key: key, Remote: sdk.Remote{ID: remote}, Base: &sdk.Product{Key: key, Name: "Tea"}}
	if err := w.store.Record(w.t.Context(), store.Record{Connector: "shop", Links: []store.Link{link}}); err != nil {
		w.t.Fatal(err)
	}
}

// say has a receiver bring that a product has this name.
func (w *world) say(receiver, key, name string) store.Receipt {
	w.t.Helper()
	w.events++
	return w.accept(event.Event{Source: receiver, ID: fmt.Sprint(w.events), Op: sdk.Updated, Key: key, Time: time.Now(),
		Patch: event.Patch{Product: sdk.Product{Key: key, Name: name}, Fields: []string{"name"}}})
}

func (w *world) accept(e event.Event) store.Receipt {
	w.t.Helper()
	receipts, err := w.filter.Accept(w.t.Context(), []event.Event{e})
	if err != nil {
		w.t.Fatal(err)
	}
	return receipts[0]
}

// last is the journal's last entry.
func (w *world) last() event.Entry {
	w.t.Helper()
	entries, err := w.store.Journal(w.t.Context(), 0, 100)
	if err != nil || len(entries) == 0 {
		w.t.Fatal(len(entries), err)
	}
	return entries[len(entries)-1]
}

func (w *world) name(key string) string {
	w.t.Helper()
	rows, err := w.store.Products(w.t.Context(), []string{key})
	if err != nil || len(rows) == 0 {
		w.t.Fatal(len(rows), err)
	}
	return rows[0].Product.Name
}

func (w *world) counted(want int) {
	w.t.Helper()
	text := fmt.Sprintf(`# HELP synchost_echoes_total Events from a destination that told our own writes back.
# TYPE synchost_echoes_total counter
synchost_echoes_total{connector="shop"} %d
`, want)
	if err := testutil.GatherAndCompare(w.registry, strings.NewReader(text), "synchost_echoes_total"); err != nil {
		w.t.Error(err)
	}
}

// follow has the shop's events followed for some time.
func (w *world) follow(d time.Duration) {
	w.t.Helper()
	look := func(_ context.Context, keys []string) error {
		w.looks = append(w.looks, slices.Clone(keys))
		return w.down
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), d)
	defer cancel()
	if err := echo.NewFollower(w.shop, w.store, look, w.metrics, hclog.NewNullLogger()).Run(ctx); err != nil && ctx.Err() == nil {
		w.t.Error(err)
	}
}

func (w *world) looked(want string) {
	w.t.Helper()
	if got := fmt.Sprint(w.looks); got != want {
		w.t.Errorf("looked at %s, want %s", got, want)
	}
}

func TestOurOwnWriteComingBackIsAnEcho(t *testing.T) {
	run(t, func(w *world) {
		if receipt := w.say("shop-news", "17", "Tea"); !receipt.Echo {
			t.Error("it is not taken for an echo")
		}
		if e := w.last(); !e.Echo || e.Key != "p" {
			t.Errorf("it is kept as %+v", e)
		}
		w.say("shop-news", "q", "Tea") // by our key
		w.counted(2)
		w.follow(time.Minute)
		w.looked("[]")
	})
}

func TestAnEchoSentTwiceCountsOnce(t *testing.T) {
	run(t, func(w *world) {
		w.say("shop-news", "17", "Tea")
		w.events--
		if receipt := w.say("shop-news", "17", "Tea"); !receipt.Duplicate || receipt.Echo {
			t.Errorf("%+v", receipt)
		}
		w.counted(1)
	})
}

func TestWhatAPersonChangesThereIsLookedAtAndWantedNowhereElse(t *testing.T) {
	run(t, func(w *world) {
		for _, name := range []string{"Best tea", "Better tea", "Best tea"} {
			if receipt := w.say("shop-news", "17", name); receipt.Echo {
				t.Error("it is taken for an echo")
			}
		}
		w.say("shop-news", "18", "Coffee")
		if e := w.last(); e.Echo || !e.There || e.Key != "q" {
			t.Errorf("it is kept as %+v", e)
		}
		if got := w.name("p") + w.name("q"); got != "TeaTea" {
			t.Errorf("the catalog has %q", got)
		}
		w.follow(time.Minute)
		w.looked("[[p q]]")
		w.counted(0)
		w.follow(time.Minute) // a host that starts again
		w.looked("[[p q]]")
	})
}

func TestAWholeSnapshotFromADestinationChangesNothing(t *testing.T) {
	run(t, func(w *world) {
		whole := event.Patch{Whole: true, Product: sdk.Product{Name: "Tea", Description: "their own"}}
		if receipt := w.accept(event.Event{Source: "shop-news", ID: "a", Op: sdk.Updated, Key: "17", Patch: whole}); !receipt.Echo {
			t.Error("it is not taken for an echo")
		}
		whole.Product.Name = ""
		w.accept(event.Event{Source: "shop-news", ID: "b", Op: sdk.Updated, Key: "17", Patch: whole})
		w.follow(time.Minute)
		w.looked("[[p]]")
		if got := w.name("p"); got != "Tea" {
			t.Errorf("the catalog has %q", got)
		}
	})
}

func TestADeleteThereIsLookedAtAndDeletesNothingElse(t *testing.T) {
	run(t, func(w *world) {
		w.accept(event.Event{Source: "shop-news", ID: "a", Op: sdk.Deleted, Key: "17"})
		rows, err := w.store.Products(w.t.Context(), []string{"p"})
		if err != nil || rows[0].Deleted {
			t.Errorf("%+v, %v", rows, err)
		}
		w.follow(time.Minute)
		w.looked("[[p]]")
	})
}

func TestAnEchoBeforeTheAnswerToItsWriteIsToldLater(t *testing.T) {
	run(t, func(w *world) {
		w.say("pim", "r", "Tea")
		w.say("shop-news", "19", "Tea")
		w.link("r", "19")
		w.follow(time.Minute)
		w.looked("[]")
		w.counted(1)
	})
}

func TestWhatIsNoneOfOursMakesNoProduct(t *testing.T) {
	run(t, func(w *world) {
		w.say("shop-news", "99", "Coffee")
		w.follow(time.Minute)
		w.looked("[]")
		if rows, err := w.store.Products(w.t.Context(), []string{"99"}); err != nil || len(rows) > 0 {
			t.Errorf("%+v, %v", rows, err)
		}
	})
}

func TestADestinationThatIsDownKeepsWhatIsToBeLookedAt(t *testing.T) {
	run(t, func(w *world) {
		w.down = errors.New("connection refused")
		w.say("shop-news", "17", "Coffee")
		w.follow(time.Minute)
		if len(w.looks) < 3 || len(w.looks) > 10 {
			t.Errorf("%d tries", len(w.looks))
		}
		w.down, w.looks = nil, nil
		w.follow(time.Minute)
		w.looked("[[p]]")
	})
}

func TestAConnectorThatIsNotReadyTellsNoEchoes(t *testing.T) {
	run(t, func(w *world) {
		w.ready = false
		if receipt := w.say("shop-news", "17", "Tea"); receipt.Echo {
			t.Error("which fields it carries is not known yet")
		}
		w.ready = true
		w.follow(time.Minute)
		w.looked("[]")
		w.counted(1)
	})
}

func TestOtherEventsPassAsTheyAre(t *testing.T) {
	run(t, func(w *world) {
		w.say("pim", "p", "Green tea")
		w.accept(event.Event{Source: "shop-news", ID: "raw", Op: sdk.Received, Key: "raw", Raw: &sdk.Raw{Method: "POST"}})
		if e := w.last(); e.Hint || e.Raw == nil {
			t.Errorf("a raw event is kept as %+v", e)
		}
		if got := w.name("p"); got != "Green tea" {
			t.Errorf("the catalog has %q", got)
		}
	})
}
