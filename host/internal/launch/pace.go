package launch

import (
	"math/rand/v2"
	"slices"
	"time"
)

// How soon a process that ended is started again, and when no more.
const (
	firstWait   = 250 * time.Millisecond
	longestWait = time.Minute
	calm        = time.Minute      // ready for so long: the waits begin anew
	settled     = 30 * time.Second // ready for so long: earlier crashes no longer count
	fuseSpan    = 5 * time.Minute
	fuseSize    = 8 // this many crashes in fuseSpan, and the fuse blows
)

// pace decides when to start again. It has no clock: times are told to it.
type pace struct {
	next    time.Duration // the next wait, before jitter; 0: firstWait
	crashes []time.Time
}

// failed tells of an end at now, after the connector was ready for that long,
// and answers how long to wait. Only crashes wear the fuse: a platform that is
// down, or a disk that is full, for a day must not keep a connector down after that.
func (p *pace) failed(now time.Time, ready time.Duration, crash bool) (wait time.Duration, blown bool) {
	if ready >= calm {
		p.next = 0
	}
	if ready >= settled {
		p.crashes = nil
	}
	if crash {
		p.crashes = append(p.crashes, now)
	}
	p.crashes = slices.DeleteFunc(p.crashes, func(t time.Time) bool { return now.Sub(t) > fuseSpan })

	if p.next == 0 {
		p.next = firstWait
	}
	// Up to a half less, so that connectors that fell together don't rise together.
	wait = p.next - rand.N(p.next/2)
	p.next = min(2*p.next, longestWait)
	return wait, len(p.crashes) >= fuseSize
}
