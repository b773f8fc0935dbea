package sqlite

import (
	"slices"
	"strings"
	"testing"
)

func FuzzLines(f *testing.F) {
	f.Add("name", "attributes.a\nb")
	f.Add(`\`, `\n`)
	f.Add("a", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		list := []string{a, b}
		if got := splitLines(joinLines(list)); !slices.Equal(got, list) {
			t.Errorf("%q became %q", list, got)
		}
	})
}

func FuzzOpenPositions(f *testing.F) {
	f.Add([]byte{1, 1, 200, 1})
	f.Add([]byte{0})
	f.Add([]byte(strings.Repeat("\xff", 9) + "\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		positions, err := decodeOpen(data)
		if err != nil {
			return
		}
		again, err := encodeOpen(positions)
		if err != nil {
			t.Fatalf("%v was read and cannot be written: %v", positions, err)
		}
		if got, err := decodeOpen(again); err != nil || !slices.Equal(got, positions) {
			t.Errorf("%v became %v (%v)", positions, got, err)
		}
	})
}
