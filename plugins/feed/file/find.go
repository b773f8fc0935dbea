package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/synchost/synchost/sdk"
)

// Find looks up all refs in one pass, which ends with the last of them. As long as
// rows have no key that can be read, it fails where one of the refs is not found.
func (f *feed) Find(ctx context.Context, refs []sdk.Ref) ([]sdk.Item, error) {
	v, err := f.look()
	if err != nil {
		return nil, err
	}
	c, err := f.census(ctx, v)
	if err != nil {
		return nil, err
	}
	s := newSearch(refs)
	w := f.walk(v)
	err = s.run(ctx, f, w, c)
	if err := errors.Join(err, w.close(), f.same(v)); err != nil {
		return nil, err
	}
	if len(s.keys) > 0 && c.keyless > 0 {
		return nil, fmt.Errorf("not all are found, and %d rows have no key that can be read: %s", c.keyless, c.shown[0])
	}
	for _, code := range s.keys {
		s.found = append(s.found, s.byCode[code]...)
		delete(s.byCode, code)
	}
	return s.found, nil
}

// search is one Find.
type search struct {
	keys   map[string]string // not found yet, each with the code that it may have instead
	codes  map[string]bool   // of them all
	found  []sdk.Item
	byCode map[string][]sdk.Item
}

func newSearch(refs []sdk.Ref) *search {
	s := &search{keys: map[string]string{}, codes: map[string]bool{}, byCode: map[string][]sdk.Item{}}
	for _, ref := range refs {
		s.keys[cmp.Or(ref.Remote, ref.Key)] = ref.Code
		if ref.Code != "" {
			s.codes[ref.Code] = true
		}
	}
	return s
}

func (s *search) run(ctx context.Context, f *feed, w *walk, c *census) error {
	for len(s.keys) > 0 {
		r, err := w.next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.As(err, new(*badRow)) {
			continue // it has no key; the census counted it
		}
		if err != nil {
			return err
		}
		item, ok := f.item(w, r, c)
		if !ok {
			continue
		}
		if _, wanted := s.keys[item.Key]; wanted {
			delete(s.keys, item.Key)
			s.found = append(s.found, item)
		} else if code := item.Product.Code; s.codes[code] {
			s.byCode[code] = append(s.byCode[code], item)
		}
	}
	return nil
}
