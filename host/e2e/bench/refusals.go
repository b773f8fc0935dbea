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
	flat := b.flatOut("flat")
	flat.events, flat.lasts, flat.products = 0, settled+5*time.Second, 10_000
	var clean, failing []float64
	wrong := 0
	for round := range max(1, b.rounds-1) {
		without, a, err := b.refuse(ctx, flat, 0, false)
		if err != nil {
			return err
		}
		with, c, err := b.refuse(ctx, flat, refused, false)
		if err != nil {
			return err
		}
		clean, failing, wrong = append(clean, without), append(failing, with), wrong+a.Disorders+c.Disorders
		b.progress("round %d, flat out: %.0f/s without, %.0f/s with; %d refused", round+1, without, with, c.Refused)
	}
	_, many, err := b.refuse(ctx, b.steady("many", moderate, 8*time.Second), refused, true)
	if err != nil {
		return err
	}
	b.progress("at %d/s, 1000 products: %d refused; out of order %d, late %.0f ms, max %.0f ms", moderate, many.Refused, many.Disorders, many.Late, many.Max)

	hot := b.steady("hot", 350, settled+6*time.Second)
	hot.products = 50
	hotClean, _, err := b.refuse(ctx, hot, 0, true)
	if err != nil {
		return err
	}
	hotFailing, few, err := b.refuse(ctx, hot, refused, true)
	if err != nil {
		return err
	}
	b.progress("at 350/s, 50 products: %.0f/s without, %.0f/s with; %d refused; out of order %d, late %.0f ms, max %.0f ms",
		hotClean, hotFailing, few.Refused, few.Disorders, few.Late, few.Max)
	return b.report(
		row{name: "delivered ÷ delivered without, flat out, 10,000 products", asked: atLeast(0.9, " ×"), unit: "/s", figures: failing, ratios: over(failing, clean)},
		row{name: "out of order, flat out", asked: atMost(0, ""), figures: one(wrong)},
		row{name: "out of order, at 1,300/s", asked: atMost(0, ""), figures: one(many.Disorders)},
		row{name: "later than order and its first wait allow, at 1,300/s", asked: atMost(1000, " ms"), unit: " ms", figures: []float64{many.Late}},
		row{name: "sent to received, the worst at 1,300/s", unit: " ms", figures: []float64{many.Max}},
		row{name: "delivered ÷ delivered without, 50 products at 350/s", asked: atLeast(0.9, " ×"), unit: "/s", figures: []float64{hotFailing}, ratios: []float64{hotFailing / hotClean}},
		row{name: "out of order, 50 products", asked: atMost(0, ""), figures: one(few.Disorders)},
		row{name: "later than order and its first wait allow, 50 products", asked: atMost(1000, " ms"), unit: " ms", figures: []float64{few.Late}},
		row{name: "sent to received, the worst of 50 products", unit: " ms", figures: []float64{few.Max}},
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
		err = b.arrived(ctx, s.accepted)
	}
	if err != nil {
		return 0, arrived{}, err
	}
	from := s.start.Add(settled)
	a, err := b.received(ctx, window(from, s.end))
	return float64(a.Window) / s.end.Sub(from).Seconds(), a, err
}
