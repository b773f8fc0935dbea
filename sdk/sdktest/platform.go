package sdktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Platform is an HTTP server that plays a platform's API from a table of
// routes. A request that no route expects, or whose header or body is not the
// one expected, fails the test and is answered 400.
type Platform struct {
	URL string // without a slash at its end

	t      testing.TB
	server *httptest.Server
	routes http.Handler
	ended  chan struct{}

	mu       sync.Mutex // guards what follows
	requests []Request
	next     []Misbehaviour
	always   *Misbehaviour
}

// Route is one row of a Platform's table.
type Route struct {
	// Pattern is a net/http pattern: "POST /products", "GET /products/{id}".
	Pattern string

	// What the request must have. Header and Query name values that must be
	// there; others may be too. Body is compared as JSON where it is not a
	// string, else byte by byte; nil: not looked at.
	Header map[string]string
	Query  map[string]string
	Body   any

	// What is answered: Answer as JSON where it is not a string. Status 0 is
	// 200. Handle answers instead, where one answer is not enough; it may read
	// the body again.
	Status       int
	AnswerHeader map[string]string
	Answer       any
	Handle       http.HandlerFunc
}

// Request is one that a Platform got.
type Request struct {
	Method string
	Path   string
	Query  string
	Header http.Header
	Body   []byte
	Fault  string // the misbehaviour it met; empty: none
}

// NewPlatform serves routes on loopback until the test ends.
func NewPlatform(t testing.TB, routes ...Route) *Platform {
	t.Helper()
	p := &Platform{t: t, ended: make(chan struct{})}
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) { p.answer(w, r, route) })
	}
	p.routes = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			p.refuse(w, r, "no route expects it")
			return
		}
		mux.ServeHTTP(w, r)
	})
	p.server = httptest.NewServer(p)
	p.URL = p.server.URL
	t.Cleanup(func() {
		close(p.ended)
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

// Next lets the platform misbehave about the next requests, one each.
func (p *Platform) Next(m ...Misbehaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = append(p.next, m...)
}

// Every lets the platform misbehave about every request until Behave.
func (p *Platform) Every(m Misbehaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.always = &m
}

// Behave ends every misbehaviour.
func (p *Platform) Behave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next, p.always = nil, nil
}

// Requests are those that came so far, in order.
func (p *Platform) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// ServeHTTP answers a request by the table.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller went away
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	fault := p.record(r, body)
	if fault == nil {
		p.routes.ServeHTTP(w, r)
		return
	}
	fault.ruin(w, r, p.routes, p.ended)
}

func (p *Platform) record(r *http.Request, body []byte) *Misbehaviour {
	p.mu.Lock()
	defer p.mu.Unlock()
	fault := p.always
	if len(p.next) > 0 {
		fault, p.next = &p.next[0], p.next[1:]
	}
	request := Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone(), Body: body}
	if fault != nil {
		request.Fault = fault.String()
	}
	p.requests = append(p.requests, request)
	return fault
}

func (p *Platform) answer(w http.ResponseWriter, r *http.Request, route Route) {
	body, _ := io.ReadAll(r.Body) // in memory
	r.Body = io.NopCloser(bytes.NewReader(body))
	if wrong := route.wrong(r, body); wrong != "" {
		p.refuse(w, r, wrong)
		return
	}
	if route.Handle != nil {
		route.Handle(w, r)
		return
	}
	for name, value := range route.AnswerHeader {
		w.Header().Set(name, value)
	}
	text, isText := route.Answer.(string)
	if !isText && route.Answer != nil {
		data, err := json.Marshal(route.Answer)
		if err != nil {
			p.refuse(w, r, "its answer cannot be written: "+err.Error())
			return
		}
		text = string(data)
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/json")
		}
	}
	if route.Status != 0 {
		w.WriteHeader(route.Status)
	}
	_, _ = io.WriteString(w, text)
}

// wrong says what about a request is not as the route expects it.
func (route Route) wrong(r *http.Request, body []byte) string {
	for name, want := range route.Header {
		if got := strings.Join(r.Header.Values(name), ", "); got != want {
			return fmt.Sprintf("header %s is %q, want %q", name, got, want)
		}
	}
	for name, want := range route.Query {
		if got := r.URL.Query().Get(name); got != want {
			return fmt.Sprintf("query parameter %s is %q, want %q", name, got, want)
		}
	}
	if route.Body == nil {
		return ""
	}
	if want, ok := route.Body.(string); ok {
		if want != string(body) {
			return fmt.Sprintf("body is %q, want %q", body, want)
		}
		return ""
	}
	want, err := json.Marshal(route.Body)
	if err != nil {
		return "the body to expect cannot be written: " + err.Error()
	}
	if !sameJSON(want, body) {
		return fmt.Sprintf("body is %s, want %s", body, want)
	}
	return ""
}

func sameJSON(a, b []byte) bool {
	var left, right any
	return json.Unmarshal(a, &left) == nil && json.Unmarshal(b, &right) == nil && reflect.DeepEqual(left, right)
}

func (p *Platform) refuse(w http.ResponseWriter, r *http.Request, why string) {
	p.t.Errorf("the platform got %s %s: %s", r.Method, r.URL.Path, why)
	http.Error(w, why, http.StatusBadRequest)
}
