package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/receive"
	"github.com/synchost/synchost/host/internal/store"
)

// intake is the store as receivers see it. It remembers trouble for those who
// ask whether the host takes events.
type intake struct {
	store   receive.Accepter
	trouble atomic.Pointer[trouble]
	broken  atomic.Pointer[error]
}

type trouble struct {
	err error
	at  time.Time
}

func (in *intake) Accept(ctx context.Context, events []event.Event) ([]store.Receipt, error) {
	receipts, err := in.store.Accept(ctx, events)
	if err != nil && ctx.Err() == nil {
		in.trouble.Store(&trouble{err, time.Now()})
	} else if err == nil && in.trouble.Load() != nil {
		in.trouble.Store(nil)
	}
	return receipts, err
}

// forgetTrouble is how long a failed Accept makes the host look unready. It has
// to end by itself: whoever looks may send no event to find out.
const forgetTrouble = 10 * time.Second

// writable says why the store takes no events; nil: it does.
func (in *intake) writable() error {
	if broken := in.broken.Load(); broken != nil {
		return *broken
	}
	if t := in.trouble.Load(); t != nil && time.Since(t.at) < forgetTrouble {
		return t.err
	}
	return nil
}

func (in *intake) damaged(err error) { in.broken.Store(&err) }
