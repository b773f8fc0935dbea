package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// watch has a host watch a CSV feed through its connector: it takes the whole feed,
// then one of which each thousandth row has changed, and then finds nothing new.
func (b *bench) watch(ctx context.Context) error {
	var first, changed []float64
	for _, n := range b.sizes() {
		w, err := b.watched(ctx, n)
		if err != nil {
			return err
		}
		of := func(what string) string { return fmt.Sprintf("%s rows%s", thousands(n), what) }
		each := func(s stage) float64 { return float64(s.cpu.Microseconds()) / float64(n) }
		first, changed = append(first, each(w.first)), append(changed, each(w.changed))
		b.progress("%d rows: taken in %.1f s, changes found in %.1f s, none found in %.1f s, memory %.0f MB and the connector's %.0f MB",
			n, w.first.took.Seconds(), w.changed.took.Seconds(), w.same.Seconds(), w.host/1e6, w.connector/1e6)
		if err := b.report(
			row{name: of(": taken for the first time"), unit: " s", figures: []float64{w.first.took.Seconds()}},
			perProduct(of(": taken for the first time, processors' time for each"), first),
			row{name: of(", 0.1 % changed: from that to the last event"), unit: " s", figures: []float64{w.changed.took.Seconds()}},
			perProduct(of(", 0.1 % changed: processors' time for each"), changed),
			row{name: of(": events of rows that did not change, or missing"), asked: atMost(0, ""), figures: one(w.wrong)},
			row{name: of(": the host's memory (RSS), peak"), asked: memoryLimit, unit: " MB", figures: []float64{w.host / 1e6}, err: w.err},
			row{name: of(": the connector's memory (RSS), peak"), asked: memoryLimit, unit: " MB", figures: []float64{w.connector / 1e6}, err: w.err},
		); err != nil {
			return err
		}
	}
	return nil
}

// watched is what one feed took.
type watched struct {
	first, changed  stage
	same            time.Duration
	wrong           int
	host, connector float64 // bytes
	err             error   // why memory is not known
}

// stage is how long something took, and of the processors' time how much the host and
// its connector.
type stage struct{ took, cpu time.Duration }

// timed measures what is waited for in do.
func (h *host) timed(do func() error) (s stage, err error) {
	pids, err := family(h.process.pid())
	before, _ := cpu(pids) // where nobody tells it, it stays 0
	if err != nil && !errors.Is(err, errNotHere) {
		return s, err
	}
	began := time.Now()
	if err := do(); err != nil {
		return s, err
	}
	s.took = time.Since(began)
	after, _ := cpu(pids)
	s.cpu = after - before
	return s, nil
}

func (b *bench) watched(ctx context.Context, n int) (w watched, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	feed := filepath.Join(b.dir, "feed.csv")
	if err := writeFeed(feed, n, "12,50"); err != nil {
		return w, err
	}
	defer os.Remove(feed)
	h, err := b.hostOf("watch", 1, fmt.Sprintf(feedConnector, feed))
	if err != nil {
		return w, err
	}
	defer b.discard(h)
	if _, _, err := h.start(ctx); err != nil {
		return w, err
	}
	if err := h.connected(ctx); err != nil {
		return w, err
	}
	if w.first, err = h.timed(func() error {
		return h.reaches(ctx, "take the feed", func(s *standing) bool { return s.Store.Head >= n })
	}); err != nil {
		return w, err
	}
	if _, err := h.runs(ctx, "watch:feed"); err != nil { // and what is left of the first
		return w, err
	}
	if err := writeFeed(feed, n, "13,75"); err != nil {
		return w, err
	}
	if w.changed, err = h.timed(func() error {
		return h.reaches(ctx, "find the changes", func(s *standing) bool { return s.Store.Head >= n+n/everyRow })
	}); err != nil {
		return w, err
	}
	if _, err := h.runs(ctx, "watch:feed"); err != nil { // and what is left of that
		return w, err
	}
	if w.same, err = h.runs(ctx, "watch:feed"); err != nil {
		return w, err
	}
	if w.wrong, err = h.mistaken(ctx, n); err != nil {
		return w, err
	}
	w.host, w.connector, w.err = h.peaks()
	return w, nil
}

// peaks are the most that the host and its one connector were resident with since
// their start, in bytes.
func (h *host) peaks() (host, connector float64, err error) {
	pids, err := family(h.process.pid())
	if err != nil {
		return 0, 0, err
	}
	if len(pids) != 2 {
		return 0, 0, fmt.Errorf("the host and its connector are %d processes", len(pids))
	}
	if host, err = peak(pids[0]); err == nil {
		connector, err = peak(pids[1])
	}
	return host, connector, err
}

const feedConnector = `
[connectors.feed]
plugin = "file"
watch = "@yearly"
[connectors.feed.config]
path = %q
decimal = ","
settle = "0s"
[connectors.feed.config.columns]
key = "id"
code = "sku"
name = "title"
description = "text"
prices = { column = "price", currency = "EUR" }
stock = "stock"
`

// everyRow tells the rows that change: the last of so many.
const everyRow = 1000

// writeFeed puts a feed in place, with a price for the rows that change.
func writeFeed(name string, n int, price string) error {
	file, err := os.Create(name + ".new")
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 1<<20)
	fmt.Fprintln(out, "id;sku;title;text;price;stock")
	for i := range n {
		p := "9,90"
		if i%everyRow == everyRow-1 {
			p = price
		}
		fmt.Fprintf(out, "p%d;SKU-%d;Woollen socks %d;Warm, red, and made to last for many winters. Wash at thirty degrees.;%s;%d\n", i, i, i, p, i%500)
	}
	if err := out.Flush(); err != nil {
		_ = file.Close() // what was written says more
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// mistaken counts the events behind the first n that are not an update of a row that
// changed, and those that are missing.
func (h *host) mistaken(ctx context.Context, n int) (wrong int, err error) {
	due := map[string]bool{}
	for i := everyRow - 1; i < n; i += everyRow {
		due[fmt.Sprint("p", i)] = true
	}
	for after := n; ; {
		var answer struct {
			Events []struct{ Op, Key string }
			Next   int
		}
		if err := h.ask(ctx, http.MethodGet, fmt.Sprintf("/v1/events?limit=1000&after=%d", after), nil, &answer); err != nil {
			return 0, err
		}
		if len(answer.Events) == 0 {
			return wrong + len(due), nil
		}
		for _, e := range answer.Events {
			if e.Op != "updated" || !due[e.Key] {
				wrong++
			}
			delete(due, e.Key)
		}
		after = answer.Next
	}
}
