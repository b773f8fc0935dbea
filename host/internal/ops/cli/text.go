package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/synchost/synchost/sdk"
)

// clean makes text from outside safe for a terminal: one line, no control
// characters, none that turn the direction of what follows.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case unicode.IsControl(r), turns(r), r == utf8.RuneError:
			return '\ufffd'
		}
		return r
	}, text)
}

// cleanLines is clean that keeps lines and tabs.
func cleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		cells := strings.Split(strings.TrimSuffix(line, "\r"), "\t")
		for j := range cells {
			cells[j] = clean(cells[j])
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}

// turns says whether r embeds, overrides or isolates a direction. Plain marks and
// joiners, which Persian text is written with, do not.
func turns(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }

// short cuts text down to n characters.
func short(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// table is columns of text.
type table struct{ out *tabwriter.Writer }

func newTable(w io.Writer, headings ...string) table {
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(headings...)
	return t
}

func (t table) row(cells ...string) {
	for i := range cells {
		cells[i] = clean(cells[i])
		if cells[i] == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(t.out, strings.Join(cells, "\t"))
}

func (t table) flush() error { return t.out.Flush() }

const timeFormat = "2006-01-02 15:04:05"

// at is a point in time as people read it.
func (a *app) at(t time.Time) string { return t.In(a.zone).Format(timeFormat) }

// ago is how long t is past; "-" for never.
func (a *app) ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return span(a.now().Sub(t)) + " ago"
}

// in is how long it is until t.
func (a *app) in(t time.Time) string {
	if left := t.Sub(a.now()); left > 0 {
		return "in " + span(left)
	}
	return "now"
}

// span is a duration in its one or two largest units.
func span(d time.Duration) string {
	seconds := int64(max(d, 0).Seconds())
	for _, unit := range []struct {
		size, smaller int64
		name, next    string
	}{{86400, 3600, "d", "h"}, {3600, 60, "h", "m"}, {60, 1, "m", "s"}} {
		if n, rest := seconds/unit.size, seconds%unit.size/unit.smaller; n > 0 && rest > 0 {
			return fmt.Sprintf("%d%s%d%s", n, unit.name, rest, unit.next)
		} else if n > 0 {
			return fmt.Sprintf("%d%s", n, unit.name)
		}
	}
	return fmt.Sprintf("%ds", seconds)
}

// size is a number of bytes.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// plainWord is what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[\pL\pN_./:@%+,][\pL\pN_./:@%+,-]*$`)

// word is text as it is written on a shell's command line.
func word(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// count is "1 product", "2 products".
func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// field is what a product has in a field, in a few words.
func field(p *sdk.Product, path string) string {
	var text string
	switch name, isAttribute := strings.CutPrefix(path, "attributes."); {
	case isAttribute:
		text = p.Attributes[name].Text()
	case path == "prices":
		text = list(p.Prices, price)
	case path == "stock":
		text = list(p.Stock, stock)
	case path == "categories":
		text = strings.Join(p.Categories, ", ")
	case path == "tags":
		text = strings.Join(p.Tags, ", ")
	default:
		text = inJSON(p, path)
	}
	if text == "" {
		return "(empty)"
	}
	return short(clean(text), 60)
}

func price(p sdk.Price) string {
	text := string(p.Amount) + " " + p.Currency
	if p.CompareAt != "" {
		text += " instead of " + string(p.CompareAt)
	}
	if p.List != "" {
		text += " (" + p.List + ")"
	}
	return text
}

func stock(s sdk.Stock) string {
	if s.Location == "" {
		return string(s.Quantity)
	}
	return string(s.Quantity) + " at " + s.Location
}

func list[T any](items []T, one func(T) string) string {
	texts := make([]string, len(items))
	for i := range items {
		texts[i] = one(items[i])
	}
	return strings.Join(texts, ", ")
}

// inJSON is a field as JSON writes it; a text without its quotes. Of parts of
// variants it is all the variants.
func inJSON(p *sdk.Product, path string) string {
	whole, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(whole, &fields) != nil {
		return ""
	}
	name, _, _ := strings.Cut(path, ".")
	var text string
	if json.Unmarshal(fields[name], &text) == nil {
		return text
	}
	return string(fields[name])
}
