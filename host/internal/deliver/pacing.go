package deliver

import (
	"math/rand/v2"
	"time"
)

// jitter adds a tenth of d at most by chance, so that products that failed
// together do not come back together.
func jitter(d time.Duration) time.Duration {
	if d < 10 {
		return d
	}
	return d + random(d/10)
}

var random = rand.N[time.Duration] // in a variable, so that a test can be repeated

const (
	// tripAfter failures in a row, with not one success between them, are the
	// platform's trouble rather than the products'. A call counts for as many as it
	// carried, but for no more than maxCount: a few are needed, however large.
	tripAfter = 32
	maxCount  = tripAfter / 2
	minProbe  = time.Second
	maxProbe  = time.Minute
)

// circuit tells a platform that is down from products that fail. While it is
// open nothing is sent but one probe at a time, each with another product.
type circuit struct {
	failures int
	charged  []string // keys that a failure since the last success was charged to
	open     bool
	probing  bool
	wait     time.Duration
	probeAt  time.Time
}

func (c *circuit) success() { *c = circuit{} }

// failure takes in that nothing of a call with n changes got through. What was
// sent before the circuit opened and fails after it is no probe, and says no more
// than is known.
func (c *circuit) failure(n int, probe bool, now time.Time) {
	c.failures += min(n, maxCount)
	switch {
	case c.open && probe:
		c.wait = min(max(2*c.wait, minProbe), maxProbe) // from nothing, in a lane that began so
	case !c.open && c.failures >= tripAfter:
		c.open, c.wait = true, minProbe
	default:
		return
	}
	c.probing = false
	c.probeAt = now.Add(jitter(c.wait))
}

// allow says how many of n changes may go now.
func (c *circuit) allow(n int, now time.Time) int {
	switch {
	case !c.open:
		return n
	case c.probing || now.Before(c.probeAt):
		return 0
	}
	return min(n, 1)
}

// throttle is a pause that the platform asked for. Where it does not say how
// long, the pauses grow until something gets through.
type throttle struct {
	wait  time.Duration
	until time.Time
	slow  bool // nothing has got through since: one change at a time
}

func (t *throttle) pause(after time.Duration, now time.Time) {
	t.slow = true
	if after <= 0 {
		if now.Before(t.until) {
			return // one of several that were in flight together
		}
		t.wait = min(max(2*t.wait, minProbe), maxProbe)
		after = jitter(t.wait)
	}
	if until := now.Add(after); until.After(t.until) {
		t.until = until
	}
}

func (t *throttle) success() { t.wait, t.slow = 0, false }
