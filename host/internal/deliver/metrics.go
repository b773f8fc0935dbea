package deliver

import "github.com/prometheus/client_golang/prometheus"

// Metrics are shared by all lanes.
type Metrics struct {
	outcomes *prometheus.CounterVec
	delay    *prometheus.HistogramVec
	writes   *prometheus.HistogramVec
}

// NewMetrics registers the lanes' metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "synchost_deliver_attempts_total", Help: "Attempts and skipped changes by their outcome.",
		}, []string{"connector", "outcome"}),
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "synchost_deliver_delay_seconds", Help: "Time from accepting a change to its delivery.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}, []string{"connector"}),
		writes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "synchost_writes_per_source_change",
			Help:    "Of each write, how many there were by then of its product for one change at its source; 1 is usual.",
			Buckets: []float64{1, 2, 3, 5, fuseLimit},
		}, []string{"connector"}),
	}
	if r != nil {
		r.MustRegister(m.outcomes, m.delay, m.writes)
	}
	return m
}
