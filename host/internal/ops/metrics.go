package ops

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewMetrics adds the process's own metrics and its build to registry, and is
// the handler that shows all of registry's.
func NewMetrics(registry *prometheus.Registry, version Version) http.Handler {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "synchost_build_info", Help: "Always 1; its labels say which build runs.",
		ConstLabels: prometheus.Labels{
			"version": version.Version, "revision": version.Revision,
			"modified": strconv.FormatBool(version.Modified), "goversion": version.Go,
		},
	})
	build.Set(1)
	registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		Registry: registry,
		// A store in trouble is when the other metrics are wanted most.
		ErrorHandling: promhttp.ContinueOnError,
	})
}

// scrapeTimeout bounds what one scrape asks of the store.
const scrapeTimeout = 5 * time.Second

var (
	laneLag = prometheus.NewDesc("synchost_lane_lag_events",
		"Journal positions that the lane has still to pass.", []string{"connector"}, nil)
	laneProducts = prometheus.NewDesc("synchost_lane_products",
		"Products that are not in step, by state.", []string{"connector", "state"}, nil)
	laneRunning = prometheus.NewDesc("synchost_lane_running",
		"1 if the lane delivers, 0 if it is paused, stopped, throttled, waits or finds its circuit open.", []string{"connector"}, nil)
)

// backlog collects how lanes stand at the time of a scrape.
type backlog struct {
	store Store
	lanes func() []Lane
}

// NewCollector tells how lanes stand.
func NewCollector(store Store, lanes func() []Lane) prometheus.Collector {
	return backlog{store, lanes}
}

func (backlog) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{laneLag, laneProducts, laneRunning} {
		descriptions <- d
	}
}

func (b backlog) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	head, err := b.store.Head(ctx)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(laneLag, err)
		return
	}
	for _, lane := range b.lanes() {
		status, err := laneStatus(ctx, b.store, lane, head)
		if err != nil {
			metrics <- prometheus.NewInvalidMetric(laneLag, err)
			return
		}
		gauge(laneLag, float64(status.Lag), status.Connector)
		gauge(laneRunning, truthValue(status.State == LaneRunning), status.Connector)
		gauge(laneProducts, float64(status.Behind), status.Connector, Behind)
		gauge(laneProducts, float64(status.Dead), status.Connector, Dead)
		gauge(laneProducts, float64(status.Held), status.Connector, Held)
	}
}

func truthValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
