package sdk

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The option list of a connector comes from its Config struct, read once:
//
//	type Config struct {
//		URL     string            `json:"url" required:"true" doc:"Address of the shop."`
//		Token   sdk.Secret        `json:"token" required:"true" doc:"Key of the API."`
//		Mode    string            `json:"mode" default:"live" choices:"live,test"`
//		Timeout sdk.Duration      `json:"timeout" default:"10s"`
//		Headers map[string]string `json:"headers"`       // option "headers.*"
//		Servers []Server          `json:"servers"`       // options "servers[].url", …
//		Paging                                           // embedded: its options are here
//	}
//
// Fields may be strings, bools, numbers, Secret, Duration, types with
// UnmarshalText or UnmarshalJSON, and structs, pointers, slices and maps of
// these. A pointer is nil where its key is absent, and then nothing in it is
// required.

// Validator is optional on a Config type. Validate is called on a configuration
// that decoded without problems. It reports with Reject("option.path", err),
// several by errors.Join.
type Validator interface{ Validate() error }

// schema is one value of a configuration: what it may hold and how to get it
// into the struct.
type schema struct {
	kind    kind
	pointer bool     // the Go value is a pointer to it
	choices []string // of a text; nil: any
	elem    *schema  // of a list or map
	members []member // of a table
}

// member is one key of a table.
type member struct {
	*schema
	name     string
	index    []int // for reflect.Value.FieldByIndex
	doc      string
	required bool
	text     string          // the default as written
	preset   json.RawMessage // the default as JSON; nil: none
}

type kind string

const (
	textKind     kind = "string"
	intKind      kind = "int"
	uintKind     kind = "uint"
	floatKind    kind = "float"
	boolKind     kind = "bool"
	durationKind kind = "duration"
	secretKind   kind = "secret"
	customKind   kind = "custom"
	listKind     kind = "list"
	mapKind      kind = "map"
	tableKind    kind = "table"
)

// shown is the kind's name in an Option.
func (k kind) shown() string {
	switch k {
	case uintKind:
		return string(intKind)
	case secretKind, customKind:
		return string(textKind)
	}
	return string(k)
}

var (
	optionName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

	secretType      = reflect.TypeFor[Secret]()
	durationType    = reflect.TypeFor[Duration]()
	stdDurationType = reflect.TypeFor[time.Duration]()
	jsonType        = reflect.TypeFor[json.Unmarshaler]()
	textType        = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// schemaReader turns a struct type into a schema and keeps every fault of it.
type schemaReader struct {
	faults []error
	within []reflect.Type // the structs around, to find recursion
}

// schemaOf reads the schema of a Config type.
func schemaOf(t reflect.Type) (*schema, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the config type %s must be a struct; use struct{} for no options", t)
	}
	var r schemaReader
	s := &schema{kind: tableKind, members: r.members(t, "", nil)}
	return s, errors.Join(r.faults...)
}

func (r *schemaReader) fault(path, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("config option %q: %s", path, fmt.Sprintf(format, args...)))
}

func (r *schemaReader) members(t reflect.Type, path string, index []int) []member {
	if slices.Contains(r.within, t) {
		r.fault(path, "%s contains itself", t)
		return nil
	}
	r.within = append(r.within, t)
	defer func() { r.within = r.within[:len(r.within)-1] }()
	var members []member
	add := func(m member) {
		if slices.ContainsFunc(members, func(other member) bool { return other.name == m.name }) {
			r.fault(join(path, m.name), "two fields have this name")
			return
		}
		members = append(members, m)
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		name, _, _ := strings.Cut(tag, ",")
		at := append(slices.Clone(index), i)
		switch {
		case f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct:
			for _, m := range r.members(f.Type, path, at) {
				add(m)
			}
		case !f.IsExported(), name == "-":
		case !optionName.MatchString(name):
			r.fault(join(path, f.Name), "give the field %s a tag such as `json:\"%s\"`: lower case letters, digits and underscores", f.Name, strings.ToLower(f.Name))
		default:
			add(r.member(f, name, join(path, name), at))
		}
	}
	return members
}

func (r *schemaReader) member(f reflect.StructField, name, path string, index []int) member {
	m := member{schema: r.value(f.Type, path), name: name, index: index, doc: f.Tag.Get("doc")}
	switch text := f.Tag.Get("required"); text {
	case "true":
		m.required = true
	case "", "false":
	default:
		r.fault(path, "required is \"true\" or absent, not %q", text)
	}
	if choices, ok := f.Tag.Lookup("choices"); ok {
		leaf := m.schema
		for leaf.elem != nil {
			leaf = leaf.elem
		}
		if leaf.choices = strings.Split(choices, ","); leaf.kind != textKind {
			r.fault(path, "only texts have choices")
		}
	}
	if text, ok := f.Tag.Lookup("default"); ok {
		m.text, m.preset = text, m.literal(text)
		var d decoder
		switch {
		case m.required:
			r.fault(path, "what is required has no default")
		case m.preset == nil:
			r.fault(path, "a %s has no default", m.kind)
		case !json.Valid(m.preset):
			r.fault(path, "the default %q is no %s", text, m.kind.shown())
		default:
			d.value(m.schema, path, m.preset, reflect.New(f.Type).Elem())
		}
		for _, p := range d.problems {
			r.fault(path, "the default %q: %s", text, p.Message)
		}
	}
	return m
}

// value is the schema of one Go type.
func (r *schemaReader) value(t reflect.Type, path string) *schema {
	s := &schema{}
	if t.Kind() == reflect.Pointer {
		s.pointer, t = true, t.Elem()
	}
	pointer := reflect.PointerTo(t)
	switch {
	case t == secretType:
		s.kind = secretKind
	case t == durationType:
		s.kind = durationKind
	case t == stdDurationType:
		r.fault(path, "use sdk.Duration, which is written with its unit")
	case pointer.Implements(jsonType), pointer.Implements(textType):
		s.kind = customKind
	default:
		s.plain(r, t, path)
	}
	return s
}

// plain fills in the schema of a type that has no text form of its own.
func (s *schema) plain(r *schemaReader, t reflect.Type, path string) {
	switch t.Kind() {
	case reflect.String:
		s.kind = textKind
	case reflect.Bool:
		s.kind = boolKind
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.kind = intKind
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.kind = uintKind
	case reflect.Float32, reflect.Float64:
		s.kind = floatKind
	case reflect.Slice:
		s.kind, s.elem = listKind, r.value(t.Elem(), path+"[]")
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			r.fault(path, "the keys of a map are strings")
		}
		s.kind, s.elem = mapKind, r.value(t.Elem(), path+".*")
	case reflect.Struct:
		s.kind, s.members = tableKind, r.members(t, path, nil)
	default:
		r.fault(path, "a %s cannot be configured", t)
	}
}

// literal is a default's text as JSON, nil where the kind takes none.
func (s *schema) literal(text string) json.RawMessage {
	switch s.kind {
	case textKind, durationKind, customKind:
		quoted, _ := json.Marshal(text)
		return quoted
	case intKind, uintKind, floatKind, boolKind:
		return json.RawMessage(text)
	case listKind:
		var items [][]byte
		for item := range strings.SplitSeq(text, ",") {
			literal := s.elem.literal(item)
			if literal == nil {
				return nil
			}
			items = append(items, literal)
		}
		return slices.Concat([]byte("["), bytes.Join(items, []byte(",")), []byte("]"))
	}
	return nil
}

// options lists a table's keys and what is in them.
func (s *schema) options(path string) []Option {
	var options []Option
	for _, m := range s.members {
		at := join(path, m.name)
		options = append(options, Option{
			Path:        at,
			Type:        m.kind.shown(),
			Required:    m.required,
			Secret:      m.kind == secretKind,
			Default:     m.text,
			Description: m.doc,
			Choices:     m.choices,
		})
		options = append(options, m.inner(at)...)
	}
	return options
}

// inner lists what is in a value: a table's keys, or a list's or map's element.
func (s *schema) inner(path string) []Option {
	switch s.kind {
	case listKind:
		path += "[]"
	case mapKind:
		path += ".*"
	default:
		return s.options(path)
	}
	if s.elem.kind == tableKind {
		return s.elem.options(path)
	}
	element := Option{
		Path:    path,
		Type:    s.elem.kind.shown(),
		Secret:  s.elem.kind == secretKind,
		Choices: s.elem.choices,
	}
	return append([]Option{element}, s.elem.inner(path)...)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
