package expression

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

const (
	attributePrefix = "attributes."
	variantPrefix   = "variants."
)

// Field makes one field of a product.
type Field struct {
	path       string
	name       string // in a product's or variant's JSON form; of an attribute its own name
	attribute  bool
	asText     bool // numbers and truth values become texts
	expression *Expression
}

// CompileField checks a field path and the expression that makes it. An error is
// an *Error.
func CompileField(path, text string, names Names) (*Field, error) {
	wanted, err := fieldType(path, names)
	if err != nil {
		return nil, err
	}
	compiled, err := Compile(text, wanted, names)
	if err != nil {
		return nil, err
	}
	name, isAttribute := strings.CutPrefix(path, attributePrefix)
	if names == OfVariant {
		name = strings.TrimPrefix(path, variantPrefix)
	}
	return &Field{path: path, name: name, attribute: isAttribute, asText: wanted.shape == textType, expression: compiled}, nil
}

// Path is the field path that is made.
func (f *Field) Path() string { return f.path }

// fieldType is what an expression must give to be mapped to a field path.
func fieldType(path string, names Names) (Type, error) {
	if name, ok := strings.CutPrefix(path, attributePrefix); ok && name != "*" {
		if err := event.CheckKey(name); err != nil {
			return Type{}, &Error{Message: "the name of an attribute " + err.Error()}
		}
		return typeOf(anyType), nil
	}
	paths := FieldPaths(names)
	if !slices.Contains(paths, path) {
		return Type{}, &Error{Message: fmt.Sprintf("%q is no field that can be mapped: map a product's field or attributes.<name>", path),
			Nearest: sdk.Nearest(path, paths)}
	}
	view, name := reflect.TypeFor[productView](), path
	if part, ok := strings.CutPrefix(path, variantPrefix); ok {
		view, name = reflect.TypeFor[variantView](), part
	}
	field, _ := member(view, name)
	return typeOf(field.Type), nil
}

// typeOf is the type of what becomes a field of that shape. A number or a truth
// value does where people see a text.
func typeOf(shape reflect.Type) Type {
	if shape == textType {
		return Type{text | number | truth, shape}
	}
	return Type{takenBy(shape), shape}
}

// FieldPaths are the field paths that can be mapped beside attributes.<name>: of
// a request all attributes at once, too; of products also parts of variants.
func FieldPaths(names Names) []string {
	paths := slices.DeleteFunc(sdk.FieldPaths(), func(path string) bool {
		return path == attributePrefix+"*" || names == OfRequest && strings.HasPrefix(path, variantPrefix)
	})
	if names == OfRequest {
		paths = append(paths, "attributes")
	}
	return paths
}

// Fields make fields of one product.
type Fields []*Field

// Needs are the parts of a product that the fields' expressions look at.
func (fs Fields) Needs() (all Parts) {
	for _, f := range fs {
		all |= f.expression.needs
	}
	return all
}

// Nothing says what is meant by an expression that gives nothing.
type Nothing bool

// The meanings of nothing.
const (
	Clear Nothing = false // the field is to be empty
	Leave Nothing = true  // the field is not spoken of
)

// Patch runs the expressions and reads what they give as our own JSON form, so
// that what is mapped is held to the same rules as what is received.
func (fs Fields) Patch(scope any, nothing Nothing) (event.Patch, error) {
	fields, attributes := map[string]any{}, map[string]any{}
	for _, f := range fs {
		value, err := f.run(scope)
		switch {
		case err != nil:
			return event.Patch{}, err
		case value == nil && nothing == Leave:
		case f.attribute:
			attributes[f.name] = value
		default:
			fields[f.name] = value
		}
	}
	if all, ok := fields["attributes"].(map[string]any); ok {
		maps.Copy(all, attributes)
	} else if len(attributes) > 0 {
		fields["attributes"] = attributes
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return event.Patch{}, err
	}
	patch, err := event.ParsePatch(data)
	if err != nil {
		return event.Patch{}, errors.New(brief(err.Error()))
	}
	return patch, nil
}

func (f *Field) run(scope any) (any, error) {
	path := strings.TrimPrefix(f.path, variantPrefix)
	value, err := f.expression.Run(scope)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if f.asText && kindOfValue(value)&(truth|number) != 0 {
		if value, err = ToText(value); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return plain(value, path)
}

// plain is a value as encoding/json writes it. Lists and objects are copied.
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
