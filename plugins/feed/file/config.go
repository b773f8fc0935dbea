package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/synchost/synchost/sdk"
)

// faults collects everything that is wrong with the options.
type faults []error

func (f *faults) add(option, format string, args ...any) {
	*f = append(*f, sdk.Reject(option, fmt.Errorf(format, args...)))
}

// Validate finds what is wrong with the options by building from them.
func (c *Config) Validate() error {
	_, err := build(c)
	return err
}

// formats by the extension of a file.
var formats = map[string]string{
	".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".xlsx": "xlsx",
}

// formatOf is the format of a file.
func (c *Config) formatOf(path string) string {
	return cmp.Or(c.Format, formats[strings.ToLower(filepath.Ext(path))])
}

// build makes the feed, or tells everything that is wrong.
func build(c *Config) (*feed, error) {
	var f faults
	made := &feed{Config: c}
	format := c.formatOf(c.Path)
	if format == "" {
		f.add("format", "is missing: the extension of path does not tell it")
	}
	if hasMeta(filepath.Dir(c.Path)) {
		f.add("path", "*, ? and [ are for its last part only")
	} else if _, err := filepath.Match(filepath.Base(c.Path), ""); err != nil {
		f.add("path", "is no glob: %w", err)
	}
	if c.Separator != "" {
		made.comma, _ = utf8.DecodeRuneInString(c.Separator)
		if utf8.RuneCountInString(c.Separator) != 1 || strings.ContainsRune("\"\r\n\ufffd", made.comma) {
			f.add("separator", "is one character, and no quote or end of a line")
		}
	}
	if c.Settle < 0 {
		f.add("settle", "must not be negative")
	}
	if c.Currency != "" && !isCurrency(c.Currency) {
		f.add("currency", "is an ISO 4217 code such as EUR")
	}
	if c.ListSeparator == "" {
		f.add("list_separator", "must not be empty")
	}
	checkNumbers(&f, "", c.Decimal, c.Thousands)
	switch json := format == "json" || format == "ndjson"; {
	case len(f) > 0:
	case len(c.Columns) > 0:
		made.mapping = newMapping(c, &f)
		c.checkPlaces(made.mapping, json, &f)
	case json:
		made.mapping = wholeProducts()
	case !c.Header:
		f.add("columns", "is missing: without a header, say which column is what, by number")
	}
	if c.Write {
		c.checkWrite(format, made.mapping, &f)
	}
	if err := errors.Join(f...); err != nil {
		return nil, err
	}
	return made, nil
}

func checkNumbers(f *faults, under, decimal, thousands string) {
	if decimal != "." && decimal != "," {
		f.add(under+"decimal", "is . or ,")
	}
	for _, r := range thousands {
		if strings.ContainsRune(decimal+"-+", r) || unicode.IsLetter(r) || unicode.IsDigit(r) {
			f.add(under+"thousands", "cannot hold %q", r)
		}
	}
}

// checkPlaces looks whether the columns can be found in the format.
func (c *Config) checkPlaces(m *mapping, json bool, f *faults) {
	for _, p := range m.places {
		switch {
		case json && p.number > 0:
			f.add("columns", "%s: members of JSON are given by name", p)
		case !json && !c.Header && p.number == 0:
			f.add("columns", "%s: without a header, columns are given by number", p)
		}
	}
}

func (c *Config) checkWrite(format string, m *mapping, f *faults) {
	switch {
	case format == "xlsx":
		f.add("format", "xlsx is read only: write csv, json or ndjson")
	case hasMeta(c.Path):
		f.add("path", "must name one file where write is set")
	case c.Encoding != "utf-8":
		f.add("encoding", "must be utf-8 where write is set")
	case format == "csv" && (len(c.Columns) == 0 || !c.Header):
		f.add("columns", "is missing: where write is set for CSV, name the columns")
	}
	if m == nil {
		return
	}
	hasStatus := false
	taken := map[int]string{m.key: "key"}
	for _, b := range m.bindings {
		hasStatus = hasStatus || b.path == "status"
		for _, slot := range b.slots {
			if other, ok := taken[slot]; ok {
				f.add("columns."+b.path, "%s holds %s already: where write is set, a column holds one field", m.places[slot], other)
			}
			taken[slot] = b.path
		}
	}
	for _, p := range m.places {
		switch {
		case p.number > 0:
			f.add("columns", "%s: where write is set, columns are given by name", p)
		case format != "csv" && strings.Contains(p.name, "."):
			f.add("columns", "%s: where write is set, members in members are not supported", p)
		}
	}
	if c.Archive == "status" && !hasStatus {
		f.add("archive", "needs a column for status")
	}
}

func hasMeta(path string) bool { return strings.ContainsAny(path, "*?[") }
