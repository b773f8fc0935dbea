package receive

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// maxEvents is the most events that one request may bring, streams apart.
const maxEvents = 2_000

// mapping makes events of a request by the operator's expressions.
//
//	key             the product's key. Nothing or "": the request maps to no product
//	op              created, updated, deleted, upsert, delete; nothing: updated
//	time            RFC 3339 text, Unix seconds or a time; nothing: the arrival
//	id              the sender's id of the event; nothing: the scheme's own
//	fields.<path>   a field of the product, in the forms of our own JSON; nothing:
//	                the sender does not speak of it
//	items           a list, each item of which is an event; "item" in the others
//
// With a key alone, or none, requests travel raw. With an op and no fields they
// are hints, but for deletes.
type mapping struct {
	items, key, op, time, id *expression
	fields                   []*expression
}

// kinds are what the expressions of a map may give.
var kinds = map[string][]string{
	"items": {aList},
	"key":   {aText, aNumber},
	"op":    {aText},
	"time":  {aText, aNumber, aTime},
	"id":    {aText, aNumber},

	"fields.code": {aText, aNumber}, "fields.name": {aText, aNumber}, "fields.description": {aText, aNumber},
	"fields.status": {aText}, "fields.brand": {aText, aNumber}, "fields.unit": {aText, aNumber},
	"fields.barcode": {aText, aNumber}, "fields.tax_code": {aText, aNumber},
	"fields.prices": {aList}, "fields.stock": {aList}, "fields.categories": {aList}, "fields.tags": {aList},
	"fields.media": {aList}, "fields.variants": {aList},
	"fields.weight": {anObject}, "fields.size": {anObject}, "fields.attributes": {anObject},
}

const (
	fieldsPrefix    = "fields."
	attributePrefix = "fields.attributes."
)

// newMapping compiles a receiver's map; without one it is nil.
func newMapping(c config.Receiver) (*mapping, []config.Problem) {
	if len(c.Map) == 0 {
		return nil, nil
	}
	m := &mapping{}
	var problems []config.Problem
	for _, name := range slices.Sorted(maps.Keys(c.Map)) {
		e, err := m.compile(name, c.Map[name])
		if err != nil {
			problems = append(problems, mapProblem(c, name, err.Error()))
			continue
		}
		m.set(name, e)
	}
	switch {
	case len(problems) > 0:
	case c.Map["key"] == "" && m.mapsProducts():
		problems = append(problems, mapProblem(c, "", `has no key: add the expression that gives the product's key, such as key = "body.id"`))
	case c.Map["items"] != "" && !m.mapsProducts():
		problems = append(problems, mapProblem(c, "items", "is of use with op or fields only: add what is to become of each item"))
	}
	return m, problems
}

func (m *mapping) compile(name, text string) (*expression, error) {
	allowed, ok := kinds[name]
	if attribute, is := strings.CutPrefix(name, attributePrefix); is && attribute != "*" && event.CheckKey(attribute) == nil {
		allowed, ok = []string{aText, aNumber, aTruth, aList}, true
	}
	if !ok {
		return nil, errors.New("is not known: a map has key, op, time, id, items, fields.<field of the product> and fields.attributes.<name>")
	}
	return compile(name, text, allowed...)
}

func (m *mapping) set(name string, e *expression) {
	switch name {
	case "items":
		m.items = e
	case "key":
		m.key = e
	case "op":
		m.op = e
	case "time":
		m.time = e
	case "id":
		m.id = e
	default:
		m.fields = append(m.fields, e)
	}
}

func (m *mapping) mapsProducts() bool { return m.op != nil || len(m.fields) > 0 }

// mapProblem finds an entry of the map in the file, quoted there or not.
func mapProblem(c config.Receiver, name, message string) config.Problem {
	path := strings.TrimSuffix("map."+name, ".")
	for written := range c.Place.At {
		if strings.ReplaceAll(written, `"`, "") == path {
			path = written
			break
		}
	}
	return c.Place.Problem(path, message)
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
	value, err := m.items.run(s)
	if err != nil {
		return nil, err
	}
	items, ok := value.([]any)
	switch {
	case !ok && value != nil:
		return nil, malformed("The expression map.items gives no list for this request.", nil)
	case len(items) > maxEvents:
		return nil, refuse(http.StatusRequestEntityTooLarge, "size", fmt.Sprintf("The request brings more than %d items.", maxEvents))
	}
	events := make([]event.Event, 0, len(items))
	for i, item := range items {
		s.Item = item
		e, err := m.event(r, s, base+"/"+strconv.Itoa(i+1))
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

func (r *request) raw(id, key string) ([]event.Event, error) {
	e, err := r.rawEvent(id, key)
	return []event.Event{e}, err
}

// event makes one event; id is its id unless the map says otherwise.
func (m *mapping) event(r *request, s scope, id string) (e event.Event, err error) {
	key, err := m.word(m.key, s)
	if err != nil {
		return e, err
	}
	if told, err := m.word(m.id, s); err != nil {
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
	e.Patch, err = m.patch(s)
	e.Patch.Product.Key = key
	e.Hint = len(e.Patch.Fields) == 0 && e.Op != sdk.Deleted
	return e, err
}

// word is a key or id; empty: the sender does not tell.
func (m *mapping) word(x *expression, s scope) (string, error) {
	value, err := x.run(s)
	if err != nil || value == nil || value == "" {
		return "", err
	}
	text, ok := plain(value)
	if !ok {
		return "", malformed("The expression map."+x.name+" gives neither a text nor a number for this request.", nil)
	}
	if err := event.CheckKey(text); err != nil {
		return "", malformed("What map."+x.name+" gives for this request "+err.Error()+".", nil)
	}
	return text, nil
}

// plain is a text, or a number as text.
func plain(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case int:
		return strconv.Itoa(v), true
	case float64:
		return plainFloat(v), !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return "", false
}

func (m *mapping) operation(s scope) (sdk.EventOp, error) {
	value, err := m.op.run(s)
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

func (m *mapping) moment(s scope, arrival time.Time) (time.Time, error) {
	value, err := m.time.run(s)
	if err != nil {
		return arrival, err
	}
	switch v := value.(type) {
	case nil:
		return arrival, nil
	case time.Time:
		return v, nil
	case int:
		return time.Unix(int64(v), 0), nil
	case float64:
		return time.UnixMilli(int64(v * 1000)), nil
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t, nil
		}
	}
	return arrival, malformed("The expression map.time gives no time for this request: want RFC 3339 text or Unix seconds.", nil)
}

// patch evaluates the fields and reads the outcome as our own JSON form, so that
// mapped products are held to the same rules as any others.
func (m *mapping) patch(s scope) (event.Patch, error) {
	fields, attributes := map[string]any{}, map[string]any{}
	for _, x := range m.fields {
		value, err := x.run(s)
		if err != nil {
			return event.Patch{}, err
		}
		if value == nil {
			continue
		}
		if name, ok := strings.CutPrefix(x.name, attributePrefix); ok {
			attributes[name] = exact(value)
			continue
		}
		name := strings.TrimPrefix(x.name, fieldsPrefix)
		if text, ok := plain(value); ok && slices.Contains(kinds[x.name], aText) {
			value = text // a number where people see a text: an article number
		}
		fields[name] = exact(value)
	}
	if all, ok := fields["attributes"].(map[string]any); ok {
		maps.Copy(all, attributes)
	} else if len(attributes) > 0 {
		fields["attributes"] = attributes
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return event.Patch{}, malformed("What the map gives for this request cannot be a product.", nil)
	}
	patch, err := event.ParsePatch(data)
	if err != nil {
		return patch, malformed("What the map gives for this request is no good product:", err)
	}
	return patch, nil
}

// exact writes floats as decimals, since JSON's exponents are none. The value is copied.
func exact(value any) any {
	switch v := value.(type) {
	case float64:
		return json.Number(plainFloat(v))
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = exact(v[i])
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name := range v {
			object[name] = exact(v[name])
		}
		return object
	}
	return value
}
