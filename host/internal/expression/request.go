package expression

import (
	"bytes"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/synchost/synchost/sdk"
)

// RequestScope is what expressions see of a request. It is for one goroutine.
type RequestScope struct {
	Body    any               `expr:"body"`
	Item    any               `expr:"item"`
	Headers map[string]string `expr:"headers"` // by their names in lower case
	Query   map[string]string `expr:"query"`
	Method  string            `expr:"method"`
	Path    string            `expr:"path"`
	Steps   budget            `expr:"the steps left"`
}

// With is the scope with another item.
func (s *RequestScope) With(item any) *RequestScope {
	with := *s
	with.Item, with.Steps = item, newBudget()
	return &with
}

// maxDepth bounds how deep the JSON is that expressions look at.
const maxDepth = 64

// ParseJSON reads JSON as expressions see it: objects, lists, texts, truth values
// and exact numbers. Half of a surrogate pair, as in a text that somebody cut, is
// U+FFFD.
func ParseJSON(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it has invalid UTF-8")
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowInvalidUTF8(true))
	value, err := readJSON(d, maxDepth)
	if err != nil {
		return nil, err
	}
	if d.PeekKind() != 0 || len(bytes.TrimSpace(d.UnreadBuffer())) > 0 {
		return nil, errors.New("there is something behind the value")
	}
	return value, nil
}

func readJSON(d *jsontext.Decoder, depth int) (any, error) {
	if depth == 0 {
		return nil, errors.New("it is nested too deep")
	}
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '"':
		return token.String(), nil
	case '0':
		return parseNumber(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	case '[':
		list := []any{}
		for d.PeekKind() != ']' {
			value, err := readJSON(d, depth-1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := d.ReadToken()
		return list, err
	case '{':
		object := map[string]any{}
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			at := name.String()
			if object[at], err = readJSON(d, depth-1); err != nil {
				return nil, err
			}
		}
		_, err := d.ReadToken()
		return object, err
	}
	return nil, nil
}

// parseNumber is an int or a Decimal. One with more digits than can be written
// stays the text it came as: a wrong digit would be worse.
func parseNumber(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	digits := text
	if _, exponent, ok := strings.Cut(strings.ToLower(text), "e"); ok {
		if n, err := strconv.Atoi(exponent); err != nil || n < -maxExponent || n > maxExponent {
			return text
		}
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			return text
		}
		places, _ := r.FloatPrec()
		digits = r.FloatString(places)
	}
	if d, err := sdk.ParseDecimal(digits); err == nil {
		return Decimal{text: d}
	}
	return text
}

// maxExponent is that of the longest number that can be written.
const maxExponent = 64
