package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
	"golang.org/x/time/rate"
)

// handshake asks an endpoint for permission to deliver, and keeps to the rate
// that it allows. All methods do nothing on nil.
type handshake struct {
	endpoint *url.URL
	origin   string
	rate     int

	mu      sync.Mutex // guards what follows, and keeps it to one request at a time
	granted bool
	limiter *rate.Limiter // nil: no limit
}

func newHandshake(c *Config, k *composer, f *faults) *handshake {
	if !k.url.fixed {
		f.add("cloudevents.handshake", "must be false where url depends on the product: permission is asked once for one endpoint")
	}
	if !isToken(c.CloudEvents.Origin) {
		f.add("cloudevents.origin", "%q is not a DNS name", c.CloudEvents.Origin)
	}
	if c.CloudEvents.Rate < 0 {
		f.add("cloudevents.rate", "must not be negative")
	}
	return &handshake{endpoint: k.target, origin: c.CloudEvents.Origin, rate: c.CloudEvents.Rate}
}

// ensure asks unless permission was granted before.
func (h *handshake) ensure(ctx context.Context, w *webhook) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.granted {
		return nil
	}
	return h.request(ctx, w)
}

// ask asks anew.
func (h *handshake) ask(ctx context.Context, w *webhook) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.request(ctx, w)
}

// request sends the validation request of the CloudEvents webhook
// specification. The caller holds the lock.
func (h *handshake) request(ctx context.Context, w *webhook) error {
	req := rest.Request{Method: "OPTIONS", URL: h.endpoint, Header: http.Header{
		"User-Agent":             userAgent,
		"Webhook-Request-Origin": {h.origin},
	}}
	if h.rate > 0 {
		req.Header["Webhook-Request-Rate"] = []string{strconv.Itoa(h.rate)}
	}
	resp, err := w.doAuthorized(ctx, req)
	if err != nil {
		if resp.Status == http.StatusMethodNotAllowed || resp.Status == http.StatusNotFound || resp.Status == http.StatusNotImplemented {
			return sdk.Deny(fmt.Errorf("the endpoint does not answer OPTIONS (%d): it gives no permission to deliver; if it needs none, set cloudevents.handshake = false", resp.Status))
		}
		return w.judge(resp, err)
	}
	if allowed := resp.Header.Get("WebHook-Allowed-Origin"); allowed != "*" && !strings.EqualFold(allowed, h.origin) {
		return sdk.Deny(errNotAllowed)
	}
	h.granted, h.limiter = true, allowedRate(resp.Header.Get("WebHook-Allowed-Rate"))
	return nil
}

var errNotAllowed = errors.New("the endpoint does not permit deliveries: its answer to OPTIONS names another WebHook-Allowed-Origin than cloudevents.origin, or none")

// allowedRate reads requests a minute; "*", nothing or nonsense is no limit.
func allowedRate(text string) *rate.Limiter {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(n)/60, max(1, n/60))
}

// wait lets a request go when the allowed rate has room for it. If that is later
// than the call can wait, the lane is told to pause.
func (h *handshake) wait(ctx context.Context) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	limiter := h.limiter
	h.mu.Unlock()
	if limiter == nil {
		return nil
	}
	turn := limiter.Reserve()
	delay := turn.Delay()
	if delay == 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < delay {
		turn.Cancel()
		return sdk.Throttle(delay, errPace)
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		turn.Cancel()
		return context.Cause(ctx)
	}
}

var errPace = errors.New("the endpoint's WebHook-Allowed-Rate is used up")
