package main

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A cursor is the identity of the last row of a page, with its type: "i:42",
// "t:ABC", or "x:ff" for bytes that are no text.

func formatCursor(behind any) (string, error) {
	switch v := behind.(type) {
	case int64, uint64:
		return fmt.Sprintf("i:%d", v), nil
	case []byte:
		return formatCursor(string(v))
	case string:
		if !utf8.ValidString(v) {
			return fmt.Sprintf("x:%x", v), nil
		}
		return "t:" + v, nil
	}
	return "", fmt.Errorf("a row's key is a %T: it must be text or a whole number", behind)
}

func parseCursor(text string) (behind any, err error) {
	kind, value, _ := strings.Cut(text, ":")
	switch kind {
	case "i":
		behind, _ = wholeNumber(value)
	case "t":
		behind = value
	case "x":
		bytes, _ := hex.DecodeString(value)
		behind = string(bytes)
	}
	if again, err := formatCursor(behind); err != nil || again != text {
		return nil, fmt.Errorf("the cursor %q is none of this connector: list from the start", text)
	}
	return behind, nil
}
