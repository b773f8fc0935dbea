package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// sizes are how many products the catalogs and feeds have whose time is to grow
// with them, and whose memory is not to.
func (b *bench) sizes() []int {
	if b.vast {
		return []int{10_000, 100_000, 1_000_000}
	}
	return []int{10_000, 100_000}
}

// memoryLimit is the most memory that is asked of a host, whatever it compares.
var memoryLimit = atMost(250, " MB")

// grown is what is asked of the processors' time for one product among many, beside
// that for one among few: where it stays the same, the whole grows linearly. The time
// that passes would tell what else the machine did.
var grown = atMost(1.5, " × of 10,000")

// reconcile compares a catalog with a destination in the same process, which
// differs from it in a thousand products however many there are. It is the
// benchmark of the package, each size in a process of its own.
func (b *bench) reconcile(ctx context.Context) error {
	tests := filepath.Join(b.dir, "reconcile.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", tests, "./host/internal/reconcile").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var used []float64
	for _, n := range b.sizes() {
		run := exec.CommandContext(ctx, tests, "-test.run", "^$", "-test.bench", fmt.Sprintf("^BenchmarkReconcile$/^%d$", n),
			"-test.benchtime", "1x", "-test.timeout", "0")
		run.SysProcAttr = sysProcAttr()
		out, err := run.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		figures, err := benchmarked(out)
		if err != nil {
			return fmt.Errorf("%w in\n%s", err, out)
		}
		took := figures["µs/product"] * float64(n) / 1e6
		b.progress("%d products: %.1f s, %.1f µs of the processors for each, memory %.0f MB", n, took, figures["µs-CPU/product"], figures["peak-MB"])
		of := func(what string) string { return fmt.Sprintf("%s products%s", thousands(n), what) }
		used = append(used, figures["µs-CPU/product"])
		if err := b.report(
			row{name: of(": compared"), unit: " s", figures: []float64{took}},
			perProduct(of(": compared, processors' time for each"), used),
			row{name: of(": planned, of 300 missing, 300 drifted, 200 extra, 200 foreign"), asked: atLeast(1000, ""), figures: []float64{figures["differences"]}},
			row{name: of(": memory (RSS), peak"), asked: memoryLimit, unit: " MB", figures: []float64{figures["peak-MB"]}},
		); err != nil {
			return err
		}
	}
	return nil
}

// perProduct is the line of the last of times, held against that of the smallest
// size. Where nobody tells them, they are 0.
func perProduct(name string, times []float64) row {
	last := len(times) - 1
	r := row{name: name, unit: " µs", figures: times[last:]}
	switch {
	case times[last] == 0:
		r.err = errNotHere
	case last > 0:
		r.asked, r.ratios = grown, []float64{times[last] / times[0]}
	}
	return r
}

// benchmarked are the figures that a Go benchmark printed, by their units.
func benchmarked(out []byte) (map[string]float64, error) {
	for line := range bytes.Lines(out) {
		words := strings.Fields(string(line))
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		figures := map[string]float64{}
		for i := 2; i+1 < len(words); i += 2 {
			figure, err := strconv.ParseFloat(words[i], 64)
			if err != nil {
				return nil, err
			}
			figures[words[i+1]] = figure
		}
		return figures, nil
	}
	return nil, fmt.Errorf("there are no figures")
}

// thousands writes 10000 as "10,000".
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
