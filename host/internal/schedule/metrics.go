package schedule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	runs        *prometheus.CounterVec
	lastSuccess *prometheus.GaugeVec
}

func newMetrics(registry prometheus.Registerer) metrics {
	m := metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "synchost_schedule_runs_total",
			Help: "Runs of scheduled jobs by outcome: ok, failed, interrupted by the end of the host, or skipped since the one before was still going.",
		}, []string{"job", "outcome"}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "synchost_schedule_last_success_timestamp_seconds",
			Help: "When a run of the job last ended well; absent until one has.",
		}, []string{"job"}),
	}
	registry.MustRegister(m.runs, m.lastSuccess)
	return m
}

// jobMetrics are those of one job, there from the start.
type jobMetrics struct {
	ok, failed, interrupted, skipped prometheus.Counter
	// succeeded tells when a run last ended well; zero: none has.
	succeeded func(time.Time)
}

func (m metrics) of(name string) jobMetrics {
	return jobMetrics{
		ok:          m.runs.WithLabelValues(name, "ok"),
		failed:      m.runs.WithLabelValues(name, "failed"),
		interrupted: m.runs.WithLabelValues(name, "interrupted"),
		skipped:     m.runs.WithLabelValues(name, "skipped"),
		succeeded: func(t time.Time) {
			if !t.IsZero() {
				m.lastSuccess.WithLabelValues(name).Set(float64(t.UnixMilli()) / 1000)
			}
		},
	}
}
