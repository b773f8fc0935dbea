// Package expression is the one language of filters and of mappings, those of
// connectors and those of receivers: it checks expressions when the
// configuration is read, and runs them.
//
// It is that of expr-lang/expr, but for this:
//
//   - Numbers are exact. 1.09 is a decimal, not a float; a division keeps what
//     it gives until it is rounded. Whole numbers count and take items of lists.
//   - What is missing is nothing (nil): an attribute that is not there, a weight
//     that is not known. Nothing equals nothing only, is neither less nor
//     greater than anything, and is no true condition; a function of nothing
//     gives nothing. Calculating with it is an error: default(x, 0) helps.
//   - Only the functions in functions and loops are there. None reads a clock,
//     uses chance, or has an order that changes: the package is pure.
//   - Text, lists, loops and the expression itself have bounds.
package expression

import (
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Bounds of an expression.
const (
	maxExpression = 32 << 10 // bytes of its text
	maxNodes      = 5_000    // parts it is made of
	maxMemory     = 200_000  // entries of the lists and maps that one run makes
	maxSteps      = 100_000  // rounds of all loops in one scope
)

// Names are those that an expression can use.
type Names uint8

// The names of each kind of scope.
const (
	OfProduct Names = iota // product, event; run in Product
	OfVariant              // variant, too; run in ProductScope.Variant
	OfRequest              // body, item, headers, query, method, path; run in Request
)

// scope is an empty scope with these names.
func (n Names) scope() any {
	switch n {
	case OfVariant:
		return &VariantScope{}
	case OfRequest:
		return &RequestScope{}
	}
	return &ProductScope{}
}

// Type is what an expression is to give.
type Type struct {
	takes kind
	shape reflect.Type
}

// The types of what is no field of a product. An expression may give nothing
// instead of any of them.
var (
	Truth = Type{truth, truthType}
	Text  = Type{text, textType}
	Word  = Type{text | number, anyType} // a key, an id, a moment: see ToText
	List  = Type{list, listType}         // see Items
)

// Expression is a compiled expression. Many goroutines may use it at once.
type Expression struct {
	program *vm.Program
	needs   Parts
}

// Compile checks an expression, and makes it ready to run in a scope of these
// names. An error is an *Error.
//
// It calls the library's stages itself rather than expr.Compile: with a patch
// and functions, that lets unknown names in a function's arguments pass.
func Compile(text string, wanted Type, names Names) (compiled *Expression, err error) {
	defer func() {
		if r := recover(); r != nil {
			compiled, err = nil, &Error{Message: brief(fmt.Sprint("cannot be compiled: ", r))}
		}
	}()
	switch {
	case len(text) > maxExpression:
		return nil, &Error{Message: fmt.Sprintf("has %d bytes; an expression has at most %d", len(text), maxExpression)}
	case !utf8.ValidString(text):
		return nil, &Error{Message: "is not valid UTF-8"}
	}
	scope := names.scope()
	config := conf.New(scope)
	config.MaxNodes, config.Functions = maxNodes, functions
	for name := range config.Builtins {
		config.Disabled[name] = true
	}
	clear(config.Builtins)
	tree, err := parser.ParseWithConfig(text, config)
	if err != nil {
		return nil, explain(err)
	}
	l := language{text: []rune(text), wanted: wanted}
	if ast.Walk(&tree.Node, &l); l.err != nil {
		return nil, l.err
	}
	if wanted == Truth {
		tree.Node = call(condition, tree.Node)
	}
	if _, err := checker.Check(tree, config); err != nil {
		return nil, explain(err, rootsOf(scope)...)
	}
	if l.expect(tree.Node, wanted.shape, true); l.err != nil {
		return nil, l.err
	}
	program, err := compiler.Compile(tree, config)
	if err != nil {
		return nil, explain(err)
	}
	return &Expression{program: program, needs: l.needed()}, nil
}

// Run is the expression's value: nil for nothing, else a bool, string, int,
// Decimal, list, object or a part of a product. A panic in it is an error; an
// error is an *Error, and may quote what is in scope. A nil Expression gives
// nothing.
func (e *Expression) Run(scope any) (any, error) {
	if e == nil {
		return nil, nil
	}
	machine := vm.VM{MemoryBudget: maxMemory}
	value, err := machine.Run(e.program, scope)
	if err != nil {
		return nil, explain(err)
	}
	return known(value), nil
}

// Needs are the parts of a product that the expression looks at.
func (e *Expression) Needs() Parts { return e.needs }
