package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/synchost/synchost/sdk"
)

// text is an option that may be a template.
type text struct {
	option   string
	template *template.Template // nil: the text is constant
	constant string
	sample   string // what came out for the first sample, or the constant
	fixed    bool   // it came out the same for all samples: it does not depend on the product
	discreet bool   // it uses a secret, and what it fails on may be that
}

// templates compiles options; it has the functions that they may call.
type templates struct {
	functions template.FuncMap
	faults    *faults
}

func newTemplates(secrets map[string]sdk.Secret, f *faults) templates {
	return templates{faults: f, functions: template.FuncMap{
		"json":    toJSON,
		"query":   func(v any) string { return url.QueryEscape(textOf(v)) },
		"path":    func(v any) string { return url.PathEscape(textOf(v)) },
		"base64":  func(v any) string { return base64.StdEncoding.EncodeToString([]byte(textOf(v))) },
		"default": orElse,
		"lower":   func(v any) string { return strings.ToLower(textOf(v)) },
		"upper":   func(v any) string { return strings.ToUpper(textOf(v)) },
		"cents":   cents,
		"secret": func(name string) (string, error) {
			secret, ok := secrets[name]
			if !ok {
				return "", errNoSecret // the name itself may be a secret: secret (secret "a")
			}
			return secret.Reveal(), nil
		},
	}}
}

var errNoSecret = errors.New("template_secrets has no such name")

// compile reads an option and tries it on samples, so that a field that does not
// exist is found now and not at the first product.
func (t templates) compile(option, source string) *text {
	parsed, err := template.New(option).Funcs(t.functions).Parse(source)
	if err != nil {
		t.faults.add(option, "%s", templateError(err))
		return &text{option: option}
	}
	if constant, ok := constantOf(parsed); ok {
		return &text{option: option, constant: constant, sample: constant, fixed: true}
	}
	// What a request brings is not known before: no sample shows what depends on it.
	request := strings.Contains(source, "Body") || strings.Contains(source, "Header") || strings.Contains(source, "Raw")
	compiled := &text{option: option, template: parsed.Option("missingkey=error"), fixed: !request, discreet: strings.Contains(source, "secret")}
	trial, err := parsed.Clone()
	if err != nil {
		t.faults.add(option, "%w", err)
		return compiled
	}
	trial.Option("missingkey=zero") // a sample cannot have every attribute that may be asked for
	for i, sample := range samples() {
		var out bytes.Buffer
		if err := trial.Execute(&out, sample); err != nil {
			if !request || isMistake(err) {
				t.faults.add(option, "%s", compiled.failure(err))
			}
			break
		}
		if i == 0 {
			compiled.sample = out.String()
		}
		compiled.fixed = compiled.fixed && out.String() == compiled.sample
	}
	return compiled
}

// isMistake says whether a template that looks into requests fails whatever is
// in them.
func isMistake(err error) bool {
	return errors.Is(err, errNoSecret) || strings.Contains(err.Error(), "can't evaluate field")
}

// constantOf is the text of a template that has nothing but text.
func constantOf(t *template.Template) (string, bool) {
	var constant strings.Builder
	if t.Tree == nil || t.Root == nil {
		return "", true
	}
	for _, node := range t.Root.Nodes {
		part, ok := node.(*parse.TextNode)
		if !ok {
			return "", false
		}
		constant.Write(part.Text)
	}
	return constant.String(), true
}

// prefix is the constant text at the start.
func (t *text) prefix() string {
	if t.template == nil || t.template.Tree == nil || len(t.template.Root.Nodes) == 0 {
		return t.constant
	}
	if first, ok := t.template.Root.Nodes[0].(*parse.TextNode); ok {
		return string(first.Text)
	}
	return ""
}

// render fails with a rejection of this product: the template asks for
// something that it does not have.
func (t *text) render(s *scope) ([]byte, error) {
	if t.template == nil {
		return []byte(t.constant), nil
	}
	var out bytes.Buffer
	if err := t.template.Execute(&out, s); err != nil {
		return nil, sdk.Reject(t.option, errors.New(t.failure(err)))
	}
	return out.Bytes(), nil
}

// renderText is render for what is text, which a constant is already.
func (t *text) renderText(s *scope) (string, error) {
	if t.template == nil {
		return t.constant, nil
	}
	out, err := t.render(s)
	return string(out), err
}

// failure says where the template fails, and why if that can be told.
func (t *text) failure(err error) string {
	said := templateError(err)
	if where, _, found := strings.Cut(said, ">: "); found && t.discreet && !errors.Is(err, errNoSecret) {
		return where + ">: it fails on a value that is not shown, since the template uses a secret"
	}
	return said
}

// templateError is the message without the words "template: " and the option,
// which is named beside it.
func templateError(err error) string {
	said := strings.TrimPrefix(err.Error(), "template: ")
	if _, after, ok := strings.Cut(said, ": executing "); ok {
		if _, at, ok := strings.Cut(after, " at "); ok {
			return "template, at " + at
		}
	}
	if _, after, ok := strings.Cut(said, ":"); ok {
		return "template, line " + after
	}
	return said
}

// textOf is a value as text: bytes such as .Event.Raw.Body as they are, nothing
// as none.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

// cents makes a decimal of a whole number of hundredths, as payment services
// count money: 1999 is 19.99.
func cents(v any) (string, error) {
	digits, sign := textOf(v), ""
	if strings.HasPrefix(digits, "-") {
		digits, sign = digits[1:], "-"
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", errors.New("it is not a whole number")
	}
	digits = strings.Repeat("0", max(0, 3-len(digits))) + digits
	point := len(digits) - 2
	return sign + digits[:point] + "." + digits[point:], nil
}

func toJSON(v any) (string, error) {
	data, err := marshal(v)
	return string(data), err
}

// marshal is JSON as people write it: without \u003c for "<".
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func orElse(fallback, value any) any {
	if truth, _ := template.IsTrue(value); truth {
		return value
	}
	return fallback
}
