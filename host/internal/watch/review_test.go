package watch_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/synchost/synchost/host/internal/watch"
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

// picky is a source that does not want to be asked for one product.
type picky struct{ *source }

func (s picky) Ready(context.Context) (watch.Port, error) { return s, nil }

func (s picky) Find(ctx context.Context, refs []sdk.Ref) ([]sdk.Item, error) {
	if slices.ContainsFunc(refs, func(r sdk.Ref) bool { return r.Key == "p001" }) {
		return nil, sdk.Reject("", errors.New("that is no id"))
	}
	return s.source.Find(ctx, refs)
}

// A hint that the source does not answer holds up no other.
func TestARefusedHintHoldsUpNoOther(t *testing.T) {
	w := newWorld(t, sdk.CanFind)
	for n := range 3 {
		w.source.put(n, "a")
	}
	w.hint(0, 1, 2)
	w.read = 0
	completer := watch.NewCompleter(watch.New(w.store, picky{w.source}, watch.Options{Name: "erp"}), []string{"hook"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- completer.Run(ctx) }()
	changed := w.store.Changed()
	for w.news() != "p000 created a, p002 created a" {
		<-changed
		changed, w.read = w.store.Changed(), 0
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
