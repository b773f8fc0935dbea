package main

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
)

// FuzzTemplate: a template that is taken gives the same for the same product each
// time, or rejects it; and no error shows a secret.
func FuzzTemplate(f *testing.F) {
	const secret = "hush-hush-7361"
	for _, source := range []string{
		`{{.Product.Name | upper | json}}`, `{{range .Product.Prices}}{{.Amount}} {{.Currency}}{{else}}-{{end}}`,
		`{{.Attribute "none" | default "-"}}{{.Product.Attributes.colour}}`, `{{(index .Product.Prices 9).Amount}}`,
		`{{with .Event.Raw}}{{base64 .Body}}{{end}}{{.Time.Format "2006"}}`, `{{secret "token"}}`, `{{secret (secret "token")}}`,
		`{{index .Product.Tags (secret "token")}}`, `{{define "a"}}{{.Key}}{{end}}{{template "a" .}}`, `{{printf "%[2]d" .}}`, `{{.Nothing}}`,
		`{{len (secret "token" | call)}}`, `{{"`,
	} {
		f.Add(source)
	}
	secrets := map[string]sdk.Secret{"token": sdk.NewSecret(secret)}
	changes := []sdk.Change{update("7"), forward("8", "text/plain", "x"), {Key: "9", Op: sdk.Purge}}
	at := time.Date(2026, 8, 1, 12, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, source string) {
		if strings.Contains(source, secret) {
			return
		}
		var problems faults
		compiled := newTemplates(secrets, &problems).compile("body", source)
		for _, err := range problems {
			if strings.Contains(err.Error(), secret) {
				t.Fatalf("a problem shows a secret: %v", err)
			}
		}
		if len(problems) > 0 {
			return
		}
		for i := range changes {
			first, err := compiled.render(newScope(&changes[i], at))
			second, again := compiled.render(newScope(&changes[i], at))
			switch {
			case err != nil && strings.Contains(err.Error(), secret):
				t.Fatalf("an error shows a secret: %v", err)
			case err != nil && sdk.KindOf(err) != sdk.Rejected:
				t.Fatalf("%v is %s", err, sdk.KindOf(err))
			case (err == nil) != (again == nil) || string(first) != string(second) && !strings.Contains(source, "%"): // %p is an address
				t.Fatalf("%q, %v and then %q, %v", first, err, second, again)
			}
		}
	})
}

// FuzzTemplateOfHostileProduct: what is in a product stays in its place in the
// request, whatever it is.
func FuzzTemplateOfHostileProduct(f *testing.F) {
	f.Add("7", "Bag", "red")
	f.Add("../..", "a\r\nX-Evil: 1", `","admin":true,"x":"`)
	f.Add("a/b?c#d", "{{.Key}}", "\xff\u2028</script>")
	var problems faults
	composer := newComposer(&Config{
		Style: "custom", URL: `https://example.com/p/{{path .Key}}?name={{query .Product.Name}}&fixed=1`,
		Headers: map[string]string{"X-Name": "{{.Product.Name}}"},
		Body:    `{"name":{{json .Product.Name}},"colour":{{.Attribute "colour" | json}},"all":{{json .Product}}}`,
	}, &problems)
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	f.Fuzz(func(t *testing.T, key, name, colour string) {
		change := update(key)
		change.Product.Name, change.Product.Attributes = name, map[string]sdk.Value{"colour": sdk.String(colour)}
		req, err := composer.request(&change, time.Now())
		if err != nil {
			if sdk.KindOf(err) != sdk.Rejected || isHeaderValue(name) {
				t.Fatalf("%v is %s", err, sdk.KindOf(err))
			}
			return
		}
		if query := req.URL.Query(); req.URL.Host != "example.com" || req.URL.EscapedPath() != "/p/"+url.PathEscape(key) ||
			len(query) != 2 || len(query["name"]) != 1 || query["name"][0] != name {
			t.Errorf("the product goes to %s", req.URL)
		}
		if strings.ContainsAny(req.Header.Get("X-Name"), "\r\n\x00") {
			t.Errorf("a header is %q", req.Header)
		}
		var body struct {
			Name, Colour string
			All          sdk.Product
		}
		decoder := json.NewDecoder(strings.NewReader(string(req.Body)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&body); err != nil || decoder.More() {
			t.Fatalf("the body is %s: %v", req.Body, err)
		}
		valid := func(text string) string { return string([]rune(text)) }
		if body.Name != valid(name) || body.Colour != valid(colour) {
			t.Errorf("the body is %s", req.Body)
		}
	})
}
