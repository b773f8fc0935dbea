package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/synchost/synchost/sdk"
)

func TestPermissionIsAskedBeforeTheFirstDelivery(t *testing.T) {
	tests := []struct {
		name   string
		answer map[string]string
		status int
		want   string // empty: delivered; else what the error says
		kind   sdk.Kind
	}{
		{"named", map[string]string{"WebHook-Allowed-Origin": "shop.example", "WebHook-Allowed-Rate": "600"}, 200, "", 0},
		{"anyone", map[string]string{"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*"}, 200, "", 0},
		{"no rate", map[string]string{"WebHook-Allowed-Origin": "SHOP.example"}, 204, "", 0},
		{"another", map[string]string{"WebHook-Allowed-Origin": "other.example"}, 200, "does not permit", sdk.Denied},
		{"silent", nil, 200, "does not permit", sdk.Denied},
		{"without OPTIONS", nil, 405, "cloudevents.handshake = false", sdk.Denied},
		{"in trouble", nil, 503, "503", sdk.Temporary},
		{"refused", nil, 403, "403", sdk.Denied},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSink(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == "OPTIONS" {
					for name, value := range test.answer {
						w.Header().Set(name, value)
					}
					w.WriteHeader(test.status)
				}
			})
			client := opened(t, options{"url": s.URL, "style": "cloudevents", "auth": options{"bearer": "tok"},
				"cloudevents": options{"origin": "shop.example", "rate": 1000}})
			first := apply(t, client, update("1"))["1"]
			got := s.got()
			if h := got[0].Header; got[0].Method != "OPTIONS" || h.Get("WebHook-Request-Origin") != "shop.example" ||
				h.Get("WebHook-Request-Rate") != "1000" || h.Get("Authorization") != "Bearer tok" {
				t.Errorf("asked with %s", got[0].dump)
			}
			if test.want == "" {
				done(t, client, update("2"))
				if got := s.got(); first.Err != nil || len(got) != 3 || got[1].Method != "POST" || got[2].Method != "POST" {
					t.Errorf("%d requests, %v", len(got), first.Err)
				}
				return
			}
			if first.Err == nil || !strings.Contains(first.Err.Error(), test.want) || sdk.KindOf(first.Err) != test.kind || len(got) != 1 {
				t.Errorf("%d requests, %v (%s)", len(got), first.Err, sdk.KindOf(first.Err))
			}
			if err := client.Check(t.Context()); err == nil {
				t.Error("the check passes")
			}
		})
	}
}

func TestPermissionIsAskedOnce(t *testing.T) {
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("WebHook-Allowed-Origin", "*") })
	client := opened(t, options{"url": s.URL, "style": "cloudevents"})
	var calls sync.WaitGroup
	for key := range 8 {
		calls.Go(func() {
			if result := apply(t, client, update(strconv.Itoa(key)))[strconv.Itoa(key)]; result.Err != nil {
				t.Error(result.Err)
			}
		})
	}
	calls.Wait()
	asked := 0
	for _, r := range s.got() {
		if r.Method == "OPTIONS" {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestCheckAsksForPermissionOnly(t *testing.T) {
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("WebHook-Allowed-Origin", "*") })
	client := opened(t, options{"url": s.URL, "style": "cloudevents"})
	if err := client.Check(t.Context()); err != nil || s.one(t).Method != "OPTIONS" {
		t.Errorf("%v, %s", err, s.one(t).Method)
	}
	done(t, client, update("1")) // permission is there already
	if got := s.got(); len(got) != 2 || got[1].Method != "POST" {
		t.Errorf("%d requests", len(got))
	}
}

// An allowed rate is kept to: requests wait for their turn, and where that comes
// too late the lane is told to pause.
func TestAllowedRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &handshake{granted: true, limiter: allowedRate("120")}
		start := time.Now()
		for range 2 + 20 { // the burst is a second's worth
			if err := h.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("20 requests at 120 a minute took %s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var e *sdk.Error
		if err := h.wait(ctx); !errors.As(err, &e) || e.Kind != sdk.Throttled || e.After != 500*time.Millisecond {
			t.Errorf("got %v", err)
		}
	})
}

func TestAllowedRate(t *testing.T) {
	for _, text := range []string{"", "*", "0", "-3", "many"} {
		if allowedRate(text) != nil {
			t.Errorf("%q is a limit", text)
		}
	}
	if l := allowedRate(" 30 "); l == nil || l.Burst() != 1 || l.Limit() != 0.5 {
		t.Errorf("30 a minute is %v", l)
	}
}

func TestHeadersOfEventsArePercentEncoded(t *testing.T) {
	for text, want := range map[string]string{
		"a-b_c.d/e": "a-b_c.d/e", "a b": "a%20b", `"50%"`: "%2250%25%22", "کیف": "%DA%A9%DB%8C%D9%81", "a\r\nb": "a%0D%0Ab",
	} {
		if got := percent(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
