package main

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

const crowdSize = 17

// crowd gives events, in turn, to a host with 17 connectors that are well and to
// one that has three more, which are not: a receiver that never answers, one that
// fails everything, and a lane that is limited to one change a second.
func (b *bench) crowd(ctx context.Context) error {
	var well []connector
	for i := range crowdSize {
		well = append(well, connector{name: fmt.Sprint("well", i), path: fmt.Sprint("/well/", i)})
	}
	without, err := b.started(ctx, "crowd-well", well...)
	if err != nil {
		return err
	}
	defer b.discard(without)
	with, err := b.started(ctx, "crowd", append(well,
		connector{"hangs", "/hang", ""}, connector{"fails", "/fail", ""}, connector{"slow", "/slow", `rate = "1/s"`})...)
	if err != nil {
		return err
	}
	defer b.discard(with)
	var alone, beside []float64
	for round := range 1 + 2*b.rounds {
		var of [2]arrived
		for i := range of {
			i = (i + round) % 2 // each is first as often as the other
			if of[i], err = b.crowded(ctx, []*host{without, with}[i], round); err != nil {
				return err
			}
		}
		a, c := of[0], of[1]
		if round == 0 {
			continue // until connections are there, and circuits open
		}
		alone, beside = append(alone, a.P99), append(beside, c.P99)
		b.progress("round %d: p50 %.1f ms, p99 %.1f ms, max %.0f ms alone; p50 %.1f ms, p99 %.1f ms, max %.0f ms beside three unwell", round,
			a.P50, a.P99, a.Max, c.P50, c.P99, c.Max)
	}
	return b.report(
		row{name: "p99 of 17 connectors alone, 50 events/s to each", unit: " ms", figures: alone},
		row{name: "their p99 beside three unwell ÷ alone", asked: atMost(1.5, " ×"), unit: " ms", figures: beside, ratios: over(beside, alone)},
	)
}

// crowded sends some events, and tells of their arrival at the receivers that are well.
func (b *bench) crowded(ctx context.Context, h *host, round int) (arrived, error) {
	if err := b.resetSink(ctx, 0); err != nil {
		return arrived{}, err
	}
	s, err := b.steady(fmt.Sprint("crowd", round), 50, 2*time.Second).to(ctx, h)
	if err == nil {
		err = b.arrived(ctx, h, "/well/", crowdSize*s.accepted)
	}
	if err != nil {
		return arrived{}, err
	}
	return b.received(ctx, url.Values{"path": {"/well/"}})
}
