package main

import (
	"context"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/echo"
	"github.com/synchost/synchost/host/internal/launch"
	"github.com/synchost/synchost/host/internal/ops"
	"github.com/synchost/synchost/host/internal/ops/inspect"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/receive"
	"github.com/synchost/synchost/host/internal/reconcile"
	"github.com/synchost/synchost/host/internal/schedule"
	"github.com/synchost/synchost/host/internal/store/sqlite"
	"github.com/synchost/synchost/host/internal/watch"
)

// host is what a run is made of, as the control API sees it.
type host struct {
	config    *config.Config
	log       hclog.Logger
	store     *sqlite.Store
	intake    *intake
	receivers *receive.Handler
	processes []*launch.Process
	lanes     []*deliver.Lane

	reconcilers []*reconcile.Reconciler
	scheduler   *schedule.Scheduler
	watchers    []*watch.Watcher   // of sources that are listed
	completers  []*watch.Completer // of sources that are asked about hints
	followers   []*echo.Follower   // of destinations that tell of changes there
	bin         *inspect.Bin       // nil: not enabled
	listening   atomic.Bool
	started     time.Time
}

// services are what the host runs, in the order of what needs what: the last is
// stopped first. Their listeners are open.
func (h *host) services(ctx context.Context, registry *prometheus.Registry) ([]service, error) {
	var services []service
	if h.config.Inspector.Enabled {
		listener, err := inspect.Listen(ctx, h.config.Inspector.Listen)
		if err != nil {
			return nil, err
		}
		h.bin = inspect.New(h.config.Inspector.Keep)
		services = append(services, service{"inspector", serveHTTP(listener, h.bin, time.Second)})
	}
	control, err := ops.Listen(ctx, h.config.Host.Socket)
	if err != nil {
		return nil, err
	}
	deps := h.deps()
	registry.MustRegister(ops.NewCollector(h.store, deps.Lanes, h.reconciled()))
	server, err := h.listen(ctx, ops.NewMetrics(registry, deps.Version))
	if err != nil {
		return nil, err
	}
	return append(services,
		service{"control API", serveHTTP(control, ops.NewAPI(deps), time.Second)},
		service{"connectors", together(h.processes, (*launch.Process).Run)},
		service{"lanes", together(h.lanes, (*deliver.Lane).Run)},
		service{"sources", together(h.watchers, (*watch.Watcher).Follow)},
		service{"hints", together(h.completers, (*watch.Completer).Run)},
		service{"echoes", together(h.followers, (*echo.Follower).Run)},
		service{"schedule", h.scheduler.Run},
		service{"pruning", h.prune},
		service{"memory", tuneMemory},
		service{"receivers", h.receive(server)},
	), nil
}

// listen opens the listener of the receivers, and of health and metrics beside them.
func (h *host) listen(ctx context.Context, metrics http.Handler) (*receive.Server, error) {
	health := ops.Health{Writable: h.intake.writable, Receiving: h.listening.Load, Connectors: h.connectors}
	return receive.Listen(ctx, h.config.Host, h.receivers, map[string]http.Handler{
		"/healthz": http.HandlerFunc(health.Live),
		"/readyz":  http.HandlerFunc(health.Ready),
		"/metrics": metrics,
	}, h.log.Named("receive"))
}

// receive lets events in until ctx ends.
func (h *host) receive(server *receive.Server) func(context.Context) error {
	return func(ctx context.Context) error {
		h.listening.Store(true)
		defer h.listening.Store(false)
		return server.Run(ctx)
	}
}

// deps are what the control API works on.
func (h *host) deps() ops.Deps {
	deps := ops.Deps{
		Store: h.store, Writable: h.intake.writable, Connectors: h.connectors, Receivers: h.receiverStats, Try: h.try,
		Lanes: func() []ops.Lane {
			lanes := make([]ops.Lane, len(h.lanes))
			for i, lane := range h.lanes {
				lanes[i] = laneView{lane}
			}
			return lanes
		},
		Reconcilers: h.reconcilersView, Scheduler: h.scheduler,
		Check: h.check, Restart: h.restart,
		Version: ops.NewVersion(version), Started: h.started,
	}
	if h.bin != nil {
		deps.Inspector = h.bin
	}
	return deps
}

func (h *host) connectors() []ops.ConnectorStatus {
	views := make([]ops.ConnectorStatus, len(h.config.Connectors))
	for i, c := range h.config.Connectors {
		status := launch.Status{State: launch.Disabled}
		if p := h.process(c.Name); p != nil {
			status = p.Status()
		}
		views[i] = processView(c, status)
	}
	return views
}

// process is the process of an enabled connector, nil of any other.
func (h *host) process(name string) *launch.Process {
	for _, p := range h.processes {
		if p.Name() == name {
			return p
		}
	}
	return nil
}

func (h *host) check(ctx context.Context, name string) error {
	client, err := h.process(name).Client(ctx)
	if err != nil {
		return err
	}
	return client.Check(ctx)
}

func (h *host) restart(name string) error {
	h.process(name).Restart()
	return nil
}

// connector is a launched process as a lane sees it.
type connector struct{ *launch.Process }

func (c connector) Ready(ctx context.Context) (deliver.Port, error) {
	client, err := c.Client(ctx)
	if err != nil {
		return nil, err
	}
	return client, nil
}

// laneOptions are the lane's part of a connector's block.
func laneOptions(c config.Connector, policy plan.Policy, host config.Host, log hclog.Logger, metrics *deliver.Metrics) deliver.Options {
	o := deliver.Options{
		Name: c.Name, Deliver: deliver.Mode(c.Deliver), Policy: policy, Matching: plan.NewMatching(c.Match), OnUnknown: deliver.OnUnknown(c.OnUnknown),
		Batch: c.Batch, InFlight: c.InFlight, Timeout: c.Timeout, Schedule: c.Retry, Drain: host.StopTimeout,
		Log: log.Named(c.Name), Metrics: metrics,
	}
	if c.Rate.Count > 0 {
		o.Rate = rate.Limit(float64(c.Rate.Count) / c.Rate.Per.Seconds())
		// Whatever the rate is told for, no more than a second's worth goes at once.
		o.Burst = max(1, int(o.Rate))
	}
	return o
}

func newLog(h config.Host) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Level: hclog.LevelFromString(h.LogLevel), JSONFormat: h.LogFormat == "json",
		TimeFormat: "2006-01-02T15:04:05.000Z07:00", IndependentLevels: true,
	})
}

// logAt is log with a level of its own.
func logAt(log hclog.Logger, level string) hclog.Logger {
	own := log.ResetNamed(log.Name())
	own.SetLevel(hclog.LevelFromString(level))
	return own
}

// runDir is for what exists only while connectors run, statesDir for what they keep.
func runDir(cfg *config.Config) string    { return filepath.Join(cfg.Host.DataDir, "run") }
func statesDir(cfg *config.Config) string { return filepath.Join(cfg.Host.DataDir, "connectors") }

// spec says how a connector is run.
func spec(cfg *config.Config, c config.Connector) launch.Spec {
	return launch.Spec{
		Connector: c, Binary: c.Binary, RunDir: runDir(cfg),
		StateDir:    filepath.Join(statesDir(cfg), c.Name),
		StopTimeout: cfg.Host.StopTimeout,
	}
}

// laneView is a lane as the control API shows it.
type laneView struct{ *deliver.Lane }

func (l laneView) Status() ops.LaneStatus {
	s := l.Lane.Status()
	return ops.LaneStatus{
		Connector: s.Connector, Deliver: string(s.Deliver), State: string(s.State), Reason: s.Reason, Until: s.Until,
		Cursor: s.Cursor, Passed: s.Passed, InFlight: s.InFlight, Delivered: s.Delivered, Failed: s.Failed,
		LastSuccess: s.LastSuccess, NextRetry: s.NextRetry,
	}
}

// processView is a connector's process as the control API shows it.
func processView(c config.Connector, s launch.Status) ops.ConnectorStatus {
	view := ops.ConnectorStatus{
		Name: c.Name, Plugin: c.Plugin, Version: s.Version, Reason: s.Reason, PID: s.PID, SHA256: s.SHA256,
		Restarts: s.Restarts, Since: s.Since, LastStderr: s.Stderr,
	}
	for _, can := range s.Can {
		view.Capabilities = append(view.Capabilities, can.String())
	}
	switch s.State {
	case launch.Ready:
		view.State = ops.ConnectorReady
	case launch.Waiting:
		view.State = ops.ConnectorRestarting
	case launch.Fused, launch.Misconfigured:
		view.State = ops.ConnectorFailed
	case launch.Stopping, launch.Stopped:
		view.State = ops.ConnectorStopped
	case launch.Disabled:
		view.State = ops.ConnectorDisabled
	default:
		view.State = ops.ConnectorStarting
	}
	return view
}
