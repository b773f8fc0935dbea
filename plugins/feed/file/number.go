package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/synchost/synchost/sdk"
)

// numbers says how numbers are written.
type numbers struct {
	decimal   rune   // between whole and fraction
	thousands string // characters that may stand between groups of three digits
}

// Digits and signs that mean one thing only, whatever the options say.
const (
	arabicDecimal   = '٫'
	arabicThousands = '٬'
)

// parse reads a number. Latin, Persian and Arabic digits are the same to it.
// Thousands separators must stand between groups of three digits, so that 1,50
// with the wrong options is an error and not 150.
func (n numbers) parse(text string) (sdk.Decimal, error) {
	var out []byte
	rest, negative := unsigned(trim(text))
	if negative {
		out = append(out, '-')
	}
	start := len(out)
	var group int    // digits since the last separator
	var between rune // thousands separator in use; 0: none yet
	var fraction bool
	for _, r := range rest {
		digit, ok := digitOf(r)
		switch {
		case ok:
			group++
			out = append(out, digit)
		case (r == n.decimal || r == arabicDecimal) && !fraction && (between == 0 || group == 3):
			if group == 0 {
				out = append(out, '0')
			}
			out, fraction, group = append(out, '.'), true, 0
		case n.isThousands(r) && !fraction && (between == 0 && group >= 1 && group <= 3 || between == r && group == 3):
			between, group = r, 0
		default:
			return "", n.refuse(text)
		}
	}
	if group == 0 || between != 0 && !fraction && group != 3 {
		return "", n.refuse(text)
	}
	return sdk.ParseDecimal(string(out[:start]) + withoutZeros(string(out[start:])))
}

func unsigned(text string) (rest string, negative bool) {
	for _, sign := range []string{"-", "−", "+"} {
		if rest, ok := strings.CutPrefix(text, sign); ok {
			return rest, sign != "+"
		}
	}
	return text, false
}

func (n numbers) isThousands(r rune) bool {
	switch r {
	case '\u00a0', '\u202f', '\u2009': // blanks that do not break
		r = ' '
	case '’':
		r = '\''
	}
	return r == arabicThousands || strings.ContainsRune(n.thousands, r)
}

func (n numbers) refuse(text string) error {
	err := fmt.Errorf("%q is no number with the decimal sign %q", text, n.decimal)
	if strings.ContainsAny(text, ".,'٬ ") {
		err = fmt.Errorf("%w and thousands %q: set decimal and thousands", err, n.thousands)
	}
	return err
}

// cell is a number in a feed, with its unit behind it.
func (n numbers) cell(d sdk.Decimal, unit string) cell {
	c := cell{text: strings.Replace(string(d), ".", string(n.decimal), 1) + unit}
	if n.decimal == '.' && unit == "" {
		c.notation = asJSON
	}
	return c
}

func digitOf(r rune) (byte, bool) {
	switch {
	case r >= '0' && r <= '9':
		return byte(r), true
	case r >= '۰' && r <= '۹':
		return '0' + byte(r-'۰'), true
	case r >= '٠' && r <= '٩':
		return '0' + byte(r-'٠'), true
	}
	return 0, false
}

// withoutZeros leaves out the zeros that say nothing at the start.
func withoutZeros(digits string) string {
	short := strings.TrimLeft(digits, "0")
	if short == "" || short[0] == '.' {
		return "0" + short
	}
	return short
}

// plain reads a number as JSON writes it. One with an exponent is a float to its
// writer, and is told with the 15 digits that a float holds for sure.
func plain(text string) (sdk.Decimal, error) {
	if !strings.ContainsAny(text, "eE") {
		return sdk.ParseDecimal(text)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return "", fmt.Errorf("%q is no number", text)
	}
	return sdk.ParseDecimal(strconv.FormatFloat(rounded(f), 'f', -1, 64))
}

// parseStored reads a cell of a workbook, which does not tell a number from a text
// that looks like one. What would be another number as the one than as the other
// is refused.
func (n numbers) parseStored(text string) (sdk.Decimal, error) {
	typed, err := n.parse(text)
	f, notStored := strconv.ParseFloat(text, 64)
	if notStored != nil || strings.Trim(text, "0123456789.eE+-") != "" {
		return typed, err
	}
	number := sdk.Decimal(strings.TrimPrefix(text, "+"))
	if strings.ContainsAny(text, ".eE") {
		number = sdk.Decimal(strconv.FormatFloat(rounded(f), 'f', -1, 64))
	}
	if err == nil && !typed.Equal(number) && strings.ContainsRune(n.thousands, '.') {
		return "", fmt.Errorf("%q is %s as a number and %s as a text: leave thousands out for XLSX", text, number, typed)
	}
	return sdk.ParseDecimal(string(number))
}

// rounded is a float without the digits beyond the 15 that it holds for sure:
// spreadsheets store 19.99 as 19.989999999999998.
func rounded(f float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'e', 14, 64), 64)
	return r
}

// trim takes blanks and invisible marks of direction from both ends.
func trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool {
		switch {
		case r == '\ufeff', r == '\u200b', r == '\u200e', r == '\u200f', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return true
		}
		return unicode.IsSpace(r)
	})
}
