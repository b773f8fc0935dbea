package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// sink is the receiver: it counts, times and checks what arrives.
type sink struct {
	mu       sync.Mutex
	failRate float64
	newest   map[string]int64          // by product
	seen     map[string]map[int64]bool // by product
	delays   []time.Duration
	report   sinkReport
}

// sinkReport is what arrived.
type sinkReport struct {
	Distinct   int     `json:"distinct"`
	Duplicates int     `json:"duplicates"`
	Violations int     `json:"violations"` // came for the first time after a newer one of its product
	Failed     int     `json:"failed"`     // answered 500 on purpose
	Seconds    float64 `json:"seconds"`    // from the first to the last
	P50        float64 `json:"p50_ms"`     // sent to received
	P99        float64 `json:"p99_ms"`
	Max        float64 `json:"max_ms"`

	first, last time.Time
}

func newSink() *sink {
	s := &sink{}
	s.reset()
	return s
}

func (s *sink) reset() {
	s.newest, s.seen, s.delays, s.report = map[string]int64{}, map[string]map[int64]bool{}, nil, sinkReport{}
}

// serveSink runs a sink until its listener closes.
func serveSink(listener net.Listener) error {
	s := newSink()
	mux := http.NewServeMux()
	mux.HandleFunc("/_report", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(s.summary()) })
	mux.HandleFunc("/_reset", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reset()
		s.failRate, _ = strconv.ParseFloat(r.URL.Query().Get("fail"), 64)
	})
	mux.HandleFunc("/", s.take)
	return (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(listener)
}

func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	now := time.Now()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	key, seq, sentAt := string(textAfter(body, `"key":"`)), numberAfter(body, `"seq":`), numberAfter(body, `"sent_at":`)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failRate > 0 && rand.Float64() < s.failRate {
		s.report.Failed++
		http.Error(w, "on purpose", http.StatusInternalServerError)
		return
	}
	if s.report.first.IsZero() {
		s.report.first = now
	}
	s.report.last = now
	if s.seen[key] == nil {
		s.seen[key] = map[int64]bool{}
	}
	switch {
	case s.seen[key][seq]:
		s.report.Duplicates++
		return
	case seq < s.newest[key]:
		s.report.Violations++
	}
	s.seen[key][seq] = true
	s.newest[key] = max(s.newest[key], seq)
	s.report.Distinct++
	s.delays = append(s.delays, now.Sub(time.Unix(0, sentAt)))
}

func (s *sink) summary() sinkReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.report
	r.Seconds = r.last.Sub(r.first).Seconds()
	if delays := slices.Sorted(slices.Values(s.delays)); len(delays) > 0 {
		at := func(q float64) float64 { return float64(delays[int(q*float64(len(delays)-1))].Microseconds()) / 1000 }
		r.P50, r.P99, r.Max = at(0.5), at(0.99), at(1)
	}
	return r
}

func textAfter(body []byte, mark string) []byte {
	_, rest, _ := bytes.Cut(body, []byte(mark))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return text
}

func numberAfter(body []byte, mark string) int64 {
	_, rest, _ := bytes.Cut(body, []byte(mark))
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, _ := strconv.ParseInt(string(rest[:end]), 10, 64)
	return n
}
