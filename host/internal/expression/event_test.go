package expression

import (
	"testing"

	"github.com/synchost/synchost/sdk"
)

// A filter sees what came in of no product as the map of a receiver sees it.
func TestRawEvent(t *testing.T) {
	push := sdk.Raw{
		Method: "POST", Query: "a=1&b=x+y", ContentType: "application/json",
		Headers: map[string]string{"X-Github-Event": "push"},
		Body:    []byte(`{"ref":"refs/heads/main","size":12345678901234567890,"commits":[{"added":["a"]},{}]}`),
	}
	form := sdk.Raw{Method: "PUT", ContentType: "application/x-www-form-urlencoded; charset=UTF-8", Body: []byte("type=subscribe&tag=a&tag=b")}
	tests := []struct {
		filter string
		raw    *sdk.Raw
		want   bool
	}{
		{`event.op == "received" and event.method == "POST"`, &push, true},
		{`event.body.ref == "refs/heads/main"`, &push, true},
		{`event.body.ref == "refs/heads/next"`, &push, false},
		{`event.body.size + 1 == decimal("12345678901234567891")`, &push, true},
		{`event.headers["X-GitHub-Event"] == "push" and event.headers["x-github-event"] == "push"`, &push, true},
		{`event["headers"]["X-GitHub-Event"] == "push"`, &push, true},
		{`let e = event; e.body.ref endsWith "/main"`, &push, true},
		{`event.query.b == "x y" and event.query.c == ""`, &push, true},
		{`any(event.body.commits, any(default(.added, []), # == "a"))`, &push, true},
		{`event.body.deleted`, &push, false},
		{`event.body.type == "subscribe" and event.body.tag[1] == "b"`, &form, true},
		{`event.body == "hello"`, &sdk.Raw{ContentType: "text/plain", Body: []byte("hello")}, true},
		{`event.body?.ref == "x"`, &sdk.Raw{ContentType: "application/json", Body: []byte(`{"ref":`)}, false},
		{`event.body == nil`, &sdk.Raw{ContentType: "image/png", Body: []byte("\x89PNG")}, true},
		{`event.body == nil and event.method == "" and event.headers["X"] == ""`, nil, true},
	}
	for _, test := range tests {
		filter, err := compileFilter(test.filter)
		if err != nil {
			t.Errorf("%s: %v", test.filter, err)
			continue
		}
		got, err := filter.match(&sdk.Product{Key: "1"}, &sdk.Event{ID: "1", Op: sdk.Received, Raw: test.raw})
		if err != nil || got != test.want {
			t.Errorf("%s: %t, %v", test.filter, got, err)
		}
	}
}

// What no expression looks at is not read.
func TestRequestIsReadOnlyWhereItIsLookedAt(t *testing.T) {
	for filter, want := range map[string]bool{
		`event.source == "shop"`: false, `product.code == "1"`: false, `price(product) > 1`: false,
		`event.body.a == 1`: true, `event["query"].a == ""`: true, `let e = event; e.op == "received"`: true,
	} {
		compiled, err := Compile(filter, Truth, OfProduct)
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled.Needs()&requestPart != 0; got != want {
			t.Errorf("%s needs the request: %t", filter, got)
		}
	}
}

func FuzzParseBody(f *testing.F) {
	f.Add("application/json", []byte(`{"a":[1,2.5,null]}`))
	f.Add("application/cloudevents+json", []byte(`[`))
	f.Add("application/x-www-form-urlencoded", []byte("a=1&a=%zz&b"))
	f.Add("text/plain; charset=latin1", []byte("\xe9"))
	filter, err := compileFilter(`event.body?.a == 1 or event.headers["X"] == "" or event.query["a"] contains "b"`)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		value, err := ParseBody(sdk.MediaType(contentType), body)
		if err != nil && value != nil {
			t.Fatalf("both %v and %v", value, err)
		}
		// An error is one of the expression, such as that a text has no a; never a panic.
		_, _ = filter.match(&sdk.Product{}, &sdk.Event{Raw: &sdk.Raw{ContentType: contentType, Query: string(body), Body: body}})
	})
}
