package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/synchost/synchost/sdk"
)

// maxRow bounds a row, so that a quote that is never closed does not bring a
// whole file into memory.
const maxRow = 4 << 20

var errLongRow = fmt.Errorf("a row is longer than %d MiB: is a quote not closed?", maxRow>>20)

// row is one row of a file; what it holds is good until the next one is read.
type row struct {
	line   int      // where it starts, from 1 on; in XLSX the row's number
	cells  []cell   // one for each place of the mapping
	raw    []byte   // of CSV and JSON: as it stands in the file
	record []string // of CSV: all its values
}

// rowReader cuts a file into rows. An error that is a *badRow is about that row
// only; io.EOF is the end; after any other nothing more can be read.
type rowReader interface {
	next() (row, error)
	close() error
}

// badRow is a row that cannot be read.
type badRow struct{ err error }

func (b *badRow) Error() string { return b.err.Error() }
func (b *badRow) Unwrap() error { return b.err }

// table is an open file of the feed.
type table struct {
	rowReader
	name string // of the file, for messages
	file *os.File
}

// open opens a file and reads its header.
func (f *feed) open(path string) (*table, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &table{name: filepath.Base(path), file: file}
	t.rowReader, err = f.reader(file, path)
	if err != nil {
		_ = file.Close() // nothing was written
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	return t, nil
}

func (t *table) close() error { return errors.Join(t.rowReader.close(), t.file.Close()) }

func (f *feed) reader(file *os.File, path string) (rowReader, error) {
	format := f.formatOf(path)
	if format == "xlsx" {
		return newXLSX(f, file)
	}
	text, err := decoded(file, f.Encoding)
	if err != nil {
		return nil, err
	}
	if format == "csv" {
		return newCSV(f, text)
	}
	return newJSON(f.mapping, text, format == "json"), nil
}

// at is where each place is in a row of a table, whose header is names.
func (f *feed) at(names []string) ([]int, error) {
	at := make([]int, len(f.mapping.places))
	var errs []error
	for i, p := range f.mapping.places {
		if p.number > 0 {
			at[i] = p.number - 1
			continue
		}
		at[i] = -1
		for j, name := range names {
			if trim(name) != p.name {
				continue
			}
			if at[i] >= 0 {
				errs = append(errs, fmt.Errorf("two columns are named %q: give one of them by its number", p.name))
			}
			at[i] = j
		}
		if at[i] < 0 {
			hint := ""
			if near := sdk.Nearest(p.name, names); near != "" {
				hint = fmt.Sprintf(": did you mean %q?", near)
			}
			errs = append(errs, fmt.Errorf("there is no column %q%s", p.name, hint))
		}
	}
	return at, errors.Join(errs...)
}

// header reads the names of a table's columns.
func (f *feed) header(path string) (names []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if f.formatOf(path) == "xlsx" {
		return headerOfXLSX(f, file)
	}
	var text *bufio.Reader
	if text, err = decoded(file, f.Encoding); err != nil {
		return nil, err
	}
	names, err = records(text, f.separator(text)).Read()
	return names, ended(err)
}

// ended is io.EOF as an error of a file that holds nothing.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty: is it being written?")
	}
	return err
}
