package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// leastPause is between two looks at a folder.
const leastPause = 200 * time.Millisecond

// folderEvents tells that something happened in a folder, without saying what:
// which version is there is looked up. Events that come while nobody reads are
// one. Stop ends it.
type folderEvents interface {
	watch(folder string) (events <-chan struct{}, stop func() error, err error)
}

// Wait returns when the feed is another version than the last time, and nobody
// has written to it for as long as settle says. A feed that is not there at the
// moment, as between two renames, is waited for.
func (s *source) Wait(ctx context.Context) (err error) {
	s.seen, err = s.wait(ctx, s.seen, notify{})
	return err
}

// wait is the id of the version that is there, once it is another one than seen.
func (f *feed) wait(ctx context.Context, seen string, folders folderEvents) (now string, err error) {
	events, stop, err := folders.watch(filepath.Dir(f.Path))
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for candidate := seen; ; {
		// The folder is watched already: what happens from here on is an event.
		v, gone := f.look()
		var quiet <-chan time.Time
		if gone == nil && v.id != seen {
			wait := f.unrest(v, time.Now())
			if v.id == candidate && wait <= 0 {
				return v.id, nil
			}
			// It has to be the same after a moment of rest: a folder of feeds is
			// often filled file by file.
			candidate = v.id
			quiet = time.After(max(wait, f.Settle.Std(), leastPause))
		}
		select {
		case <-ctx.Done():
			return seen, context.Cause(ctx)
		case <-quiet:
		case <-events:
			select { // a folder in which much goes on is looked at now and then
			case <-ctx.Done():
			case <-time.After(leastPause):
			}
		}
	}
}

// notify is folderEvents by the operating system.
type notify struct{}

func (notify) watch(folder string) (<-chan struct{}, func() error, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, err
	}
	if err := w.Add(folder); err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	events := make(chan struct{}, 1)
	happened := func() {
		select {
		case events <- struct{}{}:
		default: // one that waits is enough
		}
	}
	go func() {
		for {
			select {
			case _, open := <-w.Events:
				if !open {
					return
				}
			case _, open := <-w.Errors: // too many events, for one
				if !open {
					return
				}
			}
			happened()
		}
	}()
	return events, w.Close, nil
}
