package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/reconcile"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/store/sqlite"
	"github.com/synchost/synchost/sdk"
)

// vast is a platform of n products of ours, each made up when it is asked for. Of
// each thousandth part, 300 are missing, 300 differ, 200 were deleted at the
// source, and 200 more are none of ours.
type vast struct {
	n, missing, drifted, extra, foreign int
}

func newVast(n int) *vast {
	parts := min(n/10_000, 1) // the same differences however many products there are
	return &vast{n: n, missing: 300 * parts, drifted: 300 * parts, extra: 200 * parts, foreign: 200 * parts}
}

// item is the i-th of what is there, in the order of the listing.
func (v *vast) item(i int) (item sdk.Item, ok bool) {
	switch p := vastProduct(i); {
	case i >= v.n+v.foreign:
		return item, false
	case i >= v.n:
		return sdk.Item{Remote: sdk.Remote{ID: fmt.Sprint("F", i)}, Product: sdk.Product{Code: fmt.Sprint("own-", i)}}, true
	default:
		if v.is(i, 0, v.missing) {
			return item, true
		}
		if v.is(i, 1, v.drifted) {
			p.Prices[0].Amount = "1"
		}
		p.Key = ""
		return sdk.Item{Remote: sdk.Remote{ID: fmt.Sprint("S", i)}, Product: p}, true
	}
}

// is says whether product i is one of some that are spread over all.
func (v *vast) is(i, kind, count int) bool {
	step := max(3, v.n/300)
	return i%step == kind && i/step < count
}

func vastProduct(i int) sdk.Product {
	return sdk.Product{Key: fmt.Sprint("p", i), Code: fmt.Sprint("SKU-", i), Name: "Woollen socks " + strconv.Itoa(i),
		Description: "Warm, red, and made to last for many winters. Wash at thirty degrees.",
		Prices:      []sdk.Price{{Amount: "12.50", Currency: "EUR"}}, Stock: []sdk.Stock{{Quantity: "7"}}}
}

func (v *vast) Ready(context.Context) (deliver.Port, error) { return v, nil }
func (v *vast) Can(what sdk.Capability) bool                { return what == sdk.CanList }

func (v *vast) Opened() sdk.Opened {
	return sdk.Opened{Fields: []string{"code", "name", "description", "prices", "stock"}, Limits: sdk.Limits{Batch: 100, InFlight: 2, Timeout: time.Minute}}
}

func (v *vast) List(_ context.Context, q sdk.Query) (page sdk.Page, err error) {
	from, _ := strconv.Atoi(q.Cursor)
	for i := from; i < from+250; i++ {
		item, ok := v.item(i)
		if !ok {
			return page, nil
		}
		if item.Remote.ID != "" {
			page.Items = append(page.Items, item)
		}
	}
	page.Next = strconv.Itoa(from + 250)
	return page, nil
}

var errNotHere = errors.New("the benchmark does not come here")

func (v *vast) Find(context.Context, []sdk.Ref) ([]sdk.Item, error)       { return nil, errNotHere }
func (v *vast) Apply(context.Context, []sdk.Change) ([]sdk.Result, error) { return nil, errNotHere }
func (v *vast) Correct(context.Context, []string, func(*store.Link) bool) ([]string, error) {
	return nil, errNotHere
}
func (v *vast) Resume(context.Context) error { return nil }

// fill has the catalog, and the links of a lane that has delivered all of it.
func (v *vast) fill(b *testing.B, db *sqlite.Store) {
	b.Helper()
	ctx := b.Context()
	for from := 0; from < v.n; from += 500 {
		events := make([]event.Event, 0, 500)
		links := make([]store.Link, 0, 500)
		for i := from; i < min(from+500, v.n); i++ {
			p := vastProduct(i)
			events = append(events, event.Event{Source: "pim", ID: fmt.Sprint(i), Op: sdk.Created, Key: p.Key, Time: time.Unix(int64(i), 0),
				Patch: event.Patch{Product: p, Fields: []string{"code", "name", "description", "prices", "stock"}}})
			if v.is(i, 2, v.extra) {
				events = append(events, event.Event{Source: "pim", ID: fmt.Sprint("gone", i), Op: sdk.Deleted, Key: p.Key})
			}
			links = append(links, store.Link{Connector: "shop", Key: p.Key, Remote: sdk.Remote{ID: fmt.Sprint("S", i)}, Base: &p})
		}
		if _, err := db.Accept(ctx, events); err != nil {
			b.Fatal(err)
		}
		if err := db.Record(ctx, store.Record{Connector: "shop", Links: links}); err != nil {
			b.Fatal(err)
		}
	}
	head, err := db.Head(ctx)
	if err == nil {
		err = db.Record(ctx, store.Record{Connector: "shop", Lane: &store.Lane{Connector: "shop", Cursor: head}})
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkReconcile compares catalogs of 10,000, 100,000 and (with -timeout 0)
// a million products with a platform that differs in a thousand of them. Time is
// to grow with the products, and memory not at all.
//
//	go test -run xxx -bench Reconcile -benchtime 1x ./host/internal/reconcile
func BenchmarkReconcile(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := newVast(n)
			db, err := sqlite.Open(b.Context(), sqlite.Options{Dir: b.TempDir(), Log: hclog.NewNullLogger()})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := db.Close(); err != nil {
					b.Error(err)
				}
			})
			v.fill(b, db)
			r := reconcile.New(db, v, v, reconcile.Options{Name: "shop", Matching: plan.NewMatching(nil), MaxDeletes: plan.Limit{Count: n}, PlanOnly: true})
			var differences int64
			resetPeak(b)
			used := cpu(b)
			b.ResetTimer()
			for range b.N {
				p, err := r.Plan(b.Context(), "")
				if err != nil {
					b.Fatal(err)
				}
				totals, err := db.PlanTotals(b.Context(), p.ID)
				if err != nil {
					b.Fatal(err)
				}
				var text []string
				differences = 0
				for _, t := range totals {
					differences += t.Count
					text = append(text, fmt.Sprint(t.Count, " ", t.Kind, " ", t.Op))
				}
				if got, want := strings.Join(text, ", "), "300 drift upsert, 200 foreign , 300 missing upsert, 200 tombstone-late archive"; got != want {
					b.Fatalf("it plans %s; want %s", got, want)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/product")
			b.ReportMetric(float64((cpu(b)-used).Microseconds())/float64(b.N*n), "µs-CPU/product")
			b.ReportMetric(peak(b), "peak-MB")
			b.ReportMetric(float64(differences), "differences")
		})
	}
}

// resetPeak has the system forget how much memory the process had at most.
func resetPeak(b *testing.B) {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Log("the peak of memory is that of the whole process: ", err)
	}
}

// cpu is how much time of the processors the process has used; 0 where nobody tells.
// Unlike the time that passed, it is hardly a matter of what else the machine does.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	var ticks time.Duration
	for _, field := range strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))[11:13] { // utime and stime
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond
}

// peak is how much memory the process had at most, in MB; 0 where nobody tells.
func peak(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1000
		}
	}
	return 0
}
