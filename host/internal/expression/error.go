package expression

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/file"

	"github.com/synchost/synchost/sdk"
)

// Error is what is wrong with an expression, or with a product that
// it does not fit.
type Error struct {
	Line, Column int    // in the expression, from 1, columns in characters; 0: as a whole
	Message      string // what is wrong and what to write instead
	Nearest      string // for a name that is not known: the known one that is nearest; empty: none is near
}

// Error is the message, the nearest name and the place.
func (e *Error) Error() string {
	message := e.Message
	if e.Nearest != "" {
		message += fmt.Sprintf("; did you mean %q?", e.Nearest)
	}
	if e.Line > 0 {
		message += fmt.Sprintf(" (line %d, character %d of the expression)", e.Line, e.Column)
	}
	return message
}

// explain makes an Error of the library's errors. roots are the names
// that are known by themselves.
func explain(err error, roots ...string) *Error {
	e := &Error{Message: err.Error()}
	if at, ok := errors.AsType[*file.Error](err); ok {
		e.Line, e.Column, e.Message = at.Line, at.Column+1, at.Message
	}
	e.Message, _, _ = strings.Cut(e.Message, "\n")
	for _, said := range sayings {
		parts := said.theirs.FindStringSubmatch(e.Message)
		if parts == nil {
			continue
		}
		args := make([]any, len(parts)-1)
		for i, part := range parts[1:] {
			if args[i] = part; i != said.name-1 {
				args[i] = called(part)
			}
		}
		e.Message = fmt.Sprintf(said.ours, args...)
		switch said.name {
		case 1:
			e.Nearest = sdk.Nearest(parts[1], roots)
		case 2:
			e.Nearest = sdk.Nearest(parts[2], namesIn(parts[1]))
		}
		break
	}
	e.Message = brief(e.Message)
	return e
}

// sayings are the library's messages in our words. What they capture is the
// arguments, Go's types by their names here. name says which of them, if any, is
// a name that is not known: 1 by itself, 2 in the type before it.
var sayings = []struct {
	theirs *regexp.Regexp
	ours   string
	name   int
}{
	{regexp.MustCompile(`^(?:array elements can only be selected using an integer \(got |invalid operation: int\()(.+)\)$`),
		"a list is asked for an item by number, not by %s: take one, as in list[0], or go over all with map or any", 0},
	{regexp.MustCompile(`^type (.+)\[.+\] is undefined$`), "what is in %s is named with a point, as in product.name", 0},
	{regexp.MustCompile(`^type (.+) has no (?:field|method) (.+)$`), "%s has no %q", 2},
	{regexp.MustCompile(`^unknown name (.+)$`), "there is no %q", 1},
	{regexp.MustCompile(`^cannot (?:fetch|get) (.+) from <nil>$`), "there is nothing to take %s of: write ?. before it where something may be missing", 0},
	{regexp.MustCompile(`^cannot (?:fetch|get) (.+) from (.+)$`), "there is no %s in %s", 0},
	{regexp.MustCompile(`^index out of range: (-?\d+) \(array length is (\d+)\)$`), "there is no item %s in a list of %s: first(list) and last(list) take what may be missing", 0},
	{regexp.MustCompile(`^interface conversion: interface \{\} is (.+), not (.+)$`), "does not take %s but %s", 0},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types (.+) and (.+)\)$`), "%s does not take %s and %s", 0},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched type (.+)\)$`), "%s does not take %s", 0},
	{regexp.MustCompile(`^builtin (\w+) takes only array \(got (.+)\)$`), "%s takes a list, not %s", 0},
	{regexp.MustCompile(`^cannot use (.+) to get an element from (.+)$`), "cannot use %s to look into %s", 0},
	{regexp.MustCompile(`^(?:unexpected token EOF|unexpected end of expression)$`), "ends too early", 0},
	{regexp.MustCompile(`^unexpected token Operator\("(:)"\)$`),
		"%q does not belong here: an object in a loop has two pairs of braces, as in map(product.prices, {{amount: .amount}})", 0},
	{regexp.MustCompile(`^unexpected token \w+\("(.+)"\)$`), "%q does not belong here", 0},
	{regexp.MustCompile(`^invalid integer literal`), `the number is too large: write it as decimal("…")`, 0},
	{regexp.MustCompile(`^memory budget exceeded$`), "makes too much of lists and objects", 0},
	{regexp.MustCompile(`exceeds maximum allowed nodes$`), errComplex.Error(), 0},
}

var viewTypes = []reflect.Type{
	reflect.TypeFor[productView](), reflect.TypeFor[priceView](), reflect.TypeFor[stockView](), reflect.TypeFor[mediaView](),
	reflect.TypeFor[weightView](), reflect.TypeFor[sizeView](), reflect.TypeFor[variantView](), reflect.TypeFor[optionView](),
	reflect.TypeFor[eventView](),
}

// called is what people call a Go type; what is none stays as it is.
func called(goType string) string {
	switch goType {
	case "string":
		return text.String()
	case "int":
		return whole.String()
	case "bool":
		return truth.String()
	case "nil", "<nil>":
		return nothing.String()
	case "interface {}", "unknown":
		return anything.String()
	case decimalType.String():
		return decimal.String()
	}
	for _, view := range viewTypes {
		if view.String() == goType {
			return calledView(view)
		}
	}
	switch {
	case strings.HasPrefix(goType, "[]"):
		return list.String()
	case strings.HasPrefix(goType, "map["):
		return object.String()
	}
	return goType
}

func calledView(view reflect.Type) string {
	name := strings.TrimSuffix(view.Name(), "View")
	if strings.HasPrefix(name, "e") || strings.HasPrefix(name, "o") {
		return "an " + name
	}
	return "a " + name
}

// namesIn are the names that are known in one of our Go types.
func namesIn(goType string) []string {
	for _, view := range viewTypes {
		if view.String() == goType {
			return names(view)
		}
	}
	return nil
}

// brief shortens what may quote a product's text.
func brief(message string) string {
	const most = 200
	runes := []rune(message)
	if len(runes) <= most {
		return message
	}
	return string(runes[:most]) + "…"
}
