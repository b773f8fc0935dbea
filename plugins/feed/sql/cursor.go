package main

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// cursor is where a listing goes on: behind the row with this identity. It also
// carries how many rows could not be read, since the end of a listing that left
// some out must not pass for a whole one.
//
// It is written as "0:i:42", "3:t:ABC", "0:x:ff" (bytes that are no text) or,
// behind the last row, "3:end".
type cursor struct {
	bad    int
	behind any // int64, uint64 or string; nil: the listing has ended
}

func (c cursor) String() string {
	switch v := c.behind.(type) {
	case int64, uint64:
		return fmt.Sprintf("%d:i:%d", c.bad, v)
	case string:
		if !utf8.ValidString(v) {
			return fmt.Sprintf("%d:x:%x", c.bad, v)
		}
		return fmt.Sprintf("%d:t:%s", c.bad, v)
	}
	return fmt.Sprintf("%d:end", c.bad)
}

func parseCursor(text string) (cursor, error) {
	bad, rest, _ := strings.Cut(text, ":")
	kind, value, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(bad)
	c := cursor{bad: n}
	ok := err == nil && n >= 0
	switch kind {
	case "i":
		var whole bool
		c.behind, whole = wholeNumber(value)
		ok = ok && whole
	case "t":
		c.behind = value
	case "x":
		bytes, _ := hex.DecodeString(value)
		c.behind = string(bytes)
	default:
		ok = ok && rest == "end"
	}
	if !ok || c.String() != text {
		return cursor{}, fmt.Errorf("the cursor %q is none of this connector: list from the start", text)
	}
	return c, nil
}
