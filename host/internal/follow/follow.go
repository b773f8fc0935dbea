// Package follow goes through the journal from a place that is kept: what could
// not be dealt with is tried again, in its order, however long that takes.
package follow

import (
	"context"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

// Store is what following needs of the store.
type Store interface {
	Changed() <-chan struct{}
	Lane(ctx context.Context, connector string) (store.Lane, error)
	Record(ctx context.Context, r store.Record) error
}

// Follower is somebody who goes through the journal.
type Follower struct {
	Store Store
	Name  string // under which the store keeps the place; no connector has it
	// Read reads entries behind a position, in order.
	Read func(ctx context.Context, after int64) ([]event.Entry, error)
	// Do deals with entries. It is called again with them, and more, when it fails.
	Do func(ctx context.Context, entries []event.Entry) error
	// Failed is told of an error, and when the next try comes.
	Failed func(err error, wait time.Duration)
}

const (
	firstWait    = time.Second
	longestWait  = 5 * time.Minute
	waitsForNews = time.Minute
)

// Run follows until ctx ends. Its error is the store's, where the place cannot be
// read.
func (f Follower) Run(ctx context.Context) error {
	row, err := f.Store.Lane(ctx, f.Name)
	if err != nil {
		return err
	}
	var wait time.Duration
	for ctx.Err() == nil {
		changed := f.Store.Changed()
		entries, err := f.Read(ctx, row.Cursor)
		if err == nil && len(entries) == 0 {
			select {
			case <-changed:
			case <-time.After(waitsForNews):
			case <-ctx.Done():
			}
			continue
		}
		if err == nil {
			err = f.Do(ctx, entries)
		}
		if err == nil {
			row.Cursor = entries[len(entries)-1].Seq
			err = f.Store.Record(ctx, store.Record{Connector: row.Connector, Lane: &row})
		}
		if err == nil || ctx.Err() != nil {
			wait = 0
			continue
		}
		wait = min(max(2*wait, firstWait), longestWait)
		f.Failed(err, wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return nil
}
