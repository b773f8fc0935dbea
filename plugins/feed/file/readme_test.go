package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
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
	readme := read(t, "README.md")
	want := optionTable.ReplaceAllLiteralString(readme, "<!-- options: make generate -->\n"+optionRows(description.Options)+"<!-- /options -->")
	switch {
	case want == readme:
	case !*rewrite:
		t.Fatal("the option table is not that of Config: run make generate")
	default:
		if err := os.WriteFile("README.md", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func optionRows(options []sdk.Option) string {
	var out strings.Builder
	out.WriteString("| option | type | default | |\n| --- | --- | --- | --- |\n")
	for _, o := range options {
		if o.Description == "" {
			continue // an element of a map: told with it
		}
		preset := ""
		if o.Default != "" {
			preset = "`" + strings.ReplaceAll(o.Default, "|", `\|`) + "`"
		}
		if o.Required {
			preset = "required"
		}
		text := o.Description
		if len(o.Choices) > 0 {
			text += " One of `" + strings.Join(o.Choices, "`, `") + "`."
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", o.Path, o.Type, preset, strings.ReplaceAll(text, "|", `\|`))
	}
	return out.String()
}

var tomlBlock = regexp.MustCompile("(?s)```toml\n(.*?)```")

// Every example of the README is a configuration that the connector takes.
func TestREADMEExamplesAreValid(t *testing.T) {
	blocks := tomlBlock.FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		for name, c := range connectors(t, block[1]) {
			if found := problems(t, c); len(found) > 0 {
				t.Errorf("%s: %v", name, found)
			}
		}
	}
}

// The first example does what it says.
func TestREADMEExampleReads(t *testing.T) {
	c := connectors(t, tomlBlock.FindStringSubmatch(read(t, "README.md"))[1])["supplier"]
	c["path"] = put(t, t.TempDir(), "supplier.csv", "Artikelnummer;Bezeichnung;Preis;Bestand;Farbe\n7;\xdf\xed\xdd;1.234,50;12;red\n")
	same(t, complete(t, open(t, c))["7"], `{"key":"7","name":"كيف","prices":[{"amount":"1234.50","currency":"EUR","tax_included":true}],
		"stock":[{"quantity":"12"}],"attributes":{"colour":"red"}}`)
}

// So does the second.
func TestREADMEExampleWrites(t *testing.T) {
	c := connectors(t, tomlBlock.FindAllStringSubmatch(read(t, "README.md"), -1)[1][1])["comparison"]
	path := filepath.Join(t.TempDir(), "feed.csv")
	c["path"] = path
	client := open(t, c)
	p := sdk.Product{Name: "Bag", Status: sdk.Active, Prices: []sdk.Price{{Amount: "9", Currency: "EUR"}, {Amount: "12.50", Currency: "EUR", TaxIncluded: true}},
		Media: []sdk.Media{{URL: "https://shop.example/1.jpg"}}}
	if r := apply(t, client, upsert("7", p, "name", "status", "prices", "media")); r.Err != nil {
		t.Fatal(r.Err)
	}
	if r := apply(t, client, sdk.Change{Key: "7", ID: "e", Op: sdk.Archive}); r.Err != nil {
		t.Fatal(r.Err)
	}
	if got := read(t, path); got != "id;title;availability;price;image_link\n7;Bag;sold out;12.50;https://shop.example/1.jpg\n" {
		t.Errorf("the file is %q", got)
	}
}

// connectors are the options of an example's connectors, by name.
func connectors(t *testing.T, text string) map[string]options {
	t.Helper()
	var file struct {
		Connectors map[string]struct {
			Plugin string
			Watch  string
			Config map[string]any
		}
	}
	if _, err := toml.Decode(text, &file); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	all := map[string]options{}
	for name, c := range file.Connectors {
		if c.Plugin != plugin.Name {
			t.Errorf("%s is a %s", name, c.Plugin)
		}
		config, err := json.Marshal(c.Config)
		if err != nil {
			t.Fatal(err)
		}
		var o options
		if err := json.Unmarshal(config, &o); err != nil {
			t.Fatal(err)
		}
		all[name] = o
	}
	return all
}
