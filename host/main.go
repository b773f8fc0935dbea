// Command synchost takes product changes in, keeps them, and brings every
// destination in step through connectors that run as processes of their own.
package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/host/internal/echo"
	"github.com/synchost/synchost/host/internal/launch"
	"github.com/synchost/synchost/host/internal/ops"
	"github.com/synchost/synchost/host/internal/ops/cli"
	"github.com/synchost/synchost/host/internal/receive"
	"github.com/synchost/synchost/host/internal/reconcile"
	"github.com/synchost/synchost/host/internal/schedule"
	"github.com/synchost/synchost/host/internal/store/sqlite"
)

var version = "dev" // set by the linker

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], cli.Actions{
		Version:  ops.NewVersion(version),
		Run:      run,
		Validate: validate,
		Check:    check,
		Sends:    receive.Sends,
	})
	stop()
	os.Exit(code)
}

// run is the host: it reads the configuration, opens the store, starts the
// connectors and their lanes, and then lets events in. It returns when ctx ends
// and everything has stopped.
func run(ctx context.Context, file string) error {
	cfg, err := config.Load(file, config.GenerateSecrets)
	if err != nil {
		if _, all := validate(ctx, file); all != nil {
			return all // and what else is wrong
		}
		return err
	}
	log := newLog(cfg.Host)
	registry := prometheus.NewRegistry()

	// Nothing starts on a bad configuration: expressions are compiled, and each
	// connector is asked what it thinks of its options.
	policies, problems := compile(cfg)
	asked := askConnectors(ctx, cfg, log)
	for _, warning := range slices.Concat(cfg.Warnings, asked.warnings) {
		log.Warn(warning.String())
	}
	for _, p := range asked.silent {
		log.Error(p.String()) // its own trouble: the others go on
	}
	in := &intake{}
	receivers, wrong := receive.New(cfg.Receivers, receive.Options{
		Accepter: in, TrustedProxies: cfg.Host.TrustedProxies, MaxBody: cfg.Host.MaxBody,
		ReadTimeout: cfg.Host.ReadTimeout, Log: log.Named("receive"), Metrics: registry,
	})
	if problems = slices.Concat(problems, asked.problems, wrong); len(problems) > 0 {
		problems.Sort()
		return problems
	}

	db, err := sqlite.Open(ctx, sqlite.Options{
		Dir: cfg.Host.DataDir, Log: log.Named("store"), Metrics: registry, Damaged: in.damaged,
	})
	if err != nil {
		return err
	}
	defer db.Close()

	h := &host{config: cfg, log: log, store: db, intake: in, receivers: receivers, started: time.Now()}
	metrics := deliver.NewMetrics(registry)
	for i, c := range cfg.Connectors {
		if c.Enabled {
			process := launch.New(spec(cfg, c), logAt(log, c.LogLevel), registry)
			h.processes = append(h.processes, process)
			lane := deliver.New(db, connector{process}, laneOptions(c, policies[i], cfg.Host, log, metrics))
			h.lanes = append(h.lanes, lane)
			h.watchSource(c, connector{process})
			if reconciles(c) {
				h.reconcilers = append(h.reconcilers, reconcile.New(db, connector{process}, lane, h.reconcileOptions(c, policies[i])))
			}
		}
	}
	h.hearDestinations(policies, echo.NewMetrics(registry))
	if err := h.awaitPlans(ctx); err != nil {
		return err
	}

	if h.scheduler, err = schedule.New(h.jobs(), schedule.Options{Store: db, Log: log.Named("schedule"), Metrics: registry}); err != nil {
		return err
	}

	services, err := h.services(ctx, registry)
	if err != nil {
		return err
	}
	log.Info("synchost runs", "listen", cfg.Host.Listen, "receivers", len(cfg.Receivers), "connectors", len(h.lanes))
	err = serve(ctx, services)
	log.Info("synchost has stopped")
	return err
}
