package sdk

import (
	"context"
	"fmt"
	"iter"
)

// All walks every page of a listing from q.Cursor on. An error ends the walk
// and comes last, beside a zero Item; a walk that ended without one is
// complete. A cursor that comes back a second time is an error, since the
// listing would never end.
func All(ctx context.Context, l Lister, q Query) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		seen := map[string]bool{q.Cursor: true}
		for q := q; ; {
			page, err := l.List(ctx, q)
			if err != nil {
				yield(Item{}, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			if seen[page.Next] {
				yield(Item{}, fmt.Errorf("%w: the cursor of its listing does not move: %q came again", ErrFaulty, page.Next))
				return
			}
			seen[page.Next] = true
			q.Cursor = page.Next
		}
	}
}
