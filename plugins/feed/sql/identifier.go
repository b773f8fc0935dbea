package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// identifier is the name of a table or column, as the parts between its dots.
type identifier []string

// parseIdentifier reads a name such as products, shop.products or
// "my.schema".products: what is in double quotes may hold dots, and two double
// quotes in it stand for one.
func parseIdentifier(text string) (identifier, error) {
	var name identifier
	for rest := text; ; {
		var part string
		var err error
		if part, rest, err = cutPart(rest); err != nil {
			return nil, err
		}
		if err := checkName(part); err != nil {
			return nil, err
		}
		name = append(name, part)
		switch {
		case rest == "":
			return name, nil
		case rest[0] != '.':
			return nil, errors.New("has text behind a closing quote: write schema.table")
		case len(name) == 2:
			return nil, errors.New("has more than a schema and a table: the database is named in dsn")
		}
		rest = rest[1:]
	}
}

// cutPart takes the first part off; what remains begins with its dot.
func cutPart(text string) (part, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexByte(text, '.')
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], nil
	}
	var out strings.Builder
	for rest = text[1:]; ; {
		end := strings.IndexByte(rest, '"')
		if end < 0 {
			return "", "", errors.New("has a quote that is not closed")
		}
		out.WriteString(rest[:end])
		if rest = rest[end+1:]; !strings.HasPrefix(rest, `"`) {
			return out.String(), rest, nil
		}
		out.WriteByte('"')
		rest = rest[1:]
	}
}

// longestName is what all databases take; PostgreSQL cuts off what is longer,
// and says nothing.
const longestName = 63

// checkName says what is wrong with the name of a column, schema or table.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("has an empty name")
	case len(name) > longestName:
		return fmt.Errorf("is longer than %d bytes", longestName)
	case strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }) || !utf8.ValidString(name):
		return errors.New("holds a character that no name has")
	}
	return nil
}

// quoted is a name as it stands in a statement: whatever it holds, it ends
// where its closing quote is.
func quoted(name string, quote string) string {
	return quote + strings.ReplaceAll(name, quote, quote+quote) + quote
}
