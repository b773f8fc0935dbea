package ops

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
)

// onRecord refuses keys of which nothing is on record that a connector could have to
// do with, and says which ones may be meant. A product that its source has deleted is
// on record.
func (a *api) onRecord(ctx context.Context, connector string, keys ...string) error {
	unknown, err := a.unknown(ctx, connector, keys)
	if err != nil || len(unknown) == 0 {
		return err
	}
	const most = 3
	var names []string
	until := time.Now().Add(nearTime)
	for _, key := range unknown[:min(most, len(unknown))] {
		near, err := a.nearest(ctx, key, until)
		if err != nil {
			return err
		}
		if near != "" {
			key += fmt.Sprintf(" (did you mean %s?)", near)
		}
		names = append(names, key)
	}
	if more := len(unknown) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return refuse(http.StatusNotFound, "nothing is done: nothing is on record here of product %s; products go by their key, the id at their source, to the letter", strings.Join(names, ", "))
}

// unknown are those of keys that have no link, no product in the catalog and no event.
func (a *api) unknown(ctx context.Context, connector string, keys []string) ([]string, error) {
	links, err := a.Store.Links(ctx, connector, keys)
	if err != nil {
		return nil, err
	}
	products, err := a.Store.Products(ctx, keys)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(keys))
	for i := range links {
		known[links[i].Key] = true
	}
	for i := range products {
		known[products[i].Key] = true
	}
	var unknown []string
	for _, key := range keys {
		if known[key] {
			continue
		}
		events, err := a.Store.History(ctx, key, 0, 1) // raw events are no product's
		if err != nil {
			return nil, err
		}
		if known[key] = true; len(events) == 0 {
			unknown = append(unknown, key)
		}
	}
	return unknown, nil
}

const (
	keyStep  = 50_000          // keys that are compared at once
	nearTime = 2 * time.Second // that are spent on what may be meant: an answer is worth more
)

// nearest is the key in the catalog, as far as there is time to look through it, that
// one is most likely meant to be; empty: none is near.
func (a *api) nearest(ctx context.Context, key string, until time.Time) (near string, err error) {
	for after := ""; time.Now().Before(until); {
		keys, err := a.Store.Keys(ctx, after, keyStep)
		if err != nil || len(keys) == 0 {
			return near, err
		}
		after = keys[len(keys)-1]
		if near != "" {
			keys = append(keys, near)
		}
		near = sdk.Nearest(key, keys)
	}
	return near, nil
}
