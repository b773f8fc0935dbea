package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ParseDecimal checks text and returns it as a Decimal, its form kept. Digits
// with an optional sign and an optional fraction are accepted; an exponent, a
// thousands separator, a decimal comma, blanks, or more than 64 characters are
// not. The empty text gives the empty Decimal.
func ParseDecimal(text string) (Decimal, error) {
	if text == "" {
		return "", nil
	}
	if len(text) > 64 {
		return "", fmt.Errorf("a decimal has at most 64 characters, not %d", len(text))
	}
	digits, points := 0, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' && digits > 0 && points == 0 && i+1 < len(text):
			points++
		case c == '-' && i == 0:
		default:
			return "", fmt.Errorf("%q is not a decimal: write digits with a point, such as 12.50", text)
		}
	}
	if digits == 0 {
		return "", fmt.Errorf("%q is not a decimal: write digits with a point, such as 12.50", text)
	}
	return Decimal(text), nil
}

// Equal says whether both are the same number: "1.50" and "1.5" are, "" equals
// only "".
func (d Decimal) Equal(other Decimal) bool {
	return d == other || d.canonical() == other.canonical()
}

// canonical is the shortest text of the same number.
func (d Decimal) canonical() string {
	text, negative := strings.CutPrefix(string(d), "-")
	whole, fraction, _ := strings.Cut(text, ".")
	if text == "" {
		return text
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		whole += "." + fraction
	}
	if negative && whole != "0" {
		whole = "-" + whole
	}
	return whole
}

// UnmarshalJSON reads a string or a number; a number's own text is kept exactly.
// null gives the empty Decimal.
func (d *Decimal) UnmarshalJSON(data []byte) error {
	text := string(data)
	if text == "null" {
		text = ""
	} else if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	parsed, err := ParseDecimal(text)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// Value is the value of an attribute: a string, a number, a bool, or a list of
// these. The zero Value is "none", which JSON writes as null.
type Value struct {
	kind ValueKind
	text string // of a string or number; "true" of a bool that is
	list []Value
}

// ValueKind tells what a Value holds.
type ValueKind uint8

// The kinds of a Value.
const (
	NoValue ValueKind = iota
	StringValue
	NumberValue
	BoolValue
	ListValue
)

// String makes a text value.
func String(text string) Value { return Value{kind: StringValue, text: text} }

var errListInList = errors.New("a list in a list is not a value of an attribute")

// Number makes a numeric value; d must be what ParseDecimal accepts and not empty.
func Number(d Decimal) Value { return Value{kind: NumberValue, text: string(d)} }

// Bool makes a truth value.
func Bool(b bool) Value {
	if b {
		return Value{kind: BoolValue, text: "true"}
	}
	return Value{kind: BoolValue}
}

// List makes a list; it keeps items, it does not copy them.
func List(items ...Value) Value { return Value{kind: ListValue, list: items} }

// Kind says which of the other methods has the value.
func (v Value) Kind() ValueKind { return v.kind }

// Text is a string's text, a number's digits, or "true"/"false"; a list's
// values joined by ", "; empty for none.
func (v Value) Text() string {
	switch v.kind {
	case BoolValue:
		if v.text == "" {
			return "false"
		}
	case ListValue:
		texts := make([]string, len(v.list))
		for i, item := range v.list {
			texts[i] = item.Text()
		}
		return strings.Join(texts, ", ")
	}
	return v.text
}

// String is Text: a Value prints as what it holds.
func (v Value) String() string { return v.Text() }

// Decimal is the number, or empty for another kind.
func (v Value) Decimal() Decimal {
	if v.kind != NumberValue {
		return ""
	}
	return Decimal(v.text)
}

// IsTrue is the truth value; false for another kind.
func (v Value) IsTrue() bool { return v.kind == BoolValue && v.text == "true" }

// Items are the list's values; nil for another kind. They must not be changed.
func (v Value) Items() []Value { return v.list }

// Equal compares kind and content; numbers as numbers, lists in order.
func (v Value) Equal(other Value) bool {
	if v.kind != other.kind || len(v.list) != len(other.list) {
		return false
	}
	if v.kind == NumberValue {
		return Decimal(v.text).Equal(Decimal(other.text))
	}
	for i := range v.list {
		if !v.list[i].Equal(other.list[i]) {
			return false
		}
	}
	return v.text == other.text
}

// UnmarshalJSON reads a string, number, bool, array of these, or null. Objects
// and arrays in arrays are refused.
func (v *Value) UnmarshalJSON(data []byte) error {
	if len(data) == 0 {
		return errors.New("a value of an attribute must not be empty")
	}
	switch data[0] {
	case 'n':
		*v = Value{}
	case 't', 'f':
		*v = Bool(data[0] == 't')
	case '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		*v = String(text)
	case '[':
		var items []Value
		if err := json.Unmarshal(data, &items); err != nil {
			return err
		}
		for _, item := range items {
			if item.kind == ListValue {
				return errListInList
			}
		}
		*v = List(items...)
	case '{':
		return errors.New("an object is not a value of an attribute: use a string, number, bool or a list of these")
	default:
		var d Decimal
		if err := d.UnmarshalJSON(data); err != nil {
			return err
		}
		*v = Number(d)
	}
	return nil
}
