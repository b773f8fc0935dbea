package expression

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

const page = "../../docs/expressions.md"

func readPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	exampleRow  = regexp.MustCompile("(?m)^\\| `(.*)` \\| `(.*)` \\|$")
	exampleJSON = regexp.MustCompile("(?s)```json\n(.*?)```")
)

// examples are the rows of the page's tables whose first column is an expression.
func examples(t *testing.T, second string) (rows [][2]string) {
	t.Helper()
	for _, table := range strings.Split(readPage(t), "| expression | "+second+" |\n")[1:] {
		table, _, _ = strings.Cut(table, "\n\n")
		for _, row := range exampleRow.FindAllStringSubmatch(table, -1) {
			rows = append(rows, [2]string{row[1], row[2]})
		}
	}
	return rows
}

// exampleProduct is the product of which the page's examples speak, and its event.
func exampleProduct(t *testing.T) (*sdk.Product, *sdk.Event) {
	t.Helper()
	patch, err := event.ParsePatch([]byte(exampleJSON.FindStringSubmatch(readPage(t))[1]))
	if err != nil {
		t.Fatal(err)
	}
	return &patch.Product, &sdk.Event{ID: "e1", Source: "crm", Op: sdk.Updated, Fields: []string{"prices"},
		Time: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
}

func TestPageExamples(t *testing.T) {
	product, e := exampleProduct(t)
	rows := examples(t, "gives")
	if len(rows) < 50 {
		t.Fatalf("the page has %d examples", len(rows))
	}
	for _, row := range rows {
		made, err := makeField("attributes.x", row[0], product, e)
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		got, there := made.Product.Attributes["x"]
		var want sdk.Value
		if row[1] != "nothing" {
			if err := json.Unmarshal([]byte(row[1]), &want); err != nil {
				t.Fatalf("%s: %v", row[1], err)
			}
		}
		if there != (row[1] != "nothing") || !got.Equal(want) {
			t.Errorf("%s gives %s, and not %s", row[0], got, row[1])
		}
	}
}

func TestPageMessages(t *testing.T) {
	product, e := exampleProduct(t)
	rows := examples(t, "message")
	if len(rows) < 8 {
		t.Fatalf("the page has %d messages", len(rows))
	}
	for _, row := range rows {
		filter, err := compileFilter(row[0])
		if err == nil {
			_, err = filter.match(product, e)
		}
		if err == nil || !strings.Contains(err.Error(), row[1]) {
			t.Errorf("%s: %v, and not %s", row[0], err, row[1])
		}
	}
}

// TestPageIsComplete holds the page to what there is: functions, loops, names.
func TestPageIsComplete(t *testing.T) {
	text := readPage(t)
	word := regexp.MustCompile(`^[a-z]+[A-Za-z]*$`)
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		if word.MatchString(name) && name != "in" && !strings.Contains(text, name+"(") {
			t.Errorf("the function %s is not told of", name)
		}
	}
	for name := range loops {
		if !strings.Contains(text, name+"(") {
			t.Errorf("the loop %s is not told of", name)
		}
	}
	for _, view := range viewTypes {
		for _, name := range names(view) {
			if !strings.Contains(text, "`"+name+"`") {
				t.Errorf("%s of %s is not told of", name, calledView(view))
			}
		}
	}
	for _, path := range sdk.FieldPaths() {
		if path != "attributes.*" && !strings.Contains(text, "`"+path+"`") {
			t.Errorf("the field path %s is not told of", path)
		}
	}
}
