package main

import (
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
	readme := readREADME(t)
	want := optionTable.ReplaceAllString(readme, "${1}"+strings.ReplaceAll(optionRows(description.Options), "$", "$$")+"${2}")
	if want == readme {
		return
	}
	if !*rewrite {
		t.Fatal("the option table is not that of Config: run make generate")
	}
	if err := os.WriteFile("README.md", []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

func optionRows(options []sdk.Option) string {
	var out strings.Builder
	out.WriteString("| option | type | default | |\n| --- | --- | --- | --- |\n")
	for _, o := range options {
		if o.Description == "" {
			continue // an element of a list or map: told with it
		}
		kind, preset := o.Type, "`"+o.Default+"`"
		if o.Secret {
			kind = "secret"
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

func readREADME(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(readme)
}

var block = regexp.MustCompile("(?s)```(sql|toml)\n(.*?)```")

// The examples of the README do what it says: its tables are made, its
// configurations opened on them, what is read from the ERP is written to the shop.
func TestREADMEExample(t *testing.T) {
	d := newSQLite(t)
	var clients []*sdk.Client
	for _, b := range block.FindAllStringSubmatch(readREADME(t), -1) {
		if b[1] == "sql" {
			d.exec(t, b[2])
			continue
		}
		var file struct {
			Connectors map[string]struct {
				Plugin string
				Config map[string]any
			}
		}
		if _, err := toml.Decode(b[2], &file); err != nil {
			t.Fatalf("%v in\n%s", err, b[2])
		}
		for _, c := range file.Connectors {
			c.Config["dsn"] = d.dsn // as the host puts the secret there
			config, err := json.Marshal(c.Config)
			if err != nil || c.Plugin != plugin.Name {
				t.Fatal(err, c.Plugin)
			}
			clients = append(clients, sdktest.Open(t, plugin, config))
		}
	}
	if len(clients) != 3 {
		t.Fatalf("%d examples", len(clients))
	}
	erp, query, shop := clients[0], clients[1], clients[2]
	items, err := listed(t, erp, sdk.Query{})
	if err != nil {
		t.Fatal(err)
	}
	bag := items["B-100"].Product
	want := sdk.Product{Code: "B-100", Name: "Bag", Categories: []string{"Bags", "Travel"}, Attributes: map[string]sdk.Value{"colour": sdk.String("red")},
		Prices: []sdk.Price{{Amount: "12.50", Currency: "EUR"}}, Stock: []sdk.Stock{{Quantity: "7"}}}
	if diff := sdk.Diff(&bag, &want); len(items) != 2 || len(diff) > 0 {
		t.Errorf("%d items; %v differ in %s", len(items), diff, bag.AppendJSON(nil))
	}
	if items, err := listed(t, query, sdk.Query{}); err != nil || len(items) != 1 || items["B-100"].Product.Name != "BAG" {
		t.Errorf("%v %v", items, err)
	}
	theirs, err := shop.Find(t.Context(), []sdk.Ref{{Key: "B-100", Code: "B-100"}})
	if err != nil || len(theirs) != 1 || theirs[0].Key != "" {
		t.Fatal(theirs, err)
	}
	r := only(t, shop, sdk.Change{Key: "B-100", Op: sdk.Upsert, Product: bag, Fields: []string{"prices", "stock"}, Remote: theirs[0].Remote})
	if r.Err != nil || !r.After.Prices[0].Amount.Equal("12.5") || d.text(t, "SELECT ref || stock FROM products") != "B-1007" {
		t.Errorf("%+v", r)
	}
}
