// Command bench measures the whole job on this machine and prints a table of what
// was asked and what was reached: events in over HTTP, one POST out for each,
// beside bare POSTs of the same events and under trouble of all kinds; then how long
// it takes, and how much memory, to compare and to watch many products. Ratios are
// between figures of the same run, taken in turn. Everything it talks to is on
// loopback, each part is a process of its own, and every load is bounded.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
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
	{"i", "reconciliation", (*bench).reconcile},
	{"j", "a watched feed", (*bench).watch},
	{"k", "backfill", (*bench).backfill},
}

func start() error {
	bin := flag.String("bin", "bin", "folder of the built host and its connectors")
	only := flag.String("only", "", "letters of the scenarios to run, such as a,c; empty: all")
	events := flag.Int("n", 60_000, "events of a flat-out load; loads in bulk keep their proportion to it")
	vast := flag.Bool("vast", false, "take reconciliation and watched feeds up to a million products, which takes minutes")
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
	if unknown := strings.Trim(*only, "abcdefghijk,"); unknown != "" {
		return fmt.Errorf("-only: there is no scenario %q", unknown)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{dir: *keep, keep: *keep != "", events: *events, rounds: *rounds, vast: *vast}
	defer b.end()
	err := b.begin(ctx, *bin)
	if err != nil {
		return err
	}
	for _, s := range scenarios {
		if *only != "" && !strings.Contains(*only, s.letter) {
			continue
		}
		b.line = s.letter
		b.progress("%s", s.name)
		if err = s.measure(b, ctx); err != nil {
			err = fmt.Errorf("%s, %s: %w", s.letter, s.name, err)
			break
		}
	}
	return errors.Join(err, b.table.print(os.Stdout)) // of what is known, at least
}
