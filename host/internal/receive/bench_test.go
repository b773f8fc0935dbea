package receive

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

// nowhere takes everything and keeps nothing: what is measured is the way in.
type nowhere struct{}

func (nowhere) Accept(_ context.Context, events []event.Event) ([]store.Receipt, error) {
	return make([]store.Receipt, len(events)), nil
}

// blank is an answer that nobody reads.
type blank struct{ header http.Header }

func (b blank) Header() http.Header         { return b.header }
func (b blank) Write(p []byte) (int, error) { return len(p), nil }
func (b blank) WriteHeader(int)             {}

const benchLine = `{"key":"%d","code":"C-1","name":"Leather bag","prices":[{"amount":"19.90","currency":"EUR"}],"stock":[{"quantity":"4"}],"attributes":{"color":"red"}}`

func benchmark(b *testing.B, media, body string, lines int) {
	h, problems := New([]config.Receiver{api}, Options{Accepter: nowhere{}})
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	c := apiCall(media, body)
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/in/products", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header, r.ContentLength = c.header, int64(len(body))
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(strings.NewReader(body))
		h.ServeHTTP(blank{http.Header{}}, r)
	}
	b.ReportMetric(float64(b.N*lines)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkSingle(b *testing.B) {
	benchmark(b, "application/json", fmt.Sprintf(benchLine, 1), 1)
}

func BenchmarkLines(b *testing.B) {
	const lines = 20_000
	var body strings.Builder
	for i := range lines {
		fmt.Fprintf(&body, benchLine+"\n", i%5000)
	}
	benchmark(b, "application/x-ndjson", body.String(), lines)
}
