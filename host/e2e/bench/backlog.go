package main

import (
	"context"
	"fmt"
	"time"
)

// backlog has one host take a million events while its lane is paused, and then
// holds its rates under a flat-out load against those of a host without, in turn.
func (b *bench) backlog(ctx context.Context) error {
	with, err := b.started(ctx, "backlog", sinkConnector)
	if err != nil {
		return err
	}
	defer func() { b.discard(with) }()
	if err := with.pause(ctx); err != nil {
		return err
	}
	s, err := b.bulkLoad("backlog", b.scaled(1_000_000), 10_000).to(ctx, with)
	if err != nil {
		return err
	}
	accepting, notHere := peak(with.process.pid())
	b.progress("%d events accepted, %.0f/s; the host's memory %.0f MB", s.accepted, s.perSecond(), accepting/1e6)

	var starts []float64
	for _, end := range []func(*process){(*process).stop, (*process).kill} {
		end(with.process)
		began, ready, err := with.start(ctx)
		if err != nil {
			return err
		}
		starts = append(starts, ready.Sub(began).Seconds())
	}
	b.progress("ready %.2f s after a start that follows a stop, %.2f s after one that follows kill -9", starts[0], starts[1])

	without, err := b.started(ctx, "no-backlog", sinkConnector)
	if err != nil {
		return err
	}
	defer b.discard(without)
	var accepted, delivered, acceptedWithout, deliveredWithout []float64
	for round := range max(1, b.rounds-1) {
		taken, arriving, err := b.pressed(ctx, without, fmt.Sprint("without", round))
		if err != nil {
			return err
		}
		acceptedWithout, deliveredWithout = append(acceptedWithout, taken), append(deliveredWithout, arriving)
		if err := with.resume(ctx); err != nil {
			return err
		}
		if taken, arriving, err = b.pressed(ctx, with, fmt.Sprint("with", round)); err != nil {
			return err
		}
		accepted, delivered = append(accepted, taken), append(delivered, arriving)
		if err := with.pause(ctx); err != nil {
			return err
		}
		b.progress("round %d: accepted %.0f/s, delivered %.0f/s without; accepted %.0f/s, delivered %.0f/s with", round+1,
			acceptedWithout[round], deliveredWithout[round], accepted[round], delivered[round])
	}
	delivering, _ := peak(with.process.pid())
	b.progress("the host's memory %.0f MB", delivering/1e6)
	return b.report(
		row{name: "accepted ÷ accepted without", asked: atLeast(0.8, " ×"), unit: "/s", figures: accepted, ratios: over(accepted, acceptedWithout)},
		row{name: "delivered ÷ delivered without", asked: atLeast(0.8, " ×"), unit: "/s", figures: delivered, ratios: over(delivered, deliveredWithout)},
		row{name: "host's memory, peak while it takes them in bulk", asked: atMost(150, " MB"), unit: " MB", figures: []float64{accepting / 1e6}, err: notHere},
		row{name: "host's memory, peak while it delivers them", asked: atMost(150, " MB"), unit: " MB", figures: []float64{delivering / 1e6}, err: notHere},
		row{name: "takes events again, after a stop", asked: atMost(1, " s"), unit: " s", figures: starts[:1]},
		row{name: "takes events again, after kill -9", asked: atMost(1, " s"), unit: " s", figures: starts[1:]},
	)
}

// pressed sends events flat out for some seconds, and tells how many a second
// were accepted and how many were delivered meanwhile. A host without a backlog
// has none afterwards either.
func (b *bench) pressed(ctx context.Context, h *host, run string) (accepted, delivered float64, err error) {
	if err := b.resetSink(ctx, 0); err != nil {
		return 0, 0, err
	}
	l := b.flatOut(run)
	l.events, l.lasts = 0, 5*time.Second
	s, err := l.to(ctx, h)
	if err != nil {
		return 0, 0, err
	}
	a, err := b.received(ctx, window(s.start, s.end))
	if err == nil {
		err = b.arrived(ctx, s.accepted)
	}
	return s.perSecond(), float64(a.Window) / s.end.Sub(s.start).Seconds(), err
}
