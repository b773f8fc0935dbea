package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// rewrite copies the file with the edits to one beside it, and puts that one in
// its place. Whoever reads the file sees all of the edits or none.
func (t *target) rewrite(ctx context.Context, v version, edits map[string]*edit) (err error) {
	path, mode := t.Path, fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
		if path, err = filepath.EvalSymlinks(path); err != nil { // a link stays one
			return err
		}
	}
	folder, name := filepath.Split(path)
	// The name is always the same, so that what a crash leaves behind is used again.
	temporary := filepath.Join(folder, "."+name+".synchost-tmp")
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	out := bufio.NewWriterSize(file, 1<<16)
	err = errors.Join(t.copy(ctx, v, edits, out), out.Flush())
	if err == nil {
		err = errors.Join(file.Chmod(mode), file.Sync())
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := t.same(v); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// copy writes the file anew: its rows in their order, without those that are
// removed, and new ones behind them by key.
func (t *target) copy(ctx context.Context, v version, edits map[string]*edit, to *bufio.Writer) error {
	w := t.walk(v)
	out, err := t.output(w, to)
	if err != nil {
		return errors.Join(err, w.close())
	}
	for {
		r, err := w.next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.Join(err, w.close())
		}
		e := edits[t.mapping.keyOf(r.cells)]
		switch {
		case e != nil && e.remove:
		case e != nil && e.row != nil:
			err = out.put(r, e.row)
		default:
			err = out.keep(r.raw)
		}
		if err != nil {
			return errors.Join(err, w.close())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(edits)) {
		if e := edits[key]; e.old == nil && e.row != nil {
			if err := out.put(row{}, e.row); err != nil {
				return err
			}
		}
	}
	return out.end()
}

// output writes one format.
type output interface {
	keep(raw []byte) error           // a row as it was
	put(old row, cells []cell) error // a row that is new, or was old
	end() error
}

// output starts the new file like the old one, which is opened in w.
func (t *target) output(w *walk, to *bufio.Writer) (output, error) {
	format := t.formatOf(t.Path)
	if len(w.version.files) == 0 {
		if format == "csv" {
			return newFileOutput(t.feed, to)
		}
		return &jsonOutput{mapping: t.mapping, to: to, array: format == "json"}, nil
	}
	table, err := t.open(w.version.files[0].path)
	if err != nil {
		return nil, err
	}
	w.table, w.file = table, 1
	start := make([]byte, 3)
	n, err := table.file.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for _, mark := range marks {
		if !bytes.HasPrefix(start[:n], mark.bytes) {
			continue
		}
		if mark.encoding != "utf-8" {
			return nil, fmt.Errorf("%s is in %s: files in utf-8 can be written", table.name, mark.encoding)
		}
		if _, err := to.Write(mark.bytes); err != nil {
			return nil, err
		}
	}
	old, ok := table.rowReader.(*csvRows)
	if !ok {
		return &jsonOutput{mapping: t.mapping, to: to, array: format == "json"}, nil
	}
	out := &csvOutput{to: to, at: old.at, width: len(old.names), ended: true, lines: csv.NewWriter(to)}
	out.lines.Comma, out.lines.UseCRLF = old.records.Comma, bytes.HasSuffix(old.header, []byte("\r\n"))
	return out, out.keep(old.header)
}

// csvOutput writes CSV.
type csvOutput struct {
	to    *bufio.Writer
	lines *csv.Writer
	at    []int // where each place is
	width int
	ended bool // the last line has its end
}

// newFileOutput starts a file with the columns of the mapping.
func newFileOutput(f *feed, to *bufio.Writer) (*csvOutput, error) {
	out := &csvOutput{to: to, lines: csv.NewWriter(to), width: len(f.mapping.places), ended: true}
	if f.comma != 0 {
		out.lines.Comma = f.comma
	}
	var names []string
	for i, p := range f.mapping.places {
		names = append(names, p.name)
		out.at = append(out.at, i)
	}
	return out, out.write(names)
}

func (o *csvOutput) keep(raw []byte) error {
	if err := o.endLine(); err != nil {
		return err
	}
	o.ended = bytes.HasSuffix(raw, []byte("\n"))
	_, err := o.to.Write(raw)
	return err
}

// endLine ends a last line that had no end.
func (o *csvOutput) endLine() error {
	if o.ended {
		return nil
	}
	o.ended = true
	if o.lines.UseCRLF {
		_, err := o.to.WriteString("\r\n")
		return err
	}
	return o.to.WriteByte('\n')
}

func (o *csvOutput) put(old row, cells []cell) error {
	record := make([]string, o.width)
	copy(record, old.record)
	for i, at := range o.at {
		record[at] = cells[i].text
	}
	if err := o.endLine(); err != nil {
		return err
	}
	return o.write(record)
}

func (o *csvOutput) write(record []string) error {
	if err := o.lines.Write(record); err != nil {
		return err
	}
	o.lines.Flush()
	return o.lines.Error()
}

func (o *csvOutput) end() error { return nil }

// jsonOutput writes an array, or a line for each object.
type jsonOutput struct {
	mapping *mapping
	to      *bufio.Writer
	array   bool
	some    bool // there is a row already
}

func (o *jsonOutput) keep(raw []byte) error {
	before, after := "", "\n"
	if o.array {
		if before, after = "[\n", ""; o.some {
			before = ",\n"
		}
	}
	o.some = true
	if _, err := o.to.WriteString(before); err != nil {
		return err
	}
	if _, err := o.to.Write(bytes.TrimSpace(raw)); err != nil {
		return err
	}
	_, err := o.to.WriteString(after)
	return err
}

func (o *jsonOutput) put(old row, cells []cell) error {
	object, err := membersOf(old.raw)
	if err != nil {
		return err
	}
	for i, p := range o.mapping.places {
		if old.cells == nil || !cells[i].equal(old.cells[i]) {
			object = object.set(p.name, cells[i].json())
		}
	}
	return o.keep(object.append(nil))
}

func (o *jsonOutput) end() error {
	if !o.array {
		return nil
	}
	end := "\n]\n"
	if !o.some {
		end = "[]\n"
	}
	_, err := o.to.WriteString(end)
	return err
}

// json is a cell as a JSON value; nil: there is nothing in it.
func (c cell) json() json.RawMessage {
	switch {
	case c.value != nil:
		return c.value
	case c.text == "":
		return nil
	case c.notation == asJSON && json.Valid([]byte(c.text)):
		return json.RawMessage(c.text)
	}
	return quoted(c.text)
}

// object is a JSON object whose members keep their order.
type object []struct {
	name  string
	value json.RawMessage
}

func membersOf(raw []byte) (object, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var o object
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil { // {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		o = o.set(name.(string), value)
	}
	return o, nil
}

// set sets a member, or removes it where there is no value.
func (o object) set(name string, value json.RawMessage) object {
	for i := range o {
		if o[i].name == name {
			if value == nil {
				return slices.Delete(o, i, i+1)
			}
			o[i].value = value
			return o
		}
	}
	if value == nil {
		return o
	}
	return append(o, object{{name, value}}...)
}

func (o object) append(b []byte) []byte {
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, quoted(m.name)...), ':'), m.value...)
	}
	return append(b, '}')
}
