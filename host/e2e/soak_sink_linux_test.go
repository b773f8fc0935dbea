package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// soakModes are the ways a receiver behaves for a while.
var soakModes = []string{
	"well", "well", "well", "well", "well", "well", "well", "well", "fails 1%", "fails 50%", "fails all", "lies", "hangs", "cuts off", "talks nonsense", "throttles", "slow", "denies",
}

// soakSink is a receiver in trouble. Of each product it keeps only how far it is,
// and holds what comes next against that.
type soakSink struct {
	*httptest.Server
	soak  *soak
	name  string
	every bool // each event is to come, in order; else the newest state

	mu       sync.Mutex
	mode     string
	products map[string]*soakProduct
	taken    int
	repeats  int
}

type soakProduct struct {
	last      int
	answered  bool  // that it was taken was said
	disturbed int64 // when it came, as the soak counts
	replays   int64 // up to which its going back is explained
	open      int
}

func newSoakSink(s *soak, name string, every bool) *soakSink {
	sink := &soakSink{soak: s, name: name, every: every, mode: "well", products: map[string]*soakProduct{}}
	sink.Server = httptest.NewServer(sink)
	s.t.Cleanup(sink.Close)
	return sink
}

func (s *soakSink) setMode(mode string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = mode
	s.soak.disturbed.Add(1)
}

func (s *soakSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p, chance := productOf(body), rand.IntN(100)
	s.mu.Lock()
	mode := s.mode
	s.mu.Unlock()
	switch mode {
	case "fails 1%":
		if chance < 1 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
	case "fails 50%":
		if chance < 50 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
	case "fails all":
		w.WriteHeader(http.StatusBadRequest)
		return
	case "throttles":
		if chance < 50 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
	case "denies":
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	took := s.take(p, mode)
	defer took.end()
	defer context.AfterFunc(r.Context(), took.end)()
	if chance < 30 {
		switch mode {
		case "lies": // it has it, and says that it has not
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case "hangs":
			<-r.Context().Done()
			return
		case "cuts off":
			panic(http.ErrAbortHandler)
		case "talks nonsense":
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				fmt.Fprint(conn, "\x00\xff nonsense\r\n\r\n")
				conn.Close()
			}
			return
		case "slow":
			time.Sleep(rand.N(300 * time.Millisecond))
		}
	}
	took.answered()
}

// taking is one request's being taken.
type taking struct{ answered, end func() }

// take holds what came against what came before it. What came before may come
// again when the last one was not answered with a yes, or when since then something
// happened for which the answer may have got lost; once for each such thing.
func (s *soakSink) take(n numbered, mode string) taking {
	s.mu.Lock()
	defer s.mu.Unlock()
	disturbed, replays := s.soak.disturbed.Load(), s.soak.replays.Load()
	p := s.products[n.Key]
	if p == nil {
		p = &soakProduct{}
		s.products[n.Key] = p
	}
	explained := !p.answered || p.disturbed != disturbed || mode != "well"
	number := n.Attributes.N
	switch {
	case number == p.last+1, number > p.last && !s.every:
	case number == p.last && explained:
		s.repeats++
	case number <= p.last && s.every && p.replays < replays:
		p.replays = replays
		s.repeats++
	default:
		s.soak.violates("promise 1, 2 or 4: %s took %s as of %d after %d (answered: %v, disturbed: %v, mode %s)",
			s.name, n.Key, number, p.last, p.answered, p.disturbed != disturbed, mode)
	}
	if p.open > 0 && !explained {
		s.soak.violates("promise 2: %s has %d calls in flight for %s", s.name, p.open+1, n.Key)
	}
	s.taken++
	p.open++
	p.last, p.answered, p.disturbed = number, false, disturbed
	return taking{
		answered: func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			p.answered = true
		},
		end: sync.OnceFunc(func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			p.open--
		}),
	}
}

func (s *soakSink) last(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.products[key]; p != nil {
		return p.last
	}
	return 0
}

func (s *soakSink) totals() (taken, repeats int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken, s.repeats
}
