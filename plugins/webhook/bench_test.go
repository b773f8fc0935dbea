package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
)

func built(b *testing.B, c Config) *webhook {
	b.Helper()
	c.Timeout, c.MaxResponse, c.AllowNetworks = sdk.Duration(15*time.Second), 65536, []string{"127.0.0.0/8"}
	w, err := build(&c)
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// BenchmarkRequest is what a delivery costs beside the sending.
func BenchmarkRequest(b *testing.B) {
	for name, c := range map[string]Config{
		"standard": {URL: "https://shop.example/hook", Style: "standard-webhooks", Secret: sdk.NewSecret(hmacSecret)},
		"template": {URL: "https://shop.example/{{.Key}}", Style: "custom", Body: "{{json .Product}}"},
	} {
		b.Run(name, func(b *testing.B) {
			w, change, at := built(b, c), update("7"), time.Now()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.composer.request(&change, at); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEnvelope is the body of a delivery.
func BenchmarkEnvelope(b *testing.B) {
	change := update("7")
	s := newScope(&change, time.Now())
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := (envelope{}).body(s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSend is a delivery to a receiver on loopback, its answer included.
func BenchmarkSend(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	w := built(b, Config{URL: server.URL, Style: "standard-webhooks", Secret: sdk.NewSecret(hmacSecret)})
	change := update("7")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.send(b.Context(), change); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApply is deliveries to a receiver on loopback, in calls of 64.
func BenchmarkApply(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	w := built(b, Config{URL: server.URL, Style: "standard-webhooks", Secret: sdk.NewSecret(hmacSecret)})
	changes := make([]sdk.Change, plugin.Limits.Batch)
	for i := range changes {
		changes[i] = update(strconv.Itoa(i))
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		results, err := w.Apply(b.Context(), changes)
		if err != nil || results[0].Err != nil {
			b.Fatal(err, results[0].Err)
		}
		n += len(results)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "deliveries/s")
}
