package sdk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decodeConfig reads a JSON object into a Config and reports everything that is
// wrong with it. Problems name what was expected and never what a secret holds.
func decodeConfig[Config any](s *schema, data []byte) (Config, []Problem) {
	var config Config
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	if !json.Valid(data) || typeOf(data) != "a table" {
		return config, []Problem{{Message: "the configuration is not a JSON object"}}
	}
	var d decoder
	d.value(s, "", data, reflect.ValueOf(&config).Elem())
	if len(d.problems) > 0 {
		return config, d.problems
	}
	if validator, ok := any(&config).(Validator); ok {
		return config, problemsIn(validator.Validate())
	}
	return config, nil
}

// decoder fills Go values and collects problems; it never stops at the first.
type decoder struct{ problems []Problem }

func (d *decoder) problem(path, format string, args ...any) {
	d.problems = append(d.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// value decodes one JSON value, which is valid JSON and not null.
func (d *decoder) value(s *schema, path string, data json.RawMessage, to reflect.Value) {
	if s.pointer {
		to.Set(reflect.New(to.Type().Elem()))
		to = to.Elem()
	}
	switch s.kind {
	case tableKind:
		d.table(s, path, data, to)
	case mapKind:
		d.mapping(s, path, data, to)
	case listKind:
		d.list(s, path, data, to)
	case customKind:
		if err := json.Unmarshal(data, to.Addr().Interface()); err != nil {
			d.problem(path, "%v", err)
		}
	default:
		if message := scalar(s, data, to); message != "" {
			d.problem(path, "%s", message)
		}
	}
}

func (d *decoder) table(s *schema, path string, data json.RawMessage, to reflect.Value) {
	keys, ok := d.object(path, data)
	if !ok {
		return
	}
	for i := range s.members {
		m := &s.members[i]
		d.member(m, join(path, m.name), keys[m.name], to.FieldByIndex(m.index))
		delete(keys, m.name)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		d.problem(join(path, key), "unknown option; %s", suggestion(key, s.members))
	}
}

func (d *decoder) member(m *member, path string, data json.RawMessage, to reflect.Value) {
	absent := isNull(data)
	switch {
	case absent && m.preset != nil:
		d.value(m.schema, path, m.preset, to)
	case absent && m.kind == tableKind && !m.pointer:
		if m.required {
			d.problem(path, "required, but missing")
			return
		}
		d.value(m.schema, path, json.RawMessage("{}"), to) // what is required in it is missing, its defaults hold
	case absent:
		if m.required {
			d.problem(path, "required, but missing")
		}
	default:
		before := len(d.problems)
		d.value(m.schema, path, data, to)
		if m.required && len(d.problems) == before && isEmpty(data) {
			d.problem(path, "required, but empty")
		}
	}
}

func (d *decoder) mapping(s *schema, path string, data json.RawMessage, to reflect.Value) {
	keys, ok := d.object(path, data)
	if !ok {
		return
	}
	to.Set(reflect.MakeMapWithSize(to.Type(), len(keys)))
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		element := reflect.New(to.Type().Elem()).Elem()
		d.element(s.elem, join(path, key), keys[key], element)
		to.SetMapIndex(reflect.ValueOf(key).Convert(to.Type().Key()), element)
	}
}

func (d *decoder) list(s *schema, path string, data json.RawMessage, to reflect.Value) {
	var items []json.RawMessage
	if json.Unmarshal(data, &items) != nil {
		d.problem(path, "expected a list, not %s", typeOf(data))
		return
	}
	to.Set(reflect.MakeSlice(to.Type(), len(items), len(items)))
	for i, item := range items {
		d.element(s.elem, fmt.Sprintf("%s[%d]", path, i), item, to.Index(i))
	}
}

func (d *decoder) element(s *schema, path string, data json.RawMessage, to reflect.Value) {
	if isNull(data) {
		d.problem(path, "must not be null")
		return
	}
	d.value(s, path, data, to)
}

func (d *decoder) object(path string, data json.RawMessage) (map[string]json.RawMessage, bool) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil {
		d.problem(path, "expected a table, not %s", typeOf(data))
		return nil, false
	}
	return keys, true
}

// scalar decodes a value without parts and says what is wrong with it.
func scalar(s *schema, data json.RawMessage, to reflect.Value) string {
	number := string(bytes.TrimSpace(data))
	switch s.kind {
	case textKind:
		var text string
		if json.Unmarshal(data, &text) != nil {
			return fmt.Sprintf("expected text in quotes, not %s", typeOf(data))
		}
		if s.choices != nil && !slices.Contains(s.choices, text) {
			return fmt.Sprintf("%q is not one of %s", text, strings.Join(s.choices, ", "))
		}
		to.SetString(text)
	case secretKind:
		if json.Unmarshal(data, to.Addr().Interface()) != nil {
			return fmt.Sprintf("expected a secret's text, not %s", typeOf(data))
		}
	case durationKind:
		if typeOf(data) != "text" {
			return fmt.Sprintf("expected a duration with its unit, such as \"30s\", not %s", typeOf(data))
		}
		if err := json.Unmarshal(data, to.Addr().Interface()); err != nil {
			return err.Error()
		}
	case boolKind:
		if json.Unmarshal(data, to.Addr().Interface()) != nil {
			return fmt.Sprintf("expected true or false, not %s", typeOf(data))
		}
	case intKind:
		n, err := strconv.ParseInt(number, 10, to.Type().Bits())
		if err != nil {
			return notWhole(data, -1<<(to.Type().Bits()-1), 1<<(to.Type().Bits()-1)-1)
		}
		to.SetInt(n)
	case uintKind:
		n, err := strconv.ParseUint(number, 10, to.Type().Bits())
		if err != nil {
			return notWhole(data, 0, math.MaxUint64>>(64-to.Type().Bits()))
		}
		to.SetUint(n)
	case floatKind:
		f, err := strconv.ParseFloat(number, to.Type().Bits())
		if typeOf(data) != "a number" {
			return fmt.Sprintf("expected a number, not %s", typeOf(data))
		}
		if err != nil {
			return "the number is too large"
		}
		to.SetFloat(f)
	}
	return ""
}

func notWhole(data json.RawMessage, least int64, most uint64) string {
	if typeOf(data) != "a number" {
		return fmt.Sprintf("expected a whole number, not %s", typeOf(data))
	}
	return fmt.Sprintf("expected a whole number from %d to %d", least, most)
}

// typeOf says what valid JSON holds, without saying what it is.
func typeOf(data json.RawMessage) string {
	switch bytes.TrimSpace(data)[0] {
	case '{':
		return "a table"
	case '[':
		return "a list"
	case '"':
		return "text"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

func isNull(data json.RawMessage) bool { return data == nil || typeOf(data) == "null" }

// isEmpty says whether a text, list or table holds nothing.
func isEmpty(data json.RawMessage) bool {
	switch string(bytes.Join(bytes.Fields(data), nil)) {
	case `""`, `[]`, `{}`:
		return true
	}
	return false
}

// suggestion names the option that was probably meant, or those there are.
func suggestion(key string, members []member) string {
	if len(members) == 0 {
		return "there are none here"
	}
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.name
	}
	if near := Nearest(key, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known here: " + strings.Join(names, ", ")
}
