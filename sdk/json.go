package sdk

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// AppendJSON appends the product as JSON to b: what encoding/json makes of the
// struct, with "<", ">" and "&" as they are. It uses no reflection.
//
// Every member is written with a comma behind it; the end of its object takes
// the last one's place.
func (p Product) AppendJSON(b []byte) []byte {
	b = appendMember(append(b, '{'), "key", p.Key)
	b = appendFilled(b, "code", p.Code)
	b = appendFilled(b, "name", p.Name)
	b = appendFilled(b, "description", p.Description)
	b = appendFilled(b, "status", p.Status)
	b = appendFilled(b, "brand", p.Brand)
	b = appendFilled(b, "unit", p.Unit)
	b = appendFilled(b, "barcode", p.Barcode)
	b = appendFilled(b, "tax_code", p.TaxCode)
	b = appendList(b, "prices", p.Prices, appendPrice)
	b = appendList(b, "stock", p.Stock, appendStock)
	b = appendList(b, "categories", p.Categories, appendString)
	b = appendList(b, "tags", p.Tags, appendString)
	b = appendList(b, "media", p.Media, appendMedia)
	b = appendWeight(b, p.Weight)
	if s := p.Size; s != nil {
		b = append(appendName(b, "size"), '{')
		b = appendFilled(b, "length", s.Length)
		b = appendFilled(b, "width", s.Width)
		b = appendFilled(b, "height", s.Height)
		b = append(appendEnd(appendMember(b, "unit", s.Unit), '}'), ',')
	}
	b = appendList(b, "variants", p.Variants, appendVariant)
	if len(p.Attributes) > 0 {
		b = append(appendName(b, "attributes"), '{')
		var few [16]string // more go to the heap
		for _, name := range sortedNames(few[:0], p.Attributes) {
			b = append(appendText(b, name), ':')
			b = append(p.Attributes[name].AppendJSON(b), ',')
		}
		b = append(appendEnd(b, '}'), ',')
	}
	return appendEnd(b, '}')
}

func sortedNames(names []string, attributes map[string]Value) []string {
	for name := range attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// MarshalJSON is AppendJSON for encoding/json.
func (p Product) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

func appendPrice(b []byte, p *Price) []byte {
	b = appendMember(append(b, '{'), "amount", p.Amount)
	b = appendMember(b, "currency", p.Currency)
	b = appendFilled(b, "list", p.List)
	if p.TaxIncluded {
		b = append(b, `"tax_included":true,`...)
	}
	return appendEnd(appendFilled(b, "compare_at", p.CompareAt), '}')
}

func appendStock(b []byte, s *Stock) []byte {
	b = appendFilled(append(b, '{'), "location", s.Location)
	return appendEnd(appendMember(b, "quantity", s.Quantity), '}')
}

func appendMedia(b []byte, m *Media) []byte {
	b = appendMember(append(b, '{'), "url", m.URL)
	b = appendFilled(b, "alt", m.Alt)
	return appendEnd(appendFilled(b, "digest", m.Digest), '}')
}

func appendWeight(b []byte, w *Weight) []byte {
	if w == nil {
		return b
	}
	b = appendMember(append(appendName(b, "weight"), '{'), "value", w.Value)
	return append(appendEnd(appendMember(b, "unit", w.Unit), '}'), ',')
}

func appendVariant(b []byte, v *Variant) []byte {
	b = appendFilled(append(b, '{'), "key", v.Key)
	b = appendFilled(b, "code", v.Code)
	b = appendList(b, "options", v.Options, appendOption)
	b = appendFilled(b, "barcode", v.Barcode)
	b = appendList(b, "prices", v.Prices, appendPrice)
	b = appendList(b, "stock", v.Stock, appendStock)
	b = appendList(b, "media", v.Media, appendMedia)
	return appendEnd(appendWeight(b, v.Weight), '}')
}

func appendOption(b []byte, o *VariantOption) []byte {
	b = appendMember(append(b, '{'), "name", o.Name)
	return appendEnd(appendMember(b, "value", o.Value), '}')
}

// AppendJSON appends the value to b: a string, number, bool, array or null. A
// number keeps its digits exactly.
func (v Value) AppendJSON(b []byte) []byte { return appendValue(b, &v) }

// MarshalJSON is AppendJSON for encoding/json.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

func appendValue(b []byte, v *Value) []byte {
	switch v.kind {
	case StringValue:
		return appendText(b, v.text)
	case NumberValue:
		return appendNumber(b, v.text)
	case BoolValue:
		return append(b, v.Text()...)
	case ListValue:
		b = append(b, '[')
		for i := range v.list {
			b = append(appendValue(b, &v.list[i]), ',')
		}
		return appendEnd(b, ']')
	}
	return append(b, "null"...)
}

// appendNumber writes a decimal's digits in JSON's spelling, which has no
// leading zeros. What is no number is null.
func appendNumber(b []byte, text string) []byte {
	digits, negative := strings.CutPrefix(text, "-")
	if _, err := ParseDecimal(text); err != nil || text == "" {
		return append(b, "null"...)
	}
	for len(digits) > 1 && digits[0] == '0' && digits[1] != '.' {
		digits = digits[1:]
	}
	if negative {
		b = append(b, '-')
	}
	return append(b, digits...)
}

// MarshalJSON writes the decimal as a string, so that no reader rounds it.
func (d Decimal) MarshalJSON() ([]byte, error) { return appendText(nil, string(d)), nil }

// appendList writes a member that is left out when it is empty.
func appendList[T any](b []byte, name string, list []T, item func([]byte, *T) []byte) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(appendName(b, name), '[')
	for i := range list {
		b = append(item(b, &list[i]), ',')
	}
	return append(appendEnd(b, ']'), ',')
}

// appendFilled writes a member that is left out when it is empty.
func appendFilled[S ~string](b []byte, name string, text S) []byte {
	if text == "" {
		return b
	}
	return appendMember(b, name, text)
}

func appendMember[S ~string](b []byte, name string, text S) []byte {
	return append(appendText(appendName(b, name), string(text)), ',')
}

func appendName(b []byte, name string) []byte {
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// appendEnd closes an object or array in place of its last comma.
func appendEnd(b []byte, end byte) []byte {
	if last := len(b) - 1; b[last] == ',' {
		b[last] = end
		return b
	}
	return append(b, end)
}

func appendString(b []byte, text *string) []byte { return appendText(b, *text) }

// appendText writes a JSON string. Bytes that are not UTF-8 become U+FFFD; the
// line separators of JavaScript are escaped.
func appendText(b []byte, text string) []byte {
	b = append(b, '"')
	written := 0
	for i, r := range text {
		width := 1
		switch {
		case r < ' ', r == '"', r == '\\':
		case r < utf8.RuneSelf:
			continue
		case r == '\u2028', r == '\u2029':
			width = 3
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
		default:
			continue
		}
		b = append(b, text[written:i]...)
		b = appendEscape(b, r)
		written = i + width
	}
	b = append(b, text[written:]...)
	return append(b, '"')
}

func appendEscape(b []byte, r rune) []byte {
	if short := strings.IndexRune("\"\\\b\f\n\r\t", r); short >= 0 {
		return append(b, '\\', `"\bfnrt`[short])
	}
	return fmt.Appendf(b, `\u%04x`, r)
}
