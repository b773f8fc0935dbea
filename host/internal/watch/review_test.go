package watch_test

import (
	"errors"
	"testing"

	"github.com/synchost/synchost/sdk"
)

// A product that its source has under another id by now, with the same key, is not gone.
func TestAProductUnderAnotherIDIsNotGone(t *testing.T) {
	for name, can := range map[string][]sdk.Capability{"a source that can be asked": {sdk.CanFind}, "one that cannot": nil} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, can...)
			item := sdk.Item{Key: "k1", Remote: sdk.Remote{ID: "old"}, Product: sdk.Product{Name: "a"}}
			w.source.products["old"] = item
			for n := range 3 {
				w.source.put(n, "a")
			}
			w.run("k1 created a, " + w.expect(3))
			delete(w.source.products, "old")
			item.Remote.ID = "new"
			w.source.products["new"] = item
			w.run("")
			w.run("")
			w.run("")
			delete(w.source.products, "new")
			if can == nil {
				w.run("")
			}
			w.run("k1 deleted a")
		})
	}
}

// A listing that failed agrees with none.
func TestAListingThatFailedIsNoSecondOne(t *testing.T) {
	w := newWorld(t)
	for n := range 30 {
		w.source.put(n, "a")
	}
	w.run(w.expect(30))
	w.source.trouble = func(int) error { return sdk.Deny(errors.New("401")) }
	for range 2 {
		if err := w.Run(t.Context()); err == nil {
			t.Error("a listing that failed succeeds")
		}
	}
	w.source.trouble = nil
	w.source.hidden = "p004"
	w.run("") // it may have been missed
	w.run("p004 deleted a")
}
