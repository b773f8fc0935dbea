package main

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// encodings are those that an option can name; nil is UTF-8, which needs no
// decoding.
var encodings = map[string]encoding.Encoding{
	"utf-8":        nil,
	"utf-16le":     unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	"utf-16be":     unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	"windows-1250": charmap.Windows1250,
	"windows-1251": charmap.Windows1251,
	"windows-1252": charmap.Windows1252,
	"windows-1254": charmap.Windows1254,
	"windows-1256": charmap.Windows1256,
}

// marks are the byte order marks.
var marks = []struct {
	bytes    []byte
	encoding string
}{
	{[]byte("\xef\xbb\xbf"), "utf-8"},
	{[]byte("\xff\xfe"), "utf-16le"},
	{[]byte("\xfe\xff"), "utf-16be"},
}

// decoded reads a file as UTF-8. A byte order mark wins over the encoding that
// is named. UTF-8 is passed on as it is: rows are checked one by one, so that one
// with broken bytes stops no other.
func decoded(r io.Reader, named string) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	start, err := b.Peek(3)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for _, mark := range marks {
		if bytes.HasPrefix(start, mark.bytes) {
			named = mark.encoding
			if _, err := b.Discard(len(mark.bytes)); err != nil {
				return nil, err
			}
			break
		}
	}
	if e := encodings[named]; e != nil {
		return bufio.NewReaderSize(transform.NewReader(b, e.NewDecoder()), 1<<16), nil
	}
	return b, nil
}
