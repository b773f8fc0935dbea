package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// csvRows reads CSV.
type csvRows struct {
	records  *csv.Reader
	recorder *recorder
	at       []int // where each place is
	names    []string
	header   []byte // as it stands in the file
	cells    []cell
}

func newCSV(f *feed, text *bufio.Reader) (*csvRows, error) {
	c := &csvRows{recorder: &recorder{from: text}}
	c.records = records(c.recorder, f.separator(text))
	c.records.ReuseRecord = true
	if f.Header {
		names, err := c.records.Read()
		if err != nil {
			return nil, ended(err)
		}
		c.names = slices.Clone(names)
		c.header = bytes.Clone(c.recorder.take(c.records.InputOffset()))
	}
	var err error
	c.at, err = f.at(c.names)
	c.cells = make([]cell, len(c.at))
	return c, err
}

func records(from io.Reader, comma rune) *csv.Reader {
	r := csv.NewReader(from)
	r.Comma, r.FieldsPerRecord = comma, -1
	return r
}

// separator is the one that is set, or the one that the first line tells.
func (f *feed) separator(text *bufio.Reader) rune {
	if f.comma != 0 {
		return f.comma
	}
	return separatorOf(text)
}

// separatorOf is the separator that the first line holds most of.
func separatorOf(text *bufio.Reader) rune {
	start, _ := text.Peek(text.Size())
	counts := map[rune]int{}
	quoted := false
	for _, r := range string(start) {
		if r == '"' {
			quoted = !quoted
		} else if !quoted && r == '\n' {
			break
		} else if !quoted {
			counts[r]++
		}
	}
	best := ','
	for _, r := range ",;\t|" {
		if counts[r] > counts[best] {
			best = r
		}
	}
	return best
}

func (c *csvRows) next() (row, error) {
	for {
		record, err := c.records.Read()
		if errors.Is(err, io.EOF) {
			return row{raw: c.recorder.take(c.records.InputOffset())}, io.EOF
		}
		var wrong *csv.ParseError
		if err != nil && !errors.As(err, &wrong) {
			return row{}, err
		}
		r := row{raw: c.recorder.take(c.records.InputOffset()), cells: c.cells, record: record}
		if wrong != nil {
			r.line = wrong.StartLine
			return r, &badRow{err: wrong.Err}
		}
		r.line, _ = c.records.FieldPos(0)
		if !hasText(record) {
			continue
		}
		return r, c.fill(record, r.raw)
	}
}

// fill puts the record's values where the mapping looks for them.
func (c *csvRows) fill(record []string, raw []byte) error {
	if c.names != nil && len(record) != len(c.names) {
		return &badRow{err: fmt.Errorf("it has %d cells, the header %d", len(record), len(c.names))}
	}
	for i, at := range c.at {
		if at >= len(record) {
			return &badRow{err: fmt.Errorf("it has %d cells, and no column %d", len(record), at+1)}
		}
		c.cells[i] = cell{text: record[at]}
	}
	if !utf8.Valid(raw) {
		return &badRow{err: errNotUTF8}
	}
	return nil
}

var errNotUTF8 = errors.New("it is not in UTF-8: set encoding")

func (c *csvRows) close() error { return nil }

func hasText(record []string) bool {
	for _, text := range record {
		if strings.TrimSpace(text) != "" {
			return true
		}
	}
	return false
}

// recorder keeps what was read through it until it is taken, so that a row is at
// hand as it stands in the file. It ends a read that goes beyond maxRow.
type recorder struct {
	from  io.Reader
	buf   []byte
	start int   // of what was not taken, in buf
	taken int64 // bytes taken so far
}

func (r *recorder) Read(p []byte) (int, error) {
	if len(r.buf)-r.start > maxRow {
		return 0, errLongRow
	}
	n, err := r.from.Read(p)
	if r.start > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.start:])]
		r.start = 0
	}
	r.buf = append(r.buf, p[:n]...)
	return n, err
}

// take gives what was read up to an offset; it is good until the next Read.
func (r *recorder) take(upTo int64) []byte {
	end := r.start + int(upTo-r.taken)
	raw := r.buf[r.start:end]
	r.start, r.taken = end, upTo
	return raw
}
