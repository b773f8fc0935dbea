package main

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// census is what a whole pass over one version of the feed tells, before
// anything of it is taken: how many rows are bad, and which keys come twice.
type census struct {
	version string
	rows    int
	bad     int
	keyless int              // bad rows whose key cannot be read
	twice   map[string]*twin // keys of more than one row
	shown   []string         // the first bad rows, for messages
}

// twin is a key of more than one row: none of them is taken.
type twin struct {
	first string // where it came first
	why   string
}

// What is told of bad rows.
const (
	mostShown  = 3      // in messages
	mostLogged = 1000   // in the log
	mostTwice  = 10_000 // keys that come twice, until the feed as a whole is wrong
)

// census makes the census of a version, or gives the one that was made before.
// It needs eight bytes a row while it works.
func (f *feed) census(ctx context.Context, v version) (*census, error) {
	f.mu.Lock()
	last := f.last
	f.mu.Unlock()
	if last != nil && last.version == v.id {
		return last, nil
	}
	c := &census{version: v.id, twice: map[string]*twin{}}
	hashes := make([]uint64, 0, 1024)
	seed := maphash.MakeSeed()
	err := f.each(ctx, v, func(w *walk, r row, key string, err error) {
		c.rows++
		if err != nil {
			c.count(f, w.at(r), key, err)
		}
		if key != "" {
			hashes = append(hashes, maphash.String(seed, key))
		}
	})
	if err == nil {
		err = c.findTwins(ctx, f, v, repeated(hashes), seed)
	}
	if err == nil {
		err = f.same(v)
	}
	if err != nil {
		return nil, err
	}
	if c.bad > 0 {
		f.log.Warn("the feed has bad rows", "rows", c.rows, "bad", c.bad, "without_key", c.keyless)
	}
	f.mu.Lock()
	f.last = c
	f.mu.Unlock()
	return c, nil
}

// each calls visit with every row, its key where it can be read, and what is
// wrong with it.
func (f *feed) each(ctx context.Context, v version, visit func(w *walk, r row, key string, err error)) error {
	w := f.walk(v)
	var p sdk.Product
	for {
		r, err := w.next(ctx)
		if err != nil && !errors.As(err, new(*badRow)) {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return errors.Join(err, w.close())
		}
		clear(p.Attributes) // nothing of a product outlives its row
		p = sdk.Product{Attributes: p.Attributes}
		if err == nil {
			err = f.mapping.fill(&p, r.cells)
		}
		visit(w, r, p.Key, err)
	}
}

// count notes a bad row.
func (c *census) count(f *feed, at, key string, err error) {
	c.bad++
	if key == "" {
		c.keyless++
	}
	if c.bad <= mostLogged {
		f.log.Warn("bad row", "at", at, "key", key, "error", err)
	}
	if len(c.shown) < mostShown {
		c.shown = append(c.shown, at+": "+err.Error())
	}
}

// repeated are the hashes that come more than once.
func repeated(hashes []uint64) map[uint64]bool {
	slices.Sort(hashes)
	twice := map[uint64]bool{}
	for i := 1; i < len(hashes); i++ {
		if hashes[i] == hashes[i-1] {
			twice[hashes[i]] = true
		}
	}
	return twice
}

// findTwins goes over the feed again, if need be, for keys that come twice: each
// of their rows is a bad one.
func (c *census) findTwins(ctx context.Context, f *feed, v version, suspects map[uint64]bool, seed maphash.Seed) error {
	if len(suspects) == 0 {
		return nil
	}
	if len(suspects) > mostTwice {
		return fmt.Errorf("more than %d keys come twice: is the column for key the right one?", mostTwice)
	}
	type place struct {
		at   string
		good bool
	}
	first := map[string]place{}
	return f.each(ctx, v, func(w *walk, r row, key string, err error) {
		if key == "" || !suspects[maphash.String(seed, key)] {
			return
		}
		before, known := first[key]
		if !known {
			first[key] = place{w.at(r), err == nil}
			return
		}
		if c.twice[key] == nil {
			c.twice[key] = &twin{before.at, fmt.Sprintf("the key %q is in %s and %s: neither is taken", key, before.at, w.at(r))}
			if before.good {
				c.bad++
			}
		}
		if err == nil {
			c.count(f, w.at(r), key, fmt.Errorf("the key %q is that of %s too: neither is taken", key, before.at))
		}
	})
}

// complete fails when a listing cannot tell what is gone: a row whose key cannot
// be read may be any product's, and of a feed with too many bad rows the others
// may be no better.
func (c *census) complete(l limit) error {
	var why string
	switch {
	case !l.allows(c.bad, c.rows):
		why = fmt.Sprintf("%d of %d rows are bad, more than max_bad_rows", c.bad, c.rows)
	case c.keyless > 0:
		why = fmt.Sprintf("%d of %d rows have no key that can be read", c.keyless, c.rows)
	default:
		return nil
	}
	// No other try would find them better: the feed has to change.
	return sdk.Reject("", fmt.Errorf("%s; nothing that is missing counts as gone: %s", why, strings.Join(c.shown, "; ")))
}
