package deliver

import "time"

// What is left to chance follows from the clock in tests, so that under a fake
// clock the same test takes the same course.
var _ = func() bool {
	random = func(n time.Duration) time.Duration {
		x := uint64(time.Now().UnixNano()) * 0x9e3779b97f4a7c15
		return time.Duration((x ^ x>>32) % uint64(n))
	}
	return true
}()
