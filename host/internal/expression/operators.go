package expression

import (
	"errors"
	"reflect"
	"strings"
)

// Operators are functions too, so that numbers are exact and nothing is a value
// like any other. The names of those that people do not write as they stand
// cannot be written as functions either.
const (
	condition = "a condition" // of what must be true or false
	orElse    = "??"          // of the left side of ??
	negative  = "- before"    // of -x
	step      = "a loop"      // of each round of one
)

var operators = []function{
	arithmeticOperator("-"), arithmeticOperator("*"), arithmeticOperator("/"), arithmeticOperator("%"),
	{name: "+", forms: [][]kind{{number, number}, {text, text}}, operator: true, gives: sumType,
		usage: "string(x) to join texts, decimal(x) to calculate",
		call: func(args []any) (any, error) {
			if a, ok := args[0].(string); ok {
				return a + args[1].(string), nil
			}
			return arithmetic("+", args[0], args[1])
		}},
	{name: negative, forms: [][]kind{{number}}, operator: true, usage: "- before a number",
		gives: func(args []reflect.Type) reflect.Type { return args[0] },
		call:  func(args []any) (any, error) { return arithmetic("-", 0, args[0]) }},
	{name: "==", forms: equalForms, operator: true, lenient: true, gives: always(truthType), usage: comparable,
		call: func(args []any) (any, error) { return equal(args[0], args[1]), nil }},
	{name: "!=", forms: equalForms, operator: true, lenient: true, gives: always(truthType), usage: comparable,
		call: func(args []any) (any, error) { return !equal(args[0], args[1]), nil }},
	order("<", func(c int) bool { return c < 0 }), order("<=", func(c int) bool { return c <= 0 }),
	order(">", func(c int) bool { return c > 0 }), order(">=", func(c int) bool { return c >= 0 }),
	{name: "in", forms: [][]kind{{anything, list}, {text, object}, {anything, nothing}}, operator: true, gives: always(truthType),
		usage: "value in list; for a part of a text: text contains part",
		call:  func(args []any) (any, error) { return contains(args[0], args[1]), nil }},
	{name: condition, forms: [][]kind{{truth | nothing}}, operator: true, gives: always(truthType),
		usage: `what is true or false, such as product.status == "active"`,
		call:  func(args []any) (any, error) { return args[0] == true, nil }},
	{name: orElse, forms: [][]kind{{anything}}, operator: true, gives: func(args []reflect.Type) reflect.Type { return args[0] },
		call: func(args []any) (any, error) { return args[0], nil }},
	{name: step, forms: [][]kind{{object}}, operator: true, gives: always(truthType),
		call: func(args []any) (any, error) {
			left := args[0].(budget).left
			if *left--; *left < 0 {
				return nil, errors.New("the loops of the expression take too many rounds")
			}
			return true, nil
		}},
}

const comparable = "values of one kind on both sides"

var equalForms = [][]kind{
	{number, number}, {text, text}, {truth, truth}, {list, list}, {decimal, text}, {text, decimal},
	{nothing, anything}, {anything, nothing},
}

func arithmeticOperator(op string) function {
	return function{
		name: op, forms: [][]kind{{number, number | text}, {text, number}}, operator: true, usage: "numbers on both sides",
		gives: func(args []reflect.Type) reflect.Type {
			switch a, b := kindOf(args[0]), kindOf(args[1]); {
			case a == whole && b == whole && op != "/":
				return intType
			case a&^decimal == 0 || b&^decimal == 0 || op == "/":
				return decimalType
			}
			return anyType
		},
		call: func(args []any) (any, error) { return arithmetic(op, args[0], args[1]) },
	}
}

func sumType(args []reflect.Type) reflect.Type {
	switch a, b := kindOf(args[0]), kindOf(args[1]); {
	case a == text || b == text:
		return textType
	case a == decimal || b == decimal:
		return decimalType
	case a == whole && b == whole:
		return intType
	}
	return anyType
}

// arithmetic is a op b; of whole numbers it is a whole number, but for division.
func arithmetic(op string, a, b any) (any, error) {
	left, err := toRat(a)
	if err != nil {
		return nil, err
	}
	right, err := toRat(b)
	if err != nil {
		return nil, err
	}
	result, err := calculate(op, left, right)
	if err != nil {
		return nil, err
	}
	_, wholeLeft := a.(int)
	_, wholeRight := b.(int)
	if !wholeLeft || !wholeRight || op == "/" {
		return result, nil
	}
	if !result.rat.Num().IsInt64() {
		return nil, errors.New("the whole number grows too large: write decimal(…) around one of the numbers")
	}
	return int(result.rat.Num().Int64()), nil
}

func order(op string, holds func(int) bool) function {
	return function{
		name: op, operator: true, gives: always(truthType), usage: "numbers or texts on both sides",
		forms: [][]kind{{number, number | text}, {text, number}, {text, text}, {nothing, anything}, {anything, nothing}},
		call: func(args []any) (any, error) {
			if args[0] == nil || args[1] == nil {
				return false, nil // nothing is neither less nor greater
			}
			a, aText := args[0].(string)
			b, bText := args[1].(string)
			if aText && bText {
				return holds(strings.Compare(a, b)), nil
			}
			left, err := toRat(args[0])
			if err != nil {
				return nil, err
			}
			right, err := toRat(args[1])
			if err != nil {
				return nil, err
			}
			return holds(left.Cmp(right)), nil
		},
	}
}

// equal compares values of any kind: numbers as numbers, also with texts that
// hold one; lists item by item.
func equal(a, b any) bool {
	a, b = known(a), known(b)
	ka, kb := kindOfValue(a), kindOfValue(b)
	switch {
	case ka == text && kb == text, ka == truth && kb == truth, ka == whole && kb == whole:
		return a == b
	case (ka|kb)&^(number|text) == 0:
		left, errLeft := toRat(a)
		right, errRight := toRat(b)
		return errLeft == nil && errRight == nil && left.Cmp(right) == 0
	case ka == list && kb == list:
		left, right := items(a), items(b)
		for i := range left {
			if len(left) != len(right) || !equal(left[i], right[i]) {
				return false
			}
		}
		return len(left) == len(right)
	}
	return ka == nothing && kb == nothing
}

// contains says whether value is in a list, or names a value of an object.
func contains(value, in any) bool {
	switch in := in.(type) {
	case nil:
		return false
	case map[string]any:
		name, ok := value.(string)
		_, there := in[name]
		return ok && there
	case []string:
		for _, item := range in {
			if equal(value, item) {
				return true
			}
		}
		return false
	}
	if kindOfValue(in) != list {
		return false
	}
	for _, item := range items(in) {
		if equal(value, item) {
			return true
		}
	}
	return false
}
