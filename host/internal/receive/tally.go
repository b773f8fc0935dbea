package receive

import (
	"cmp"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// Stats is what one receiver has done since the start.
type Stats struct {
	Name, Scheme, Path string
	MaxBody            int64 // bytes; of a stream, of one line
	Accepted           int64 // events
	Duplicates         int64 // events that were there already
	Echoes             int64 // of the accepted, those that told our own writes back
	Refused            int64 // requests, and lines of streams
	LastEvent          time.Time
	LastRefused        time.Time
	LastReason         string // of the last refusal, for people
}

// tally counts and logs for one receiver.
type tally struct {
	log                  hclog.Logger
	metrics              *metrics
	accepted, duplicates prometheus.Counter // nil where there is no receiver

	mu         sync.Mutex
	counts     Stats
	lines      *rate.Limiter // of the log, so that a flood of refusals is none of lines
	suppressed int
}

// reasons are all that a receiver refuses for.
var reasons = []string{
	"address", "busy", "encoding", "full", "gone", "internal", "line", "malformed", "method", "origin", "rate",
	"secret", "signature", "size", "stopping", "store", "timeout", "timestamp", "type", "unasked",
}

// newTally makes the counters of a receiver, at 0, so that the first refusal is
// an increase. What no receiver is there for goes by no name, and has one reason.
func newTally(name string, log hclog.Logger, m *metrics) *tally {
	t := &tally{log: log, metrics: m, counts: Stats{Name: name}, lines: rate.NewLimiter(1, 5)}
	if name == "" {
		m.refusals.WithLabelValues("", "path")
		return t
	}
	for _, reason := range reasons {
		m.refusals.WithLabelValues(name, reason)
	}
	t.accepted = m.events.WithLabelValues(name, "accepted")
	t.duplicates = m.events.WithLabelValues(name, "duplicate")
	return t
}

func (t *tally) stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

func (t *tally) took(done taken, now time.Time) {
	t.mu.Lock()
	t.counts.Accepted += int64(done.Accepted)
	t.counts.Duplicates += int64(done.Duplicates)
	t.counts.Echoes += int64(done.echoes)
	t.counts.LastEvent = now
	t.mu.Unlock()
	t.accepted.Add(float64(done.Accepted))
	t.duplicates.Add(float64(done.Duplicates))
}

// refused counts a request that was refused. Of the request, the log tells the
// method and whom it is from: path, query and body may hold secrets.
func (t *tally) refused(no *refusal, method, from string, now time.Time) {
	sentence := cmp.Or(no.truth, strings.TrimSuffix(no.sentence, ":")) // the detail is for the sender only
	last := sentence
	if from == fromTrial {
		last += " (" + fromTrial + ")"
	}
	if !t.count(no.reason, last, 1, now) {
		return
	}
	fields := []any{"receiver", t.counts.Name, "reason", no.reason, "status", no.status, "method", method, "from", from}
	if no.cause != nil {
		fields = append(fields, "error", no.cause)
	}
	t.write(sentence, fields)
}

// refusedLines counts lines of a stream.
func (t *tally) refusedLines(n int, now time.Time) {
	const sentence = "Lines of a stream were refused."
	if n > 0 && t.count("line", sentence, n, now) {
		t.write(sentence, []any{"receiver", t.counts.Name, "reason", "line", "lines", n})
	}
}

// count says whether to log it.
func (t *tally) count(reason, sentence string, n int, now time.Time) bool {
	t.metrics.refusals.WithLabelValues(t.counts.Name, reason).Add(float64(n))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Refused += int64(n)
	t.counts.LastRefused, t.counts.LastReason = now, sentence
	if t.lines.AllowN(now, 1) {
		return true
	}
	t.suppressed++
	return false
}

func (t *tally) write(sentence string, fields []any) {
	t.mu.Lock()
	if t.suppressed > 0 {
		fields = append(fields, "not_logged_before", t.suppressed)
		t.suppressed = 0
	}
	t.mu.Unlock()
	t.log.Warn("refused: "+sentence, fields...)
}

// method is the method of a request if it is one of the common ones; others are
// the sender's own text.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

type metrics struct {
	events   *prometheus.CounterVec
	refusals *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "synchost_receive_events_total", Help: "Events that were taken, by receiver and result (accepted, duplicate).",
		}, []string{"receiver", "result"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "synchost_receive_refusals_total", Help: "Requests and stream lines that were refused, by receiver and reason.",
		}, []string{"receiver", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "synchost_receive_request_seconds", Help: "Time from a request's headers to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"receiver"}),
	}
	if r != nil {
		r.MustRegister(m.events, m.refusals, m.seconds)
	}
	return m
}
