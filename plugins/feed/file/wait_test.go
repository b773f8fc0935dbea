package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/synchost/synchost/sdk"
)

// fakeFolder is a folder whose events the test makes.
type fakeFolder struct {
	events  chan struct{}
	stopped bool
}

func (f *fakeFolder) watch(string) (<-chan struct{}, func() error, error) {
	return f.events, func() error { f.stopped = true; return nil }, nil
}

func feedAt(t *testing.T, path string, settle time.Duration) *feed {
	t.Helper()
	f, err := build(&Config{Path: path, Header: true, Decimal: ".", ListSeparator: "|", Encoding: "utf-8", Settle: sdk.Duration(settle),
		Columns: map[string]Columns{"key": {{Column: place{name: "key"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A feed that is written to piece by piece is told of once, when it rests.
func TestWaitsForRest(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", rows(1, "A"))
	synctest.Test(t, func(t *testing.T) {
		const settle = 10 * time.Second
		// The files are dated by the clock of the machine, which is not the test's.
		write := func(n int) {
			put(t, "", path, rows(n, "A"))
			if err := os.Chtimes(path, time.Now(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		write(1)
		f := feedAt(t, path, settle)
		v, err := f.look()
		if err != nil {
			t.Fatal(err)
		}
		folder := &fakeFolder{events: make(chan struct{}, 1)}
		var now string
		done := make(chan time.Time, 1)
		go func() {
			now, err = f.wait(t.Context(), v.id, folder)
			done <- time.Now()
		}()
		var last time.Time
		for i := range 5 {
			time.Sleep(settle / 2)
			write(i + 2)
			last = time.Now()
			folder.events <- struct{}{}
		}
		told := <-done
		newest, _ := f.look()
		if err != nil || now != newest.id || now == v.id || !folder.stopped {
			t.Errorf("it is told of version %q, not %q: %v", now, newest.id, err)
		}
		if rest := told.Sub(last); rest < settle || rest > 2*settle {
			t.Errorf("it is told of after %v of rest, with settle = %v", rest, settle)
		}
	})
}

// An event that changes nothing, and a feed that is away for a moment, are no
// change.
func TestWaitsForADifference(t *testing.T) {
	path := put(t, t.TempDir(), "feed.csv", rows(1, "A"))
	synctest.Test(t, func(t *testing.T) {
		f := feedAt(t, path, 0)
		v, err := f.look()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		folder := &fakeFolder{events: make(chan struct{}, 1)}
		done := make(chan error, 1)
		var now string
		go func() {
			var err error
			now, err = f.wait(ctx, v.id, folder)
			done <- err
		}()
		event := func() {
			folder.events <- struct{}{}
			synctest.Wait()
			time.Sleep(time.Minute)
			select {
			case err := <-done:
				t.Fatalf("it is told of %q, %v", now, err)
			default:
			}
		}
		event()
		away := filepath.Join(filepath.Dir(path), "away")
		if err := os.Rename(path, away); err != nil {
			t.Fatal(err)
		}
		event()
		if err := os.Rename(away, path); err != nil {
			t.Fatal(err)
		}
		event()
		enough := errors.New("enough")
		cancel(enough)
		if err := <-done; !errors.Is(err, enough) || now != v.id || !folder.stopped {
			t.Errorf("it ended with %q, %v", now, err)
		}
	})
}

// Everything that people do with files is seen by itself, through the whole wire,
// also when it happened while nobody waited.
func TestWaitSees(t *testing.T) {
	folder := t.TempDir()
	path := put(t, folder, "feed.csv", rows(1, "A"))
	c := open(t, options{"path": filepath.Join(folder, "*.csv")})
	for _, one := range []struct {
		what string
		do   func() error
	}{
		{"a rename over it", func() error { return os.Rename(put(t, folder, "new", rows(2, "B")), path) }},
		{"writing in place", func() error { put(t, "", path, rows(3, "C")); return nil }},
		{"another rename", func() error { return os.Rename(put(t, folder, "new", rows(4, "D")), path) }},
		{"one more file", func() error { put(t, folder, "more.csv", rows(1, "E")); return nil }},
		{"one less", func() error { return os.Remove(filepath.Join(folder, "more.csv")) }},
	} {
		for _, waiting := range []bool{true, false} {
			if waiting {
				done := make(chan error, 1)
				go func() { done <- c.Wait(t.Context()) }()
				if err := one.do(); err != nil {
					t.Fatalf("%s: %v", one.what, err)
				}
				if err := <-done; err != nil {
					t.Errorf("%s: %v", one.what, err)
				}
				continue
			}
			put(t, folder, "other.csv", rows(1, one.what))
			if err := c.Wait(t.Context()); err != nil {
				t.Errorf("while nobody waited: %v", err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Wait(ctx) }()
	cancel()
	if err := <-done; err == nil {
		t.Error("a wait that was ended tells of a change")
	}
}

// A feed that is not there when the connector starts is a change when it comes.
func TestWaitsForTheFirstFeed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "feed.csv")
	c := open(t, options{"path": path, "columns": options{"key": "key"}})
	done := make(chan error, 1)
	go func() { done <- c.Wait(t.Context()) }()
	put(t, "", path, rows(1, "A"))
	if err := <-done; err != nil {
		t.Error(err)
	}
	complete(t, c)
}
