package main

import (
	"context"
	"time"
)

// refused is the part of events that the receiver answers with 500 when they come
// for the first time. It takes them when they come again: the second wait of the
// default schedule is 5 minutes.
const refused = 0.01

// settled is when as many products come back from their first wait as go into it.
const settled = firstWait + time.Second

// refusals holds loads of which some answers are 500 against the same without. A
// product that waits 5 s for each 100th of its events lets less than 20/s through,
// whoever delivers them in order. So the throughput is taken flat out with many
// products, and with few at a rate that order allows; and delays at rates that
// leave the machine time.
func (b *bench) refusals(ctx context.Context) error {
	if err := b.refusedFlatOut(ctx); err != nil {
		return err
	}
	many := b.steady("many", moderate, 8*time.Second)
	if _, err := b.refusedAtRate(ctx, many, "1,300/s"); err != nil {
		return err
	}
	few := b.steady("few", 350, settled+6*time.Second)
	few.products = 50
	clean, _, err := b.refuse(ctx, few, 0, true)
	if err != nil {
		return err
	}
	failing, err := b.refusedAtRate(ctx, few, "350/s, 50 products")
	if err != nil {
		return err
	}
	return b.report(row{name: "delivered ÷ delivered without, 350/s, 50 products", asked: atLeast(0.9, " ×"), unit: "/s",
		figures: []float64{failing}, ratios: []float64{failing / clean}})
}

func (b *bench) refusedFlatOut(ctx context.Context) error {
	l := b.flatOut("flat")
	l.events, l.lasts, l.products = 0, settled+5*time.Second, 10_000
	var clean, failing []float64
	wrong := 0
	for round := range max(1, b.rounds-1) {
		without, _, err := b.refuse(ctx, l, 0, false)
		if err != nil {
			return err
		}
		with, a, err := b.refuse(ctx, l, refused, false)
		if err != nil {
			return err
		}
		clean, failing, wrong = append(clean, without), append(failing, with), wrong+a.Disorders
		b.progress("round %d, flat out: %.0f/s without, %.0f/s with %d refused", round+1, without, with, a.Refused)
	}
	return b.report(
		row{name: "delivered ÷ delivered without, flat out, 10,000 products", asked: atLeast(0.9, " ×"), unit: "/s", figures: failing, ratios: over(failing, clean)},
		row{name: "out of order, flat out", asked: atMost(0, ""), figures: one(wrong)},
	)
}

// refusedAtRate reports on delays, and tells how many a second arrived.
func (b *bench) refusedAtRate(ctx context.Context, l load, name string) (float64, error) {
	rate, a, err := b.refuse(ctx, l, refused, true)
	if err != nil {
		return 0, err
	}
	b.progress("%s: %d refused, out of order %d, late %.0f ms, max %.0f ms", name, a.Refused, a.Disorders, a.Late, a.Max)
	return rate, b.report(
		row{name: "out of order, " + name, asked: atMost(0, ""), figures: one(a.Disorders)},
		row{name: "later than order and the first wait allow, " + name, asked: atMost(1000, " ms"), unit: " ms", figures: []float64{a.Late}},
		row{name: "sent to received, the worst, " + name, unit: " ms", figures: []float64{a.Max}},
	)
}

// refuse sends a load through a new host to a receiver that refuses some, and
// tells how many a second arrived from the time on when that had settled. If all
// is set, everything has to arrive.
func (b *bench) refuse(ctx context.Context, l load, part float64, all bool) (float64, arrived, error) {
	h, err := b.started(ctx, "refusals", sinkConnector)
	if err != nil {
		return 0, arrived{}, err
	}
	defer b.discard(h)
	if err := b.resetSink(ctx, part); err != nil {
		return 0, arrived{}, err
	}
	s, err := l.to(ctx, h)
	if err == nil && all {
		err = b.arrived(ctx, h, "/", s.accepted)
	}
	if err != nil {
		return 0, arrived{}, err
	}
	from := s.start.Add(settled)
	a, err := b.received(ctx, window(from, s.end))
	return float64(a.Window) / s.end.Sub(from).Seconds(), a, err
}
