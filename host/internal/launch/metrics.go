package launch

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are one connector's; "connector" is their only label.
type metrics struct {
	up       prometheus.Gauge
	restarts prometheus.Counter
	dropped  prometheus.Counter
	start    prometheus.Histogram
}

func newMetrics(connector string) *metrics {
	labels := prometheus.Labels{"connector": connector}
	return &metrics{
		up: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "synchost_launch_up", ConstLabels: labels,
			Help: "Whether the connector's process is ready (1) or not (0).",
		}),
		restarts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "synchost_launch_restarts_total", ConstLabels: labels,
			Help: "Starts of the connector's process after the first.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "synchost_launch_log_lines_dropped_total", ConstLabels: labels,
			Help: "Log lines of the connector that were dropped because it wrote too many.",
		}),
		start: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "synchost_launch_start_duration_seconds", ConstLabels: labels,
			Help:    "Time from starting the connector's process until it was ready.",
			Buckets: prometheus.ExponentialBuckets(0.05, 2, 11),
		}),
	}
}

// register adds the metrics to r until unregister is called; r may be nil.
func (m *metrics) register(r prometheus.Registerer) (unregister func(), err error) {
	if r == nil {
		return func() {}, nil
	}
	all := []prometheus.Collector{m.up, m.restarts, m.dropped, m.start}
	unregister = func() {
		for _, c := range all {
			r.Unregister(c)
		}
	}
	var errs []error
	for _, c := range all {
		errs = append(errs, r.Register(c))
	}
	return unregister, errors.Join(errs...)
}
