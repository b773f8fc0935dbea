package expression

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"
)

// function is a function or an operator of the language. Its arguments are
// checked when the expression is compiled, as far as their types tell, and
// again when it runs. A function of nothing gives nothing, unless it says what
// it does with it; an operator fails.
type function struct {
	name     string
	forms    [][]kind // the arguments it takes, in each of the ways
	many     bool     // any number of the last argument
	operator bool
	lenient  bool // takes anything at run time
	gives    func(args []reflect.Type) reflect.Type
	usage    string // what to write instead
	call     func(args []any) (any, error)
}

func always(t reflect.Type) func([]reflect.Type) reflect.Type {
	return func([]reflect.Type) reflect.Type { return t }
}

// fits says whether the function takes such arguments.
func (f *function) fits(args []kind) bool {
	return slices.ContainsFunc(f.forms, func(form []kind) bool {
		if len(args) < len(form) || len(args) > len(form) && !f.many {
			return false
		}
		for i, k := range args {
			if k&form[min(i, len(form)-1)] == 0 {
				return false
			}
		}
		return true
	})
}

func (f *function) misfit(args []kind) error {
	names := make([]string, len(args))
	for i, k := range args {
		names[i] = k.String()
	}
	took, remedy := strings.Join(names, " and "), f.usage
	if took == "" {
		took = "an empty list of arguments"
	}
	if f.operator && slices.Contains(args, nothing) {
		remedy = "default(…, 0) around what may be missing"
	}
	return fmt.Errorf("%s does not take %s: write %s", f.name, took, remedy)
}

// check is the function's type for arguments of these types.
func (f *function) check(args []reflect.Type) (reflect.Type, error) {
	kinds := make([]kind, len(args))
	for i, t := range args {
		if kinds[i] = kindOf(t); !f.operator && kinds[i] == nothing {
			kinds[i] = anything
		}
	}
	if !f.fits(kinds) {
		return anyType, f.misfit(kinds)
	}
	return f.gives(args), nil
}

// Bounds of what a function makes.
const (
	maxText  = 1 << 20 // bytes of a text
	maxItems = 10_000  // items of a list
)

var (
	errLongText = fmt.Errorf("makes a text of more than %d bytes", maxText)
	errLongList = fmt.Errorf("makes a list of more than %d items", maxItems)
)

func (f *function) run(args ...any) (any, error) {
	var room [4]kind
	kinds := room[:0]
	for i, arg := range args {
		args[i] = known(arg)
		kinds = append(kinds, kindOfValue(args[i]))
	}
	if !f.lenient && !f.fits(kinds) {
		if !f.operator && slices.Contains(kinds, nothing) {
			return nil, nil
		}
		return nil, f.misfit(kinds)
	}
	result, err := f.call(args)
	if err != nil && !f.operator {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	if s, ok := result.(string); ok && len(s) > maxText {
		return nil, errLongText
	}
	return result, err
}

// functions are the language's own functions and operators, by name. Those
// of the library that read the clock, use floats or have no fixed order are not
// among them.
var functions = func() map[string]*builtin.Function {
	all := make(map[string]*builtin.Function)
	for _, group := range [][]function{operators, numberFunctions, textFunctions, listFunctions, productFunctions} {
		for i := range group {
			f := &group[i]
			all[f.name] = &builtin.Function{Name: f.name, Func: f.run, Validate: f.check}
		}
	}
	return all
}()

var numberFunctions = []function{
	{name: "decimal", forms: [][]kind{{text | number}}, gives: always(decimalType), usage: `decimal("12.50")`,
		call: func(args []any) (any, error) { return toDecimal(args[0]) }},
	{name: "round", forms: [][]kind{{number}, {number, whole}}, gives: always(decimalType), usage: "round(number, digits)",
		call: func(args []any) (any, error) {
			digits := 0
			if len(args) == 2 {
				digits = args[1].(int)
			}
			r, err := toRat(args[0])
			if err != nil {
				return nil, err
			}
			return round(r, digits)
		}},
	{name: "div", forms: [][]kind{{number, number, whole}}, gives: always(decimalType), usage: "div(number, number, digits)",
		call: func(args []any) (any, error) {
			quotient, err := arithmetic("/", args[0], args[1])
			if err != nil {
				return nil, err
			}
			return round(quotient.(Decimal).Rat(), args[2].(int))
		}},
	{name: "min", forms: [][]kind{{number, number}, {list}}, many: true, gives: always(decimalType), usage: "min(number, number, …) or min(list)",
		call: func(args []any) (any, error) { return extreme(args, -1) }},
	{name: "max", forms: [][]kind{{number, number}, {list}}, many: true, gives: always(decimalType), usage: "max(number, number, …) or max(list)",
		call: func(args []any) (any, error) { return extreme(args, 1) }},
	{name: "sum", forms: [][]kind{{list}}, gives: always(decimalType), usage: "sum(list), as in sum(map(product.stock, .quantity))",
		call: func(args []any) (any, error) { return sum(items(args[0])) }},
}

// extreme is the least or greatest of numbers; of no numbers nothing.
func extreme(args []any, sign int) (any, error) {
	if kindOfValue(args[0]) == list {
		if len(args) > 1 {
			return nil, errors.New("takes one list, or numbers")
		}
		args = items(args[0])
	}
	var best any
	var most *big.Rat
	for _, arg := range args {
		r, err := toRat(arg)
		if err != nil {
			return nil, err
		}
		if most == nil || r.Cmp(most) == sign {
			best, most = arg, r
		}
	}
	if best == nil {
		return nil, nil
	}
	return toDecimal(best)
}

func sum(numbers []any) (any, error) {
	total := Decimal{text: "0"}
	for _, n := range numbers {
		r, err := toRat(n)
		if err != nil {
			return nil, err
		}
		if total, err = calculate("+", total.Rat(), r); err != nil {
			return nil, err
		}
	}
	return total, nil
}

var textFunctions = []function{
	{name: "string", forms: [][]kind{{text | number | truth}}, gives: always(textType), usage: "string(number)",
		call: func(args []any) (any, error) { return ToText(args[0]) }},
	textFunction("upper", strings.ToUpper),
	textFunction("lower", strings.ToLower),
	textFunction("persian", persian.Replace),
	{name: "fromJSON", forms: [][]kind{{text}}, gives: always(anyType), usage: "fromJSON(text)",
		call: func(args []any) (any, error) { return ParseJSON([]byte(args[0].(string))) }},
	{name: "trim", forms: [][]kind{{text}, {text, text}}, gives: always(textType), usage: "trim(text) or trim(text, characters)",
		call: func(args []any) (any, error) {
			if len(args) == 1 {
				return strings.TrimSpace(args[0].(string)), nil
			}
			return strings.Trim(args[0].(string), args[1].(string)), nil
		}},
	{name: "trimPrefix", forms: [][]kind{{text, text}}, gives: always(textType), usage: "trimPrefix(text, prefix)",
		call: func(args []any) (any, error) { return strings.TrimPrefix(args[0].(string), args[1].(string)), nil }},
	{name: "trimSuffix", forms: [][]kind{{text, text}}, gives: always(textType), usage: "trimSuffix(text, suffix)",
		call: func(args []any) (any, error) { return strings.TrimSuffix(args[0].(string), args[1].(string)), nil }},
	{name: "replace", forms: [][]kind{{text, text, text}}, gives: always(textType), usage: "replace(text, old, new)",
		call: func(args []any) (any, error) {
			in, old, by := args[0].(string), args[1].(string), args[2].(string)
			if len(in)+strings.Count(in, old)*(len(by)-len(old)) > maxText {
				return nil, errLongText
			}
			return strings.ReplaceAll(in, old, by), nil
		}},
	{name: "split", forms: [][]kind{{text, text}}, gives: always(textsType), usage: "split(text, separator)",
		call: func(args []any) (any, error) {
			all := strings.SplitN(args[0].(string), args[1].(string), maxItems+1)
			if len(all) > maxItems {
				return nil, errLongList
			}
			return all, nil
		}},
	{name: "join", forms: [][]kind{{list}, {list, text}}, gives: always(textType), usage: "join(list, separator)", call: join},
}

func textFunction(name string, of func(string) string) function {
	return function{name: name, forms: [][]kind{{text}}, gives: always(textType), usage: name + "(text)",
		call: func(args []any) (any, error) { return of(args[0].(string)), nil }}
}

// persian makes texts comparable that keyboards write differently: Arabic yeh
// and kaf become the Persian ones, and Arabic and Persian digits become 0 to 9.
var persian = func() *strings.Replacer {
	pairs := []string{"ي", "ی", "ى", "ی", "ك", "ک"}
	for digit := range rune(10) {
		pairs = append(pairs, string('٠'+digit), string('0'+digit), string('۰'+digit), string('0'+digit))
	}
	return strings.NewReplacer(pairs...)
}()

func join(args []any) (any, error) {
	separator, size := "", 0
	if len(args) == 2 {
		separator = args[1].(string)
	}
	parts := items(args[0])
	texts := make([]string, len(parts))
	for i, part := range parts {
		t, err := ToText(known(part))
		if err != nil {
			return nil, err
		}
		texts[i] = t
		if size += len(t) + len(separator); size > maxText {
			return nil, errLongText
		}
	}
	return strings.Join(texts, separator), nil
}

var listFunctions = []function{
	{name: "len", forms: [][]kind{{text | list}}, gives: always(intType), usage: "len(list)",
		call: func(args []any) (any, error) {
			if s, ok := args[0].(string); ok {
				return utf8.RuneCountInString(s), nil
			}
			return reflect.ValueOf(args[0]).Len(), nil
		}},
	{name: "first", forms: [][]kind{{list}}, gives: element, usage: "first(list)",
		call: func(args []any) (any, error) { return at(args[0], 0), nil }},
	{name: "last", forms: [][]kind{{list}}, gives: element, usage: "last(list)",
		call: func(args []any) (any, error) { return at(args[0], reflect.ValueOf(args[0]).Len()-1), nil }},
	{name: "concat", forms: [][]kind{{list}}, many: true, gives: always(listType), usage: "concat(list, list, …)",
		call: func(args []any) (any, error) {
			var all []any
			for _, arg := range args {
				if all = append(all, items(arg)...); len(all) > maxItems {
					return nil, errLongList
				}
			}
			return all, nil
		}},
	{name: "uniq", forms: [][]kind{{list}}, gives: always(listType), usage: "uniq(list)",
		call: func(args []any) (any, error) { return uniq(items(args[0])), nil }},
	{name: "default", forms: [][]kind{{anything, anything}}, gives: either, usage: "default(value, other)",
		call: func(args []any) (any, error) {
			if isEmpty(args[0]) {
				return args[1], nil
			}
			return args[0], nil
		}},
}

// uniq leaves out texts, numbers and truth values that come again.
func uniq(all []any) []any {
	met := make(map[any]bool, len(all))
	return slices.DeleteFunc(slices.Clone(all), func(item any) bool {
		id := item
		switch v := item.(type) {
		case Decimal, int:
			d, _ := toDecimal(v)
			if d.Rat() == nil {
				return false
			}
			id = [1]string{d.Rat().RatString()} // apart from texts
		case string, bool:
		default:
			return false
		}
		again := met[id]
		met[id] = true
		return again
	})
}

// element is the type of a list's items.
func element(args []reflect.Type) reflect.Type {
	if args[0] == nil || args[0].Kind() != reflect.Slice {
		return anyType
	}
	return args[0].Elem()
}

// either is the type of one of two values.
func either(args []reflect.Type) reflect.Type {
	switch a, b := args[0], args[1]; {
	case a == b && a != nil:
		return a
	case kindOf(a)&^number == 0 && kindOf(b)&^number == 0:
		return decimalType // a whole number does what a decimal does, but for being an index
	}
	return anyType
}

var productFunctions = []function{
	{name: "price", forms: [][]kind{{offer}, {offer, text}, {offer, text, text}}, gives: always(decimalType),
		usage: "price(product), price(product, list) or price(product, list, currency)",
		call: func(args []any) (any, error) {
			prices, _ := offers(args[0])
			for _, p := range prices {
				if named(args, 1, p.List) && named(args, 2, p.Currency) {
					return viewDecimal(p.Amount), nil
				}
			}
			return nil, nil
		}},
	{name: "stock", forms: [][]kind{{offer}, {offer, text}}, gives: always(decimalType),
		usage: "stock(product) or stock(product, location)",
		call: func(args []any) (any, error) {
			_, stock := offers(args[0])
			var quantities []any
			for _, s := range stock {
				if named(args, 1, s.Location) {
					quantities = append(quantities, viewDecimal(s.Quantity))
				}
			}
			if quantities == nil {
				return nil, nil // not known is not zero
			}
			return sum(quantities)
		}},
}

// named says whether the i-th argument is name, or not there.
func named(args []any, i int, name string) bool { return i >= len(args) || args[i] == name }
