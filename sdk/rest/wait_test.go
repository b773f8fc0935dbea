package rest

import (
	"net/http"
	"testing"
	"time"
)

var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func TestWaitReadsWhatPlatformsWrite(t *testing.T) {
	tests := []struct {
		name   string
		header map[string]string
		want   time.Duration
	}{
		{"nothing", nil, 0},
		{"seconds", map[string]string{"Retry-After": "120"}, 2 * time.Minute},
		{"seconds with a fraction, as Shopify writes", map[string]string{"Retry-After": "2.0"}, 2 * time.Second},
		{"zero seconds", map[string]string{"Retry-After": "0"}, 0},
		{"negative seconds", map[string]string{"Retry-After": "-5"}, 0},
		{"more than a day", map[string]string{"Retry-After": "9999999"}, 24 * time.Hour},
		{"more than a float", map[string]string{"Retry-After": "1e999"}, 24 * time.Hour},
		{"not a number", map[string]string{"Retry-After": "NaN"}, 0},
		{"rubbish", map[string]string{"Retry-After": "soon"}, 0},
		{"a date", map[string]string{"Retry-After": "Sat, 01 Aug 2026 12:00:30 GMT"}, 30 * time.Second},
		{"a date in the past", map[string]string{"Retry-After": "Sat, 01 Aug 2026 11:00:00 GMT"}, 0},
		{"a date by the answer's own clock", map[string]string{
			"Date": "Sat, 01 Aug 2020 00:00:00 GMT", "Retry-After": "Sat, 01 Aug 2020 00:00:07 GMT"}, 7 * time.Second},
		{"Retry-After before a rate limit", map[string]string{"Retry-After": "3", "RateLimit": `"a";r=0;t=50`}, 3 * time.Second},

		{"limit used up", map[string]string{"RateLimit": `"default";r=0;t=30`}, 30 * time.Second},
		{"limit not used up", map[string]string{"RateLimit": `"default";r=5;t=30`}, 0},
		{"the longest of those used up", map[string]string{"RateLimit": `"a";r=0;t=5, "b";r=0;t=60, "c";r=1;t=600`}, time.Minute},
		{"the policy's window", map[string]string{"RateLimit": `"b";r=0`, "RateLimit-Policy": `"a";q=1;w=5,"b";q=100;w=60`}, time.Minute},
		{"a separator in a name", map[string]string{"RateLimit": `"a,b;r=9";r=0;t=4`}, 4 * time.Second},
		{"an escaped quote in a name", map[string]string{"RateLimit": `"a\",b";r=0;t=4`}, 4 * time.Second},
		{"an older draft", map[string]string{"RateLimit": "limit=100, remaining=0, reset=50"}, 50 * time.Second},
		{"an older draft, not used up", map[string]string{"RateLimit": "limit=100, remaining=9, reset=50"}, 0},

		{"separate fields", map[string]string{"RateLimit-Remaining": "0", "RateLimit-Reset": "11"}, 11 * time.Second},
		{"separate fields, not used up", map[string]string{"RateLimit-Remaining": "1", "RateLimit-Reset": "11"}, 0},
		{"X- fields in seconds", map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "12"}, 12 * time.Second},
		{"X- fields as Unix time", map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1785585613"}, 13 * time.Second},
		{"X- fields as Unix milliseconds", map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1785585614000"}, 14 * time.Second},
		{"X- fields in the past", map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1685585614"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{}
			for name, value := range test.header {
				header.Set(name, value)
			}
			if got := Wait(header, now); got != test.want {
				t.Errorf("Wait = %s, want %s", got, test.want)
			}
		})
	}
}

func FuzzWait(f *testing.F) {
	for _, seed := range []string{"", "1", "1e999", "-1", "NaN", "Inf", "0x1p-2", "Sat, 01 Aug 2026 12:00:30 GMT",
		`"a";r=0;t=30, "b"`, "limit=1,remaining=0,reset=9", `"\`, "1785585613000"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, text, policy string) {
		for _, header := range []http.Header{
			{"Retry-After": {text}, "Date": {policy}},
			{"Ratelimit": {text}, "Ratelimit-Policy": {policy}},
			{"Ratelimit-Remaining": {"0"}, "Ratelimit-Reset": {text}},
			{"X-Ratelimit-Remaining": {policy}, "X-Ratelimit-Reset": {text}},
		} {
			if d := Wait(header, now); d < 0 || d > 24*time.Hour {
				t.Errorf("%v: %s is out of range", header, d)
			}
		}
	})
}
