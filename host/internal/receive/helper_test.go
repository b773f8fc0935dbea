package receive

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// keeper is a store in memory: what was accepted, in order, each id once.
type keeper struct {
	mu     sync.Mutex
	events []event.Event
	seen   map[[2]string]int64
	calls  int
	err    error
	before func(ctx context.Context, events []event.Event) error
}

func (k *keeper) Accept(ctx context.Context, events []event.Event) ([]store.Receipt, error) {
	if k.before != nil {
		if err := k.before(ctx, events); err != nil {
			return nil, err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls++
	if k.err != nil {
		return nil, k.err
	}
	if k.seen == nil {
		k.seen = map[[2]string]int64{}
	}
	receipts := make([]store.Receipt, len(events))
	for i, e := range events {
		id := [2]string{e.Source, e.ID}
		if seq, ok := k.seen[id]; ok {
			receipts[i] = store.Receipt{Seq: seq, Duplicate: true}
			continue
		}
		k.events = append(k.events, e)
		k.seen[id] = int64(len(k.events))
		receipts[i] = store.Receipt{Seq: int64(len(k.events))}
	}
	return receipts, nil
}

func (k *keeper) kept() []event.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.events)
}

func secretsOf(texts ...string) []sdk.Secret {
	var s []sdk.Secret
	for _, text := range texts {
		s = append(s, sdk.NewSecret(text))
	}
	return s
}

// newHandler is a handler of receivers that must be good, with a clock that stands.
func newHandler(t testing.TB, k *keeper, now time.Time, receivers ...config.Receiver) *Handler {
	t.Helper()
	h, problems := New(receivers, Options{Accepter: k, Now: func() time.Time { return now }, Outside: (&fakePaypal{}).outside()})
	for _, p := range problems {
		t.Fatal(p)
	}
	for _, r := range h.routes.all {
		if r.config.Scheme == "paypal" {
			r.scheme.prove = provePaypal // in the stead of the sender, who alone has the key
		}
	}
	return h
}

// call is a request to be made.
type call struct {
	method, target, body string
	header               http.Header
}

func (c call) with(name string, values ...string) call {
	c.header = c.header.Clone()
	if c.header == nil {
		c.header = http.Header{}
	}
	if len(values) == 0 {
		c.header.Del(name)
	} else {
		c.header[http.CanonicalHeaderKey(name)] = values
	}
	return c
}

func (c call) do(h http.Handler) *httptest.ResponseRecorder {
	method := c.method
	if method == "" {
		method = http.MethodPost
	}
	r := httptest.NewRequestWithContext(context.Background(), method, c.target, strings.NewReader(c.body))
	for name, values := range c.header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// flip changes one bit of each byte of text in turn.
func flip(text string, each func(changed string)) {
	for i := range len(text) {
		changed := []byte(text)
		changed[i] ^= 1
		each(string(changed))
	}
}
