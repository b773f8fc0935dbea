package sqlite

import (
	"bufio"
	"bytes"
	"crypto/rand"
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
	"sync/atomic"
)

// log is where a commit goes first: one write at the end of a file, and one sync.
// The tables follow in their own time.
//
// It is a series of segments, numbered files. A segment whose rows are all in
// the tables is used again for a later one, since to write over blocks that a
// file has is cheaper than to make it grow. Every frame's checksum begins with
// the segment's header, in which there is a random number: what is left of an
// earlier life, or is in a product's text, is not taken for news.
type log struct {
	dir    string
	file   atomic.Pointer[os.File] // others look at it, too
	number int64
	seed   uint32 // of checksums
	offset int64

	sync func(*os.File) error // syncData, but in tests
}

const (
	logPrefix, logSuffix = "synchost-", ".wal" // not .log, which backups leave out, and cleaners remove
	spareName            = logPrefix + "spare" + logSuffix
	logMagic             = "synchost log 3\n\x00" // to the blank for every version
	logName              = "synchost log "
	logHeader            = len(logMagic) + 8 + 8 // the segment's number, and a random one
	frameHeader          = 12                    // length, and checksums of it and of the body
	maxFrame             = 1 << 30
)

func segmentName(number int64) string { return logPrefix + strconv.FormatInt(number, 10) + logSuffix }

// openLog begins segment number.
func openLog(dir string, number int64) (*log, error) {
	l := &log{dir: dir, sync: syncData}
	if err := l.begin(number); err != nil {
		return nil, err
	}
	return l, nil
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
	header := make([]byte, logHeader)
	copy(header, logMagic)
	binary.LittleEndian.PutUint64(header[len(logMagic):], uint64(number))
	rand.Read(header[len(logMagic)+8:])
	if _, err = file.WriteAt(header, 0); err == nil {
		err = syncDir(l.dir)
	}
	if err != nil {
		return errors.Join(err, file.Close(), os.Remove(name))
	}
	if ended := l.file.Swap(file); ended != nil {
		_ = ended.Close() // it was synced
	}
	l.number, l.seed, l.offset = number, seedOf(header), int64(logHeader)
	return nil
}

// append writes a frame, whose first bytes are left for its header, and returns
// when it is on disk. After an error it is as if it had not been called.
func (l *log) append(f *frame) error {
	if len(f.data) > maxFrame {
		return fmt.Errorf("it is too much for one commit: %d bytes, of at most %d", len(f.data), maxFrame)
	}
	if err := l.put(f.data); err != nil {
		// It may be there whole, and only the sync have failed.
		_, _ = l.file.Load().WriteAt(make([]byte, frameHeader), l.offset)
		return err
	}
	l.offset += int64(len(f.data))
	return nil
}

func (l *log) put(frame []byte) error {
	seal(frame, l.seed)
	if _, err := l.file.Load().WriteAt(frame, l.offset); err != nil {
		return err
	}
	return l.sync(l.file.Load())
}

// rotate ends the segment and begins the next. After an error the segment goes on.
func (l *log) rotate() error {
	if err := l.put(make([]byte, frameHeader)); err != nil {
		return err
	}
	return l.begin(l.number + 1)
}

// inPlace says whether the segment that is written is still where the next host
// will look for it.
func (l *log) inPlace() bool {
	for {
		file := l.file.Load()
		opened, err := file.Stat()
		if err == nil {
			var named os.FileInfo
			if named, err = os.Stat(file.Name()); err == nil && os.SameFile(opened, named) {
				return true
			}
		}
		if l.file.Load() == file { // or else it was ended meanwhile
			return err != nil && !errors.Is(err, os.ErrNotExist)
		}
	}
}

// release lets go of a segment whose rows are in the tables.
func (l *log) release(number int64) error {
	return os.Rename(filepath.Join(l.dir, segmentName(number)), filepath.Join(l.dir, spareName))
}

func (l *log) close() error { return l.file.Load().Close() }

// seal fills in a frame's header. A frame of no bytes ends its segment.
func seal(data []byte, seed uint32) {
	binary.LittleEndian.PutUint32(data, uint32(len(data)-frameHeader))
	binary.LittleEndian.PutUint32(data[4:], checksum(seed, data[:4]))
	binary.LittleEndian.PutUint32(data[8:], checksum(seed, data[frameHeader:]))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func seedOf(header []byte) uint32 { return crc32.Checksum(header, castagnoli) }

func checksum(seed uint32, data []byte) uint32 { return crc32.Update(seed, castagnoli, data) }

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
	ended, err = readFrames(bufio.NewReaderSize(file, 1<<20), number, fn)
	if err != nil {
		err = fmt.Errorf("%s: %w", segmentName(number), err)
	}
	return ended, err
}

func readFrames(r io.Reader, number int64, fn func(body []byte) error) (ended bool, err error) {
	header := make([]byte, logHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return false, unlessShort(err) // it was only just begun
	}
	if written, err := checkHeader(header, number); err != nil || !written {
		return false, err
	}
	seed := seedOf(header)
	for {
		body, whole, err := readFrame(r, seed)
		switch {
		case err != nil:
			return false, err
		case !whole:
			return false, checkEnd(io.MultiReader(bytes.NewReader(body), r), seed)
		case len(body) == 0:
			return true, nil
		}
		if err := fn(body); err != nil {
			return false, err
		}
	}
}

// checkEnd says whether the frame that could not be read, of which r has what
// follows its header, is where the host died: a frame is begun when the one
// before it is on disk, so there is no whole one behind it.
func checkEnd(r io.Reader, seed uint32) error {
	rest, err := io.ReadAll(r)
	for i := 0; err == nil && i+frameHeader <= len(rest); i++ {
		length, ok := frameLength(rest[i:], seed)
		if body := rest[i+frameHeader:]; ok && length <= len(body) && sound(rest[i:], body[:length], seed) {
			return damaged(errors.New("a commit in the middle of the log cannot be read"))
		}
	}
	return err
}

// checkHeader says whether a segment was written: what is still as it was when
// the file was made, or in its earlier life, has nothing to tell.
func checkHeader(header []byte, number int64) (written bool, err error) {
	magic, begun := string(header[:len(logMagic)]), int64(binary.LittleEndian.Uint64(header[len(logMagic):]))
	switch {
	case magic == logMagic && begun <= number:
		return begun == number, nil
	case bytes.Count(header, []byte{0}) == len(header):
		return false, nil
	case magic != logMagic && strings.HasPrefix(magic, logName):
		return false, errors.New("another version of synchost wrote this log: start that one, and stop it, which empties the log; then start this one")
	}
	return false, damaged(errors.New("it does not begin as a log does"))
}

// readFrame reads a frame's body, or what there is of it. It says whether it is whole.
func readFrame(r io.Reader, seed uint32) (body []byte, whole bool, err error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, false, unlessShort(err)
	}
	length, ok := frameLength(header[:], seed)
	if !ok {
		return nil, false, nil
	}
	// In steps: where the file ends is not known.
	if body, err = io.ReadAll(io.LimitReader(r, int64(length))); err != nil {
		return nil, false, err
	}
	return body, len(body) == length && sound(header[:], body, seed), nil
}

// frameLength is how long a header says its frame's body is.
func frameLength(header []byte, seed uint32) (length int, ok bool) {
	ok = checksum(seed, header[:4]) == binary.LittleEndian.Uint32(header[4:])
	return int(binary.LittleEndian.Uint32(header)), ok
}

func sound(header, body []byte, seed uint32) bool {
	return checksum(seed, body) == binary.LittleEndian.Uint32(header[8:])
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

// newFrame begins a frame in the memory of another, unless that is too large to keep.
func newFrame(data []byte) *frame {
	if cap(data) > 2*maxGroupBytes {
		data = nil
	}
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
