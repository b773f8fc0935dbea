package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// bench is what all scenarios share.
type bench struct {
	bin, dir  string
	keep      bool
	events    int
	rounds    int
	vast      bool
	sinkAt    string
	processes processes
	table     table
	hosts     int    // made so far
	line      string // letter of the scenario that runs
	began     time.Time
}

// begin starts the receiver.
func (b *bench) begin(ctx context.Context, bin string) (err error) {
	b.began = time.Now()
	if b.bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	if b.keep {
		b.dir, err = filepath.Abs(b.dir)
		err = errors.Join(err, os.MkdirAll(b.dir, 0o700))
	} else {
		b.dir, err = os.MkdirTemp("", "synchost-bench-")
	}
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if b.sinkAt, err = freeAddress(); err != nil {
		return err
	}
	sink, err := spawn(os.Stderr, nil, self, "-sink", b.sinkAt)
	if err != nil {
		return err
	}
	b.processes = append(b.processes, sink)
	return until(ctx, "receive", func() (bool, error) {
		_, err := get(ctx, "http://"+b.sinkAt+"/_count", nil)
		return err == nil, nil
	})
}

// end leaves nothing behind.
func (b *bench) end() {
	b.processes.kill()
	if !b.keep && b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%4.0f s  %s  %s\n", time.Since(b.began).Seconds(), b.line, fmt.Sprintf(format, args...))
}

// report adds lines of the scenario to the table. What this system does not tell
// is no fault.
func (b *bench) report(rows ...row) error {
	for _, r := range rows {
		if r.err != nil && !errors.Is(r.err, errNotHere) {
			return r.err
		}
		r.line = b.line
		b.table = append(b.table, r)
	}
	return nil
}

// scaled is n in proportion to -n.
func (b *bench) scaled(n int) int { return n * b.events / 60_000 }

// flatOut is a load of one event a request, as fast as it goes.
func (b *bench) flatOut(run string) load {
	return load{run: run, events: b.events, products: 1000, connections: 64, batch: 1}
}

// steady is a load of one event a request at a rate.
func (b *bench) steady(run string, rate float64, lasts time.Duration) load {
	return load{run: run, lasts: lasts, rate: rate, products: 1000, connections: 64, batch: 1}
}

// to sends a load to a host.
func (l load) to(ctx context.Context, h *host) (sent, error) {
	l.address, l.path, l.token = h.address, "/in", secret
	s, err := l.send(ctx)
	return s, h.explain(ctx, err)
}

// resetSink has the sink forget all, and refuse some of what comes.
func (b *bench) resetSink(ctx context.Context, refuse float64) error {
	_, err := get(ctx, fmt.Sprintf("http://%s/_reset?refuse=%g", b.sinkAt, refuse), nil)
	return err
}

// arrived waits until n distinct events of a host have arrived at paths of the
// sink that begin so.
func (b *bench) arrived(ctx context.Context, h *host, path string, n int) error {
	have := 0
	err := h.until(ctx, "deliver", func() (bool, error) {
		_, err := get(ctx, "http://"+b.sinkAt+"/_count?path="+path, &have)
		return have >= n, err
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("of %d accepted events %d have arrived: %w", n, have, err)
	}
	return err
}

// received is the sink's report; see there for the parameters.
func (b *bench) received(ctx context.Context, parameters url.Values) (arrived, error) {
	var a arrived
	_, err := get(ctx, "http://"+b.sinkAt+"/_report?"+parameters.Encode(), &a)
	return a, err
}

// window are the parameters for what came between two moments.
func window(from, to time.Time) url.Values {
	return url.Values{"from": {fmt.Sprint(from.UnixNano())}, "to": {fmt.Sprint(to.UnixNano())}}
}
