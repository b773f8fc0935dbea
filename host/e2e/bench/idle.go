package main

import (
	"context"
	"time"
)

// idle looks at what a host and its connector take while nothing comes: when
// they are new, and after work.
func (b *bench) idle(ctx context.Context) error {
	h, err := b.started(ctx, "idle", sinkConnector)
	if err != nil {
		return err
	}
	defer b.discard(h)
	if err := b.rest(ctx, h, "new"); err != nil {
		return err
	}
	if _, _, err := b.through(ctx, h, b.flatOut("idle")); err != nil {
		return err
	}
	return b.rest(ctx, h, "after work")
}

// idleSpan is long enough for what happens every 10 s to happen once.
const idleSpan = 10 * time.Second

func (b *bench) rest(ctx context.Context, h *host, when string) error {
	if !sleep(ctx, 3*time.Second) {
		return ctx.Err()
	}
	u, err := useOf(ctx, h.process.pid(), idleSpan)
	b.progress("%s: resident %.1f MB, proportional %.1f MB, CPU %.2f %%", when, u.resident/1e6, u.proportional/1e6, u.cpu)
	return b.report(
		row{name: "host and connector, resident (RSS), " + when, asked: atMost(60, " MB"), unit: " MB", figures: []float64{u.resident / 1e6}, err: err},
		row{name: "host and connector, proportional (PSS), " + when, unit: " MB", figures: []float64{u.proportional / 1e6}, err: err},
		row{name: "their CPU, to 0.1 %, " + when, asked: atMost(0.1, " %"), unit: " %", figures: []float64{u.cpu}, err: err},
	)
}

// use is what processes take: bytes, and per cent of a processor.
type use struct{ resident, proportional, cpu float64 }

// useOf watches a process and those below it for a while. The CPU is known to a
// hundredth of a second.
func useOf(ctx context.Context, pid int, span time.Duration) (u use, err error) {
	pids, err := family(pid)
	if err != nil {
		return u, err
	}
	before, err := cpu(pids)
	if err != nil {
		return u, err
	}
	if !sleep(ctx, span) {
		return u, ctx.Err()
	}
	after, err := cpu(pids)
	if err != nil {
		return u, err
	}
	u.cpu = 100 * (after - before).Seconds() / span.Seconds()
	u.resident, u.proportional, err = memory(pids)
	return u, err
}
