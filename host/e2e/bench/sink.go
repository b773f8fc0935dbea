package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sink is the receiver, in a process of its own: it counts, times and checks
// what arrives. What comes to one path is told apart from what comes to others.
//
//	/hang…    never answers
//	/fail…    answers 500 to everything
//	/…        takes events, and refuses some of them once with 500
//	/_reset   forgets all; refuse=0.01: of what comes from now on, refuse as many
//	/_count   how many distinct events came; path=/x: of paths that begin so
//	/_report  an arrived; path=, and from=, to= and due= as told there
type sink struct {
	mu     sync.Mutex
	refuse float64
	paths  map[string]*ledger
}

// serveSink runs a sink until its listener closes.
func serveSink(listener net.Listener) error {
	server := &http.Server{Handler: newSink(), ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}

func newSink() http.Handler {
	s := &sink{paths: map[string]*ledger{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/_reset", s.reset)
	mux.HandleFunc("/_count", s.count)
	mux.HandleFunc("/_report", s.report)
	mux.HandleFunc("/", s.take)
	return mux
}

func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(r)
	now := time.Now().UnixNano()
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case strings.HasPrefix(r.URL.Path, "/hang"):
		<-r.Context().Done()
	case strings.HasPrefix(r.URL.Path, "/fail"):
		http.Error(w, "on purpose", http.StatusInternalServerError)
	case !s.enter(r.URL.Path, body, now):
		http.Error(w, "on purpose", http.StatusInternalServerError)
	}
}

// enter notes that the event in body came at now; false: it is refused.
func (s *sink) enter(path string, body []byte, now int64) bool {
	key, seq, sent := textAfter(body, `"key":"`), numberAfter(body, `"seq":`), numberAfter(body, `"sent_at":`)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.paths[path]
	if l == nil {
		l = newLedger()
		s.paths[path] = l
	}
	return l.enter(key, int(seq), sent, now, s.refuse > 0 && rand.Float64() < s.refuse)
}

func (s *sink) reset(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths = map[string]*ledger{}
	s.refuse, _ = strconv.ParseFloat(r.FormValue("refuse"), 64)
}

func (s *sink) count(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.under(r.FormValue("path")) {
		n += l.distinct
	}
	_ = json.NewEncoder(w).Encode(n)
}

func (s *sink) report(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	moment := func(name string) int64 {
		at, _ := strconv.ParseInt(r.FormValue(name), 10, 64)
		return at
	}
	_ = json.NewEncoder(w).Encode(reportOn(s.under(r.FormValue("path")), moment("from"), moment("to"), moment("due")))
}

// under are the ledgers of paths that begin so.
func (s *sink) under(path string) []*ledger {
	var some []*ledger
	for at, l := range s.paths {
		if strings.HasPrefix(at, path) {
			some = append(some, l)
		}
	}
	return some
}

func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 {
		return io.ReadAll(r.Body)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
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
