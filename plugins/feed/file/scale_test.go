package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/sdk"
)

// wide are the columns of a feed as shops have it.
var wide = map[string]Columns{
	"key": at("id"), "code": at("sku"), "name": at("title"), "stock": at("stock"), "tags": at("tags"), "attributes.colour": at("colour"),
	"prices": {{Column: place{name: "price"}, Currency: "EUR"}},
}

func at(name string) Columns { return Columns{{Column: place{name: name}}} }

// large writes a feed of n products, with decimal commas.
func large(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "feed.csv")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(file)
	fmt.Fprintln(w, "id;sku;title;price;stock;tags;colour")
	for i := range n {
		fmt.Fprintf(w, "%d;SKU-%d;\"A bag; number %d\";1.%03d,50;%d;new|sale;red\n", i, i, i, i%1000, i%100)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// opened is a connector without the wire.
func opened(t testing.TB, c Config) sdk.Connector {
	t.Helper()
	c.Header, c.Decimal, c.Thousands, c.ListSeparator, c.Encoding = true, ",", ".", "|", "utf-8"
	c.MaxBadRows, c.Columns = limit{share: true, percent: 1}, wide
	connector, err := plugin.Open(t.Context(), sdk.Env{Log: hclog.NewNullLogger(), StateDir: t.TempDir()}, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connector.(interface{ Close() error }).Close() })
	return connector
}

// heap is what is alive now.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// watched counts a listing and keeps the largest heap between its pages.
type watched struct {
	sdk.Lister
	pages, items int
	most         uint64
}

func (w *watched) List(ctx context.Context, q sdk.Query) (sdk.Page, error) {
	page, err := w.Lister.List(ctx, q)
	w.pages++
	w.items += len(page.Items)
	if w.pages%32 == 1 {
		page := page
		w.most = max(w.most, heap())
		runtime.KeepAlive(page)
	}
	return page, err
}

// What a listing and a rewrite hold does not grow with the feed.
func TestMemoryIsFlat(t *testing.T) {
	const few, many, room = 10_000, 100_000, 2 << 20
	most := map[int]uint64{}
	for _, n := range []int{few, many} {
		path := large(t, n)
		w := &watched{Lister: opened(t, Config{Path: path}).(sdk.Lister)}
		before := heap()
		for _, err := range sdk.All(t.Context(), w, sdk.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if w.items != n {
			t.Fatalf("%d items of %d", w.items, n)
		}
		most[n] = w.most - min(before, w.most)
	}
	if most[many] > most[few]+room {
		t.Errorf("a listing of %d rows holds %d KiB, one of %d rows %d KiB", few, most[few]>>10, many, most[many]>>10)
	}

	allocated := map[int]uint64{}
	for _, n := range []int{few, many} {
		target := opened(t, Config{Path: large(t, n), Write: true, Archive: "remove"})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		results, err := target.Apply(t.Context(), []sdk.Change{upsert("7", sdk.Product{Name: "B"}, "name")})
		if err != nil || results[0].Err != nil {
			t.Fatal(err, results)
		}
		runtime.ReadMemStats(&after)
		allocated[n] = (after.HeapSys - min(before.HeapSys, after.HeapSys))
	}
	if allocated[many] > allocated[few]+8<<20 {
		t.Errorf("a rewrite of %d rows takes %d KiB of the system, one of %d rows %d KiB", few, allocated[few]>>10, many, allocated[many]>>10)
	}
}

// Rows a second: of a whole listing, the census of the feed included.
func BenchmarkList(b *testing.B) {
	const n = 50_000
	c := opened(b, Config{Path: large(b, n)}).(*source)
	for b.Loop() {
		c.last = nil // so that each listing is the first
		count := 0
		for _, err := range sdk.All(b.Context(), c, sdk.Query{}) {
			if err != nil {
				b.Fatal(err)
			}
			count++
		}
		if count != n {
			b.Fatal(count)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// Changes a second: batches of 1000 in a file of 50,000 rows.
func BenchmarkApply(b *testing.B) {
	const n = 50_000
	c := opened(b, Config{Path: large(b, n), Write: true, Archive: "remove"})
	round := 0
	for b.Loop() {
		round++
		var batch []sdk.Change
		for i := range 1000 {
			batch = append(batch, upsert(fmt.Sprint(i*50), sdk.Product{Name: fmt.Sprint("round ", round)}, "name"))
		}
		if _, err := c.Apply(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "changes/s")
}
