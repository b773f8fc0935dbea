package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// jsonRows reads an array of objects, or a line for each.
type jsonRows struct {
	mapping *mapping
	text    *bufio.Reader
	array   bool
	started bool
	line    int
	raw     []byte
	cells   []cell
}

func newJSON(m *mapping, text *bufio.Reader, array bool) *jsonRows {
	return &jsonRows{mapping: m, text: text, array: array, line: 1, cells: make([]cell, len(m.places))}
}

func (j *jsonRows) close() error { return nil }

func (j *jsonRows) next() (row, error) {
	read := j.readLine
	if j.array {
		read = j.element
	}
	line, err := read()
	r := row{line: line, raw: j.raw, cells: j.cells}
	if err != nil {
		if !errors.Is(err, io.EOF) {
			err = fmt.Errorf("line %d: %w", line, err)
		}
		return r, err
	}
	return r, j.fill()
}

// fill puts the object's members where the mapping looks for them.
func (j *jsonRows) fill() error {
	if !utf8.Valid(j.raw) {
		return &badRow{err: errNotUTF8}
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(j.raw, &members); err != nil {
		return &badRow{err: err}
	}
	if members == nil {
		return &badRow{err: errors.New("it is no object")}
	}
	for i, p := range j.mapping.places {
		j.cells[i] = cellOf(member(members, p.name))
	}
	return nil
}

// member finds a member by its name, or by the names on the way to it: price.net.
func member(members map[string]json.RawMessage, name string) json.RawMessage {
	if value, ok := members[name]; ok {
		return value
	}
	first, rest, ok := strings.Cut(name, ".")
	var inner map[string]json.RawMessage
	if !ok || json.Unmarshal(members[first], &inner) != nil {
		return nil
	}
	return member(inner, rest)
}

func cellOf(value json.RawMessage) cell {
	value = bytes.TrimSpace(value)
	switch {
	case len(value) == 0 || value[0] == 'n':
		return cell{}
	case value[0] == '"':
		var text string
		_ = json.Unmarshal(value, &text) // it is part of what was unmarshalled already
		return cell{text: text}
	case value[0] == '[', value[0] == '{':
		return cell{value: bytes.Clone(value)}
	}
	return cell{text: string(value), notation: asJSON}
}

// readLine reads the next line that is not blank into raw.
func (j *jsonRows) readLine() (int, error) {
	for {
		line := j.line
		j.raw = j.raw[:0]
		for {
			part, err := j.text.ReadSlice('\n')
			if j.raw = append(j.raw, part...); len(j.raw) > maxRow {
				return line, errLongRow
			}
			if err == nil {
				j.line++
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) && (len(part) == 0 || !errors.Is(err, io.EOF)) {
				if errors.Is(err, io.EOF) && len(bytes.TrimSpace(j.raw)) > 0 {
					break
				}
				return line, err
			}
		}
		if j.raw = bytes.TrimSpace(j.raw); len(j.raw) > 0 {
			return line, nil
		}
	}
}

var errCut = errors.New("the array does not end: is the file cut off, or being written?")

// skip reads up to the next byte that is no blank.
func (j *jsonRows) skip() (byte, error) {
	for {
		c, err := j.text.ReadByte()
		switch {
		case err != nil:
			return 0, err
		case c == '\n':
			j.line++
		case c == ' ', c == '\t', c == '\r':
		default:
			return c, nil
		}
	}
}

// element reads the next element of the array into raw. It looks only for where
// the element ends: what is wrong inside it is wrong with this row alone.
func (j *jsonRows) element() (int, error) {
	c, err := j.skip()
	if !j.started {
		if errors.Is(err, io.EOF) {
			return j.line, ended(err)
		}
		if err == nil && c != '[' {
			return j.line, errors.New("the file is no array: it does not start with [")
		}
		j.started = true
		if c, err = j.skip(); err == nil && c != ']' {
			err = j.text.UnreadByte()
			c = ','
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return j.line, errCut
	case err != nil:
		return j.line, err
	case c == ']':
		if _, err = j.skip(); err == nil {
			err = errors.New("there is something behind the end of the array")
		}
		return j.line, err
	case c != ',':
		return j.line, fmt.Errorf("there is %q between two elements in place of a comma", c)
	}
	return j.value()
}

// value reads one value: up to the comma or bracket behind it.
func (j *jsonRows) value() (int, error) {
	c, err := j.skip()
	line, depth, text, escaped := j.line, 0, false, false
	for j.raw = j.raw[:0]; ; c, err = j.text.ReadByte() {
		switch {
		case errors.Is(err, io.EOF):
			return line, errCut
		case err != nil:
			return line, err
		case len(j.raw) > maxRow:
			return line, errLongRow
		case c == '\n':
			j.line++
		}
		switch {
		case escaped:
			escaped = false
		case text && c == '\\':
			escaped = true
		case c == '"':
			text = !text
		case text:
		case c == '{', c == '[':
			depth++
		case depth == 0 && (c == ',' || c == ']'):
			return line, j.text.UnreadByte()
		case c == '}', c == ']':
			depth--
		}
		j.raw = append(j.raw, c)
	}
}
