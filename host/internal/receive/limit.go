package receive

import (
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/synchost/synchost/host/internal/config"
)

// limit is the most requests that a receiver takes; nil: any number.
type limit struct{ bucket *rate.Limiter }

func newLimit(r config.Rate) *limit {
	if r.Count == 0 {
		return nil
	}
	return &limit{rate.NewLimiter(rate.Limit(float64(r.Count)/r.Per.Seconds()), r.Count)}
}

func (l *limit) take(now time.Time) error {
	if l == nil {
		return nil
	}
	slot := l.bucket.ReserveN(now, 1)
	wait := slot.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	slot.CancelAt(now)
	no := refuse(http.StatusTooManyRequests, "rate", "More requests come than this receiver takes. Send it again later.")
	no.after = wait
	return no
}
