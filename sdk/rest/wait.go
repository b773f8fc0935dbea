package rest

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxWait bounds what a platform can ask for: a wrong header must not park a
// lane for years.
const maxWait = 24 * time.Hour

// Wait is how long the platform asks us to stay away, at most a day; 0: it does
// not say. It reads, in this order: Retry-After in seconds or as a date;
// RateLimit and RateLimit-Policy as structured fields; RateLimit-Remaining and
// RateLimit-Reset; X-RateLimit-Remaining and X-RateLimit-Reset. Rate limit
// headers count only where nothing remains. Dates are taken relative to the
// answer's own Date, so that a wrong clock at either end does no harm; now is
// used where that is missing.
func Wait(header http.Header, now time.Time) time.Duration {
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	if text := header.Get("Retry-After"); text != "" {
		if wait, ok := seconds(text); ok {
			return wait
		}
		if date, err := http.ParseTime(text); err == nil {
			return bound(date.Sub(now))
		}
	}
	if text := header.Get("RateLimit"); text != "" {
		return limitField(text, header.Get("RateLimit-Policy"))
	}
	for _, prefix := range [...]string{"Ratelimit-", "X-Ratelimit-"} {
		if reset := header.Get(prefix + "Reset"); reset != "" {
			if left := header.Get(prefix + "Remaining"); left == "" || isZero(left) {
				return untilReset(reset, now)
			}
		}
	}
	return 0
}

// limitField reads the field RateLimit of draft-ietf-httpapi-ratelimit-headers:
// a list such as "default";r=0;t=30, or, in drafts up to 07, limit=10,
// remaining=0, reset=30. Of the limits that are used up the longest wait counts;
// one without a time waits for its policy's window.
func limitField(text, policies string) time.Duration {
	var wait time.Duration
	var left, reset string
	for item := range items(text, ',') {
		name, params, _ := cut(item, ';')
		if key, value, ok := strings.Cut(name, "="); ok && name[0] != '"' {
			switch strings.TrimSpace(key) {
			case "remaining":
				left = value
			case "reset":
				reset = value
			}
			continue
		}
		if !isZero(param(params, "r")) {
			continue
		}
		after := param(params, "t")
		if after == "" {
			after = window(policies, name)
		}
		if d, ok := seconds(after); ok {
			wait = max(wait, d)
		}
	}
	if isZero(left) {
		if d, ok := seconds(reset); ok {
			wait = max(wait, d)
		}
	}
	return wait
}

// window is the parameter w of the policy of that name.
func window(policies, name string) string {
	for item := range items(policies, ',') {
		if policy, params, _ := cut(item, ';'); policy == name {
			return param(params, "w")
		}
	}
	return ""
}

// param is the value of a parameter in a list such as "r=0;t=30".
func param(params, key string) string {
	for item := range items(params, ';') {
		if k, v, ok := strings.Cut(item, "="); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// items yields the parts of text between separators that stand outside quotes.
func items(text string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for more := true; more; {
			var item string
			if item, text, more = cut(text, separator); item != "" && !yield(item) {
				return
			}
		}
	}
}

// cut is strings.Cut for a separator outside quotes, with blanks trimmed.
func cut(text string, separator byte) (before, after string, found bool) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == separator && !quoted:
			return strings.TrimSpace(text[:i]), text[i+1:], true
		}
	}
	return strings.TrimSpace(text), "", false
}

// untilReset reads a reset that is either a number of seconds or a Unix time in
// seconds or milliseconds: the fields with these names never agreed on one.
func untilReset(text string, now time.Time) time.Duration {
	const year2001, year2001ms = 1e9, 1e12
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case err != nil || math.IsNaN(n):
		return 0
	case n >= year2001ms:
		n = n/1000 - float64(now.UnixMilli())/1000
	case n >= year2001:
		n -= float64(now.UnixMilli()) / 1000
	}
	return boundSeconds(n)
}

// seconds reads a number of seconds; some platforms write a fraction.
func seconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if math.IsNaN(n) || err != nil && !math.IsInf(n, 1) {
		return 0, false
	}
	return boundSeconds(n), true
}

func boundSeconds(n float64) time.Duration {
	return bound(time.Duration(min(max(n, 0), maxWait.Seconds()) * float64(time.Second)))
}

func bound(d time.Duration) time.Duration { return min(max(d, 0), maxWait) }

func isZero(text string) bool {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return err == nil && n <= 0
}
