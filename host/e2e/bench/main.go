// Command bench measures the whole job on this machine and prints a table of what
// was asked and what was reached: events in over HTTP, one POST out for each,
// beside bare POSTs of the same events and under trouble of all kinds. Ratios are
// between figures of the same run, taken in turn. Everything it talks to is on
// loopback, each part is a process of its own, and every load is bounded.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// scenarios are what is measured, by the letters that choose them.
var scenarios = []struct {
	letter, name string
	measure      func(*bench, context.Context) error
}{
	{"a", "one event a request", (*bench).oneByOne},
	{"b", "NDJSON in bulk", (*bench).bulk},
	{"c", "delay at 1,300/s", (*bench).delay},
	{"d", "1 % of answers are 500", (*bench).refusals},
	{"e", "kill -9 at 1,300/s", (*bench).crash},
	{"f", "a backlog", (*bench).backlog},
	{"g", "20 connectors, three of them unwell", (*bench).crowd},
	{"h", "idle", (*bench).idle},
}

func start() error {
	bin := flag.String("bin", "bin", "folder of the built host and its connectors")
	only := flag.String("only", "", "letters of the scenarios to run, such as a,c; empty: all")
	events := flag.Int("n", 60_000, "events of a flat-out load; the others keep their proportion to it")
	rounds := flag.Int("rounds", 3, "how often what varies is measured, in turn")
	keep := flag.String("keep", "", "folder for the hosts' data and logs, kept afterwards; empty: a temporary one")
	sinkAt := flag.String("sink", "", "only be the receiver, at this address (used by bench itself)")
	flag.Parse()
	if *sinkAt != "" {
		listener, err := net.Listen("tcp", *sinkAt) //nolint:noctx // for the life of the process
		if err != nil {
			return err
		}
		return serveSink(listener)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{dir: *keep, keep: *keep != "", events: *events, rounds: *rounds}
	defer b.end()
	if err := b.begin(ctx, *bin); err != nil {
		return err
	}
	for _, s := range scenarios {
		if *only != "" && !strings.Contains(*only, s.letter) {
			continue
		}
		b.line = s.letter
		b.progress("%s", s.name)
		if err := s.measure(b, ctx); err != nil {
			_ = b.table.print(os.Stdout) // what is known so far
			return fmt.Errorf("%s, %s: %w", s.letter, s.name, err)
		}
	}
	return b.table.print(os.Stdout)
}

// bench is what all scenarios share.
type bench struct {
	bin, dir  string
	keep      bool
	events    int
	rounds    int
	sinkAt    string
	processes processes
	table     table
	line      string // letter of the scenario that runs
	began     time.Time
}

// begin starts the receiver.
func (b *bench) begin(ctx context.Context, bin string) (err error) {
	b.began = time.Now()
	if b.bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	if !b.keep {
		if b.dir, err = os.MkdirTemp("", "synchost-bench-"); err != nil {
			return err
		}
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
	b.processes.add(sink)
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
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w; the end of the host's log:\n%s", err, h.logEnd())
	}
	return s, err
}

// resetSink has the sink forget all, and refuse some of what comes.
func (b *bench) resetSink(ctx context.Context, refuse float64) error {
	_, err := get(ctx, fmt.Sprintf("http://%s/_reset?refuse=%g", b.sinkAt, refuse), nil)
	return err
}

// arrived waits until n distinct events have arrived.
func (b *bench) arrived(ctx context.Context, n int) error { return b.arrivedAt(ctx, "/", n) }

// arrivedAt waits until as many have arrived at paths that begin so.
func (b *bench) arrivedAt(ctx context.Context, path string, n int) error {
	have := 0
	err := until(ctx, "arrive", func() (bool, error) {
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
