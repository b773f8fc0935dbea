package receive

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/expression"
	"github.com/synchost/synchost/sdk"
)

// maxEvents is the most events that one request may bring, streams apart.
const maxEvents = 2_000

// mapping makes events of a request by the operator's expressions.
//
//	key             the product's key. Nothing or "": the request maps to no product,
//	                and travels raw; of items once
//	op              created, updated, deleted, upsert, delete; nothing: updated
//	time            RFC 3339 text or Unix seconds; nothing: the arrival
//	id              the sender's id of the event; nothing: the scheme's own
//	fields.<path>   a field of the product, in the forms of our own JSON; nothing:
//	                the sender does not speak of it
//	items           a list, each item of which is an event; "item" in the others
//
// With a key alone, or none, requests travel raw. With an op and no fields they
// are hints, but for deletes.
type mapping struct {
	items, key, op, time, id *expression.Expression
	fields                   expression.Fields
}

// entries are those of a map that are no fields, and what they give.
var entries = map[string]expression.Type{
	"items": expression.List,
	"key":   expression.Word,
	"op":    expression.Text,
	"time":  expression.Word,
	"id":    expression.Word,
}

const fieldsPrefix = "fields."

// newMapping compiles a receiver's map; without one it is nil.
func newMapping(c config.Receiver) (*mapping, []config.Problem) {
	if len(c.Map) == 0 {
		return nil, nil
	}
	m := &mapping{}
	var problems []config.Problem
	for _, name := range slices.Sorted(maps.Keys(c.Map)) {
		if err := m.add(name, c.Map[name]); err != nil {
			problems = append(problems, c.Place.Problem("map."+name, err.Error()))
		}
	}
	switch {
	case len(problems) > 0:
	case c.Map["key"] == "" && m.mapsProducts():
		problems = append(problems, c.Place.Problem("map", `has no key: add the expression that gives the product's key, such as key = "body.id"`))
	case c.Map["items"] != "" && !m.mapsProducts():
		problems = append(problems, c.Place.Problem("map.items", "is of use with op or fields only: add what is to become of each item"))
	}
	return m, problems
}

// add compiles one entry of the map.
func (m *mapping) add(name, text string) error {
	if path, ok := strings.CutPrefix(name, fieldsPrefix); ok {
		field, err := expression.CompileField(path, text, expression.OfRequest)
		if err == nil {
			m.fields = append(m.fields, field)
		}
		return err
	}
	gives, ok := entries[name]
	if !ok {
		return unknownEntry(name)
	}
	compiled, err := expression.Compile(text, gives, expression.OfRequest)
	switch name {
	case "items":
		m.items = compiled
	case "key":
		m.key = compiled
	case "op":
		m.op = compiled
	case "time":
		m.time = compiled
	case "id":
		m.id = compiled
	}
	return err
}

// unknownEntry names the entry that was probably meant: fields are often written
// without their prefix.
func unknownEntry(name string) error {
	fields := expression.FieldPaths(expression.OfRequest)
	near := sdk.Nearest(name, slices.AppendSeq(slices.Clone(fields), maps.Keys(entries)))
	if slices.Contains(fields, near) {
		near = fieldsPrefix + near
	}
	if near != "" {
		return fmt.Errorf("is not known; did you mean %q?", near)
	}
	return errors.New("is not known: a map has key, op, time, id, items, fields.<field of the product> and fields.attributes.<name>")
}

func (m *mapping) mapsProducts() bool { return m.op != nil || len(m.fields) > 0 }

// or is how requests are read: by the map, or where there is none by a scheme that
// knows what its senders say.
func (m *mapping) or(own func(*request) ([]event.Event, error)) func(*request) ([]event.Event, error) {
	if m == nil {
		return own
	}
	return m.events
}

// events makes the events of a request. Their ids are the expression's, else
// what the scheme has proven, else made here.
func (m *mapping) events(r *request) ([]event.Event, error) {
	base := r.id
	if base == "" {
		base = event.NewID()
	}
	if m == nil {
		return r.raw(base, "")
	}
	s, err := r.scope()
	if err != nil {
		return nil, err
	}
	if m.items == nil {
		e, err := m.event(r, s, base)
		return []event.Event{e}, err
	}
	value, err := run("items", m.items, s)
	if err != nil || value == "" {
		return nil, err
	}
	items, ok := expression.Items(value)
	switch {
	case !ok && value != nil:
		return nil, malformed("The expression map.items gives no list for this request.", nil)
	case len(items) > maxEvents:
		return nil, refuse(http.StatusRequestEntityTooLarge, "size", fmt.Sprintf("The request brings more than %d items.", maxEvents))
	}
	return m.each(r, s, items, base)
}

// each makes an event of each item.
func (m *mapping) each(r *request, s *expression.RequestScope, items []any, base string) ([]event.Event, error) {
	events := make([]event.Event, 0, len(items))
	byID := make(map[string]*event.Event, len(items))
	raw := false
	for i, item := range items {
		e, err := m.event(r, s.With(item), partID(base, i+1))
		if err != nil {
			return nil, err
		}
		if e.Raw != nil && raw {
			continue // it would be the whole request once more
		}
		raw = raw || e.Raw != nil
		if other := byID[e.ID]; other != nil && !reflect.DeepEqual(&e, other) {
			// It would be taken for a repeat, and be lost.
			return nil, malformed(`The expression map.id gives several items one id: make it of something of each item, too, as in string(body.id) + "/" + string(item.id).`, nil)
		}
		byID[e.ID] = &e
		events = append(events, e)
	}
	return events, nil
}

func (r *request) raw(id, key string) ([]event.Event, error) {
	e, err := r.rawEvent(id, key)
	return []event.Event{e}, err
}

// event makes one event; id is its id unless the map says otherwise.
func (m *mapping) event(r *request, s *expression.RequestScope, id string) (e event.Event, err error) {
	key, err := word("key", m.key, s)
	if err != nil {
		return e, err
	}
	if told, err := word("id", m.id, s); err != nil {
		return e, err
	} else if told != "" {
		id = told
	}
	if key == "" || !m.mapsProducts() {
		return r.rawEvent(id, key)
	}
	e = event.Event{ID: id, Key: key}
	if e.Op, err = m.operation(s); err != nil {
		return e, err
	}
	if e.Time, err = m.moment(s, r.now); err != nil {
		return e, err
	}
	if e.Patch, err = m.fields.Patch(s, expression.Leave); err != nil {
		return e, malformed("What the map gives for this request is no good product:", err)
	}
	e.Patch.Product.Key = key
	e.Hint = len(e.Patch.Fields) == 0 && e.Op != sdk.Deleted
	return e, nil
}

// run is what an entry gives for a request.
func run(entry string, x *expression.Expression, s *expression.RequestScope) (any, error) {
	value, err := x.Run(s)
	if err != nil {
		return nil, malformed("The expression map."+entry+" does not fit this request:", err)
	}
	return value, nil
}

// word is a key or id; empty: the sender does not tell.
func word(entry string, x *expression.Expression, s *expression.RequestScope) (string, error) {
	value, err := run(entry, x, s)
	if err != nil || value == nil || value == "" {
		return "", err
	}
	text, err := expression.ToText(value)
	if _, truth := value.(bool); truth || err != nil {
		return "", malformed("The expression map."+entry+" gives neither a text nor a number for this request.", nil)
	}
	if err := event.CheckKey(text); err != nil {
		return "", malformed("What map."+entry+" gives for this request "+err.Error()+".", nil)
	}
	return text, nil
}

func (m *mapping) operation(s *expression.RequestScope) (sdk.EventOp, error) {
	value, err := run("op", m.op, s)
	switch {
	case err != nil:
		return "", err
	case value == nil || value == "":
		return sdk.Updated, nil
	}
	switch value {
	case "created":
		return sdk.Created, nil
	case "updated", "upsert":
		return sdk.Updated, nil
	case "deleted", "delete":
		return sdk.Deleted, nil
	}
	return "", malformed("The expression map.op gives none of created, updated, deleted, upsert, delete for this request.", nil)
}

func (m *mapping) moment(s *expression.RequestScope, arrival time.Time) (time.Time, error) {
	value, err := run("time", m.time, s)
	if err != nil {
		return arrival, err
	}
	var at time.Time
	switch v := value.(type) {
	case nil:
		return arrival, nil
	case int:
		at = time.Unix(int64(v), 0)
	case expression.Decimal:
		seconds, _ := v.Rat().Float64()
		at = time.UnixMilli(int64(seconds * 1000))
	case string:
		if v == "" {
			return arrival, nil
		}
		at, _ = time.Parse(time.RFC3339, v) // what is none is year 1
	}
	if tellable(at) && !at.IsZero() {
		return at, nil
	}
	return arrival, malformed("The expression map.time gives no time for this request: want RFC 3339 text or Unix seconds.", nil)
}
