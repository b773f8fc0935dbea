package ops

import (
	"context"
	"net/http"
	"strconv"
	"sync"
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
	verifiedRatio = prometheus.NewDesc("synchost_reconcile_verified_ratio",
		"Share of the products linked at a platform that a reconciliation has seen there within 24 hours.", []string{"connector"}, nil)
)

// backlog collects how lanes stand at the time of a scrape.
type backlog struct {
	store      Store
	lanes      func() []Lane
	reconciled []string // connectors that are compared with their platforms by schedule

	mu      sync.Mutex
	counted time.Time // when ratios were
	ratios  map[string]float64
}

// NewCollector tells how lanes stand, and of the connectors that are reconciled by
// schedule how much of what is there was seen lately.
func NewCollector(store Store, lanes func() []Lane, reconciled []string) prometheus.Collector {
	return &backlog{store: store, lanes: lanes, reconciled: reconciled}
}

func (b *backlog) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{laneLag, laneProducts, laneRunning, verifiedRatio} {
		descriptions <- d
	}
}

// countAgain is how long a count of what was verified holds: it goes through all
// links.
const countAgain = 5 * time.Minute

// verified is of each connector that is reconciled the share of its products that
// were seen at its platform lately.
func (b *backlog) verified(ctx context.Context, now time.Time) (map[string]float64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ratios != nil && now.Sub(b.counted) < countAgain {
		return b.ratios, nil
	}
	ratios := map[string]float64{}
	for _, connector := range b.reconciled {
		seen, all, err := b.store.Verified(ctx, connector, now.Add(-coverage))
		if err != nil {
			return nil, err
		}
		if ratios[connector] = 1; all > 0 {
			ratios[connector] = float64(seen) / float64(all)
		}
	}
	b.ratios, b.counted = ratios, now
	return ratios, nil
}

func (b *backlog) Collect(metrics chan<- prometheus.Metric) {
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
		gauge(laneProducts, float64(status.OnHold), status.Connector, OnHold)
	}
	ratios, err := b.verified(ctx, time.Now())
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(verifiedRatio, err)
	}
	for connector, ratio := range ratios {
		gauge(verifiedRatio, ratio, connector)
	}
}

func truthValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
