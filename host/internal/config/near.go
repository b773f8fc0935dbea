package config

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean is `; did you mean "…"?` with the one of names that is nearest to
// what was written; nothing if none is near.
func didYouMean(written string, names []string) string {
	best, least := "", max(1, len(written)/3)+1
	for _, name := range slices.Sorted(slices.Values(names)) {
		if d := farness(strings.ToLower(written), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// farness is the distance, but a word is near to one that it begins: "warning"
// to "warn".
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
		return len(s) + len(t) // no name of ours is so long
	}
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			change := rows[i-1][j-1]
			if s[i-1] != t[j-1] {
				change++
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(s)][len(t)]
}
