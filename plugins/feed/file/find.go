package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/synchost/synchost/sdk"
)

// Find looks up all refs in one pass, which ends with the last of them. What
// cannot be read is not told to be absent: a bad row that is or may be one of
// them fails the call.
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
	for key := range s.keys {
		if c.twice[key] {
			return nil, fmt.Errorf("the key %q comes twice in the feed", key)
		}
	}
	w := f.walk(v)
	err = s.run(ctx, f, w)
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

func (s *search) run(ctx context.Context, f *feed, w *walk) error {
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
		p, err := f.mapping.product(r.cells)
		_, wanted := s.keys[p.Key]
		switch {
		case wanted && err != nil:
			return fmt.Errorf("%s: %w", w.at(r), err)
		case wanted:
			delete(s.keys, p.Key)
			s.found = append(s.found, f.item(p, r))
		case err == nil && s.codes[p.Code]:
			s.byCode[p.Code] = append(s.byCode[p.Code], f.item(p, r))
		}
	}
	return nil
}
