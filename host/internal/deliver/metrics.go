package deliver

import "github.com/prometheus/client_golang/prometheus"

// Metrics are shared by all lanes.
type Metrics struct {
	outcomes *prometheus.CounterVec
	delay    *prometheus.HistogramVec
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
	}
	if r != nil {
		r.MustRegister(m.outcomes, m.delay)
	}
	return m
}
