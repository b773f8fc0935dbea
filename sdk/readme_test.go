//go:build unix

package sdk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
)

var codeBlock = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```\n")

// readmeBlock is the first block of a language in the README.
func readmeBlock(t *testing.T, language string) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range codeBlock.FindAllStringSubmatch(string(readme), -1) {
		if block[1] == language {
			return block[2]
		}
	}
	t.Fatalf("the README has no block of %s", language)
	return ""
}

func TestREADMEShowsTheExample(t *testing.T) {
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("package sdk_test", "package main", "func Example() {", "func main() {").Replace(string(example))
	if got := readmeBlock(t, "go"); got != want {
		t.Error("the connector in README.md is not the one in example_test.go: copy it")
	}
	if lines := strings.Count(want, "\n"); lines >= 100 {
		t.Errorf("the example has %d lines; under 100 are promised", lines)
	}
}

// What the README tells an integrator to do is done here word by word, in a
// module outside this repository; then the connector runs as a process.
func TestConnectorWrittenOutsideThisRepository(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a binary")
	}
	t.Parallel()
	repository, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("main.go", []byte(readmeBlock(t, "go")))
	sums, err := os.ReadFile(filepath.Join(repository, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write("go.sum", sums) // so that no network is needed
	for line := range strings.Lines(strings.ReplaceAll(readmeBlock(t, "sh"), "../synchost", repository)) {
		words := strings.Fields(line)
		if words[1] == "mod" && words[2] == "tidy" {
			words = []string{"go", "build", "-mod=mod", "-o", os.DevNull, "."} // finds what is needed; tidy asks the network for more
		}
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		if words[0] == "./tinyshop" && !strings.Contains(string(out), `"path": "allow_networks"`) {
			t.Errorf("%s prints %s", line, out)
		}
	}

	cmd := exec.CommandContext(t.Context(), filepath.Join(folder, "tinyshop"))
	cmd.Env = []string{"TMPDIR=" + os.TempDir()}
	host, client, err := launch(cmd, hostLog(t))
	if err != nil {
		t.Fatal(err)
	}
	defer host.Kill()
	platform := tinyShop(t)
	if description, err := client.Describe(t.Context()); err != nil || description.Name != "tinyshop" || len(description.Options) != 4 {
		t.Errorf("Describe: %+v, %v", description, err)
	}
	if _, problems, err := client.Configure(t.Context(), sdk.Setup{Config: []byte(tinyShopConfig(platform))}); err != nil || problems != nil {
		t.Fatal(problems, err)
	}
	results, err := client.Apply(t.Context(), []sdk.Change{
		{Key: "a", ID: "e1", Op: sdk.Upsert, Product: sdk.Product{Key: "a", Name: "Shirt"}, Fields: []string{"name"}},
		{Key: "b", ID: "e2", Op: sdk.Upsert, Product: sdk.Product{Key: "b", Name: strings.Repeat("x", 101)}, Fields: []string{"name"}},
	})
	if err != nil || keys(results) != "a b" {
		t.Fatalf("Apply: %+v, %v", results, err)
	}
	for _, r := range results {
		if (r.Key == "a") != (r.Err == nil && r.Remote.ID != "") || (r.Key == "b") != (sdk.KindOf(r.Err) == sdk.Rejected) {
			t.Errorf("%+v", r)
		}
		if strings.Contains(r.Exchange.Request, tinyShopToken) || !strings.HasPrefix(r.Exchange.Request, "PATCH ") {
			t.Errorf("exchange %q", r.Exchange.Request)
		}
	}
	page, err := client.List(t.Context(), sdk.Query{})
	if err != nil || len(page.Items) != 1 || page.Items[0].Product.Name != "Shirt" {
		t.Errorf("List: %+v, %v", page, err)
	}
	if err := client.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
