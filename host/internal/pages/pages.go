// Package pages asks a connector for the pages of a listing.
package pages

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/sdk"
)

// waits are those before a page is asked for again.
var waits = [...]time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute}

// Next asks for a page, which may take as long as timeout, and again when that
// fails for a reason that may pass. A page that leads to itself is an error.
func Next(ctx context.Context, lister sdk.Lister, q sdk.Query, timeout time.Duration, log hclog.Logger) (sdk.Page, error) {
	for try := 0; ; try++ {
		own, cancel := context.WithTimeout(ctx, timeout)
		page, err := lister.List(own, q)
		cancel()
		switch kind := sdk.KindOf(err); {
		case err == nil && page.Next != "" && page.Next == q.Cursor:
			return page, fmt.Errorf("%w: its listing does not move on", sdk.ErrFaulty)
		case err == nil, try == len(waits), kind != sdk.Temporary && kind != sdk.Throttled, ctx.Err() != nil:
			return page, err
		}
		wait := waits[try]
		if e := new(sdk.Error); errors.As(err, &e) {
			wait = max(wait, e.After)
		}
		log.Warn("a page of the listing failed, and is asked for again", "error", err, "in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return page, context.Cause(ctx)
		}
	}
}

// Moved says whether a listing failed since what it was of has changed meanwhile:
// then it is to be begun anew.
func Moved(err error) bool { return err != nil && sdk.KindOf(err) == sdk.Conflict }
