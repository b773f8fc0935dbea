package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/synchost/synchost/sdk"
)

// MaxKey is the most bytes in a product's key or an event's id.
const MaxKey = 255

// Parse reads one event in its JSON form: a product's fields, directly or in the
// member "product", and beside them
//
//	"id"     the source's own id of the event
//	"op"     "upsert" (default) or "delete"
//	"time"   when it happened, as RFC 3339 text
//	"whole"  true: fields that are not there are cleared
//
// Otherwise absent fields are unchanged, and null clears (RFC 7396). Attributes
// merge by name; "attributes": null clears them all, and is the field path
// "attributes.*" in the patch. Lists are replaced as a whole.
//
// It is strict: unknown and repeated names, invalid UTF-8, wrong types, a missing
// key and anything behind the value are errors, which name the field and may
// quote the input. Source, and ID and Time where data lacks them, are left to
// the caller.
func Parse(data []byte) (Event, error) {
	var e Event
	err := decode(data, func(d *decoder) error { return d.event(&e) })
	return e, err
}

// ParseList reads a JSON array of up to most events; see Parse.
func ParseList(data []byte, most int) ([]Event, error) {
	var events []Event
	err := decode(data, func(d *decoder) error {
		return readList(d, &events, most, (*decoder).event)
	})
	return events, err
}

// ParsePatch reads a product's fields alone; see Parse. A key is optional.
func ParsePatch(data []byte) (Patch, error) {
	var p Patch
	err := decode(data, func(d *decoder) error { return d.patch(&p) })
	return p, err
}

// CheckKey says what is wrong with a product's key, or an event's id.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errors.New("must not be empty")
	case len(key) > MaxKey:
		return fmt.Errorf("has %d bytes; at most %d are taken", len(key), MaxKey)
	case !utf8.ValidString(key):
		return errors.New("is not valid UTF-8")
	case strings.ContainsFunc(key, unicode.IsControl):
		return errors.New("has a control character in it")
	}
	return nil
}

// decoder reads one JSON value, in one pass. Its methods leave errors without
// the place where they happened, which decode adds once.
type decoder struct {
	json  *jsontext.Decoder
	input bytes.Buffer
	names map[string]string // texts of names, for those that come again and again
	paths map[string]string // of attributes, by name
}

var decoders = sync.Pool{New: func() any {
	return &decoder{
		json:  jsontext.NewDecoder(new(bytes.Buffer)),
		names: make(map[string]string),
		paths: make(map[string]string),
	}
}}

func decode(data []byte, read func(*decoder) error) error {
	d := decoders.Get().(*decoder)
	defer func() {
		d.input = bytes.Buffer{} // let go of the body
		decoders.Put(d)
	}()
	d.input = *bytes.NewBuffer(data) // read in place, never written to
	d.json.Reset(&d.input)
	if err := read(d); err != nil {
		return d.explain(err)
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the JSON value")
	}
	return nil
}

// explain puts the place in front of what is wrong.
func (d *decoder) explain(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("not valid JSON: it ends too early")
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("not valid JSON at byte %d: %w", syntax.ByteOffset, syntax.Err)
	}
	if place := fieldPath(d.json.StackPointer()); place != "" {
		return fmt.Errorf("%s: %w", place, err)
	}
	return err
}

// fieldPath writes a pointer as people do: prices[0].amount.
func fieldPath(pointer jsontext.Pointer) string {
	var b strings.Builder
	for name := range pointer.Tokens() {
		if _, err := strconv.Atoi(name); err == nil {
			b.WriteString("[" + name + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(name)
	}
	return b.String()
}

// event reads what Parse describes.
func (d *decoder) event(e *Event) error {
	e.Op = sdk.Updated
	nested, direct := false, false
	err := d.members(func(name string) error {
		switch name {
		case "product":
			nested = true
			return d.patch(&e.Patch)
		case "id":
			return d.key(&e.ID)
		case "op":
			return d.op(&e.Op)
		case "time":
			return d.time(&e.Time)
		case "whole":
			return d.bool(&e.Patch.Whole)
		}
		direct = true
		return d.field(name, &e.Patch)
	})
	switch {
	case err != nil:
		return err
	case nested && direct:
		return errors.New(`the product's fields are in "product" and beside it: put all of them in one place`)
	case e.Patch.Product.Key == "":
		return errors.New(`has no "key": every product needs its source's id`)
	}
	e.Key = e.Patch.Product.Key
	return nil
}

func (d *decoder) patch(p *Patch) error {
	return d.members(func(name string) error { return d.field(name, p) })
}

// members reads an object and hands each member's name to read, which reads the value.
func (d *decoder) members(read func(name string) error) error {
	if err := d.open('{', "an object"); err != nil {
		return err
	}
	for d.json.PeekKind() != '}' {
		name, err := d.name()
		if err != nil {
			return err
		}
		if err := read(name); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// maxNames bounds the names that a decoder remembers.
const maxNames = 1_000

// name reads the name of a member. One that was met before costs no memory.
func (d *decoder) name() (string, error) {
	raw, err := d.json.ReadValue()
	if err != nil {
		return "", err
	}
	if name, ok := d.names[string(raw)]; ok {
		return name, nil
	}
	name := unquote(raw)
	if len(d.names) < maxNames && len(raw) < MaxKey {
		d.names[string(raw)] = name
	}
	return name, nil
}

func (d *decoder) attributePath(name string) string {
	path, ok := d.paths[name]
	if !ok {
		path = "attributes." + name
		if len(d.paths) < maxNames {
			d.paths[name] = path
		}
	}
	return path
}

// null reads a null if there is one.
func (d *decoder) null() bool {
	if d.json.PeekKind() != 'n' {
		return false
	}
	_, err := d.json.ReadToken()
	return err == nil
}

func (d *decoder) open(kind jsontext.Kind, want string) error {
	if d.json.PeekKind() != kind {
		return d.mismatch(want)
	}
	_, err := d.json.ReadToken()
	return err
}

// mismatch reads the value that is not what was wanted.
func (d *decoder) mismatch(want string) error {
	raw, err := d.json.ReadValue()
	if err != nil {
		return err
	}
	return fmt.Errorf("want %s, not %s", want, kindName(raw.Kind()))
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case '"':
		return "a text"
	case '0':
		return "a number"
	case 't', 'f':
		return "true or false"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return "null"
}

func (d *decoder) text() (string, error) {
	if d.json.PeekKind() != '"' {
		return "", d.mismatch("a text")
	}
	raw, err := d.json.ReadValue()
	if err != nil {
		return "", err
	}
	return unquote(raw), nil
}

// unquote is the text of a JSON string that the decoder has found valid.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	text, _ := jsontext.AppendUnquote(nil, raw)
	return string(text)
}

func (d *decoder) bool(to *bool) error {
	switch d.json.PeekKind() {
	case 't', 'f':
	default:
		return d.mismatch("true or false")
	}
	token, err := d.json.ReadToken()
	*to = err == nil && token.Bool()
	return err
}

func (d *decoder) key(to *string) (err error) {
	if *to, err = d.text(); err != nil {
		return err
	}
	return CheckKey(*to)
}

func (d *decoder) op(to *sdk.EventOp) error {
	text, err := d.text()
	if err != nil {
		return err
	}
	switch text {
	case "upsert":
		*to = sdk.Updated
	case "delete":
		*to = sdk.Deleted
	default:
		return fmt.Errorf(`%q is not an op: want "upsert" or "delete"`, text)
	}
	return nil
}

func (d *decoder) time(to *time.Time) error {
	text, err := d.text()
	if err != nil {
		return err
	}
	if *to, err = time.Parse(time.RFC3339, text); err != nil {
		return fmt.Errorf("%q is not a time such as 2026-05-01T12:30:00Z", text)
	}
	return nil
}
