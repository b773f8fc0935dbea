package main

import (
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
)

func TestBody(t *testing.T) {
	const json, form = "application/json", "application/x-www-form-urlencoded"
	tests := []struct {
		name, template, contentType, body string
		want                              string // after "!", part of the rejection
	}{
		{"JSON", `{{.Body.a.b}} {{(index .Body.c 1).d}} {{.Body.yes}}`, "application/vnd.x+json", `{"a":{"b":1.50},"c":[{},{"d":"x"}],"yes":true}`, "1.50 x true"},
		{"path and query", `{{path .Body.n}} {{query .Body.t}}`, json, `{"n":7,"t":"a&b"}`, "7 a%26b"},
		{"missing", `{{index .Body "a" | default "none"}}`, json, `{}`, "none"},
		{"nothing", `{{json .Body.a}}{{query .Body.a}}`, json, `{"a":null}`, "null"},
		{"a list", `{{range .Body}}{{.n}};{{end}}`, json, `[{"n":1},{"n":2}]`, "1;2;"},
		{"cents", `{{cents .Body.a}} {{cents .Body.b}} {{cents .Body.c}}`, json, `{"a":123456789012345678901,"b":-5,"c":"0"}`, "1234567890123456789.01 -0.05 0.00"},
		{"form", `{{.Body.type}} {{index .Body.tag 1}} {{.Body.data.email}}`, form, "type=x+y&tag=a&tag=b&data[email]=a%40b", "x y b a@b"},
		{"text", `{{.Body}}`, "text/plain; charset=utf-8", "hello", "hello"},
		{"no body", `{{.Body | default "-"}}`, "", "", "-"},
		{"asked for and not there", `{{.Body.a}}`, json, `{"b":1}`, `!no entry for key "a"`},
		{"no whole number", `{{cents .Body.a}}`, json, `{"a":1.5}`, "!whole number"},
		{"broken", `{{.Body.a}}`, json, `{"a":"hush`, "!not valid JSON"},
		{"two values", `{{.Body.a}}`, json, `{"a":1}{"a":2}`, "!not valid JSON"},
		{"broken form", `{{.Body.a}}`, form, `a=%zz`, "!not a well-formed form"},
		{"other type", `{{.Body.a}}`, "image/png", "\x89", "!neither JSON"},
		{"other charset", `{{.Body}}`, "text/plain; charset=latin1", "\xe9", "!neither JSON"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			change := forward("1", test.contentType, test.body)
			got, err := rendered(t, test.template, &change)
			if part, rejected := strings.CutPrefix(test.want, "!"); rejected {
				if sdk.KindOf(err) != sdk.Rejected || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "hush") {
					t.Errorf("%q, %v", got, err)
				}
			} else if err != nil || got != test.want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	change := update("7")
	if _, err := rendered(t, "{{.Body.a}}", &change); sdk.KindOf(err) != sdk.Rejected || !strings.Contains(err.Error(), "about a product") {
		t.Errorf("an event about a product: %v", err)
	}
}

// rendered is what a template that is taken gives for a change.
func rendered(t *testing.T, source string, change *sdk.Change) (string, error) {
	t.Helper()
	var f faults
	compiled := newTemplates(nil, &f).compile("body", source)
	if len(f) > 0 {
		t.Fatal(f)
	}
	return compiled.renderText(newScope(change, time.Now()))
}

// Of a template that looks into requests, what is wrong whatever they bring is
// told when the configuration is read, and the rest is not held against it.
func TestTemplatesOfRequestsAreTried(t *testing.T) {
	for source, want := range map[string]string{
		`{{.Body.a.b.c}}{{range .Body.d}}{{.e}}{{end}}{{len .Body.f}}`:             "",
		`{{(index .Body.items 0).id}} {{slice .Body.after 0 7}}`:                   "",
		`{{if eq .Body.action "opened"}}{{lower .Body.a}}{{end}}{{cents .Body.b}}`: "",
		`{{printf "%.7s" .Body.after}}{{index .Event.Raw.Headers "X-A"}}`:          "",
		`{{.Header "X-A"}}`:            "",
		`{{.Body.a}}{{.Prodct.Name}}`:  "can't evaluate field Prodct",
		`{{.Body.a}}{{secret "none"}}`: "no such name",
		`{{.Body.a | upcase}}`:         "upcase",
	} {
		var f faults
		compiled := newTemplates(nil, &f).compile("body", source)
		switch {
		case want == "" && (len(f) > 0 || compiled.fixed):
			t.Errorf("%s: %v, fixed %t", source, f, compiled.fixed)
		case want != "" && (len(f) != 1 || !strings.Contains(f[0].Error(), want)):
			t.Errorf("%s: %v, want %s", source, f, want)
		}
	}
}

// A URL that is made of what a request brings is made anew for each.
func TestURLOfABody(t *testing.T) {
	s := newSink(t, nil)
	client := opened(t, options{"style": "custom", "url": s.URL + `/jobs/{{path .Body.job}}/{{.Header "x-kind"}}`, "body": "{}"})
	for _, job := range []string{"a/b", "c"} {
		change := forward(job, "application/json", `{"job":"`+job+`"}`)
		change.Event.Raw.Headers, change.Event.Raw.Query = map[string]string{"X-Kind": "k" + job[:1]}, ""
		done(t, client, change)
	}
	if got := s.got(); got[0].RequestURI != "/jobs/a%2Fb/ka" || got[1].RequestURI != "/jobs/c/kc" {
		t.Errorf("%s and %s", got[0].RequestURI, got[1].RequestURI)
	}
}

func FuzzBody(f *testing.F) {
	f.Add("application/json", []byte(`{"a":[{"b":1}],"n":12345678901234567890}`))
	f.Add("application/x-www-form-urlencoded", []byte("a=1&a=2"))
	f.Add("text/plain", []byte("a"))
	var problems faults
	compiled := newTemplates(nil, &problems).compile("body", `{{with index .Body "a"}}{{json .}}{{query .}}{{range .}}{{.b}}{{end}}{{end}}{{json .Body}}`)
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		change := forward("1", contentType, string(body))
		if out, err := compiled.render(newScope(&change, time.Now())); err != nil && (sdk.KindOf(err) != sdk.Rejected || out != nil) {
			t.Errorf("%q, %v is %s", out, err, sdk.KindOf(err))
		}
	})
}
