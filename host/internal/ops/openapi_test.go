package ops

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/synchost/synchost/sdk"
)

var update = flag.Bool("update", false, "write golden files anew")

type object = map[string]any

// describer makes an OpenAPI description of routes and the types they name.
type describer struct{ schemas object }

func describe(routes []route) object {
	d := describer{object{}}
	paths := object{}
	for _, route := range routes {
		path, _ := paths[route.path].(object)
		if path == nil {
			path = object{}
			paths[route.path] = path
		}
		path[strings.ToLower(route.method)] = d.operation(route)
	}
	return object{
		"openapi": "3.1.1",
		"info": object{
			"title": "synchost control API", "version": "1",
			"description": "Served on the host's Unix socket, to its owner only. It is what the command line speaks.",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":    []any{object{"url": "/", "description": "the Unix socket of host.socket"}},
		"security":   []any{},
		"paths":      paths,
		"components": object{"schemas": d.schemas},
	}
}

func (d describer) operation(route route) object {
	operation := object{"summary": route.summary, "operationId": operationID(route)}
	parameters := []any{}
	for _, p := range route.query {
		parameter := object{"name": p.name, "in": "query", "description": p.doc, "schema": object{"type": p.kind}}
		if route.path == "/v1/why" && p.name == "key" {
			parameter["required"] = true
		}
		parameters = append(parameters, parameter)
	}
	if strings.Contains(route.path, "{name}") {
		whose := "of the connector"
		if strings.HasPrefix(route.path, "/v1/receivers/") {
			whose = "of the receiver"
		}
		parameters = append(parameters, object{
			"name": "name", "in": "path", "required": true, "description": whose, "schema": object{"type": "string"},
		})
	}
	if strings.Contains(route.path, "{id}") {
		parameters = append(parameters, object{
			"name": "id", "in": "path", "required": true, "description": "of the plan", "schema": object{"type": "string"},
		})
	}
	if len(parameters) > 0 {
		operation["parameters"] = parameters
	}
	if route.body != nil {
		operation["requestBody"] = object{"content": object{"application/json": object{"schema": d.schema(reflect.TypeOf(route.body))}}}
	}
	responses := object{"default": object{
		"description": "it was not done",
		"content":     object{"application/json": object{"schema": d.schema(reflect.TypeFor[Error]())}},
	}}
	operation["responses"] = responses
	if route.answer == nil {
		responses["204"] = object{"description": "done"}
		return operation
	}
	content := object{"application/json": object{"schema": d.schema(reflect.TypeOf(route.answer))}}
	if route.stream != nil {
		content["application/x-ndjson"] = object{"schema": d.schema(reflect.TypeOf(route.stream))}
	}
	description := "the answer"
	if route.stream != nil {
		description = "the answer; with follow, one such value a line"
	}
	responses["200"] = object{"description": description, "content": content}
	return operation
}

// operationID is "getStatus" of GET /v1/status.
func operationID(route route) string {
	id := strings.ToLower(route.method)
	for part := range strings.SplitSeq(strings.TrimPrefix(route.path, "/v1/"), "/") {
		switch part = strings.TrimSuffix(part, ".json"); {
		case part == "{id}":
			id += "ByID"
		case !strings.HasPrefix(part, "{"):
			id += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return id
}

var known = map[reflect.Type]object{
	reflect.TypeFor[time.Time]():       {"type": "string", "format": "date-time"},
	reflect.TypeFor[json.RawMessage](): {"type": "object"},
	reflect.TypeFor[Literal]():         {"description": "any JSON value"},
	reflect.TypeFor[[]byte]():          {"type": "string", "contentEncoding": "base64"},
	reflect.TypeFor[sdk.Decimal]():     {"type": "string", "pattern": `^(-?[0-9]+(\.[0-9]+)?)?$`},
	reflect.TypeFor[sdk.Value](): {
		"description": "a text, a number, true or false, or a list of these",
		"type":        []any{"string", "number", "boolean", "array", "null"},
	},
}

// schema describes how encoding/json writes a type. Structs become components.
func (d describer) schema(t reflect.Type) object {
	if schema, ok := known[t]; ok {
		return schema
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.schema(t.Elem())
	case reflect.Struct:
		if _, ok := d.schemas[t.Name()]; !ok {
			d.schemas[t.Name()] = nil // a type may hold itself
			d.schemas[t.Name()] = d.structure(t)
		}
		return object{"$ref": "#/components/schemas/" + t.Name()}
	case reflect.Slice:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	}
	panic("no schema for " + t.String())
}

func (d describer) structure(t reflect.Type) object {
	properties, required := object{}, []any{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		schema := d.schema(field.Type)
		if doc := field.Tag.Get("doc"); doc != "" {
			schema = with(schema, "description", doc)
		}
		if values := field.Tag.Get("enum"); values != "" {
			schema = with(schema, "enum", strings.Split(values, ","))
		}
		properties[cmp.Or(name, field.Name)] = schema
		if !strings.HasPrefix(options, "omit") {
			required = append(required, name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required}
}

func with(schema object, name string, value any) object {
	more := object{name: value}
	for n, v := range schema {
		more[n] = v
	}
	return more
}

func TestDescription(t *testing.T) {
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(describe(routes)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(openAPI, want.Bytes()) {
		t.Error("openapi.json is not what the routes and their types say: run go generate ./host/internal/ops")
	}
	loadDescription(t)
}

func loadDescription(t *testing.T) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// TestAnswersAreAsDescribed calls every route and holds its answers, the good
// and the bad, against the description.
func TestAnswersAreAsDescribed(t *testing.T) {
	router := loadDescription(t)
	w := newWorld()
	w.fill()
	called := map[string]bool{}
	for _, c := range []struct {
		method, target, body string
		want                 int
	}{
		{"GET", "/v1/status", "", 200},
		{"GET", "/v1/events", "", 200},
		{"GET", "/v1/events?key=7&limit=2", "", 200},
		{"GET", "/v1/events?limit=many", "", 400},
		{"GET", "/v1/why?key=7", "", 200},
		{"GET", "/v1/why?key=nothing", "", 200},
		{"GET", "/v1/why?key=7&connector=shop", "", 200},
		{"GET", "/v1/why?key=7&connector=none", "", 404},
		{"GET", "/v1/receivers", "", 200},
		{"POST", "/v1/receivers/pim/test", `{}`, 200},
		{"POST", "/v1/receivers/pim/test", `{"body":"Z29vZA==","content_type":"text/plain","keep":true}`, 200},
		{"POST", "/v1/receivers/pim/test", `{"body":7}`, 400},
		{"POST", "/v1/receivers/crm/test", `{"body":""}`, 409},
		{"POST", "/v1/receivers/bank/test", "", 409},
		{"POST", "/v1/receivers/none/test", "", 404},
		{"GET", "/v1/connectors/shop/products", "", 200},
		{"GET", "/v1/connectors/none/products", "", 404},
		{"POST", "/v1/connectors/shop/pause", `{"reason":"stock-taking"}`, 204},
		{"POST", "/v1/connectors/erp/pause", `{}`, 409},
		{"POST", "/v1/connectors/shop/resume", "", 204},
		{"POST", "/v1/connectors/shop/retry", `{"keys":["7"]}`, 200},
		{"POST", "/v1/connectors/shop/retry", `{}`, 400},
		{"POST", "/v1/connectors/shop/replay", `{"seq":1}`, 200},
		{"POST", "/v1/connectors/shop/replay", `{"time":"2026-09-01T12:00:02Z"}`, 200},
		{"POST", "/v1/connectors/shop/check", "", 502},
		{"POST", "/v1/connectors/hook/check", "", 501},
		{"POST", "/v1/connectors/shop/restart", "", 204},
		{"POST", "/v1/connectors/shop/plans", `{"product":"7"}`, 200},
		{"POST", "/v1/connectors/shop/plans", `{"product":"raw-1"}`, 502},
		{"POST", "/v1/connectors/shop/plans", `{"product":"none"}`, 404},
		{"POST", "/v1/connectors/hook/plans", `{}`, 409},
		{"GET", "/v1/connectors/shop/progress", "", 200},
		{"GET", "/v1/plans", "", 200},
		{"GET", "/v1/plans?connector=shop&limit=1", "", 200},
		{"GET", "/v1/plans/3", "", 200},
		{"GET", "/v1/plans/4", "", 404},
		{"GET", "/v1/plans/x", "", 400},
		{"GET", "/v1/plans/3/items", "", 200},
		{"GET", "/v1/plans/3/items?kind=drift&after=1&limit=10", "", 200},
		{"POST", "/v1/plans/3/apply", `{"hash":"abc","only":["adopt"]}`, 200},
		{"POST", "/v1/plans/3/apply", `{"hash":"old"}`, 409},
		{"POST", "/v1/plans/3/undo", "", 200},
		{"POST", "/v1/connectors/shop/undo", `{"product":"7"}`, 200},
		{"POST", "/v1/connectors/shop/hold", `{"keys":["7"],"reason":"it is on loan"}`, 204},
		{"POST", "/v1/connectors/shop/hold", `{"keys":[]}`, 400},
		{"POST", "/v1/connectors/shop/release", `{"keys":["7","raw-1"]}`, 200},
		{"POST", "/v1/connectors/shop/release", `{"keys":["7","8"]}`, 404},
		{"POST", "/v1/connectors/shop/release", `{"all":true}`, 200},
		{"POST", "/v1/connectors/shop/release", `{"keys":[]}`, 400},
		{"POST", "/v1/connectors/shop/release", `{"keys":["7"],"all":true}`, 400},
		{"POST", "/v1/connectors/shop/link", `{"key":"7","remote":"991"}`, 204},
		{"POST", "/v1/connectors/shop/link", `{"key":"7","remote":""}`, 400},
		{"POST", "/v1/connectors/shop/unlink", `{"keys":["7"]}`, 204},
		{"POST", "/v1/connectors/shop/unlink", `{"keys":[]}`, 400},
		{"GET", "/v1/cron", "", 200},
		{"GET", "/v1/cron?times=1", "", 200},
		{"GET", "/v1/cron?times=1000", "", 400},
		{"POST", "/v1/cron", `{"job":"reconcile:shop"}`, 204},
		{"POST", "/v1/cron", `{"job":"watch:pim"}`, 409},
		{"POST", "/v1/cron", `{"job":"watch:erp"}`, 503},
		{"POST", "/v1/cron", `{"job":"watch:none"}`, 404},
		{"GET", "/v1/inspect", "", 200},
		{"GET", "/v1/version", "", 200},
		{"GET", "/v1/openapi.json", "", 200},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), c.method, c.target, strings.NewReader(c.body))
			if c.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			route, values, err := router.FindRoute(r)
			if err != nil {
				t.Fatal(err)
			}
			called[route.Operation.OperationID] = true
			input := &openapi3filter.RequestValidationInput{Request: r, PathParams: values, Route: route}
			if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil && c.want < 300 {
				t.Errorf("the request: %v", err)
			}
			response := w.serve(t, r)
			if response.Code != c.want {
				t.Fatalf("answered %d %s, want %d", response.Code, response.Body, c.want)
			}
			output := &openapi3filter.ResponseValidationInput{
				RequestValidationInput: input, Status: response.Code, Header: response.Header(),
				Options: &openapi3filter.Options{IncludeResponseStatus: true},
			}
			if err := openapi3filter.ValidateResponse(t.Context(), output.SetBodyBytes(response.Body.Bytes())); err != nil {
				t.Errorf("the answer: %v\n%s", err, response.Body)
			}
		})
	}
	for _, route := range routes {
		if !called[operationID(route)] {
			t.Errorf("%s %s is not called here", route.method, route.path)
		}
	}
}

func TestUnknownCallsAreAnsweredInJSON(t *testing.T) {
	w := newWorld()
	for _, target := range []string{"/", "/v1/nothing", "/v2/status"} {
		response := w.serve(t, httptest.NewRequestWithContext(t.Context(), "GET", target, nil))
		var answer Error
		if err := json.Unmarshal(response.Body.Bytes(), &answer); err != nil || response.Code != http.StatusNotFound || answer.Error == "" {
			t.Errorf("GET %s: %d %s", target, response.Code, response.Body)
		}
	}
	w.store.err = errors.New("the disk is gone")
	if response := w.serve(t, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/status", nil)); response.Code != http.StatusInternalServerError {
		t.Errorf("a failing store: %d %s", response.Code, response.Body)
	}
}
