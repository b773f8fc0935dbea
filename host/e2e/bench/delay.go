package main

import (
	"context"
	"fmt"
	"time"
)

// moderate is the rate at which delays are taken, in events a second: a tenth of
// what goes through flat out, or less.
const moderate = 1300

// delay takes the time from an event's being due at the sender to its arrival,
// at a rate that leaves the machine time.
func (b *bench) delay(ctx context.Context) error {
	h, err := b.started(ctx, "delay", sinkConnector)
	if err != nil {
		return err
	}
	defer b.discard(h)
	if _, _, err := b.through(ctx, h, b.steady("warm", moderate, time.Second)); err != nil {
		return err
	}
	var p50, p99 []float64
	for round := range b.rounds {
		_, a, err := b.through(ctx, h, b.steady(fmt.Sprint("delay", round), moderate, 6*time.Second))
		if err != nil {
			return err
		}
		p50, p99 = append(p50, a.P50), append(p99, a.P99)
		b.progress("round %d: p50 %.2f ms, p99 %.2f ms, max %.2f ms", round+1, a.P50, a.P99, a.Max)
	}
	return b.report(
		row{name: "sent to received, p50", asked: atMost(1.5, " ms"), unit: " ms", figures: p50},
		row{name: "sent to received, p99", asked: atMost(6, " ms"), unit: " ms", figures: p99},
	)
}
