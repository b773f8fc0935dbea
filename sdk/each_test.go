package sdk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func nine() []Change {
	changes := make([]Change, 9)
	for i := range changes {
		changes[i] = Change{Key: fmt.Sprint(i), Op: Upsert}
	}
	return changes
}

func keysOf(results []Result) []string {
	keys := make([]string, len(results))
	for i := range results {
		keys[i] = results[i].Key
	}
	slices.Sort(keys)
	return keys
}

func TestEachAnswersEveryChange(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 3, 100} {
		results, rest := Each(t.Context(), n, nine(), func(_ context.Context, c Change) (Result, error) {
			if c.Key == "4" {
				return Result{Exchange: Exchange{Status: 422}}, Reject("name", errors.New("too long"))
			}
			return Result{Remote: Remote{ID: "r" + c.Key}, Key: "wrong"}, nil
		})
		if rest != nil || len(results) != 9 {
			t.Fatalf("n=%d: %d results, rest %v", n, len(results), rest)
		}
		for _, r := range results {
			failed := r.Key == "4"
			if failed != (KindOf(r.Err) == Rejected) || failed != (r.Exchange.Status == 422) || !failed && r.Remote.ID != "r"+r.Key {
				t.Errorf("n=%d: %+v", n, r)
			}
		}
	}
	if results, rest := Each(t.Context(), 2, nil, nil); results != nil || rest != nil {
		t.Errorf("no changes gave %v, %v", results, rest)
	}
}

func TestEachStartsNoMoreThanN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		_, _ = Each(t.Context(), 3, nine(), func(context.Context, Change) (Result, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second) // lets the others start
			now.Add(-1)
			return Result{}, nil
		})
		if most.Load() != 3 {
			t.Errorf("%d at a time", most.Load())
		}
	})
}

func TestEachStopsWhenThePlatformRefusesAll(t *testing.T) {
	for _, stop := range []error{Throttle(time.Minute, errors.New("429")), Deny(errors.New("401"))} {
		results, rest := Each(t.Context(), 1, nine(), func(_ context.Context, c Change) (Result, error) {
			if c.Key == "3" {
				return Result{}, stop
			}
			return Result{}, nil
		})
		if !errors.Is(rest, stop) || !slices.Equal(keysOf(results), []string{"0", "1", "2", "3"}) {
			t.Errorf("after %v: results for %v, rest %v", KindOf(stop), keysOf(results), rest)
		}
	}
}

func TestEachGoesOnAfterOtherErrors(t *testing.T) {
	results, rest := Each(t.Context(), 1, nine(), func(context.Context, Change) (Result, error) {
		return Result{}, errors.New("500")
	})
	if rest != nil || len(results) != 9 {
		t.Errorf("%d results, rest %v", len(results), rest)
	}
}

func TestEachReturnsWhatItHasWhenTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var started sync.WaitGroup
	started.Add(2)
	results, rest := Each(ctx, 2, nine(), func(ctx context.Context, c Change) (Result, error) {
		started.Done()
		if c.Key == "1" {
			started.Wait()
			cancel(errors.New("the host stops"))
		}
		<-ctx.Done()
		return Result{}, context.Cause(ctx)
	})
	if !slices.Equal(keysOf(results), []string{"0", "1"}) || rest == nil || !strings.Contains(rest.Error(), "not tried: the host stops") {
		t.Errorf("results for %v, rest %v", keysOf(results), rest)
	}
}

func TestEachTurnsAPanicIntoTheOutcomeOfItsChange(t *testing.T) {
	results, rest := Each(t.Context(), 2, nine(), func(_ context.Context, c Change) (Result, error) {
		if c.Key == "5" {
			panic("boom")
		}
		return Result{}, nil
	})
	if rest != nil || len(results) != 9 {
		t.Fatalf("%d results, rest %v", len(results), rest)
	}
	for _, r := range results {
		if (r.Err != nil) != (r.Key == "5") {
			t.Errorf("%+v", r)
		}
	}
}

// pages is a Lister over fixed pages: the cursor names the page.
type pages map[string]Page

func (p pages) List(_ context.Context, q Query) (Page, error) {
	page, ok := p[q.Cursor]
	if !ok {
		return Page{}, Throttle(0, errors.New("429"))
	}
	return page, nil
}

func items(keys ...string) []Item {
	var items []Item
	for _, key := range keys {
		items = append(items, Item{Key: key})
	}
	return items
}

func TestAll(t *testing.T) {
	for name, c := range map[string]struct {
		pages pages
		from  string
		want  string
		err   string
	}{
		"every page":           {pages{"": {items("a", "b"), "2"}, "2": {nil, "3"}, "3": {items("c"), ""}}, "", "abc", ""},
		"from a cursor":        {pages{"2": {items("b"), "3"}, "3": {items("c"), ""}}, "2", "bc", ""},
		"an error ends it":     {pages{"": {items("a"), "2"}}, "", "a", "429"},
		"the cursor stands":    {pages{"": {items("a"), "2"}, "2": {items("b"), "2"}}, "", "ab", "does not move"},
		"the cursor goes back": {pages{"": {items("a"), "2"}, "2": {items("b"), "3"}, "3": {items("c"), "2"}}, "", "abc", "does not move"},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			var failed error
			for item, err := range All(t.Context(), c.pages, Query{Cursor: c.from}) {
				if failed != nil {
					t.Fatal("something came after the error")
				}
				got += item.Key
				failed = err
			}
			if got != c.want || (failed == nil) != (c.err == "") || failed != nil && !strings.Contains(failed.Error(), c.err) {
				t.Errorf("got %q, error %v", got, failed)
			}
		})
	}
	for item, err := range All(t.Context(), pages{"": {items("a", "b"), "2"}}, Query{}) {
		if item.Key != "a" || err != nil {
			t.Error("went on after break")
		}
		break
	}
}
