package main

import (
	"context"
	"fmt"
)

// raw sends events straight to the receiver, with Go's own client: the ceiling
// that ratios are taken to.
func (b *bench) raw(ctx context.Context, run string) (float64, error) {
	if err := b.resetSink(ctx, 0); err != nil {
		return 0, err
	}
	l := b.flatOut(run)
	l.address, l.path, l.nethttp = b.sinkAt, "/", true
	s, err := l.send(ctx)
	return s.perSecond(), err
}

// through sends a load through the host, and waits until all has arrived.
func (b *bench) through(ctx context.Context, h *host, l load) (sent, arrived, error) {
	if err := b.resetSink(ctx, 0); err != nil {
		return sent{}, arrived{}, err
	}
	s, err := l.to(ctx, h)
	if err == nil {
		err = b.arrived(ctx, h, "/", s.accepted)
	}
	if err != nil {
		return s, arrived{}, err
	}
	a, err := b.received(ctx, nil)
	return s, a, err
}

// oneByOne takes two rates in turn, with that of bare POSTs before and after the
// first: of a host that takes events flat out and delivers them meanwhile, so that
// both share the processors; and of one whose lane is paused, which only takes them.
func (b *bench) oneByOne(ctx context.Context) error {
	running, err := b.started(ctx, "one-by-one", sinkConnector)
	if err != nil {
		return err
	}
	defer b.discard(running)
	paused, err := b.started(ctx, "one-by-one-paused", sinkConnector)
	if err != nil {
		return err
	}
	defer b.discard(paused)
	if err := paused.pause(ctx); err != nil {
		return err
	}
	var raw, accepted, delivered, alone, wrong []float64
	for round := range b.rounds {
		before, err := b.raw(ctx, fmt.Sprint("before", round))
		if err != nil {
			return err
		}
		s, a, err := b.through(ctx, running, b.flatOut(fmt.Sprint("running", round)))
		if err != nil {
			return err
		}
		after, err := b.raw(ctx, fmt.Sprint("after", round))
		if err != nil {
			return err
		}
		only, err := b.flatOut(fmt.Sprint("paused", round)).to(ctx, paused)
		if err != nil {
			return err
		}
		bare := (before + after) / 2
		raw, accepted, delivered = append(raw, bare), append(accepted, s.perSecond()), append(delivered, float64(a.Distinct)/a.seconds())
		alone, wrong = append(alone, only.perSecond()), append(wrong, float64(a.Disorders+a.Duplicates))
		b.progress("round %d: raw %.0f/s, accepted %.0f/s, delivered %.0f/s, accepted with the lane paused %.0f/s",
			round+1, bare, s.perSecond(), delivered[round], only.perSecond())
	}
	return b.report(
		row{name: "raw: bare POSTs to the receiver", unit: "/s", figures: raw},
		row{name: "delivered ÷ raw, first arrival to last", asked: atLeast(0.25, " × raw"), unit: "/s", figures: delivered, ratios: over(delivered, raw)},
		row{name: "accepted ÷ raw, delivering meanwhile", asked: atLeast(0.35, " × raw"), unit: "/s", figures: accepted, ratios: over(accepted, raw)},
		row{name: "accepted ÷ raw, the lane paused", asked: atLeast(0.35, " × raw"), unit: "/s", figures: alone, ratios: over(alone, raw)},
		row{name: "out of order, or twice", asked: atMost(0, ""), figures: worst(wrong)},
	)
}

// bulk takes the rate of a new host in turn with its lane running and paused.
func (b *bench) bulk(ctx context.Context) error {
	var running, paused []float64
	for round := range b.rounds {
		for _, pause := range []bool{false, true} {
			h, err := b.started(ctx, "bulk", sinkConnector)
			if err != nil {
				return err
			}
			if pause {
				err = h.pause(ctx)
			}
			var s sent
			if err == nil {
				s, err = b.bulkLoad("bulk", b.scaled(200_000), 1000).to(ctx, h)
			}
			b.discard(h)
			if err != nil {
				return err
			}
			if pause {
				paused = append(paused, s.perSecond())
			} else {
				running = append(running, s.perSecond())
			}
		}
		b.progress("round %d: accepted %.0f/s while delivering, %.0f/s with the lane paused", round+1, running[round], paused[round])
	}
	return b.report(
		row{name: "accepted as NDJSON, 500 lines a request, delivering meanwhile", asked: atLeast(100_000, "/s"), unit: "/s", figures: running},
		row{name: "accepted as NDJSON, 500 lines a request, the lane paused", asked: atLeast(100_000, "/s"), unit: "/s", figures: paused},
	)
}

// bulkLoad is a load of many events a request.
func (b *bench) bulkLoad(run string, events, products int) load {
	return load{run: run, events: events, products: products, connections: 4, batch: 500}
}
