package plan

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The ways of making codes alike.
const (
	MatchTrim    = "trim"    // blanks at the ends do not count, and every kind of blank is a space
	MatchCase    = "case"    // small and capital letters are the same
	MatchPersian = "persian" // Persian and Arabic forms of a letter are the same, and of a digit the Latin one
	MatchZWNJ    = "zwnj"    // characters that nobody sees do not count: joiners, direction marks, byte order marks
)

// Matching says which codes are the same for finding a product that is at a
// destination already. What it makes of a code is compared, and never kept or
// sent. The zero Matching takes codes as they are.
type Matching struct{ trim, fold, persian, unseen bool }

// NewMatching makes a Matching that goes by rules; it takes those above, and
// passes over others, which the configuration refuses.
func NewMatching(rules []string) Matching {
	return Matching{
		trim: slices.Contains(rules, MatchTrim), fold: slices.Contains(rules, MatchCase),
		persian: slices.Contains(rules, MatchPersian), unseen: slices.Contains(rules, MatchZWNJ),
	}
}

// String is the rules' names; Matchings that make other codes alike have others.
func (m Matching) String() string {
	var names []string
	for _, rule := range []struct {
		on   bool
		name string
	}{{m.trim, MatchTrim}, {m.fold, MatchCase}, {m.persian, MatchPersian}, {m.unseen, MatchZWNJ}} {
		if rule.on {
			names = append(names, rule.name)
		}
	}
	return strings.Join(names, ",")
}

// Code is the form in which codes are compared. What is no text (invalid UTF-8)
// is like nothing but itself.
func (m Matching) Code(code string) string {
	if m == (Matching{}) || !utf8.ValidString(code) {
		return code
	}
	code = strings.Map(m.letter, code)
	if m.trim {
		code = strings.TrimSpace(code)
	}
	return code
}

// letter is what a character counts as; -1: nothing.
func (m Matching) letter(r rune) rune {
	if m.unseen && unseen(r) {
		return -1
	}
	if m.persian {
		if r = persian(r); r < 0 {
			return r
		}
	}
	if m.trim && unicode.IsSpace(r) {
		return ' '
	}
	if m.fold {
		return fold(r)
	}
	return r
}

// unseen says whether nothing is drawn for a character: soft hyphens, joiners,
// marks of direction, and U+FEFF, which is left over from a file's beginning.
func unseen(r rune) bool {
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) // the latter are drawn
}

// persian makes one of the letters that look alike, or that one keyboard has and
// the other has not, and Latin digits of both kinds. Vowel signs and the stroke
// that stretches a word do not count.
func persian(r rune) rune {
	switch {
	case r >= '۰' && r <= '۹':
		return r - '۰' + '0'
	case r >= '٠' && r <= '٩':
		return r - '٠' + '0'
	case r >= '\u064B' && r <= '\u0655', r == '\u0670', r == '\u0640': // signs above and below, superscript alef, tatweel
		return -1
	}
	switch r {
	case 'ي', 'ى', 'ئ', 'ې':
		return 'ی'
	case 'ك', 'ڪ':
		return 'ک'
	case 'ة', 'ۀ', 'ە', 'ہ', 'ۂ', 'ھ':
		return 'ه'
	case 'أ', 'إ', 'ٱ', 'آ':
		return 'ا'
	case 'ؤ':
		return 'و'
	}
	return r
}

// fold is the same for all cases of a letter: the first of those that Unicode's
// simple case folding makes one.
func fold(r rune) rune {
	first := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		first = min(first, next)
	}
	return first
}
