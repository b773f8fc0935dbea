package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/synchost/synchost/sdk"
)

// kind is what a column holds, as far as that matters here.
type kind uint8

const (
	textKind kind = iota // and whatever has no kind of its own
	integerKind
	numberKind
	booleanKind
	momentKind
	documentKind // JSON
	arrayKind    // PostgreSQL's, of texts
	uuidKind
	anyKind // SQLite: no type was declared
)

// column is one of the table's, as the database describes it.
type column struct {
	name     string
	typeName string // the database's, upper case
	kind     kind
	zone     *time.Location // of times that the driver gives as text; nil: it gives none so
	notNull  bool           // of tables only
	unique   bool           // by itself; of tables only
}

// readTime makes a time of the text of one. 0000-00-00 is none; what has no month or
// no day stays text.
func (c *column) readTime(value any) any {
	text, ok := value.([]byte)
	if !ok || c.zone == nil {
		return value
	}
	if bytes.HasPrefix(text, []byte("0000-00-00")) {
		return nil
	}
	for _, layout := range []string{time.DateTime, time.DateOnly} {
		if at, err := time.ParseInLocation(layout, string(text), c.zone); err == nil {
			return at
		}
	}
	return value
}

// cell is one value that was read.
type cell struct {
	*column
	value any
}

func (c cell) isNull() bool { return c.value == nil }

// text is the value for people and for comparing: numbers as decimals, times
// in UTC, NULL empty.
func (c cell) text() (string, error) {
	switch v := c.value.(type) {
	case nil:
		return "", nil
	case string:
		return c.checked(v)
	case []byte:
		switch {
		case c.typeName == "BIT":
			return strconv.FormatUint(bits(v), 10), nil
		case c.zone != nil:
			return "", fmt.Errorf("holds %q, which is no date", v)
		}
		return c.checked(string(v))
	case int64:
		if c.kind == booleanKind { // SQLite has no other
			return strconv.FormatBool(v != 0), nil
		}
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float32:
		return shortest(float64(v), 32)
	case float64:
		if c.typeName == "FLOAT4" {
			return shortest(v, 32)
		}
		return shortest(v, 64)
	case bool:
		return strconv.FormatBool(v), nil
	case time.Time:
		if c.typeName == "DATE" {
			return v.Format(time.DateOnly), nil
		}
		return v.UTC().Format(time.RFC3339Nano), nil
	}
	return "", fmt.Errorf("holds a %s, which is not understood", c.typeName)
}

// checked is text that is UTF-8.
func (c cell) checked(text string) (string, error) {
	if c.typeName == "BPCHAR" {
		text = strings.TrimRight(text, " ") // the database fills char(n) up
	}
	if !utf8.ValidString(text) {
		return "", errors.New("holds bytes that are no UTF-8 text")
	}
	return text, nil
}

// label is the value as a key or id; empty: it is none.
func (c cell) label() string {
	text, err := c.text()
	if err != nil {
		return ""
	}
	return text
}

// bits is the number in a column of type BIT.
func bits(b []byte) (n uint64) {
	for _, part := range b {
		n = n<<8 | uint64(part)
	}
	return n
}

// shortest is the shortest decimal that is the same float.
func shortest(v float64, size int) (string, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "", fmt.Errorf("holds %v, which is no number", v)
	}
	return strconv.FormatFloat(v, 'f', -1, size), nil
}

// decimal is the value as an exact number; NULL and an empty text are none.
func (c cell) decimal() (sdk.Decimal, error) {
	text, err := c.text()
	if err != nil {
		return "", err
	}
	return sdk.ParseDecimal(strings.TrimSpace(text))
}

// isJSON says whether lists in the column are JSON arrays.
func (c *column) isJSON(f listForm) bool {
	return c.kind == documentKind || c.kind == arrayKind || f.json
}

// listForm is how a text column holds several values.
type listForm struct {
	json      bool
	separator string
}

// list are the texts of a list; NULL has none.
func (c cell) list(f listForm) ([]string, error) {
	text, err := c.text()
	if err != nil || text == "" {
		return nil, err
	}
	var texts []string
	if c.isJSON(f) {
		var items []*string
		if err := json.Unmarshal([]byte(text), &items); err != nil {
			return nil, errors.New("holds no JSON array of texts")
		}
		for _, item := range items {
			if item != nil { // a NULL in it is no text
				texts = append(texts, *item)
			}
		}
		return texts, nil
	}
	for part := range strings.SplitSeq(text, f.separator) {
		if part = strings.TrimSpace(part); part != "" {
			texts = append(texts, part)
		}
	}
	return texts, nil
}

// attribute is the value as that of an attribute, by the column's type.
func (c cell) attribute(f listForm) (sdk.Value, error) {
	text, err := c.text()
	if err != nil || c.isNull() {
		return sdk.Value{}, err
	}
	if _, isBool := c.value.(bool); isBool || c.kind == booleanKind && text != "" {
		yes, err := strconv.ParseBool(text)
		if err != nil {
			return sdk.Value{}, fmt.Errorf("holds %q, which is neither true nor false", text)
		}
		return sdk.Bool(yes), nil
	}
	switch c.value.(type) {
	case int64, uint64, float32, float64:
		return number(text)
	}
	switch {
	case c.kind == numberKind || c.kind == integerKind:
		return number(text)
	case c.isJSON(f) && (c.kind != textKind || strings.HasPrefix(text, "[")):
		var value sdk.Value
		if json.Unmarshal([]byte(text), &value) == nil {
			return value, nil
		}
	}
	return sdk.String(text), nil
}

func number(text string) (sdk.Value, error) {
	d, err := sdk.ParseDecimal(text)
	if err != nil || d == "" {
		return sdk.Value{}, err
	}
	return sdk.Number(d), nil
}

// What follows makes parameters. They are texts wherever that will do: every
// database reads its types from text, and says what is wrong with one.

// textParam is NULL for the empty text, where the column lets it be.
func (c *column) textParam(text string) any {
	if text == "" && !(c.notNull && c.kind == textKind) {
		return nil
	}
	switch c.kind {
	case booleanKind:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	case integerKind:
		switch text {
		case "true":
			return "1"
		case "false":
			return "0"
		}
	}
	return text
}

// decimalParam keeps the digits.
func (c *column) decimalParam(d sdk.Decimal) any {
	if d == "" {
		return nil
	}
	if whole, fraction, ok := strings.Cut(string(d), "."); ok && c.kind == integerKind && strings.Trim(fraction, "0") == "" {
		return whole
	}
	return string(d)
}

func (c *column) listParam(texts []string, f listForm) (any, error) {
	switch {
	case len(texts) == 0 && (!c.notNull || !c.isJSON(f)):
		return c.textParam(""), nil
	case c.kind == arrayKind:
		return arrayText(texts), nil
	case len(texts) == 0:
		return "[]", nil
	case c.isJSON(f):
		return jsonText(texts)
	}
	for _, text := range texts {
		if strings.Contains(text, f.separator) {
			return nil, fmt.Errorf("%q holds the separator %q: set another, or lists = \"json\"", text, f.separator)
		}
	}
	return strings.Join(texts, f.separator), nil
}

func (c *column) attributeParam(v sdk.Value, f listForm) (any, error) {
	switch {
	case v.Kind() == sdk.NoValue:
		return c.textParam(""), nil
	case c.kind == documentKind:
		return string(v.AppendJSON(nil)), nil
	case v.Kind() == sdk.ListValue:
		if c.isJSON(f) && c.kind != arrayKind {
			return string(v.AppendJSON(nil)), nil
		}
		texts := make([]string, len(v.Items()))
		for i, item := range v.Items() {
			texts[i] = item.Text()
		}
		return c.listParam(texts, f)
	case v.Kind() == sdk.NumberValue:
		return c.decimalParam(v.Decimal()), nil
	case c.kind == arrayKind:
		return arrayText([]string{v.Text()}), nil
	}
	return c.textParam(v.Text()), nil
}

// arrayText is an array as PostgreSQL reads it.
func arrayText(texts []string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = `"` + escape.Replace(text) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// jsonText is JSON with "<", ">" and "&" as they are.
func jsonText(value any) (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.TrimSpace(out.String()), err
}
