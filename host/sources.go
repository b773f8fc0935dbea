package main

import (
	"context"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/watch"
)

// source is a launched process as one that is watched sees it.
type source struct{ connector }

func (s source) Ready(ctx context.Context) (watch.Port, error) {
	client, err := s.Client(ctx)
	if err != nil {
		return nil, err
	}
	return client, nil
}

// watchSource makes the watcher of a connector that is watched, or that completes
// the hints of receivers.
func (h *host) watchSource(c config.Connector, from connector) {
	var receivers []string
	for _, r := range h.config.Receivers {
		if r.Source == c.Name {
			receivers = append(receivers, r.Name)
		}
	}
	if c.Watch == "" && len(receivers) == 0 {
		return
	}
	w := watch.New(h.store, source{from}, watch.Options{Name: c.Name, Shrink: c.Shrink, Timeout: c.Timeout, Log: h.log.Named("watch").Named(c.Name)})
	if c.Watch != "" {
		h.watchers = append(h.watchers, w)
	}
	if len(receivers) > 0 {
		h.completers = append(h.completers, watch.NewCompleter(w, receivers))
	}
}
