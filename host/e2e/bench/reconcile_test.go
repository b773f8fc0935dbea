package main

import (
	"testing"
)

func TestFiguresOfABenchmark(t *testing.T) {
	figures, err := benchmarked([]byte("goos: linux\nBenchmarkReconcile/10000-2 \t 1 \t 930041200 ns/op\t 1000 differences\t 67.93 peak-MB\t 80.00 µs-CPU/product\t 93.00 µs/product\nPASS\n"))
	if err != nil || figures["differences"] != 1000 || figures["peak-MB"] != 67.93 || figures["µs/product"] != 93 {
		t.Errorf("%v, %v", figures, err)
	}
	if _, err := benchmarked([]byte("PASS\n")); err == nil {
		t.Error("of no benchmark there are figures")
	}
}

func TestTimesOfGrowingSizes(t *testing.T) {
	if r := perProduct("few", []float64{90}); r.reached() != "-" || r.figures[0] != 90 {
		t.Errorf("of the smallest size: %v", r)
	}
	if r := perProduct("many", []float64{90, 180, 100}); r.reached() != "yes" {
		t.Errorf("100 beside 90 is no growth: %v", r)
	}
	if r := perProduct("many", []float64{0, 0}); r.err == nil {
		t.Errorf("where nobody tells them, there are figures: %v", r)
	}
	if r := perProduct("many", []float64{90, 180}); r.reached() != "no" {
		t.Errorf("180 beside 90 is growth: %v", r)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{7: "7", 999: "999", 10_000: "10,000", 1_000_050: "1,000,050"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
}
