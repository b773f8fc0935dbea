package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"
)

// mostInFlight is how many changes the webhook connector has in flight at most,
// by its limits: 8 calls of 64. Each of them may come twice when the host dies
// before their outcome is on disk.
const mostInFlight = 8 * 64

// crash kills the host in the middle of a load and starts it again. The sender
// sends what was not accepted until it is.
func (b *bench) crash(ctx context.Context) error {
	h, err := b.started(ctx, "crash", sinkConnector)
	if err != nil {
		return err
	}
	defer b.discard(h)
	var lost, twice, wrong, sinceReady, sinceStart []float64
	for round := range b.rounds {
		r, err := b.kill(ctx, h, fmt.Sprint("crash", round))
		if err != nil {
			return err
		}
		lost, twice, wrong = append(lost, float64(r.lost)), append(twice, float64(r.Duplicates)), append(wrong, float64(r.Disorders))
		caughtUp := time.Unix(0, r.LastDue)
		sinceReady, sinceStart = append(sinceReady, caughtUp.Sub(r.ready).Seconds()), append(sinceStart, caughtUp.Sub(r.began).Seconds())
		b.progress("round %d: lost %d, twice %d, ready %.2f s after its start, all in %.2f s after that; max %.0f ms",
			round+1, r.lost, r.Duplicates, r.ready.Sub(r.began).Seconds(), sinceReady[round], r.Max)
	}
	return b.report(
		row{name: "lost", asked: atMost(0, ""), figures: worst(lost)},
		row{name: "twice, of 512 that may be in flight", asked: atMost(mostInFlight, ""), figures: worst(twice)},
		row{name: "out of order", asked: atMost(0, ""), figures: worst(wrong)},
		row{name: "all in, after it takes events again", asked: atMost(1, " s"), unit: " s", figures: sinceReady},
		row{name: "all in, after the start of its process", asked: atMost(1, " s"), unit: " s", figures: sinceStart},
	)
}

// killed is what became of one kill.
type killed struct {
	arrived
	lost         int
	began, ready time.Time // of the process after it
}

func (b *bench) kill(ctx context.Context, h *host, run string) (killed, error) {
	if err := b.resetSink(ctx, 0); err != nil {
		return killed{}, err
	}
	l := b.steady(run, moderate, 5*time.Second)
	l.again = true
	var s sent
	var k killed
	group, together := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s, err = l.to(together, h)
		return err
	})
	group.Go(func() (err error) {
		if !sleep(together, 2*time.Second) {
			return together.Err()
		}
		h.process.kill()
		k.began, k.ready, err = h.start(together)
		return err
	})
	if err := group.Wait(); err != nil {
		return k, err
	}
	if err := b.lull(ctx, h, s.accepted); err != nil {
		return k, err
	}
	var err error
	k.arrived, err = b.received(ctx, url.Values{"due": {fmt.Sprint(k.ready.UnixNano())}})
	k.lost = s.accepted - k.Distinct
	return k, err
}

// lull waits until n distinct events have arrived, or nothing comes any more.
func (b *bench) lull(ctx context.Context, h *host, n int) error {
	have, last := 0, time.Now()
	return h.until(ctx, "deliver", func() (bool, error) {
		before := have
		_, err := get(ctx, "http://"+b.sinkAt+"/_count", &have)
		if have > before {
			last = time.Now()
		}
		return have >= n || time.Since(last) > 15*time.Second, err
	})
}
