package expression

import (
	"fmt"
	"math/big"
	"reflect"
	"strings"
)

// kind is a set of kinds of values, as functions tell them apart.
type kind uint8

const (
	nothing kind = 1 << iota
	truth
	whole   // int: an index or a count
	decimal // Decimal
	text
	list
	object
	offer // a product or a variant

	number   = whole | decimal
	anything = nothing | truth | number | text | list | object | offer
)

var kindNames = []struct {
	kind kind
	name string
}{
	{anything, "something"}, {nothing, "nothing"}, {truth, "true or false"}, {number, "a number"}, {whole, "a whole number"},
	{decimal, "a decimal"}, {text, "a text"}, {list, "a list"}, {object, "an object"}, {offer, "a product"},
}

// String is what people call a value of the kind.
func (k kind) String() string {
	if k == 0 {
		return "a function"
	}
	var all []string
	for _, known := range kindNames {
		if k&known.kind == known.kind {
			all = append(all, known.name)
			k &^= known.kind
		}
	}
	return strings.Join(all, " or ")
}

var (
	anyType     = reflect.TypeFor[any]()
	decimalType = reflect.TypeFor[Decimal]()
	productType = reflect.TypeFor[productView]()
	variantType = reflect.TypeFor[variantView]()
	intType     = reflect.TypeFor[int]()
	textType    = reflect.TypeFor[string]()
	truthType   = reflect.TypeFor[bool]()
	listType    = reflect.TypeFor[[]any]()
	textsType   = reflect.TypeFor[[]string]()
)

// kindOf is the kind of a type; anything where it shows only at run time.
func kindOf(t reflect.Type) kind {
	if t == nil {
		return nothing
	}
	switch t {
	case decimalType:
		return decimal
	case productType, variantType:
		return offer
	}
	switch t.Kind() {
	case reflect.Interface:
		return anything
	case reflect.Bool:
		return truth
	case reflect.Int:
		return whole
	case reflect.String:
		return text
	case reflect.Slice:
		return list
	case reflect.Map, reflect.Struct:
		return object
	}
	return 0
}

func kindOfValue(v any) kind {
	switch v.(type) {
	case string:
		return text
	case Decimal:
		return decimal
	case int:
		return whole
	case bool:
		return truth
	}
	return kindOf(reflect.TypeOf(v))
}

// known is v, or nil where v says that there is nothing.
func known(v any) any {
	switch v := v.(type) {
	case Decimal:
		if v == (Decimal{}) {
			return nil
		}
	case weightView:
		if v == (weightView{}) {
			return nil
		}
	case sizeView:
		if v == (sizeView{}) {
			return nil
		}
	}
	return v
}

func at(of any, i int) any {
	if v := reflect.ValueOf(of); i >= 0 && i < v.Len() {
		return v.Index(i).Interface()
	}
	return nil
}

// Items are those of a list; false: it is none.
func Items(of any) ([]any, bool) {
	if kindOfValue(of) != list {
		return nil, false
	}
	return items(of), true
}

func items(of any) []any {
	if all, ok := of.([]any); ok {
		return all
	}
	v := reflect.ValueOf(of)
	all := make([]any, v.Len())
	for i := range all {
		all[i] = v.Index(i).Interface()
	}
	return all
}

func isEmpty(v any) bool {
	switch kindOfValue(v) {
	case nothing:
		return true
	case text, list:
		return reflect.ValueOf(v).Len() == 0
	}
	return false
}

func toRat(v any) (*big.Rat, error) {
	d, err := toDecimal(v)
	if err != nil {
		return nil, err
	}
	return d.Rat(), nil
}

func toDecimal(v any) (Decimal, error) {
	switch v := known(v).(type) {
	case Decimal:
		return v, nil
	case int:
		return Decimal{rat: new(big.Rat).SetInt64(int64(v))}, nil
	case string:
		return parseDecimal(v)
	}
	return Decimal{}, fmt.Errorf("%s is not a number", kindOfValue(known(v)))
}

// ToText is a text, number or truth value as text.
func ToText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool, int:
		return fmt.Sprint(v), nil
	case Decimal:
		digits, err := v.Text()
		return string(digits), err
	}
	return "", fmt.Errorf("%s is not a text", kindOfValue(v))
}
