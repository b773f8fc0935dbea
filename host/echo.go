package main

import (
	"context"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/echo"
	"github.com/synchost/synchost/host/internal/plan"
)

// hearDestinations puts between receivers and store what tells our own writes, as
// they come back, from what people change at destinations, and has the latter looked
// at.
func (h *host) hearDestinations(policies []plan.Policy, metrics *echo.Metrics) {
	var destinations []echo.Destination
	for i, c := range h.config.Connectors {
		var receivers []string
		for _, r := range h.config.Receivers {
			if r.Of == c.Name {
				receivers = append(receivers, r.Name)
			}
		}
		if len(receivers) == 0 {
			continue
		}
		d := echo.Destination{Name: c.Name, Receivers: receivers, Policy: policies[i], Fields: h.fieldsOf(c)}
		destinations = append(destinations, d)
		for _, r := range h.reconcilers {
			if r.Name() == c.Name {
				h.followers = append(h.followers, echo.NewFollower(d, h.store, r.Look, metrics, h.log.Named("echo").Named(c.Name)))
			}
		}
	}
	h.intake.store = echo.NewFilter(h.store, h.store, destinations, metrics)
}

// fieldsOf tells the fields that a connector carries, as long as it is ready.
func (h *host) fieldsOf(c config.Connector) func() ([]string, bool) {
	process := h.process(c.Name)
	now, cancel := context.WithCancel(context.Background())
	cancel() // nothing is waited for
	return func() ([]string, bool) {
		if process == nil {
			return nil, false
		}
		client, err := process.Client(now)
		if err != nil {
			return nil, false
		}
		return client.Opened().Fields, true
	}
}
