package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	rows := table{
		{line: "a", name: "raw", unit: "/s", figures: []float64{30000, 34000, 31000}},
		{line: "a", name: "delivered", asked: atLeast(0.25, " × raw"), unit: "/s", figures: []float64{9000, 8000}, ratios: []float64{0.3, 0.2}},
		{line: "a", name: "less", asked: atLeast(0.25, " × raw"), unit: "/s", figures: []float64{9000}, ratios: []float64{0.24}},
		{line: "c", name: "p99", asked: atMost(6, " ms"), unit: " ms", figures: []float64{7, 5, 5.5}},
		{line: "e", name: "lost", asked: atMost(0, ""), figures: worst([]float64{0, 1, 0})},
		{line: "h", name: "memory", asked: atMost(60, " MB"), err: errNotHere},
	}
	var out strings.Builder
	if err := rows.print(&out); err != nil {
		t.Fatal(err)
	}
	const want = `
   line       asked         measured                     ratio                   reached
a  raw        -             31000/s (30000 to 34000)     -                       -
a  delivered  ≥ 0.25 × raw  8500/s (8000 to 9000)        0.250 (0.200 to 0.300)  yes
a  less       ≥ 0.25 × raw  9000/s                       0.240                   no
c  p99        ≤ 6 ms        5.500 ms (5 to 7)            -                       yes
e  lost       ≤ 0           1                            -                       no
h  memory     ≤ 60 MB       not measured on this system  -                       -
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("prints%s", got)
	}
}
