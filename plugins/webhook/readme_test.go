package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

var rewrite = flag.Bool("update", false, "write the option table of README.md anew")

var optionTable = regexp.MustCompile(`(?s)(<!-- options:[^\n]*-->\n).*(<!-- /options -->)`)

//go:generate go test -run ^TestREADMEListsTheOptions$ . -args -update

func TestREADMEListsTheOptions(t *testing.T) {
	description, err := sdktest.Dial(t, plugin).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := optionTable.ReplaceAllString(string(readme), "${1}"+strings.ReplaceAll(table(description.Options), "$", "$$")+"${2}")
	if want == string(readme) {
		return
	}
	if !*rewrite {
		t.Fatal("the option table is not that of Config: run make generate")
	}
	if err := os.WriteFile("README.md", []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

func table(options []sdk.Option) string {
	var out strings.Builder
	out.WriteString("| option | type | default | |\n| --- | --- | --- | --- |\n")
	for i, o := range options {
		if o.Description == "" {
			continue // an element of a list or map: told with it
		}
		kind, preset := o.Type, "`"+o.Default+"`"
		if o.Secret {
			kind = "secret"
		} else if i+1 < len(options) && options[i+1].Secret && options[i+1].Description == "" {
			kind += " of secrets"
		}
		if o.Default == "" {
			preset = ""
		}
		if o.Required {
			preset = "required"
		}
		text := o.Description
		if len(o.Choices) > 0 {
			text += " One of `" + strings.Join(o.Choices, "`, `") + "`."
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", o.Path, kind, preset, strings.ReplaceAll(text, "|", `\|`))
	}
	return out.String()
}

var tomlBlock = regexp.MustCompile("(?s)```toml\n(.*?)```")

// Every example of the README is a configuration that the connector takes.
func TestREADMEExamplesAreValid(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := tomlBlock.FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 6 {
		t.Fatalf("%d examples", len(blocks))
	}
	cert, key := newAuthority(t).issue(t, "client")
	secrets := map[string]string{"client.pem": cert, "client.key": key}
	for _, block := range blocks {
		var file struct {
			Connectors map[string]struct {
				Plugin string
				Config map[string]any
			}
		}
		if _, err := toml.Decode(block[1], &file); err != nil {
			t.Errorf("%v in\n%s", err, block[1])
			continue
		}
		for name, c := range file.Connectors {
			config, err := json.Marshal(resolved(c.Config, secrets))
			if err != nil {
				t.Fatal(err)
			}
			_, found, err := sdktest.Dial(t, plugin).Validate(t.Context(), sdk.Setup{Config: config})
			if err != nil || len(found) > 0 || c.Plugin != "webhook" {
				t.Errorf("%s: %v %v", name, found, err)
			}
		}
	}
}

// resolved puts secrets in the places of references, as the host does.
func resolved(value any, secrets map[string]string) any {
	switch value := value.(type) {
	case map[string]any:
		if name, ok := value["env"].(string); ok {
			return cmp.Or(secrets[name], hmacSecret)
		}
		if name, ok := value["file"].(string); ok {
			return cmp.Or(secrets[name], hmacSecret)
		}
		for name := range value {
			value[name] = resolved(value[name], secrets)
		}
	case []any:
		for i := range value {
			value[i] = resolved(value[i], secrets)
		}
	case []map[string]any: // an array whose elements are all tables
		all := make([]any, len(value))
		for i := range value {
			all[i] = resolved(value[i], secrets)
		}
		return all
	}
	return value
}
