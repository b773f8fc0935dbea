package receive

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// scope is what expressions see of a request. Credentials are not among it.
type scope struct {
	Body    any               `expr:"body"`    // see request.content
	Headers map[string]string `expr:"headers"` // any spelling of a name finds it
	Query   map[string]string `expr:"query"`   // the first of each name
	Method  string            `expr:"method"`
	Path    string            `expr:"path"` // as configured
	Item    any               `expr:"item"` // one of map.items; without map.items the body
}

func (r *request) scope() (scope, error) {
	body, err := r.content()
	if err != nil {
		return scope{}, err
	}
	query := map[string]string{}
	for name, values := range r.URL.Query() {
		if name != r.receiver.config.Token.Query {
			query[name] = values[0]
		}
	}
	return scope{
		Body: body, Item: body, Headers: r.openHeaders(strings.ToLower), Query: query,
		Method: r.Method, Path: r.receiver.config.Path,
	}, nil
}

// expression is one entry of a receiver's map.
type expression struct {
	name    string // "key", "fields.name"
	program *vm.Program
}

// compile checks an expression as far as it can be without a request: its
// syntax, the names in it, and that its outcome is one of the kinds.
func compile(name, text string, kinds ...string) (*expression, error) {
	program, err := expr.Compile(text, expr.Env(scope{}), expr.Patch(lowerHeaders{}))
	if err != nil {
		if at, ok := errors.AsType[*file.Error](err); ok {
			return nil, fmt.Errorf("%s (line %d, character %d of the expression)", at.Message, at.Line, at.Column+1)
		}
		return nil, err
	}
	if kind := kindOf(program.Node().Type()); kind != "" && !slices.Contains(kinds, kind) {
		return nil, fmt.Errorf("gives %s, and should give %s", kind, strings.Join(kinds, " or "))
	}
	return &expression{name, program}, nil
}

// run is the expression's value for one request. What it says of an error may
// quote the request.
func (e *expression) run(s scope) (any, error) {
	if e == nil {
		return nil, nil
	}
	value, err := expr.Run(e.program, s)
	if err != nil {
		return nil, malformed("The expression map."+e.name+" does not fit this request.", nil)
	}
	return value, nil
}

// The kinds of an expression's outcome.
const (
	aText    = "a text"
	aNumber  = "a number"
	aTruth   = "true or false"
	aList    = "a list"
	anObject = "an object"
	aTime    = "a time"
)

// kindOf is the kind of a type; empty: it shows only when a request is there.
func kindOf(t reflect.Type) string {
	if t == nil {
		return ""
	}
	switch t.Kind() {
	case reflect.String:
		return aText
	case reflect.Bool:
		return aTruth
	case reflect.Slice, reflect.Array:
		return aList
	case reflect.Map:
		return anObject
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return aTime
		}
		return anObject
	case reflect.Interface:
		return ""
	}
	if t.ConvertibleTo(reflect.TypeFor[float64]()) {
		return aNumber
	}
	return t.String()
}

// lowerHeaders lets headers["X-GitHub-Event"] find the header however the
// request spells its name.
type lowerHeaders struct{}

func (lowerHeaders) Visit(node *ast.Node) {
	member, ok := (*node).(*ast.MemberNode)
	if !ok {
		return
	}
	of, ok := member.Node.(*ast.IdentifierNode)
	if name, text := member.Property.(*ast.StringNode); ok && text && of.Value == "headers" {
		name.Value = strings.ToLower(name.Value)
	}
}
