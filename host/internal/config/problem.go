package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with the configuration.
type Problem struct {
	File         string
	Line, Column int    // from 1, columns in characters; 0: unknown
	Field        string // "connectors.shop.rate"; empty: the file as a whole
	Message      string // what is wrong and what to do
}

// String is "file:line:column: field: message", without what is unknown.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	if p.Field != "" {
		b.WriteString(": " + p.Field)
	}
	b.WriteString(": " + p.Message)
	return b.String()
}

// Problems is everything that is wrong with a file, in the order of the file.
type Problems []Problem

// Error is one line a problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Touch says whether there is a problem with the key or table of that path, or
// with something in it.
func (ps Problems) Touch(field string) bool {
	field = plain(field)
	return slices.ContainsFunc(ps, func(p Problem) bool {
		rest, ok := strings.CutPrefix(plain(p.Field), field)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// And adds what was found later, but for keys of which something is known to be
// wrong already: what comes of that is no news.
func (ps Problems) And(later Problems) Problems {
	all := slices.Clip(ps)
	for _, p := range later {
		if !ps.Touch(p.Field) {
			all = append(all, p)
		}
	}
	return all
}

// Sort puts problems that were found in several passes in the order of the file.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return Position{a.Line, a.Column}.before(Position{b.Line, b.Column})
	})
}

// Place knows where a table and its keys stand in the file, for those who find
// problems later. The zero Place knows nothing, and its problems say so.
type Place struct {
	File  string
	Field string              // the table: "connectors.shop"
	At    map[string]Position // by path in the table: "filter", "map.name", "config.urls[0]"; "" the table
}

// Position is where the key of that path stands, or the nearest thing around it
// that is in the file.
func (p Place) Position(path string) Position {
	for {
		at, ok := p.At[path]
		if ok || path == "" {
			return at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

// Problem is a problem with the key of that path; empty: with the table.
func (p Place) Problem(path, message string) Problem {
	at := p.Position(path)
	field := strings.Trim(p.Field+"."+path, ".")
	return Problem{File: p.File, Line: at.Line, Column: at.Column, Field: field, Message: message}
}
