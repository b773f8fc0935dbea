package receive

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

var errLongLine = errors.New("the line is longer than is taken")

// lineReader reads lines of bounded length, and can go on behind one that is longer.
type lineReader struct {
	in     *bufio.Reader
	long   []byte // a line that is longer than the reader's buffer
	most   int
	number int // of the last line, from 1
}

func newLineReader(r io.Reader, most int) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(r, 64<<10), most: most}
}

// next is the next line without its end; it is valid until the next call. A
// last line without an end is one, unless reading failed.
func (l *lineReader) next() ([]byte, error) {
	l.number++
	line, err := l.in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return l.ended(line, err)
	}
	l.long = l.long[:0]
	tooLong := false
	for errors.Is(err, bufio.ErrBufferFull) {
		if tooLong = tooLong || len(l.long)+len(line) > l.most; !tooLong {
			l.long = append(l.long, line...)
		}
		line, err = l.in.ReadSlice('\n')
	}
	if tooLong && (err == nil || errors.Is(err, io.EOF)) {
		return nil, errLongLine
	}
	return l.ended(append(l.long, line...), err)
}

func (l *lineReader) ended(line []byte, err error) ([]byte, error) {
	switch {
	case err == nil, errors.Is(err, io.EOF) && len(line) > 0:
	default:
		return nil, err
	}
	if line = bytes.TrimSpace(line); len(line) > l.most {
		return nil, errLongLine
	}
	return line, nil
}
