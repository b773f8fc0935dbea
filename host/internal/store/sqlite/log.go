package sqlite

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// log is where a commit goes first: one write at the end of a file, and one sync.
// The tables follow in their own time.
//
// It is a series of segments, numbered files. A segment whose rows are all in
// the tables is used again for a later one, since to write over blocks that a
// file has is cheaper than to make it grow; the number is part of every frame's
// checksum, so that what is left of an earlier life is not taken for news.
type log struct {
	dir    string
	file   *os.File
	number int64
	offset int64
}

const (
	logPrefix, logSuffix = "synchost-", ".log"
	spareName            = logPrefix + "spare" + logSuffix
	logMagic             = "synchost log 1\n\x00" // 16 bytes; then the number
	logHeader            = int64(len(logMagic)) + 8
	frameHeader          = 8 // length and checksum
	maxFrame             = 1 << 30
)

func segmentName(number int64) string { return logPrefix + strconv.FormatInt(number, 10) + logSuffix }

// openLog begins segment number.
func openLog(dir string, number int64) (*log, error) {
	l := &log{dir: dir}
	return l, l.begin(number)
}

func (l *log) begin(number int64) error {
	name := filepath.Join(l.dir, segmentName(number))
	if err := os.Rename(filepath.Join(l.dir, spareName), name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if _, err = file.WriteAt(binary.LittleEndian.AppendUint64([]byte(logMagic), uint64(number)), 0); err == nil {
		err = syncDir(l.dir)
	}
	if err != nil {
		return errors.Join(err, file.Close(), os.Remove(name))
	}
	l.file, l.number, l.offset = file, number, logHeader
	return nil
}

// append writes a frame, whose first bytes are left for its header, and returns
// when it is on disk. After an error it is as if it had not been called.
func (l *log) append(f *frame) error {
	seal(f.data, l.number)
	if _, err := l.file.WriteAt(f.data, l.offset); err != nil {
		return err
	}
	if err := syncData(l.file); err != nil {
		return err
	}
	l.offset += int64(len(f.data))
	return nil
}

// rotate ends the segment and begins the next. After an error the segment goes on.
func (l *log) rotate() error {
	end := frame{data: make([]byte, frameHeader)}
	seal(end.data, l.number)
	if _, err := l.file.WriteAt(end.data, l.offset); err != nil {
		return err
	}
	if err := syncData(l.file); err != nil {
		return err
	}
	ended := l.file
	if err := l.begin(l.number + 1); err != nil {
		return err
	}
	return ended.Close()
}

// release lets go of a segment whose rows are in the tables.
func (l *log) release(number int64) error {
	return os.Rename(filepath.Join(l.dir, segmentName(number)), filepath.Join(l.dir, spareName))
}

func (l *log) close() error { return l.file.Close() }

// seal fills in a frame's header. A frame of no bytes ends its segment.
func seal(data []byte, number int64) {
	body := data[frameHeader:]
	binary.LittleEndian.PutUint32(data, uint32(len(body)))
	binary.LittleEndian.PutUint32(data[4:], checksum(number, body))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(number int64, body []byte) uint32 {
	sum := crc32.Update(0, castagnoli, binary.LittleEndian.AppendUint64(nil, uint64(number)))
	return crc32.Update(sum, castagnoli, body)
}

// segments are the numbers of a folder's segments, ascending.
func segments(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	var numbers []int64
	for _, e := range entries {
		text, isLog := strings.CutPrefix(strings.TrimSuffix(e.Name(), logSuffix), logPrefix)
		if number, err := strconv.ParseInt(text, 10, 64); isLog && err == nil && segmentName(number) == e.Name() {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers, err
}

// readSegment calls fn with the body of every frame, and says whether the
// segment was ended: the last one was not, and there the first frame that is not
// whole is where the host died.
func readSegment(dir string, number int64, fn func(body []byte) error) (ended bool, err error) {
	file, err := os.Open(filepath.Join(dir, segmentName(number)))
	if err != nil {
		return false, err
	}
	defer file.Close()
	return readFrames(bufio.NewReaderSize(file, 1<<20), number, fn)
}

func readFrames(r io.Reader, number int64, fn func(body []byte) error) (ended bool, err error) {
	header := make([]byte, logHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return false, unlessShort(err) // it was only just begun
	}
	if string(header[:len(logMagic)]) != logMagic || int64(binary.LittleEndian.Uint64(header[len(logMagic):])) != number {
		return false, nil
	}
	for {
		if _, err := io.ReadFull(r, header[:frameHeader]); err != nil {
			return false, unlessShort(err)
		}
		length := binary.LittleEndian.Uint32(header)
		if length > maxFrame {
			return false, nil
		}
		// In steps: a length that is made up shall not take memory for nothing.
		body, err := io.ReadAll(io.LimitReader(r, int64(length)))
		if err != nil {
			return false, err
		}
		switch {
		case uint32(len(body)) < length, checksum(number, body) != binary.LittleEndian.Uint32(header[4:]):
			return false, nil
		case length == 0:
			return true, nil
		}
		if err := fn(body); err != nil {
			return false, err
		}
	}
}

func unlessShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// frame is one commit as the log has it: rows, each with the table's tag and its
// columns.
type frame struct{ data []byte }

// table tells the rows of a frame apart.
type table byte

const (
	inEvents     table = 'e'
	inProducts   table = 'p'
	inLanes      table = 'l'
	inLinks      table = 'k'
	forgotten    table = 'f' // a link that is no more
	inDeliveries table = 'd'
)

func newFrame(data []byte) *frame {
	return &frame{data: append(data[:0], make([]byte, frameHeader)...)}
}

// row begins a row of a table.
func (f *frame) row(t table) *columns {
	f.data = append(f.data, byte(t))
	return &columns{to: f}
}

func (f *frame) empty() bool { return len(f.data) == frameHeader }

func (f *frame) putInt(v int64) { f.data = binary.AppendVarint(f.data, v) }

func (f *frame) putText(v string) {
	f.data = binary.AppendUvarint(f.data, uint64(len(v)))
	f.data = append(f.data, v...)
}

func (f *frame) putBlob(v []byte) {
	if v == nil {
		f.data = append(f.data, 0)
		return
	}
	f.data = binary.AppendUvarint(f.data, uint64(len(v))+1)
	f.data = append(f.data, v...)
}

// frameReader reads the rows of a frame's body. The checksum was right, so that
// what it cannot read is a mistake, and not damage.
type frameReader struct {
	rest []byte
	err  error
}

func (r *frameReader) more() bool { return r.err == nil && len(r.rest) > 0 }

func (r *frameReader) table() table {
	t := table(r.rest[0])
	r.rest = r.rest[1:]
	return t
}

func (r *frameReader) getInt() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *frameReader) getText() string { return string(r.take(r.length())) }

func (r *frameReader) getBlob() []byte {
	n := r.length()
	if n == 0 {
		return nil
	}
	return slices.Clone(r.take(n - 1))
}

func (r *frameReader) length() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.skip(n)
	return v
}

func (r *frameReader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.skip(0)
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *frameReader) skip(n int) {
	if n <= 0 {
		r.rest, r.err = nil, fmt.Errorf("a row of the log cannot be read")
		return
	}
	r.rest = r.rest[n:]
}

// forgetSegments removes segments whose rows are in the tables, and keeps one to
// be used again.
func forgetSegments(dir string, numbers []int64) error {
	for i, number := range numbers {
		name := filepath.Join(dir, segmentName(number))
		if i == 0 {
			if err := os.Rename(name, filepath.Join(dir, spareName)); err != nil {
				return err
			}
			continue
		}
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}
