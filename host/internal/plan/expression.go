package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/vm"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// Bounds of an expression.
const (
	maxExpression = 32 << 10 // bytes of its text
	maxNodes      = 5_000    // parts it is made of
	maxMemory     = 200_000  // entries of the lists and maps that one run makes
	maxSteps      = 100_000  // rounds of all loops of one run
)

// Filter is an expression that says which products go to a connector.
type Filter struct{ expression *expression }

// CompileFilter checks a filter's text. The empty text gives nil: the filter
// that everything passes. An error is an *ExpressionError.
func CompileFilter(text string) (*Filter, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	compiled, err := compile(text, truthType, &scope{})
	if err != nil {
		return nil, err
	}
	return &Filter{compiled}, nil
}

// Match says whether a product passes. Without an event, event's fields are
// empty. A filter that gives nothing is not passed. Many goroutines may use a
// Filter at once.
func (f *Filter) Match(p *sdk.Product, e *sdk.Event) (bool, error) {
	if f == nil {
		return true, nil
	}
	passes, err := f.expression.run(newScope(p, e, f.expression.parts))
	return passes == true, err
}

// Fingerprint changes with the filter's text.
func (f *Filter) Fingerprint() string {
	if f == nil {
		return ""
	}
	return fingerprint(f.expression.text)
}

// Problem is one thing wrong with a mapping.
type Problem struct {
	Field        string // the field path that is mapped
	Line, Column int    // in the expression's text, from 1; 0: as a whole
	Message      string // what is wrong and what to do, with its place
}

// Mapping makes fields of a product for one connector.
type Mapping struct {
	fields   []string // all paths, sorted
	products []rule
	variants []rule // of parts of variants, which are made for each variant
	parts    parts  // that some rule needs
	print    string
}

// rule makes one field.
type rule struct {
	name       string // in a product's or variant's JSON form; of an attribute its own name
	attribute  bool
	asText     bool // numbers and truth values become texts
	expression *expression
}

// CompileMapping checks a mapping: field paths and the expressions that make
// them. All problems are found at once. An empty mapping is nil: it changes
// nothing.
func CompileMapping(fields map[string]string) (*Mapping, []Problem) {
	if len(fields) == 0 {
		return nil, nil
	}
	var m Mapping
	var problems []Problem
	var texts []string
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		texts = append(texts, path, fields[path])
		if err := m.add(path, fields[path]); err != nil {
			p := Problem{Field: path, Message: err.Error()}
			if at, ok := errors.AsType[*ExpressionError](err); ok {
				p.Line, p.Column = at.Line, at.Column
			}
			problems = append(problems, p)
		}
	}
	if _, whole := fields["variants"]; whole && len(m.variants) > 0 {
		problems = append(problems, Problem{Field: "variants",
			Message: "is mapped as a whole and in parts: keep either variants or variants." + m.variants[0].name})
	}
	if len(problems) > 0 {
		return nil, problems
	}
	m.print = fingerprint(texts...)
	return &m, nil
}

const (
	attributePrefix = "attributes."
	variantPrefix   = "variants."
)

func (m *Mapping) add(path, text string) error {
	wanted, err := fieldType(path)
	if err != nil {
		return err
	}
	part, ofVariant := strings.CutPrefix(path, variantPrefix)
	attribute, isAttribute := strings.CutPrefix(path, attributePrefix)
	var env any = &scope{}
	r := rule{name: path, attribute: isAttribute, asText: wanted == textType}
	switch {
	case ofVariant:
		r.name, env = part, &variantScope{}
	case isAttribute:
		r.name = attribute
	}
	if r.expression, err = compile(text, wanted, env); err != nil {
		return err
	}
	m.fields = append(m.fields, path)
	m.parts |= r.expression.parts
	if ofVariant {
		m.variants = append(m.variants, r)
	} else {
		m.products = append(m.products, r)
	}
	return nil
}

// fieldType is the type of what is mapped to a field path.
func fieldType(path string) (reflect.Type, error) {
	if name, ok := strings.CutPrefix(path, attributePrefix); ok && name != "*" {
		if err := event.CheckKey(name); err != nil {
			return nil, &ExpressionError{Message: "the name of an attribute " + err.Error()}
		}
		return anyType, nil
	}
	if !sdk.KnownField(path) || path == attributePrefix+"*" {
		paths := slices.DeleteFunc(sdk.FieldPaths(), func(p string) bool { return p == attributePrefix+"*" })
		return nil, &ExpressionError{Message: fmt.Sprintf("%q is no field that can be mapped: map a product's field or attributes.<name>", path),
			Nearest: sdk.Nearest(path, paths)}
	}
	view, name := reflect.TypeFor[productView](), path
	if part, ok := strings.CutPrefix(path, variantPrefix); ok {
		view, name = reflect.TypeFor[variantView](), part
	}
	field, _ := member(view, name)
	return field.Type, nil
}

// Fields are the field paths that the mapping makes, sorted.
func (m *Mapping) Fields() []string {
	if m == nil {
		return nil
	}
	return slices.Clone(m.fields)
}

// Apply is p with the mapped fields made anew; p itself stays as it is, and
// shares with the outcome what is not mapped. Each expression sees p as it was.
// An expression that gives nothing clears its field. Without an event, event's
// fields are empty. Many goroutines may use a Mapping at once.
func (m *Mapping) Apply(p *sdk.Product, e *sdk.Event) (sdk.Product, error) {
	out := *p
	if m == nil {
		return out, nil
	}
	s := newScope(p, e, m.parts)
	made, err := patch(m.products, s)
	if err != nil {
		return sdk.Product{}, err
	}
	for _, path := range m.fields {
		if !strings.HasPrefix(path, variantPrefix) {
			sdk.CopyField(&out, &made, path)
		}
	}
	if len(m.variants) > 0 {
		out.Variants = slices.Clone(p.Variants)
	}
	for i := range out.Variants {
		if len(m.variants) == 0 {
			break
		}
		made, err := patch(m.variants, &variantScope{*s, viewVariant(&p.Variants[i])})
		if err != nil {
			return sdk.Product{}, fmt.Errorf("variants[%d].%w", i, err)
		}
		for _, r := range m.variants {
			copyPart(&out.Variants[i], &made, r.name)
		}
	}
	return out, nil
}

// copyPart gives a variant what was made as a product's field of that name.
func copyPart(to *sdk.Variant, from *sdk.Product, name string) {
	switch name {
	case "barcode":
		to.Barcode = from.Barcode
	case "prices":
		to.Prices = from.Prices
	case "stock":
		to.Stock = from.Stock
	case "media":
		to.Media = from.Media
	case "weight":
		to.Weight = from.Weight
	}
}

// patch runs rules and reads what they give as our own JSON form, so that what
// is mapped is held to the same rules as what is received.
func patch(rules []rule, env any) (sdk.Product, error) {
	fields, attributes := map[string]any{}, map[string]any{}
	for _, r := range rules {
		value, err := r.run(env)
		switch {
		case err != nil:
			return sdk.Product{}, err
		case r.attribute:
			attributes[r.name] = value
		default:
			fields[r.name] = value
		}
	}
	if len(attributes) > 0 {
		fields["attributes"] = attributes
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return sdk.Product{}, err
	}
	made, err := event.ParsePatch(data)
	if err != nil {
		return sdk.Product{}, errors.New(brief(err.Error()))
	}
	return made.Product, nil
}

func (r *rule) run(env any) (any, error) {
	path := r.name
	if r.attribute {
		path = attributePrefix + path
	}
	value, err := r.expression.run(env)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if value = known(value); r.asText && kindOfValue(value)&(truth|number) != 0 {
		if value, err = toText(value); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return plain(value, path)
}

// plain is a value as encoding/json writes it.
func plain(value any, path string) (any, error) {
	switch v := known(value).(type) {
	case nil, string, bool, int:
		return v, nil
	case Decimal:
		digits, err := v.Text()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return sdk.Number(digits), nil
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Slice:
		all := make([]any, v.Len())
		for i := range all {
			item, err := plain(v.Index(i).Interface(), fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, err
			}
			all[i] = item
		}
		return all, nil
	case reflect.Map:
		return plainFields(v.Len(), path, func(yield func(string, any) bool) {
			for name, value := range v.Seq2() {
				if !yield(name.String(), value.Interface()) {
					return
				}
			}
		})
	case reflect.Struct:
		return plainFields(v.NumField(), path, func(yield func(string, any) bool) {
			for i := range v.NumField() {
				if name := v.Type().Field(i).Tag.Get("expr"); name != "" && !yield(name, v.Field(i).Interface()) {
					return
				}
			}
		})
	}
	return nil, fmt.Errorf("%s: the expression gives what is no value: want a text, number, truth value, list or object", path)
}

func plainFields(size int, path string, fields func(yield func(string, any) bool)) (any, error) {
	all := make(map[string]any, size)
	for name, value := range fields {
		field, err := plain(value, path+"."+name)
		if err != nil {
			return nil, err
		}
		all[name] = field
	}
	return all, nil
}

// Fingerprint changes with the mapping's paths and texts.
func (m *Mapping) Fingerprint() string {
	if m == nil {
		return ""
	}
	return m.print
}

func fingerprint(texts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", texts))
	return hex.EncodeToString(sum[:8])
}

// expression is a compiled expression. It is safe for use by many goroutines.
type expression struct {
	text    string
	program *vm.Program
	parts   parts // of the product that it looks at
}

// run is the expression's value. A panic in it is an error.
func (e *expression) run(env any) (any, error) {
	machine := vm.VM{MemoryBudget: maxMemory}
	value, err := machine.Run(e.program, env)
	if err != nil {
		return nil, explain(err)
	}
	return value, nil
}
