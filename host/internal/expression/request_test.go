package expression

import (
	"fmt"
	"strings"
	"testing"
)

// What a request says is calculated with as exactly as what is known of a
// product.
func TestRequest(t *testing.T) {
	body, err := ParseJSON([]byte(`{"id": 12345678901234567890, "price": 19.90, "big": 1.5e3, "huge": 1e999999999, "live": true,
		"none": null, "lines": [{"n": 0.1}, {"n": 0.2}], "tags": ["a"]}`))
	if err != nil {
		t.Fatal(err)
	}
	scope := (&RequestScope{Body: body, Headers: map[string]string{"x-shop": "nl"}, Query: map[string]string{"q": "1"}, Method: "POST", Path: "/in"}).With("one")
	for text, want := range map[string]string{
		`body.id`:                         "12345678901234567890",
		`body.id + 1`:                     "12345678901234567891",
		`body.price`:                      "19.90",
		`body.price * 3`:                  "59.7",
		`body.big % 7`:                    "2",
		`body.big`:                        "1500",
		`body.huge`:                       "1e999999999",
		`sum(map(body.lines, .n))`:        "0.3",
		`headers["X-Shop"] + method`:      "nlPOST",
		`query.q + path + item`:           "1/inone",
		`body.live ? "on" : "off"`:        "on",
		`body.none?.x ?? "no"`:            "no",
		`body.tags[0] + join(body.tags)`:  "aa",
		`string(len(body.lines)) + "x"`:   "2x",
		`persian("٣") + upper(item)`:      "3ONE",
		`find(body.lines, .n > 0.1).n`:    "0.2",
		`default(query["missing"], item)`: "one",
	} {
		compiled, err := Compile(text, Word, OfRequest)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		value, err := compiled.Run(scope)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := ToText(value); err != nil || got != want {
			t.Errorf("%s gives %s, %v; want %s", text, got, err, want)
		}
	}
}

// A sender that cuts a text may cut a letter in two, which is no reason to lose all
// that it says. Bytes that are no text are.
func TestHalfALetterIsRead(t *testing.T) {
	body, err := ParseJSON([]byte(`{"text": "What a bag! \ud83d"}`))
	if object, ok := body.(map[string]any); err != nil || !ok || object["text"] != "What a bag! \ufffd" {
		t.Errorf("%v, %v", body, err)
	}
	for _, text := range []string{"{\"text\": \"\xff\"}", `{"a": 1, "a": 1}`, `{"a": 1, "\u0061": 2}`} {
		if body, err := ParseJSON([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, body)
		}
	}
}

// Each item of a request may use as many rounds of loops as any other.
func TestItemsHaveTheirOwnBounds(t *testing.T) {
	compiled, err := Compile("string(count(body, true))", Word, OfRequest)
	if err != nil {
		t.Fatal(err)
	}
	scope := &RequestScope{Body: make([]any, maxSteps)}
	for range 2 {
		if _, err := compiled.Run(scope.With(nil)); err != nil {
			t.Fatal(err)
		}
	}
	one := scope.With(nil)
	_, first := compiled.Run(one)
	if _, second := compiled.Run(one); first != nil || second == nil || !strings.Contains(second.Error(), "too many rounds") {
		t.Errorf("%v, and then %v", first, second)
	}
}

func TestWhatIsNothingIsLeftOrCleared(t *testing.T) {
	var fields Fields
	for path, text := range map[string]string{"name": "body.name", "attributes": "body.all", "attributes.b": "2.5", "attributes.c": "nil"} {
		field, err := CompileField(path, text, OfRequest)
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, field)
	}
	scope := (&RequestScope{Body: map[string]any{"all": map[string]any{"a": 1}}}).With(nil)
	for nothing, want := range map[Nothing]string{Leave: "[attributes.a attributes.b]", Clear: "[attributes.a attributes.b attributes.c name]"} {
		patch, err := fields.Patch(scope, nothing)
		if got := fmt.Sprint(patch.Fields); err != nil || got != want {
			t.Errorf("fields %s, %v; want %s", got, err, want)
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, text := range []string{`{"a":[1,2.50,-0,1e5,1E-9,true,null,"x"]}`, `1e64`, `-1.5e-64`, `[[[[`, `{"a":1,"a":2}`, `123456789012345678901234567890.5 x`} {
		f.Add(text)
	}
	compiled, err := Compile("string(body)", Word, OfRequest)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, err := ParseJSON([]byte(text))
		if err != nil {
			return
		}
		first, err := compiled.Run((&RequestScope{Body: value}).With(nil))
		second, again := compiled.Run((&RequestScope{Body: value}).With(nil))
		if fmt.Sprint(first, err) != fmt.Sprint(second, again) {
			t.Errorf("%v, %v and then %v, %v", first, err, second, again)
		}
	})
}
