package main

import (
	"slices"
	"time"
)

// firstWait is the longest that the host's default schedule has a product wait
// after its first failure: 5 s, and by chance up to a tenth more.
const firstWait = 5500 * time.Millisecond

// ledger is what came to one path of the sink. Times are Unix nanoseconds.
type ledger struct {
	products                        map[string]*arrivals
	refused                         map[place]int64 // when an event was refused
	distinct, duplicates, disorders int
	late                            int64 // the most that an event came later than it need have; see due
}

// place is an event's: of a product, the event with a number.
type place struct {
	product *arrivals
	seq     int
}

// arrivals are a product's events by their number less one; 0: not arrived.
type arrivals struct {
	sent, at []int64
	newest   int
}

func newLedger() *ledger {
	return &ledger{products: map[string]*arrivals{}, refused: map[place]int64{}}
}

// enter notes an event, or, if refuse says so, that it is refused. An event is
// refused once at most: the wait after the second time is minutes.
func (l *ledger) enter(key []byte, seq int, sent, now int64, refuse bool) (taken bool) {
	p := l.products[string(key)]
	if p == nil {
		p = &arrivals{}
		l.products[string(key)] = p
	}
	if seq < 1 {
		return false
	}
	for len(p.at) < seq {
		p.at, p.sent = append(p.at, 0), append(p.sent, 0)
	}
	if p.at[seq-1] != 0 {
		l.duplicates++
		return true
	}
	if refuse {
		if at := (place{p, seq}); l.refused[at] == 0 {
			l.refused[at] = now
			return false
		}
	}
	if seq < p.newest {
		l.disorders++
	}
	p.newest = max(p.newest, seq)
	p.at[seq-1], p.sent[seq-1] = now, sent
	l.distinct++
	l.late = max(l.late, now-l.due(p, seq))
	return true
}

// due is the moment before which an event need not have come: it was sent then,
// or the product's event before it had come, or its wait after being refused was over.
func (l *ledger) due(p *arrivals, seq int) int64 {
	due := p.sent[seq-1]
	if seq > 1 {
		due = max(due, p.at[seq-2])
	}
	if at := l.refused[place{p, seq}]; at != 0 {
		due = max(due, at+int64(firstWait))
	}
	return due
}

// arrived is a report on what came. Times are milliseconds unless said otherwise.
type arrived struct {
	Distinct   int   `json:"distinct"`
	Duplicates int   `json:"duplicates"`
	Disorders  int   `json:"disorders"` // came for the first time after a newer one of its product
	Refused    int   `json:"refused"`
	First      int64 `json:"first"` // Unix nanoseconds, as is Last
	Last       int64 `json:"last"`

	P50  float64 `json:"p50"` // sent to received
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
	Late float64 `json:"late"` // the most that one came later than it need have; see ledger.due

	Window  int   `json:"window"`   // came from `from` on and before `to`
	LastDue int64 `json:"last_due"` // Unix nanoseconds when the last of those came that were sent before `due`
}

func (a *arrived) seconds() float64 { return float64(a.Last-a.First) / 1e9 }

func reportOn(ledgers []*ledger, from, to, due int64) arrived {
	var a arrived
	var delays []int64
	for _, l := range ledgers {
		a.Distinct += l.distinct
		a.Duplicates += l.duplicates
		a.Disorders += l.disorders
		a.Refused += len(l.refused)
		a.Late = max(a.Late, milliseconds(l.late))
		for _, p := range l.products {
			for i, at := range p.at {
				if at == 0 {
					continue
				}
				delays = append(delays, at-p.sent[i])
				if a.First == 0 || at < a.First {
					a.First = at
				}
				a.Last = max(a.Last, at)
				if from <= at && at < to {
					a.Window++
				}
				if p.sent[i] < due {
					a.LastDue = max(a.LastDue, at)
				}
			}
		}
	}
	if len(delays) > 0 {
		slices.Sort(delays)
		at := func(q float64) float64 { return milliseconds(delays[int(q*float64(len(delays)-1))]) }
		a.P50, a.P99, a.Max = at(0.5), at(0.99), at(1)
	}
	return a
}

func milliseconds(ns int64) float64 { return float64(ns) / 1e6 }
