package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// table is every key that may stand in one table of the file.
type table[T any] struct {
	keys   []key[T]
	scheme func(*T) string // tells which of the keys hold; nil: all of them
	hint   string          // said behind the list of keys, where none is near
}

// key is one key of a table: what it is for, how it is written, where it goes.
type key[T any] struct {
	name   string
	doc    string // one sentence for the schema and for whoever forgot it
	schema schema
	read   func(d *decoder, at string, raw any, into *T)

	in       schemes // it may stand under these
	needed   bool
	neededIn schemes
	preset   any // the default as it would be written; nil: none
	presetIn schemes
}

// schemes is a choice of schemes; nil is all of them.
type schemes []string

func (s schemes) has(scheme string) bool { return s == nil || slices.Contains(s, scheme) }

// field is a key whose value goes to one place of T.
func field[T, V any](name string, k kind[V], place func(*T) *V, doc string) key[T] {
	return key[T]{name: name, doc: doc, schema: k.schema, read: func(d *decoder, at string, raw any, into *T) {
		if v, ok := k.read(d, at, raw); ok {
			*place(into) = v
		}
	}}
}

func (k key[T]) only(in ...string) key[T] { k.in = in; return k }

func (k key[T]) required(in ...string) key[T] { k.needed, k.neededIn = true, in; return k }

func (k key[T]) or(preset any, in ...string) key[T] { k.preset, k.presetIn = preset, in; return k }

// The three rules of a key under a scheme. Where the scheme is wrong or missing,
// that has been said, and what depends on it is neither refused nor asked for.

func (k key[T]) allowed(scheme string) bool { return scheme == "" || k.in.has(scheme) }
func (k key[T]) demanded(scheme string) bool {
	return k.needed && k.in.has(scheme) && k.neededIn.has(scheme)
}
func (k key[T]) defaults(scheme string) bool {
	return k.preset != nil && k.in.has(scheme) && k.presetIn.has(scheme)
}

// decoder goes through a parsed file and collects what is wrong with it.
type decoder struct {
	file     string
	dir      string // relative paths are relative to it
	at       map[string]Position
	problems Problems
	warnings Problems
	secrets  secrets
}

func (d *decoder) problem(at, format string, args ...any) {
	d.problems = append(d.problems, d.place("").Problem(at, fmt.Sprintf(format, args...)))
}

// place is the Place of the table at that path.
func (d *decoder) place(path string) Place {
	if path == "" {
		return Place{File: d.file, At: d.at}
	}
	at := make(map[string]Position)
	for full, position := range d.at {
		if rest, ok := strings.CutPrefix(full, path); ok && (rest == "" || rest[0] == '.') {
			at[plain(strings.TrimPrefix(rest, "."))] = position
		}
	}
	return Place{File: d.file, Field: path, At: at}
}

// read decodes a table: every key in the order of t, so that the scheme comes
// before what depends on it.
func (t table[T]) read(d *decoder, at string, raw any, into *T) bool {
	written, ok := d.table(at, "a table", raw)
	if !ok {
		return false
	}
	t.unknown(d, at, written)
	scheme := ""
	for _, k := range t.keys {
		if t.scheme != nil {
			scheme = t.scheme(into)
		}
		value, ok := written[k.name]
		switch {
		case ok && k.allowed(scheme):
			k.read(d, join(at, k.name), value, into)
		case ok:
			d.problem(join(at, k.name), "is for %s, not for the scheme %s: remove it", k.in, scheme)
		case k.demanded(scheme):
			d.problem(join(at, k.name), "is missing. %s", k.doc)
		case k.defaults(scheme):
			k.read(d, join(at, k.name), k.preset, into)
		}
	}
	return true
}

// unknown reports the keys that t does not have.
func (t table[T]) unknown(d *decoder, at string, written map[string]any) {
	names := make([]string, len(t.keys))
	for i, k := range t.keys {
		names[i] = k.name
	}
	for _, name := range d.inOrder(at, written) {
		if slices.Contains(names, name) {
			continue
		}
		near := didYouMean(name, names)
		if near == "" {
			near = "; known here: " + strings.Join(names, ", ") + t.hint
		}
		d.problem(join(at, name), "unknown key%s", near)
	}
}

// table takes a value that must be a table. Of keys in it that differ only by
// case the first one stays.
func (d *decoder) table(at, want string, raw any) (map[string]any, bool) {
	written, ok := raw.(map[string]any)
	if !ok {
		d.mismatch(at, want, raw)
		return nil, false
	}
	first := make(map[string]string)
	for _, name := range d.inOrder(at, written) {
		folded := strings.ToLower(name)
		if twin, ok := first[folded]; ok {
			d.problem(join(at, name), "differs only by case from %q on line %d: keep one of them",
				twin, d.at[join(at, twin)].Line)
			delete(written, name)
			continue
		}
		first[folded] = name
	}
	return written, true
}

// inOrder is the keys of a table in the order of the file.
func (d *decoder) inOrder(at string, written map[string]any) []string {
	return slices.SortedFunc(maps.Keys(written), func(a, b string) int {
		return d.at[join(at, a)].before(d.at[join(at, b)])
	})
}

func (d *decoder) mismatch(at, want string, got any) {
	d.problem(at, "want %s, not %s", want, typeName(got))
}

func typeName(raw any) string {
	switch raw.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64:
		return "a bare number"
	case float64:
		return "a number with a point"
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	default:
		return "a list"
	}
}

// String names a few schemes; the many are in the table of the documentation.
func (s schemes) String() string {
	last := len(s) - 1
	switch {
	case last == 0:
		return "the scheme " + s[0]
	case last > 3:
		return "other schemes"
	}
	return "the schemes " + strings.Join(s[:last], ", ") + " and " + s[last]
}

// sub is a table that is the value of a key.
func sub[T any](t table[T]) kind[T] {
	return kind[T]{schema: t.schema(), read: func(d *decoder, at string, raw any) (v T, ok bool) {
		return v, t.read(d, at, raw, &v)
	}}
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// named is the tables [<key>.<name>], as a list in the order of the file.
func named[T any](t table[T], begin func(name string, place Place) T) kind[[]T] {
	s := schema{"type": "object", "propertyNames": schema{"pattern": nameForm.String()}, "additionalProperties": t.schema()}
	return kind[[]T]{schema: s, read: func(d *decoder, at string, raw any) ([]T, bool) {
		written, ok := d.table(at, "tables ["+at+".<name>]", raw)
		if !ok {
			return nil, false
		}
		all := make([]T, 0, len(written))
		for _, name := range d.inOrder(at, written) {
			path := join(at, name)
			if !nameForm.MatchString(name) {
				d.problem(path, "is no name: start with a lower-case letter, and use only lower-case letters, digits, _ and -, at most 63")
			}
			one := begin(name, d.place(path))
			if t.read(d, path, written[name], &one) {
				all = append(all, one)
			}
		}
		return all, true
	}}
}
