package main

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

// filled is a table of SQLite with so many products.
func filled(tb testing.TB, rows int) *sdk.Client {
	tb.Helper()
	d := newSQLite(tb)
	table := d.table(tb, `id {id}, sku text, title text, price text, qty integer`)
	d.exec(tb, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < `+strconv.Itoa(rows)+`)
		INSERT INTO `+table+` SELECT i, 'SKU-' || i, 'Product number ' || i, i || '.50', i % 7 FROM n`)
	return sdktest.Open(tb, plugin, d.config(table, options{"columns": options{
		"code": "sku", "name": "title", "prices": []options{{"amount": "price", "currency": "EUR"}}, "stock": []options{{"quantity": "qty"}},
	}}))
}

// BenchmarkList reads 100,000 rows through the wire; peak-MB is what was alive
// at most between two pages, beyond what was before the first.
func BenchmarkList(b *testing.B) {
	const rows = 100_000
	client := filled(b, rows)
	var peak uint64
	for b.Loop() {
		var count int
		count, peak = walk(b, client)
		if count != rows {
			b.Fatalf("%d rows", count)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
}

// walk goes through a listing and keeps nothing of it.
func walk(tb testing.TB, client *sdk.Client) (count int, peak uint64) {
	tb.Helper()
	before := alive()
	for q := (sdk.Query{}); ; {
		page, err := client.List(tb.Context(), q)
		if err != nil {
			tb.Fatal(err)
		}
		count += len(page.Items)
		if q.Cursor = page.Next; q.Cursor == "" {
			return count, peak
		}
		if count%10_000 == 0 {
			if now := alive(); now > before {
				peak = max(peak, now-before)
			}
		}
	}
}

func alive() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// A listing is not held: 40,000 rows, tens of megabytes as products, leave a few
// pages alive at most.
func TestListingIsNotHeld(t *testing.T) {
	count, peak := walk(t, filled(t, 40_000))
	if count != 40_000 || peak > 6<<20 {
		t.Errorf("%d rows, %d bytes alive between two pages", count, peak)
	}
}
