package main

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// crowd runs a host with 17 connectors that are well in turn with one that has
// three more, which are not: a receiver that never answers, one that fails
// everything, and a lane that is limited to one change a second.
func (b *bench) crowd(ctx context.Context) error {
	var well []connector
	for i := range 17 {
		well = append(well, connector{name: fmt.Sprint("well", i), path: fmt.Sprint("/well/", i)})
	}
	all := append(well[:len(well):len(well)],
		connector{"hangs", "/hang", ""}, connector{"fails", "/fail", ""}, connector{"slow", "/slow", `rate = "1/s"`})
	var alone, beside []float64
	for round := range max(1, b.rounds-1) {
		without, err := b.crowded(ctx, well)
		if err != nil {
			return err
		}
		with, err := b.crowded(ctx, all)
		if err != nil {
			return err
		}
		alone, beside = append(alone, without.P99), append(beside, with.P99)
		b.progress("round %d: 17 connectors alone p50 %.1f ms, p99 %.1f ms, max %.0f ms; beside three unwell p50 %.1f ms, p99 %.1f ms, max %.0f ms", round+1,
			without.P50, without.P99, without.Max, with.P50, with.P99, with.Max)
	}
	return b.report(
		row{name: "p99 of the 17 others ÷ p99 without the three", asked: atMost(1.5, " ×"), unit: " ms", figures: beside, ratios: over(beside, alone)},
	)
}

// crowded sends 50 events a second to a new host, and tells of what arrived at
// the receivers that are well.
func (b *bench) crowded(ctx context.Context, connectors []connector) (arrived, error) {
	h, err := b.started(ctx, "crowd", connectors...)
	if err != nil {
		return arrived{}, err
	}
	defer b.discard(h)
	for _, run := range []string{"warm", "crowd"} {
		if err := b.resetSink(ctx, 0); err != nil {
			return arrived{}, err
		}
		s, err := b.steady(run, 50, 6*time.Second).to(ctx, h)
		if err == nil {
			err = b.arrivedAt(ctx, "/well/", 17*s.accepted)
		}
		if err != nil {
			return arrived{}, err
		}
	}
	return b.received(ctx, url.Values{"path": {"/well/"}})
}
