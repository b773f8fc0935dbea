package main

import (
	"context"
	"fmt"
	"time"
)

// backlog has a host take a million events while its lane is paused, starts it
// again with them, and holds its rates against those of a host without.
func (b *bench) backlog(ctx context.Context) error {
	h, err := b.started(ctx, "backlog", sinkConnector)
	if err != nil {
		return err
	}
	defer b.discard(h)
	if err := h.pause(ctx); err != nil {
		return err
	}
	s, err := b.bulkLoad("backlog", b.scaled(1_000_000), 10_000).to(ctx, h)
	if err != nil {
		return err
	}
	b.progress("%d events accepted, %.0f/s", s.accepted, s.perSecond())
	if err := b.reportPeak(h, "takes them in bulk"); err != nil {
		return err
	}
	if err := b.restarts(ctx, h); err != nil {
		return err
	}
	if err := b.besideNone(ctx, h); err != nil {
		return err
	}
	return b.reportPeak(h, "delivers them")
}

// reportPeak reports the most memory that the host's process had so far.
func (b *bench) reportPeak(h *host, doing string) error {
	bytes, err := peak(h.process.pid())
	b.progress("the host's memory %.0f MB", bytes/1e6)
	return b.report(row{name: "the host's memory (RSS), peak while it " + doing, asked: atMost(150, " MB"), unit: " MB", figures: []float64{bytes / 1e6}, err: err})
}

func (b *bench) restarts(ctx context.Context, h *host) error {
	for _, way := range []struct {
		name string
		end  func(*process)
	}{{"a stop", (*process).stop}, {"kill -9", (*process).kill}} {
		way.end(h.process)
		began, ready, err := h.start(ctx)
		if err != nil {
			return err
		}
		took := ready.Sub(began).Seconds()
		b.progress("takes events %.2f s after its start that follows %s", took, way.name)
		if err := b.report(row{name: "from start to taking events, after " + way.name, asked: atMost(1, " s"), unit: " s", figures: []float64{took}}); err != nil {
			return err
		}
	}
	return h.connected(ctx)
}

// besideNone has a host with a backlog and one without deliver under a flat-out
// load, in turn. The one with waits meanwhile, and the one without has none.
func (b *bench) besideNone(ctx context.Context, with *host) error {
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
	return b.report(
		row{name: "accepted ÷ accepted without, flat out", asked: atLeast(0.8, " ×"), unit: "/s", figures: accepted, ratios: over(accepted, acceptedWithout)},
		row{name: "delivered ÷ delivered without, meanwhile", asked: atLeast(0.8, " ×"), unit: "/s", figures: delivered, ratios: over(delivered, deliveredWithout)},
	)
}

// pressed sends events flat out for some seconds, and tells how many a second
// were accepted and how many were delivered meanwhile. It returns when at least
// as many have been delivered as were accepted.
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
		err = b.arrived(ctx, h, "/", s.accepted)
	}
	return s.perSecond(), float64(a.Window) / s.end.Sub(s.start).Seconds(), err
}
