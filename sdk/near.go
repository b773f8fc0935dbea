package sdk

import (
	"slices"
	"strings"
)

// Nearest is the one of names that name is most likely meant to be, for messages
// such as `unknown style "githup"; did you mean "github"?`; empty if none is
// near. Options are checked so by the SDK itself: it is for names that only the
// connector knows.
//
// A letter in three may be wrong, missing, too many or swapped with its neighbour,
// at least one may; case does not count. A name is near to one that it begins, or
// that begins it, from three letters on: "warning" to "warn". Of several that are
// as near the first in the alphabet is taken, in whatever order they are given.
func Nearest(name string, names []string) string {
	name = strings.ToLower(name)
	best, least := "", max(1, len(name)/3)+1
	for _, known := range slices.Sorted(slices.Values(names)) {
		if d := farness(name, strings.ToLower(known)); d < least && d < max(len(name), len(known)) {
			best, least = known, d
		}
	}
	return best
}

// farness is the distance, but that a beginning is near.
func farness(a, b string) int {
	if min(len(a), len(b)) >= 3 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) {
		return min(1, distance(a, b))
	}
	return distance(a, b)
}

// distance is how many letters must be added, left out, changed or swapped with
// their neighbour to get from a to b (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) > 64 || len(t) > 64 {
		return len(s) + len(t) // nobody mistypes so long a name, and it would take long
	}
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			changed := last[j-1]
			if s[i-1] != t[j-1] {
				changed++
			}
			row[j] = min(changed, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}
