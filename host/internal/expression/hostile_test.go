package expression

import (
	"encoding/json"
	"fmt"
	"testing"
)

// FuzzHostileBody: expressions that are good for what a sender should send give
// the same each time for whatever comes, or an error; and what they give is a
// product that can be told.
func FuzzHostileBody(f *testing.F) {
	for _, body := range []string{
		`{"id":7,"name":"Shirt","price":"19.90","tags":["a","b"],"stock":{"main":3}}`,
		`{"id":null,"name":["x"],"price":{"a":1},"tags":"a","stock":[]}`, `[[[1e64]]]`, `"text"`, `{"price":-0,"tags":[1,1.0,"1"]}`,
	} {
		f.Add(body)
	}
	var fields Fields
	for path, text := range map[string]string{
		"name": `trim(body.name ?? "") + "!"`, "brand": `upper(string(body))`,
		"prices":       `[{amount: round(body.price * 1.09, 2), currency: "EUR"}]`,
		"tags":         `uniq(map(body.tags, lower(#)))`,
		"status":       `body.stock.main > 0 ? "active" : "archived"`,
		"description":  `join(map(body.tags, # + ""), ", ")[0:20]`,
		"attributes.n": `sum(body.tags)`,
		"attributes.a": `body.attributes`,
	} {
		field, err := CompileField(path, text, OfRequest)
		if err != nil {
			f.Fatalf("%s: %v", path, err)
		}
		fields = append(fields, field)
	}
	f.Fuzz(func(t *testing.T, body string) {
		value, err := ParseJSON([]byte(body))
		if err != nil {
			return
		}
		for _, field := range fields {
			first, err := Fields{field}.Patch((&RequestScope{Body: value}).With(nil), Clear)
			second, again := Fields{field}.Patch((&RequestScope{Body: value}).With(nil), Clear)
			a, failure := json.Marshal(first.Product)
			b, _ := json.Marshal(second.Product)
			if failure != nil || string(a) != string(b) || fmt.Sprint(err) != fmt.Sprint(again) {
				t.Fatalf("%s: %s, %v and then %s, %v (%v)", field.Path(), a, err, b, again, failure)
			}
			if len(a) > 2*maxText {
				t.Fatalf("%s is %d bytes", field.Path(), len(a))
			}
		}
	})
}
