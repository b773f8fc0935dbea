package expression

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/synchost/synchost/sdk"
)

// language makes the library's language ours: exact numbers instead of floats,
// nothing that reads a clock or runs without bounds.
type language struct {
	text   []rune
	wanted Type
	visits int
	err    error // the first

	parts Parts // that are named
	whole int   // times that the product or the event is used otherwise than by naming a part
}

// loops are the functions that run an expression for each item of a list, and
// whether that expression is a condition.
var loops = map[string]bool{
	"all": true, "any": true, "none": true, "one": true, "filter": true, "count": true,
	"find": true, "findIndex": true, "findLast": true, "findLastIndex": true,
	"map": false, "reduce": false,
}

var errComplex = errors.New("it has too many parts")

func (l *language) fail(at ast.Node, message, near string) {
	if l.err == nil {
		line, column := l.place(at.Location())
		l.err = &Error{Line: line, Column: column, Message: message, Nearest: near}
	}
}

func (l *language) place(at file.Location) (line, column int) {
	before := string(l.text[:min(at.From, len(l.text))])
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

func call(name string, args ...ast.Node) ast.Node {
	node := &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
	node.SetLocation(args[0].Location())
	return node
}

// Visit checks and rewrites one node, after the nodes in it.
func (l *language) Visit(node *ast.Node) {
	// Nodes that the parser uses twice, as in a < b < c, can stand for far more
	// nodes than the text has.
	if l.visits++; l.visits > 4*maxNodes {
		panic(errComplex)
	}
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		l.identifier(n)
	case *ast.FloatNode:
		l.fraction(node, n)
	case *ast.BytesNode:
		l.fail(n, "bytes are not among the values: write a text without the b before it", "")
	case *ast.UnaryNode:
		switch n.Operator {
		case "-":
			ast.Patch(node, call(negative, n.Node))
		case "!", "not":
			n.Node = call(condition, n.Node)
		}
	case *ast.BinaryNode:
		l.operator(node, n)
	case *ast.ConditionalNode:
		n.Cond = call(condition, n.Cond)
	case *ast.MemberNode:
		l.member(n)
	case *ast.CallNode:
		l.call(n)
	case *ast.BuiltinNode:
		l.loop(n)
	}
}

func (l *language) identifier(n *ast.IdentifierNode) {
	switch n.Value {
	case "$env":
		l.fail(n, "$env is not known: name what is meant, such as product.name", "")
	case "product", "event":
		l.whole++
	}
}

// fraction makes a number with a point the decimal that is written.
func (l *language) fraction(node *ast.Node, n *ast.FloatNode) {
	at := n.Location()
	written := strings.ReplaceAll(string(l.text[at.From:at.To]), "_", "")
	if strings.HasPrefix(written, ".") {
		written = "0" + written
	}
	d, err := sdk.ParseDecimal(strings.TrimSuffix(written, "."))
	if err != nil {
		l.fail(n, err.Error(), "")
	}
	ast.Patch(node, &ast.ConstantNode{Value: Decimal{text: d}})
}

func (l *language) operator(node *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "and", "&&", "or", "||":
		n.Left, n.Right = call(condition, n.Left), call(condition, n.Right)
	case "??":
		n.Left = call(orElse, n.Left)
	case "matches":
		if _, ok := n.Right.(*ast.StringNode); !ok {
			l.fail(n, "matches needs its pattern in quotes, so that it can be checked beforehand", "")
		}
	case "..":
		l.fail(n, "ranges such as 1..3 are not taken: loops go over a product's lists", "")
	case "**", "^":
		l.fail(n, n.Operator+" is not taken, since it is not exact: multiply instead", "")
	default:
		if _, ours := functions[n.Operator]; ours {
			ast.Patch(node, call(n.Operator, n.Left, n.Right))
		}
	}
}

func (l *language) member(n *ast.MemberNode) {
	name, fixed := n.Property.(*ast.StringNode)
	if !fixed {
		return
	}
	if isHeaders(n.Node) { // however a request spells the name
		name.Value = strings.ToLower(name.Value)
	}
	switch of, _ := n.Node.(*ast.IdentifierNode); {
	case of == nil:
	case of.Value == "product":
		l.whole--
		l.parts |= partByName[name.Value]
	case of.Value == "event":
		l.whole--
		l.parts |= partOfEvent[name.Value]
	}
}

// isHeaders says whether node is headers, or event.headers.
func isHeaders(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return n.Value == "headers"
	case *ast.MemberNode:
		of, isName := n.Node.(*ast.IdentifierNode)
		name, fixed := n.Property.(*ast.StringNode)
		return isName && fixed && of.Value == "event" && name.Value == "headers"
	}
	return false
}

func (l *language) call(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		l.fail(n, "only functions can be called: write upper(product.name), not product.name.upper()", "")
		return
	}
	if _, ok := functions[callee.Value]; !ok {
		known := slices.AppendSeq(slices.Collect(maps.Keys(functions)), maps.Keys(loops))
		known = slices.DeleteFunc(known, func(name string) bool { return name[0] < 'a' || strings.Contains(name, " ") })
		l.fail(n, fmt.Sprintf("there is no function %q", callee.Value), sdk.Nearest(callee.Value, known))
		return
	}
	if len(n.Arguments) == 0 {
		return
	}
	switch of := n.Arguments[0].(type) {
	case *ast.IdentifierNode:
		if of.Value == "product" && (callee.Value == "price" || callee.Value == "stock") {
			l.whole-- // these look at the source
		}
	case *ast.StringNode:
		if callee.Value != "decimal" {
			return
		}
		if _, err := parseDecimal(of.Value); err != nil {
			l.fail(of, err.Error(), "")
		}
	}
}

// loop counts the rounds of a loop.
func (l *language) loop(n *ast.BuiltinNode) {
	conditional, ok := loops[n.Name]
	if !ok {
		l.fail(n, fmt.Sprintf("the function %q is not taken here", n.Name), "")
		return
	}
	for _, arg := range n.Arguments {
		body, ok := arg.(*ast.PredicateNode)
		if !ok {
			continue
		}
		if conditional {
			body.Node = call(condition, body.Node)
		}
		count := call(step, &ast.IdentifierNode{Value: "the steps left"})
		rounds := &ast.SequenceNode{Nodes: []ast.Node{count, body.Node}}
		rounds.SetLocation(body.Location())
		body.Node = rounds
	}
}

// needed are the parts that the expression looks at.
func (l *language) needed() Parts {
	if l.whole > 0 {
		return allParts
	}
	return l.parts
}

// expect checks, as far as it shows, that node gives what a value of type wanted
// is made of. top is said of the outcome itself, and not of what is in it.
func (l *language) expect(node ast.Node, wanted reflect.Type, top bool) {
	switch n := node.(type) {
	case *ast.ConditionalNode:
		l.expect(n.Exp1, wanted, top)
		l.expect(n.Exp2, wanted, top)
	case *ast.VariableDeclaratorNode:
		l.expect(n.Expr, wanted, top)
	case *ast.SequenceNode:
		l.expect(n.Nodes[len(n.Nodes)-1], wanted, top)
	case *ast.PredicateNode:
		l.expect(n.Node, wanted, top)
	case *ast.ArrayNode:
		if !l.kinds(n, wanted, top) || wanted.Kind() != reflect.Slice {
			return
		}
		for _, item := range n.Nodes {
			l.expect(item, wanted.Elem(), false)
		}
	case *ast.MapNode:
		if l.kinds(n, wanted, top) && wanted.Kind() == reflect.Struct {
			l.object(n, wanted)
		}
	case *ast.BuiltinNode:
		if l.kinds(n, wanted, top) && n.Name == "map" && wanted.Kind() == reflect.Slice {
			l.expect(n.Arguments[1], wanted.Elem(), false)
		}
	default:
		if l.kinds(n, wanted, top) {
			l.inner(n, wanted)
		}
	}
}

// inner checks which part of a product it is, or what a list's items are.
func (l *language) inner(node ast.Node, wanted reflect.Type) {
	message := "gives %s, and should give %s"
	t := node.Type()
	if t.Kind() == reflect.Slice && wanted.Kind() == reflect.Slice {
		message = "gives a list in which each is %s, and should be %s"
		t, wanted = t.Elem(), wanted.Elem()
	} else if wanted.Kind() != reflect.Struct || wanted == decimalType {
		return
	}
	if !fits(t, wanted) {
		l.fail(node, fmt.Sprintf(message, called(t.String()), called(wanted.String())), "")
	}
}

// object checks the names in a map that is to be a part of a product.
func (l *language) object(n *ast.MapNode, wanted reflect.Type) {
	for _, pair := range n.Pairs {
		pair := pair.(*ast.PairNode)
		key, ok := pair.Key.(*ast.StringNode)
		if !ok {
			continue
		}
		field, ok := member(wanted, key.Value)
		if !ok {
			l.fail(key, fmt.Sprintf("%q is not known in %s", key.Value, calledView(wanted)), sdk.Nearest(key.Value, names(wanted)))
			return
		}
		l.expect(pair.Value, field.Type, false)
	}
}

// kinds checks a node's own type.
func (l *language) kinds(node ast.Node, wanted reflect.Type, top bool) bool {
	if node.Nature().Nil {
		return true
	}
	takes := takenBy(wanted)
	if top {
		takes = l.wanted.takes
	}
	gives := kindOf(node.Type())
	if gives&takes == 0 {
		l.fail(node, fmt.Sprintf("gives %s, and should give %s", gives, takes), "")
		return false
	}
	return true
}

// takenBy are the kinds that something of that shape is made of.
func takenBy(shape reflect.Type) kind {
	switch {
	case shape == anyType:
		return text | number | truth | list
	case shape == decimalType:
		return number | text
	case shape.Kind() == reflect.Struct:
		return object | offer
	}
	return kindOf(shape)
}

// fits says whether a part of type t can be one of type wanted.
func fits(t, wanted reflect.Type) bool {
	return t == wanted || t == anyType || wanted == anyType || t.Kind() == reflect.Map && wanted.Kind() == reflect.Struct
}
