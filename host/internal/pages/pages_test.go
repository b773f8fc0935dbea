package pages_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/pages"
	"github.com/synchost/synchost/sdk"
)

type lister func(calls int) (sdk.Page, error)

type counted struct {
	calls int
	lister
}

func (c *counted) List(context.Context, sdk.Query) (sdk.Page, error) {
	c.calls++
	return c.lister(c.calls)
}

func TestNext(t *testing.T) {
	down := errors.New("down")
	for name, c := range map[string]struct {
		answer lister
		calls  int
		took   time.Duration
		fails  bool
	}{
		"it is there":       {func(int) (sdk.Page, error) { return sdk.Page{Next: "2"}, nil }, 1, 0, false},
		"at the third time": {func(n int) (p sdk.Page, err error) { return p, map[bool]error{true: down}[n < 3] }, 3, 6 * time.Second, false},
		"never":             {func(int) (p sdk.Page, err error) { return p, down }, 5, 156 * time.Second, true},
		"after what it says": {func(n int) (p sdk.Page, err error) {
			return p, map[bool]error{true: sdk.Throttle(time.Minute, down)}[n < 2]
		}, 2, time.Minute, false},
		"denied":             {func(int) (p sdk.Page, err error) { return p, sdk.Deny(down) }, 1, 0, true},
		"it leads to itself": {func(int) (sdk.Page, error) { return sdk.Page{Next: "1"}, nil }, 1, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, l := time.Now(), &counted{lister: c.answer}
				_, err := pages.Next(context.Background(), l, sdk.Query{Cursor: "1"}, time.Second, hclog.NewNullLogger())
				if (err != nil) != c.fails || l.calls != c.calls || time.Since(start) != c.took {
					t.Errorf("%v after %d calls and %v", err, l.calls, time.Since(start))
				}
			})
		})
	}
}

func TestMoved(t *testing.T) {
	if pages.Moved(nil) || pages.Moved(errors.New("x")) || !pages.Moved(&sdk.Error{Kind: sdk.Conflict, Err: errors.New("x")}) {
		t.Error("what has moved is not told from what has not")
	}
}
