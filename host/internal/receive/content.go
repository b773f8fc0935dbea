package receive

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/synchost/synchost/sdk"
)

// maxDepth bounds how deep the JSON is that expressions look at.
const maxDepth = 64

// content is the body as expressions see it: JSON as maps, lists, texts, numbers
// and truth values, a form as a map of texts, text as itself, no body as nil.
func (r *request) content() (any, error) {
	body, err := r.body()
	if err != nil || len(body) == 0 {
		return nil, err
	}
	switch media := r.mediaType(); {
	case media == "application/json", strings.HasSuffix(media, "+json"):
		value, err := parseJSON(body)
		if err != nil {
			return nil, malformed("The body is not valid JSON:", err)
		}
		return value, nil
	case media == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil || !utf8.Valid(body) {
			return nil, malformed("The body is not a well-formed form.", nil)
		}
		return formContent(form), nil
	case strings.HasPrefix(media, "text/") && !strings.Contains(media, ";"):
		if !utf8.Valid(body) {
			return nil, malformed("The body is not valid UTF-8.", nil)
		}
		return string(body), nil
	}
	return nil, refuse(http.StatusUnsupportedMediaType, "type",
		"The body must be JSON, a form or text in UTF-8, and the header Content-Type must say which.")
}

// formContent keeps a parameter that is there several times as a list.
func formContent(form url.Values) map[string]any {
	content := make(map[string]any, len(form))
	for name, texts := range form {
		if len(texts) == 1 {
			content[name] = texts[0]
			continue
		}
		list := make([]any, len(texts))
		for i, text := range texts {
			list[i] = text
		}
		content[name] = list
	}
	return content
}

func parseJSON(data []byte) (any, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(data))
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
		return number(token.String()), nil
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

// number is an int or float64, for expressions to calculate with. Where neither
// holds the number exactly (long ids, long prices), it stays the text it came as:
// a wrong digit would be worse.
func number(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	exact, err := sdk.ParseDecimal(text)
	if err == nil && !exact.Equal(sdk.Decimal(plainFloat(f))) {
		return text
	}
	return f
}

// plainFloat writes a float without an exponent.
func plainFloat(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
