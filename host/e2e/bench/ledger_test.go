package main

import (
	"testing"
	"time"
)

const ms = int64(time.Millisecond)

// What came is counted, put in order and held against the moment when it could
// have come. Times are in milliseconds.
func TestLedger(t *testing.T) {
	type arrival struct {
		key    string
		seq    int
		sent   int64
		at     int64
		refuse bool
	}
	wait := firstWait.Milliseconds()
	for _, c := range []struct {
		name     string
		arrivals []arrival
		want     arrived
	}{
		{"in order", []arrival{{"a", 1, 10, 12, false}, {"b", 1, 20, 23, false}, {"a", 2, 30, 34, false}},
			arrived{Distinct: 3, P50: 3, P99: 3, Max: 4, Late: 4, First: 12, Last: 34, Window: 2, LastDue: 23}},
		{"twice", []arrival{{"a", 1, 10, 11, false}, {"a", 1, 10, 15, false}},
			arrived{Distinct: 1, Duplicates: 1, P50: 1, P99: 1, Max: 1, Late: 1, First: 11, Last: 11, LastDue: 11}},
		{"a repeat is not refused", []arrival{{"a", 1, 10, 11, false}, {"a", 1, 10, 15, true}},
			arrived{Distinct: 1, Duplicates: 1, P50: 1, P99: 1, Max: 1, Late: 1, First: 11, Last: 11, LastDue: 11}},
		{"after a newer one", []arrival{{"a", 2, 10, 11, false}, {"a", 1, 9, 12, false}},
			arrived{Distinct: 2, Disorders: 1, P50: 1, P99: 1, Max: 3, Late: 3, First: 11, Last: 12, Window: 1, LastDue: 12}},
		{"refused once, and in time", []arrival{{"a", 1, 10, 11, true}, {"a", 1, 10, 11 + wait, true}},
			arrived{Distinct: 1, Refused: 1, P50: float64(wait + 1), P99: float64(wait + 1), Max: float64(wait + 1), First: 11 + wait, Last: 11 + wait, LastDue: 11 + wait}},
		{"refused, and late", []arrival{{"a", 1, 10, 11, true}, {"a", 1, 10, 18 + wait, false}},
			arrived{Distinct: 1, Refused: 1, P50: float64(wait + 8), P99: float64(wait + 8), Max: float64(wait + 8), Late: 7, First: 18 + wait, Last: 18 + wait, LastDue: 18 + wait}},
		{"waits for one before it", []arrival{{"a", 1, 10, 500, false}, {"a", 2, 20, 502, false}},
			arrived{Distinct: 2, P50: 482, P99: 482, Max: 490, Late: 490, First: 500, Last: 502, LastDue: 502}},
		{"without a number", []arrival{{"a", 0, 10, 11, false}}, arrived{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger()
			for _, a := range c.arrivals {
				l.enter([]byte(a.key), a.seq, a.sent*ms, a.at*ms, a.refuse)
			}
			got := reportOn([]*ledger{l}, 12*ms, 24*ms, 25*ms)
			for _, moment := range []*int64{&got.First, &got.Last, &got.LastDue} {
				*moment /= ms
			}
			if got != c.want {
				t.Errorf("reports\n%+v, want\n%+v", got, c.want)
			}
		})
	}
}
