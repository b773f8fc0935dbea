package main

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

const (
	hmacSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	ed25519Secret = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)

type options map[string]any

// opened is a connector behind the real wire, with access to loopback.
func opened(t *testing.T, o options) *sdk.Client {
	t.Helper()
	return sdktest.Open(t, plugin, withLoopback(o))
}

func withLoopback(o options) options {
	all := options{"allow_networks": []string{"127.0.0.0/8", "::1"}}
	maps.Copy(all, o)
	return all
}

// sink is an endpoint that keeps what it got.
type sink struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
}

type request struct {
	*http.Request
	body []byte
	dump string // as it came
}

// newSink answers with answer, which may be nil: 200.
func newSink(t *testing.T, answer http.HandlerFunc) *sink {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dump, err := httputil.DumpRequest(r, true)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.requests = append(s.requests, request{r, body, string(dump)})
		s.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) got() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

// one is the only request so far.
func (s *sink) one(t *testing.T) request {
	t.Helper()
	all := s.got()
	if len(all) != 1 {
		t.Fatalf("%d requests, want one", len(all))
	}
	return all[0]
}

// normal is a request's dump without what changes from run to run.
func (s *sink) normal(r request) string {
	dump := strings.ReplaceAll(r.dump, "\r\n", "\n")
	return strings.ReplaceAll(dump, strings.TrimPrefix(s.URL, "http://"), "HOST")
}

// update is a change of a product, brought by an event.
func update(key string) sdk.Change {
	return sdk.Change{
		Key: key, ID: "crm_" + key, Op: sdk.Upsert, Fields: []string{"name", "prices"},
		Product: sdk.Product{
			Key: key, Code: "K-100", Name: "کیف چرم", Prices: []sdk.Price{{Amount: "12.50", Currency: "EUR"}},
			Attributes: map[string]sdk.Value{"colour": sdk.String("red & <blue>"), "size": sdk.Number("42")},
		},
		Event: &sdk.Event{
			ID: key, Source: "crm", Op: sdk.Updated, Fields: []string{"name", "prices"},
			Time: time.Date(2026, 8, 1, 12, 30, 0, 0, time.UTC),
		},
	}
}

// forward is a raw event.
func forward(id, contentType, body string) sdk.Change {
	return sdk.Change{
		Key: id, ID: "catch_" + id, Op: sdk.Forward, Fields: []string{sdk.RawField}, Product: sdk.Product{Key: id},
		Event: &sdk.Event{
			ID: id, Source: "catch", Op: sdk.Received, Time: time.Date(2026, 8, 1, 12, 30, 0, 0, time.UTC),
			Raw: &sdk.Raw{Method: "PUT", Query: "a=1&b=x+y", ContentType: contentType, Body: []byte(body)},
		},
	}
}

// apply gives the outcome by key, and the results.
func apply(t *testing.T, c *sdk.Client, changes ...sdk.Change) map[string]sdk.Result {
	t.Helper()
	return applyWithin(t.Context(), t, c, changes...)
}

func applyWithin(ctx context.Context, t *testing.T, c *sdk.Client, changes ...sdk.Change) map[string]sdk.Result {
	t.Helper()
	results, rest := c.Apply(ctx, changes)
	all := map[string]sdk.Result{}
	for _, result := range results {
		all[result.Key] = result
	}
	for _, change := range changes {
		if _, ok := all[change.Key]; !ok {
			all[change.Key] = sdk.Result{Key: change.Key, Err: rest}
		}
	}
	return all
}

// done applies one change, which must succeed.
func done(t *testing.T, c *sdk.Client, change sdk.Change) sdk.Result {
	t.Helper()
	result := apply(t, c, change)[change.Key]
	if result.Err != nil {
		t.Fatalf("%s: %v", change.Key, result.Err)
	}
	return result
}

// problems are what is wrong with options, as "path: message".
func problems(t *testing.T, o options) []string {
	t.Helper()
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	_, found, err := sdktest.Dial(t, plugin).Validate(t.Context(), sdk.Setup{Config: data})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range found {
		all = append(all, p.Path+": "+p.Message)
	}
	return all
}

// needed ends a test that lacks something on this machine.
func needed(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SYNCHOST_NEED_ALL") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}
