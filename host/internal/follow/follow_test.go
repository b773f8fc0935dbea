package follow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/follow"
	"github.com/synchost/synchost/host/internal/store"
)

// place keeps a place, and has no news.
type place struct{ row store.Lane }

func (*place) Changed() <-chan struct{}                           { return nil }
func (p *place) Lane(context.Context, string) (store.Lane, error) { return p.row, nil }
func (p *place) Record(_ context.Context, r store.Record) error   { p.row = *r.Lane; return nil }

// What fails is tried again, ever more rarely, and the place moves on only when it
// was dealt with.
func TestWhatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		p := &place{store.Lane{Connector: "x", Cursor: 3}}
		var waits, did []string
		f := follow.Follower{Store: p, Name: "x",
			Read: func(_ context.Context, after int64) (list []event.Entry, err error) {
				for seq := after + 1; seq <= 5; seq++ {
					list = append(list, event.Entry{Seq: seq})
				}
				return list, nil
			},
			Do: func(_ context.Context, entries []event.Entry) error {
				did = append(did, fmt.Sprint(entries[0].Seq, "-", entries[len(entries)-1].Seq, " at ", p.row.Cursor))
				if len(did) < 4 {
					return errors.New("down")
				}
				time.AfterFunc(time.Hour, cancel)
				return nil
			},
			Failed: func(_ error, wait time.Duration) { waits = append(waits, wait.String()) },
		}
		if err := f.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(waits); got != "[1s 2s 4s]" {
			t.Errorf("it waits %s", got)
		}
		if got := fmt.Sprint(did); got != "[4-5 at 3 4-5 at 3 4-5 at 3 4-5 at 3]" || p.row.Cursor != 5 {
			t.Errorf("it did %s, and is at %d", got, p.row.Cursor)
		}
	})
}
