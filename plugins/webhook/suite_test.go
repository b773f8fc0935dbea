package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

// The connector keeps the contract, as seen by a receiver that follows the
// rules: it forgets repeats of an id and merges the fields that changed.
func TestContract(t *testing.T) {
	for _, batch := range []string{"", "array"} {
		t.Run("batch="+batch, func(t *testing.T) {
			f := follower{seen: map[string]bool{}, products: map[string]*sdk.Product{}}
			platform := sdktest.NewPlatform(t, sdktest.Route{Pattern: "POST /hook", Handle: f.take})
			config := withLoopback(options{"url": platform.URL + "/hook", "secret": hmacSecret, "auth": options{"bearer": "bearer-token"}, "timeout": "2s"})
			if batch != "" {
				config["batch"] = batch
			}
			sdktest.Run(t, plugin, sdktest.Suite{Config: config, Platform: platform, Held: f.held})
		})
	}
}

type follower struct {
	mu       sync.Mutex
	seen     map[string]bool
	products map[string]*sdk.Product
}

func (f *follower) take(w http.ResponseWriter, r *http.Request) {
	type message struct {
		Type string
		Data struct {
			Event   struct{ Fields []string }
			Product sdk.Product
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var body json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if id := r.Header.Get("Webhook-Id"); f.seen[id] {
		return
	} else {
		f.seen[id] = true
	}
	if body[0] != '[' {
		body = slices.Concat([]byte("["), body, []byte("]"))
	}
	var messages []message
	if err := json.Unmarshal(body, &messages); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, m := range messages {
		p := m.Data.Product
		if m.Type == "product.deleted" {
			delete(f.products, p.Key)
			continue
		}
		if f.products[p.Key] == nil {
			f.products[p.Key] = &sdk.Product{Key: p.Key}
		}
		for _, path := range m.Data.Event.Fields {
			sdk.CopyField(f.products[p.Key], &p, path)
		}
	}
	_, _ = fmt.Fprint(w, "ok")
}

func (f *follower) held(context.Context) ([]sdk.Item, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var items []sdk.Item
	for key, p := range f.products {
		items = append(items, sdk.Item{Key: key, Product: *p})
	}
	return items, nil
}
