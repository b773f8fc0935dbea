package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is wrong with a configuration is told when it is read, all of it, with
// the option and what to write instead.
func TestProblemsNameTheOptionAndTheRemedy(t *testing.T) {
	const u = "https://shop.example/hook"
	custom := func(o options) options {
		o["style"] = "custom"
		if o["url"] == nil {
			o["url"] = u
		}
		return o
	}
	tests := []struct {
		name    string
		options options
		want    []string // start of each
	}{
		{"good", options{"url": u, "secret": hmacSecret}, nil},
		{"good templates", custom(options{
			"url":              `https://{{.Event.Source}}.example/{{path .Key}}?q={{query .Product.Name}}&c={{secret "code"}}`,
			"method":           `{{if eq .Op "deleted"}}DELETE{{else}}PUT{{end}}`,
			"headers":          options{"X-A": "{{.Product.Attributes.anything}}", "X-B": `{{.Attribute "b" | lower}}`},
			"body":             `{{range .Product.Variants}}{{.Code}}{{range .Options}}{{.Name}}{{end}}{{end}}{{with .Product.Weight}}{{.Value}}{{end}}{{json .Event.Raw.Headers}}`,
			"template_secrets": options{"code": "c0de"},
		}), nil},
		{"nothing", options{}, []string{"url: required"}},
		{"everything at once", options{
			"url": "ftp://shop.example", "style": "custom", "timeout": "2m", "max_response": 0, "allow_networks": []string{"10.0.0.0/8", "lan"},
		}, []string{
			"timeout: must be more than 0s and at most 50s",
			"max_response: must be from 1 to",
			`allow_networks[1]: "lan" is not a network: write`,
			"url: must start with https:// or http://",
		}},

		{"no secret", options{"url": u}, []string{`secret: is required by style = "standard-webhooks"`}},
		{"not a secret of Standard Webhooks", options{"url": u, "secret": "hello"}, []string{"secret: must be whsec_ and then base64"}},
		{"short secret", options{"url": u, "secret": "whsec_aGVsbG8="}, []string{"secret: must be whsec_ and then base64"}},
		{"broken Ed25519 key", options{"url": u, "secret": "whsk_" + strings.Repeat("A", 87) + "="}, []string{"secret: must be whsk_ and then base64"}},
		{"broken old secret", options{"url": u, "secret": hmacSecret, "old_secrets": []string{ed25519Secret, "x"}}, []string{"old_secrets[1]: must be whsec_"}},
		{"secret without use", custom(options{"secret": "hello"}), []string{`secret: is not used by style = "custom"`}},
		{"github without secret", options{"url": u, "style": "github"}, []string{`secret: is required by style = "github"`}},
		{"github with two", options{"url": u, "style": "github", "secret": "a", "old_secrets": []string{"b"}}, []string{"old_secrets: only style"}},
		{"signature without secret", custom(options{"signature": options{"header": "X-Sig"}}), []string{"secret: is required by signature"}},
		{"signature of nonsense", custom(options{"secret": "a", "signature": options{"header": "X Sig", "signed": "{id}", "timestamp": ":"}}),
			[]string{`signature.header: "X Sig" is not`, `signature.timestamp: ":" is not`, "signature.signed: {id} is not known"}},
		{"signature elsewhere", options{"url": u, "secret": hmacSecret, "signature": options{"header": "X-Sig"}}, []string{`signature: is for style = "custom"`}},

		{"unknown field", custom(options{"body": "{{.Product.Nmae}}"}), []string{"body: template, at <.Product.Nmae>: can't evaluate field Nmae"}},
		{"unknown field in a branch", custom(options{"body": `{{if eq .Op "deleted"}}{{.Evnt}}{{end}}`}), []string{"body: template, at <.Evnt>: can't evaluate field Evnt"}},
		{"unknown function", custom(options{"headers": options{"X-A": "{{now}}"}}), []string{`headers.X-A: template, line 1: function "now" not defined`}},
		{"open action", custom(options{"url": u + "/{{.Key"}), []string{"url: template, line 1: unclosed action"}},
		{"unknown secret", custom(options{"body": `{{secret "code"}}`}), []string{`body: template, at <secret "code">: error calling secret: template_secrets has no such name`}},
		{"method", custom(options{"method": "P OST"}), []string{`method: "P OST" is not an HTTP method`}},
		{"no host", custom(options{"url": "https:///x"}), []string{"url: has no host"}},
		{"user in the URL", custom(options{"url": "https://me:pass@shop.example"}), []string{"url: must not hold a user name or password: use auth.basic"}},
		{"headers", custom(options{"headers": options{"Host": "x", "a b": "x", "X-A": "1", "x-a": "2"}}),
			[]string{"headers.Host: is set by HTTP itself", `headers.a b: "a b" is not a header name`, "headers.x-a: is there twice"}},

		{"two ways to log in", custom(options{"auth": options{"bearer": "t", "basic": options{"user": "u", "password": "p"}}}), []string{"auth: only one of"}},
		{"header that cannot be", custom(options{"auth": options{"header": options{"name": "a:b", "value": "x\ny"}}}),
			[]string{`auth.header.name: "a:b" is not`, "auth: the secret holds a line break"}},
		{"token address", custom(options{"auth": options{"oauth2": options{"token_url": "login", "client_id": "a", "client_secret": "b"}}}),
			[]string{"auth.oauth2.token_url: write an address"}},
		{"certificate", custom(options{"tls": options{"cert": "x", "ca": "y"}}), []string{"tls.ca: holds no certificate", "tls.key: is missing"}},
		{"not a certificate", custom(options{"tls": options{"cert": "x", "key": "y"}}), []string{"tls.cert: and tls.key do not make a certificate"}},

		{"batch that differs", custom(options{"batch": "array", "url": u + "/{{.Key}}", "headers": options{"X-Op": "{{.Op}}"}}),
			[]string{"headers.X-Op: must not depend on the product", "url: must not depend on the product"}},
		{"batch of payamgostar", options{"batch": "array", "style": "payamgostar", "url": u}, []string{"batch: style payamgostar has no body"}},
		{"batch of binary events", options{"batch": "array", "style": "cloudevents", "url": u}, []string{"batch: style cloudevents has batches only"}},
		{"handshake with many", options{"style": "cloudevents", "url": u + "/{{.Key}}"}, []string{"cloudevents.handshake: must be false"}},
		{"structured body", options{"style": "cloudevents", "url": u, "body": "{}", "cloudevents": options{"mode": "structured", "source": "a b", "origin": "", "rate": -1}},
			[]string{"cloudevents.source: is not a URI reference", "body: cloudevents.mode", "cloudevents.origin:", "cloudevents.rate: must not"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := problems(t, test.options)
			for i := range min(len(got), len(test.want)) {
				if strings.HasPrefix(got[i], test.want[i]) {
					got[i] = test.want[i]
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
