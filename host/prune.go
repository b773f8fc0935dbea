package main

import (
	"context"
	"time"

	"github.com/synchost/synchost/host/internal/echo"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/host/internal/watch"
)

// pruneEvery is how often what is too old is forgotten.
const pruneEvery = 10 * time.Minute

// prune forgets journal entries and deliveries that are older than they are to
// be kept, and that no lane needs, not even a disabled connector's.
func (h *host) prune(ctx context.Context) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		if err := h.pruneOnce(ctx); err != nil && ctx.Err() == nil {
			h.log.Warn("what is too old could not be forgotten, and is tried again", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *host) pruneOnce(ctx context.Context) error {
	now := time.Now()
	passed, err := h.store.Head(ctx)
	if err != nil {
		return err
	}
	for _, c := range h.config.Connectors {
		lane, err := h.store.Lane(ctx, c.Name)
		if err != nil {
			return err
		}
		if !c.Enabled && lane.Cursor == 0 {
			continue // it never ran
		}
		passed = min(passed, lane.Passed())
	}
	for _, c := range h.completers {
		row, err := h.store.Lane(ctx, watch.Position(c.Name()))
		if err != nil {
			return err
		}
		passed = min(passed, row.Cursor)
	}
	for _, f := range h.followers {
		row, err := h.store.Lane(ctx, echo.Position(f.Name()))
		if err != nil {
			return err
		}
		passed = min(passed, row.Cursor)
	}
	if err := h.store.PrunePlans(ctx, now.Add(-h.config.Host.KeepDeliveries)); err != nil {
		return err
	}
	_, err = h.store.Prune(ctx, store.PruneLimits{
		EventsBefore:     now.Add(-h.config.Host.KeepEvents),
		DeliveriesBefore: now.Add(-h.config.Host.KeepDeliveries),
		Passed:           passed,
	})
	return err
}
