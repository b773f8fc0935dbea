package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/synchost/synchost/sdk"
	"github.com/xuri/excelize/v2"
)

// xlsxRows reads a sheet of a workbook. Cells are taken as they are stored, not
// as they are shown.
type xlsxRows struct {
	book  *excelize.File
	rows  *excelize.Rows
	line  int
	at    []int
	cells []cell
}

// Parts of a workbook that are larger go to files; what unpacks to more than the
// second is not opened.
const (
	xlsxInMemory = 1 << 20
	xlsxUnpacked = 4 << 30
)

func newXLSX(f *feed, file *os.File) (x *xlsxRows, err error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, ended(io.EOF)
	}
	x = &xlsxRows{}
	x.book, err = excelize.OpenFile(file.Name(), excelize.Options{
		RawCellValue: true, UnzipXMLSizeLimit: xlsxInMemory, UnzipSizeLimit: xlsxUnpacked, TmpDir: f.temporary,
	})
	if err != nil {
		return nil, err
	}
	sheet := cmp.Or(f.Sheet, x.book.GetSheetName(0))
	if x.rows, err = x.book.Rows(sheet); err != nil {
		if near := sdk.Nearest(sheet, x.book.GetSheetList()); near != "" {
			err = fmt.Errorf("%w; did you mean %q?", err, near)
		}
		return nil, errors.Join(err, x.book.Close())
	}
	if f.mapping == nil {
		return x, nil
	}
	var names []string
	if f.Header {
		if names, err = x.header(); err != nil {
			return nil, errors.Join(err, x.close())
		}
	}
	if x.at, err = f.at(names); err != nil {
		return nil, errors.Join(err, x.close())
	}
	x.cells = make([]cell, len(x.at))
	return x, nil
}

// headerOfXLSX reads the names of the columns.
func headerOfXLSX(f *feed, file *os.File) ([]string, error) {
	x, err := newXLSX(f, file)
	if err != nil {
		return nil, err
	}
	names, err := x.header()
	return names, errors.Join(err, x.close())
}

func (x *xlsxRows) header() ([]string, error) {
	names, err := x.record()
	return names, ended(err)
}

func (x *xlsxRows) close() error { return errors.Join(x.rows.Close(), x.book.Close()) }

// record is the next row that is not empty.
func (x *xlsxRows) record() ([]string, error) {
	for x.rows.Next() {
		x.line++
		record, err := x.rows.Columns()
		if err != nil {
			return nil, err
		}
		if hasText(record) {
			return record, nil
		}
	}
	return nil, cmp.Or(x.rows.Error(), io.EOF)
}

func (x *xlsxRows) next() (row, error) {
	record, err := x.record()
	if err != nil {
		return row{line: x.line}, err
	}
	for i, at := range x.at {
		x.cells[i] = cell{}
		if at < len(record) { // cells that are empty at the end are not stored
			x.cells[i] = cell{text: record[at], notation: asSheet}
		}
	}
	return row{line: x.line, cells: x.cells}, nil
}
