package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
)

// table is what was measured, line by line.
type table []row

// row is one line. What is asked is held against the ratios where there are any,
// else against the figures; of several rounds, against the median.
type row struct {
	line, name string
	asked      bound
	unit       string // of the figures
	figures    []float64
	ratios     []float64
	err        error // why there are no figures
}

// bound is what is asked of a figure; the zero value asks nothing.
type bound struct {
	sign  string
	limit float64
	of    string
}

func atLeast(limit float64, of string) bound { return bound{"≥", limit, of} }
func atMost(limit float64, of string) bound  { return bound{"≤", limit, of} }

func (b bound) holds(figure float64) bool {
	if b.sign == "≥" {
		return figure >= b.limit
	}
	return figure <= b.limit
}

func (b bound) String() string {
	if b.sign == "" {
		return "-"
	}
	return fmt.Sprintf("%s %s%s", b.sign, strconv.FormatFloat(b.limit, 'f', -1, 64), b.of)
}

func (t table) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\tline\tasked\tmeasured\tratio\treached")
	for _, r := range t {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.line, r.name, r.asked, r.measured(), in(r.ratios, ""), r.reached())
	}
	return w.Flush()
}

func (r row) measured() string {
	if r.err != nil {
		return r.err.Error()
	}
	return in(r.figures, r.unit)
}

func (r row) reached() string {
	held := r.figures
	if len(r.ratios) > 0 {
		held = r.ratios
	}
	switch {
	case r.asked.sign == "" || len(held) == 0:
		return "-"
	case r.asked.holds(median(held)):
		return "yes"
	}
	return "no"
}

// in is the median of figures, with the least and the most where they differ.
func in(figures []float64, unit string) string {
	if len(figures) == 0 {
		return "-"
	}
	text := number(median(figures)) + unit
	if least, most := slices.Min(figures), slices.Max(figures); least < most {
		text += fmt.Sprintf(" (%s to %s)", number(least), number(most))
	}
	return text
}

// one is a figure that is a count.
func one(n int) []float64 { return []float64{float64(n)} }

// worst is the largest of all rounds, where one is too many.
func worst(figures []float64) []float64 { return []float64{slices.Max(figures)} }

func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

func number(f float64) string {
	switch {
	case f == math.Trunc(f) || math.Abs(f) >= 100:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case math.Abs(f) >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 3, 64)
}

// over divides figures by others, pair by pair.
func over(figures, others []float64) []float64 {
	ratios := make([]float64, len(figures))
	for i, f := range figures {
		ratios[i] = f / others[i]
	}
	return ratios
}
