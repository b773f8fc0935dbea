package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// walk goes through the rows of all files of one version.
type walk struct {
	feed    *feed
	version version
	table   *table // open now; nil: the next is to be opened
	file    int    // index of the next file
	rows    int    // read so far, bad ones too
	idle    *time.Timer
}

func (f *feed) walk(v version) *walk { return &walk{feed: f, version: v} }

// next is the next row; a *badRow says that only this one cannot be read, io.EOF
// that there is none.
func (w *walk) next(ctx context.Context) (row, error) {
	for {
		if w.rows%1024 == 0 && ctx.Err() != nil {
			return row{}, context.Cause(ctx)
		}
		if w.table == nil {
			if w.file == len(w.version.files) {
				return row{}, io.EOF
			}
			var err error
			if w.table, err = w.feed.open(w.version.files[w.file].path); err != nil {
				return row{}, err
			}
			w.file++
		}
		r, err := w.table.next()
		if errors.Is(err, io.EOF) {
			if err := w.close(); err != nil {
				return row{}, err
			}
			continue
		}
		var bad *badRow
		if err != nil && !errors.As(err, &bad) {
			return row{}, fmt.Errorf("%s: %w", w.table.name, err)
		}
		w.rows++
		return r, err
	}
}

// at names a row: "feed.csv:7".
func (w *walk) at(r row) string { return w.table.name + ":" + strconv.Itoa(r.line) }

func (w *walk) close() error {
	if w.table == nil {
		return nil
	}
	err := w.table.close()
	w.table = nil
	return err
}

// Listings between two pages are kept open for a minute, so that a page costs
// what is on it. One that comes later is found again by its count of rows.
const (
	mostParked  = 4
	longestIdle = time.Minute
)

// park keeps a walk for the next page.
func (f *feed) park(w *walk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.idle = time.AfterFunc(longestIdle, func() {
		if f.unpark(func(other *walk) bool { return other == w }) != nil {
			_ = w.close() // it was only read
		}
	})
	f.parked = append(f.parked, w)
	if len(f.parked) > mostParked {
		oldest := f.parked[0]
		oldest.idle.Stop()
		_ = oldest.close() // it was only read
		f.parked = f.parked[1:]
	}
}

// unpark takes back the first walk that is asked for.
func (f *feed) unpark(wanted func(*walk) bool) *walk {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, w := range f.parked {
		if wanted(w) {
			w.idle.Stop()
			f.parked = append(f.parked[:i:i], f.parked[i+1:]...)
			return w
		}
	}
	return nil
}

// resume is a walk that has read so many rows of a version.
func (f *feed) resume(ctx context.Context, v version, rows int) (*walk, error) {
	w := f.unpark(func(w *walk) bool { return w.version.id == v.id && w.rows == rows })
	if w != nil {
		return w, nil
	}
	w = f.walk(v)
	for w.rows < rows {
		if _, err := w.next(ctx); err != nil && !errors.As(err, new(*badRow)) {
			if errors.Is(err, io.EOF) {
				err = errCursor
			}
			return nil, errors.Join(err, w.close())
		}
	}
	return w, nil
}
