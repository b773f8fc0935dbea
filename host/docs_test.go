package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/cron"
	"github.com/synchost/synchost/host/internal/receive"
)

//go:generate go test -run ^TestConfigurationPage$ . -args -update

var update = flag.Bool("update", false, "write the tables of docs/configuration.md anew")

// schema is what of a JSON Schema the tables tell.
type schema struct {
	Type                 any
	Enum                 []string
	Pattern, Description string
	Minimum, Maximum     *int64
	MinLength            int
	Default              any
	Items                *schema
	AnyOf, AllOf, OneOf  []*schema
	Properties           map[string]*schema
	Required             []string
	AdditionalProperties *schema
	Const                string
	If, Then             *schema

	forbidden bool // the schema is false
}

func (s *schema) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "false":
		s.forbidden = true
		return nil
	case "true":
		return nil
	}
	type plain schema
	return json.Unmarshal(data, (*plain)(s))
}

// TestConfigurationPage holds the tables of docs/configuration.md to the schema
// that synchost config schema prints.
func TestConfigurationPage(t *testing.T) {
	const page = "docs/configuration.md"
	var file schema
	if err := json.Unmarshal(config.Schema(), &file); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(got)
	for name, s := range file.Properties {
		if s.AdditionalProperties != nil && !s.AdditionalProperties.forbidden {
			s = s.AdditionalProperties // of tables with a name
		}
		place := regexp.MustCompile(`(?s)(<!-- ` + name + `:[^\n]*-->\n).*(<!-- /` + name + ` -->)`)
		if !place.MatchString(want) {
			t.Fatalf("%s has no place for the table of %s", page, name)
		}
		var table strings.Builder
		table.WriteString("| key | type | default | |\n| --- | --- | --- | --- |\n")
		rows(t, &table, "", s)
		want = place.ReplaceAllString(want, "${1}"+strings.ReplaceAll(table.String(), "$", "$$")+"${2}")
	}
	if want == string(got) {
		return
	}
	if !*update {
		t.Fatalf("the tables of %s are not those of the schema: run make generate", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rows writes a line for each key of a table, the required ones first.
func rows(t *testing.T, table *strings.Builder, under string, s *schema) {
	names := slices.SortedFunc(maps.Keys(s.Properties), func(a, b string) int {
		if r := slices.Contains(s.Required, a); r != slices.Contains(s.Required, b) {
			if r {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		key, where := s.Properties[name], schemes(s, name)
		kind := kindName(t, under+name, key)
		fmt.Fprintf(table, "| `%s` | %s | %s | %s%s |\n", under+name, kind, preset(s, name, key), where, strings.ReplaceAll(key.Description, "|", `\|`))
		if kind == "table" {
			rows(t, table, under+name+".", key)
		}
	}
}

// preset is what holds where the key is absent.
func preset(s *schema, name string, key *schema) string {
	var all, demanding int
	for _, rule := range s.AllOf {
		all++
		if slices.Contains(rule.Then.Required, name) {
			demanding++
		}
	}
	switch value := key.Default.(type) {
	case nil:
	case []any:
		texts := make([]string, len(value))
		for i, v := range value {
			texts[i] = fmt.Sprint(v)
		}
		return "`" + strings.Join(texts, ", ") + "`"
	default:
		return fmt.Sprintf("`%v`", value)
	}
	if slices.Contains(s.Required, name) || demanding > 0 && len(schemes(s, name)) > 0 {
		return "required"
	}
	if demanding > 0 {
		return fmt.Sprintf("required by %d of %d schemes", demanding, all)
	}
	return ""
}

// schemes are those that a key is for, where it is not for all.
func schemes(s *schema, name string) string {
	var in []string
	for _, rule := range s.AllOf {
		if only := rule.Then.Properties[name]; only == nil || !only.forbidden {
			in = append(in, rule.If.Properties["scheme"].Const)
		}
	}
	if len(in) == len(s.AllOf) {
		return ""
	}
	return "Of `" + strings.Join(in, "`, `") + "`. "
}

// patterns are the ways of writing a text, by their form in the schema.
var patterns = map[string]string{
	`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`:        "duration",
	cron.Form:                                 "schedule",
	`^([0-9]{1,3}(\.[0-9]{1,6})?)%$`:          "share",
	`^[A-Za-z][A-Za-z0-9_+/-]*$`:              "time zone",
	`^([0-9]{1,15})(B|KB|MB|GB|KiB|MiB|GiB)$`: "size",
	`^([1-9][0-9]{0,8})/([smh])$`:             "rate",
	`^.*:[0-9]{1,5}$`:                         "address",
	`^[0-9a-fA-F:.]+(/[0-9]{1,3})?$`:          "network",
	`^(/([A-Za-z0-9._~-]+|\{secret\}))+$`:     "URL path",
	"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$":           "header name",
	`^[A-Za-z0-9._~-]+$`:                      "parameter name",
	`^[A-Za-z0-9._:-]+$`:                      "host name",
	`^[0-9a-f]{64}$`:                          "64 hex digits",
	`^[A-Z]{3}$`:                              "currency",
	`^https?://[^/?#@]+`:                      "URL",
	`^[A-Za-z_][A-Za-z0-9_]*$`:                "variable name",
}

func kindName(t *testing.T, name string, s *schema) string {
	switch {
	case s.OneOf != nil && s.Properties == nil:
		return kindName(t, name, s.OneOf[0]) + ", or " + kindName(t, name, s.OneOf[1])
	case s.AnyOf != nil:
		return kindName(t, name, s.AnyOf[0]) + ", or a list"
	case s.Enum != nil:
		return "`" + strings.Join(s.Enum, "`, `") + "`"
	case s.Items != nil:
		return "list of " + kindName(t, name, s.Items)
	case s.Properties["env"] != nil && s.Properties["generate"] != nil:
		return "reference"
	case s.Properties != nil:
		return "table"
	case s.Pattern != "":
		word, known := patterns[s.Pattern]
		if !known {
			t.Errorf("%s is written as %s: give that a word in patterns, and a line in docs/configuration.md", name, s.Pattern)
		}
		return word
	case s.Type == "object" && s.AdditionalProperties != nil && s.AdditionalProperties.AnyOf != nil:
		return kindName(t, name, s.AdditionalProperties.AnyOf[0]) + " by name"
	case s.Type == "object" && s.AdditionalProperties != nil:
		return "expressions by name"
	case s.Type == "object":
		return "table of the connector"
	case s.Type == "integer":
		return fmt.Sprintf("%d to %d", *s.Minimum, *s.Maximum)
	case s.Type == "boolean":
		return "true or false"
	}
	return "text"
}

// surroundings goes to a folder that has what examples refer to.
func surroundings(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("connectors", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "sql", "webhook", "woocommerce", "xero", "tinyshop"} {
		if err := os.WriteFile(filepath.Join("connectors", name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("shop.dsn", []byte("shop.db"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var envReference = regexp.MustCompile(`env = "([A-Z_]+)"`)

// mustBeGood loads a configuration and compiles what is in it.
func mustBeGood(t *testing.T, text string) *config.Config {
	t.Helper()
	for _, name := range envReference.FindAllStringSubmatch(text, -1) {
		t.Setenv(name[1], "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	}
	if !strings.Contains(text, "connectors_dir") {
		text = strings.Replace("[host]\n"+strings.Replace(text, "[host]\n", "", 1), "[host]\n", "[host]\nconnectors_dir = \"connectors\"\n", 1)
	}
	if err := os.WriteFile("connectors.toml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load("connectors.toml", config.GenerateSecrets)
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, text)
	}
	_, problems := compile(cfg)
	_, wrong := receive.New(cfg.Receivers, receive.Options{})
	for _, p := range slices.Concat(problems, wrong) {
		t.Errorf("%s\nin\n%s", p, text)
	}
	return cfg
}

var tomlBlock = regexp.MustCompile("(?s)```toml\n(.*?)```")

// Every piece of configuration that the pages show is a good one.
func TestExamplesOfThePages(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) < 5 {
		t.Fatalf("there are the pages %q (%v)", pages, err)
	}
	examples := map[string][]string{}
	for _, page := range append(pages, "README.md", "../README.md", "../sdk/README.md", "../plugins/webhook/README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range tomlBlock.FindAllStringSubmatch(string(text), -1) {
			examples[page] = append(examples[page], block[1])
		}
	}
	surroundings(t)
	for page, blocks := range examples {
		for i, block := range blocks {
			t.Run(fmt.Sprintf("%s %d", page, i+1), func(t *testing.T) {
				if page == "../plugins/webhook/README.md" {
					for _, name := range []string{"client.pem", "client.key"} {
						if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
							t.Fatal(err)
						}
					}
				}
				mustBeGood(t, block)
			})
		}
	}
}

var commented = regexp.MustCompile(`(?m)^# (\[[a-z]|"?[a-z_.]+"? = )`)

// What is commented out in connectors.toml is good when the comment sign goes, and
// what is disabled is when it is enabled; their connectors are stand-ins here.
func TestConnectorsTOMLUncommented(t *testing.T) {
	text, err := os.ReadFile("../connectors.toml")
	if err != nil {
		t.Fatal(err)
	}
	whole := commented.ReplaceAllString(string(text), "$1")
	whole = strings.ReplaceAll(whole, "enabled = false", "enabled = true")
	whole = strings.ReplaceAll(whole, `"…"`, `"connectors"`) // the one value that is no example
	surroundings(t)
	cfg := mustBeGood(t, whole)
	schemesShown := map[string]bool{}
	for _, r := range cfg.Receivers {
		schemesShown[r.Scheme] = true
	}
	if len(schemesShown) != 6 {
		t.Errorf("connectors.toml shows the schemes %v; there are six", slices.Sorted(maps.Keys(schemesShown)))
	}
	for _, c := range cfg.Connectors {
		if !c.Enabled {
			t.Errorf("%s is disabled still", c.Name)
		}
	}
}
