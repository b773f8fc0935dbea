package main

import (
	"context"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/schedule"
)

// jobs are what connectors are to do at certain times.
func (h *host) jobs() []schedule.Job {
	var jobs []schedule.Job
	for _, w := range h.watchers {
		c := h.connectorOf(w.Name())
		jobs = append(jobs, h.job("watch", c, c.Watch, w.Run))
	}
	for _, r := range h.reconcilers {
		if c := h.connectorOf(r.Name()); c.Reconcile != "" {
			jobs = append(jobs, h.job("reconcile", c, c.Reconcile, r.Run))
		}
	}
	return jobs
}

// job is one thing that a connector does at certain times, and no other meanwhile.
func (h *host) job(kind string, c config.Connector, spec string, run func(context.Context) error) schedule.Job {
	return schedule.Job{
		Name: kind + ":" + c.Name, Group: c.Name,
		Spec: spec, Location: h.config.Host.Timezone, Jitter: c.Jitter, Run: run,
	}
}
