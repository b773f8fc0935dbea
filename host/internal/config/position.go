package config

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Position is a place in a file. Both numbers count from 1, columns in
// characters; zero is unknown.
type Position struct{ Line, Column int }

// positions finds where every key and list element of a TOML text stands; the
// parser tells that for errors only. A dotted key has a position for each part,
// a table that is written in several places that of the first.
//
// The text must be one that the parser accepts; of any other the answer is
// useless, but there is one.
func positions(text string) map[string]Position {
	s := scanner{text: text, at: make(map[string]Position), elements: make(map[string]int)}
	s.document()
	return s.at
}

// positionOf is that of the character at a byte offset.
func positionOf(text string, offset int) Position {
	before := text[:min(max(offset, 0), len(text))]
	start := strings.LastIndexByte(before, '\n') + 1
	return Position{strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1}
}

// before orders positions as in the file.
func (p Position) before(q Position) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Paths are written as in TOML, list elements as "[0]" behind the list's path:
// servers[0].headers."X.Y".

func join(path, key string) string {
	if !isBare(key) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// plain is a path without the quotes around its parts, as connectors write
// option paths.
func plain(path string) string {
	var b strings.Builder
	for path != "" {
		if quoted, err := strconv.QuotedPrefix(path); err == nil {
			part, _ := strconv.Unquote(quoted)
			b.WriteString(part)
			path = path[len(quoted):]
			continue
		}
		b.WriteByte(path[0])
		path = path[1:]
	}
	return b.String()
}

func isBare(key string) bool {
	for i := range len(key) {
		if !isBareChar(key[i]) {
			return false
		}
	}
	return key != ""
}

func isBareChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

type scanner struct {
	text     string
	pos      int
	at       map[string]Position
	elements map[string]int // of each array of tables so far
}

type part struct {
	name   string
	offset int
}

func (s *scanner) document() {
	table := ""
	for s.blank(); s.pos < len(s.text); s.blank() {
		from := s.pos
		switch {
		case s.skip("[["):
			table = s.declare("", s.key(), true)
			s.skip("]]")
		case s.skip("["):
			table = s.declare("", s.key(), false)
			s.skip("]")
		default:
			s.pair(table)
		}
		s.advanceFrom(from)
	}
}

// advanceFrom makes sure of an end, whatever the text.
func (s *scanner) advanceFrom(from int) {
	if s.pos == from {
		s.pos++
	}
}

func (s *scanner) pair(table string) {
	path := s.declare(table, s.key(), false)
	if s.skip("=") {
		s.value(path)
	}
}

// declare records every part of a key that stands under path, and is the path of
// the last. A part that is an array of tables means its latest element.
func (s *scanner) declare(path string, key []part, array bool) string {
	for i, part := range key {
		path = join(path, part.name)
		s.record(path, part.offset)
		last := i == len(key)-1
		if last && array {
			s.elements[path]++
		}
		if n := s.elements[path]; n > 0 && (array || !last) {
			path = element(path, n-1)
			s.record(path, part.offset)
		}
	}
	return path
}

func (s *scanner) record(path string, offset int) {
	if _, ok := s.at[path]; ok {
		return
	}
	s.at[path] = positionOf(s.text, offset)
}

func (s *scanner) key() []part {
	var key []part
	for {
		s.spaces()
		from := s.pos
		var name string
		switch {
		case s.skip(`"`):
			name = unescape(s.until(`"`, true))
		case s.skip(`'`):
			name = s.until(`'`, false)
		default:
			for s.pos < len(s.text) && isBareChar(s.text[s.pos]) {
				s.pos++
			}
			name = s.text[from:s.pos]
		}
		key = append(key, part{name, from})
		s.spaces()
		if !s.skip(".") {
			return key
		}
	}
}

func (s *scanner) value(path string) {
	s.spaces()
	switch {
	case s.skip(`"""`):
		s.until(`"""`, true)
		s.skip(`"`) // up to two quotes may stand before the closing three
		s.skip(`"`)
	case s.skip(`'''`):
		s.until(`'''`, false)
		s.skip(`'`)
		s.skip(`'`)
	case s.skip(`"`):
		s.until(`"`, true)
	case s.skip(`'`):
		s.until(`'`, false)
	case s.skip("["):
		i := 0
		s.members("]", func() {
			s.record(element(path, i), s.pos)
			s.value(element(path, i))
			i++
		})
	case s.skip("{"):
		s.members("}", func() { s.pair(path) })
	default:
		n := strings.IndexAny(s.text[s.pos:], ",]}#\r\n")
		if n < 0 {
			n = len(s.text) - s.pos
		}
		s.pos += n
	}
}

// members goes through what stands between brackets.
func (s *scanner) members(end string, one func()) {
	for s.blank(); s.pos < len(s.text) && !s.skip(end); s.blank() {
		from := s.pos
		one()
		s.blank()
		s.skip(",")
		s.advanceFrom(from)
	}
}

func (s *scanner) skip(token string) bool {
	if !strings.HasPrefix(s.text[s.pos:], token) {
		return false
	}
	s.pos += len(token)
	return true
}

// until is the text before the next end, and goes behind that.
func (s *scanner) until(end string, escapes bool) string {
	from := s.pos
	for s.pos < len(s.text) {
		if escapes && s.text[s.pos] == '\\' {
			s.pos = min(s.pos+2, len(s.text))
			continue
		}
		if s.skip(end) {
			return s.text[from : s.pos-len(end)]
		}
		s.pos++
	}
	return s.text[from:]
}

func (s *scanner) spaces() {
	for s.skip(" ") || s.skip("\t") {
	}
}

// blank skips white space, newlines and comments.
func (s *scanner) blank() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		case '#':
			s.until("\n", false)
		default:
			return
		}
	}
}

// unescape reads the escapes of a basic string.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case 'x', 'u', 'U':
			n := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
			digits := text[i+1 : min(i+1+n, len(text))]
			code, _ := strconv.ParseUint(digits, 16, 32)
			b.WriteRune(rune(code))
			i += len(digits)
		default:
			if at := strings.IndexByte("btnfre", c); at >= 0 {
				c = "\b\t\n\f\r\x1b"[at]
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}
