package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestSchema holds the schema against its golden file and against what Load
// says: a good configuration fits it, and what it can express it refuses.
func TestSchema(t *testing.T) {
	const golden = "testdata/schema.json"
	if *update {
		if err := os.WriteFile(golden, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, Schema()) {
		t.Errorf("Schema is not %s; if the change is meant, run make generate", golden)
	}
	check := compileSchema(t)
	if err := check(everything); err != nil {
		t.Errorf("a good configuration does not fit the schema: %v", err)
	}
	// What a schema cannot know: the machine, and what other keys say.
	beyond := regexp.MustCompile(`^(case-twin-options|config-(secret|unfinished)|duration-out|inspector-|map-twice|name-of-both|` +
		`limits-over|network-host|own-unknown|path-(dots|duplicate|overlap|reserved)|path-secret|plugin-(absolute|far|folder|near|not|relative)|` +
		`secret-(env|file)-|size-(too|zero)|tls-missing|tls-both|token-(both|neither|and)|unprotected-catch|address-port|filter-empty|wrong-type-date|` +
		`receiver-of|schedule-(never|range)|timezone-unknown|url-with-secret)`)
	files, _ := filepath.Glob("testdata/bad/*.txt")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(string(data), wantLine)
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		if toml.Unmarshal([]byte(text), &map[string]any{}) != nil {
			continue
		}
		if accepts := check(text) == nil; accepts != beyond.MatchString(name) {
			t.Errorf("the schema accepts %s: %v", name, accepts)
		}
	}
}

func compileSchema(t *testing.T) func(text string) error {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(text string) error {
		var tree map[string]any
		if err := toml.Unmarshal([]byte(text), &tree); err != nil {
			return err
		}
		data, err := json.Marshal(tree)
		if err != nil {
			return err
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return err
		}
		return compiled.Validate(instance)
	}
}

// TestRepositoryFile loads the configuration that the repository ships.
func TestRepositoryFile(t *testing.T) {
	text, err := os.ReadFile("../../../connectors.toml")
	if err != nil {
		t.Fatal(err)
	}
	check := compileSchema(t)
	dir := fixture(t)
	// The connectors are where the fixture has them, not beside the test's executable.
	here := strings.Replace(string(text), "[host]\n", "[host]\nconnectors_dir = \"connectors\"\n", 1)
	cfg := mustLoad(t, here, GenerateSecrets)
	if err := check(string(text)); err != nil {
		t.Errorf("connectors.toml does not fit the schema: %v", err)
	}
	if len(cfg.Warnings) > 0 {
		t.Errorf("warnings: %v", cfg.Warnings)
	}
	schemes := make([]string, len(cfg.Receivers))
	for i, r := range cfg.Receivers {
		schemes[i] = r.Scheme
	}
	slices.Sort(schemes)
	if diff := cmp.Diff([]string{"payamgostar", "product"}, schemes); diff != "" {
		t.Errorf("schemes (-want +got):\n%s", diff)
	}
	if !cfg.Inspector.Enabled || cfg.Host.DataDir != dir+"/data" {
		t.Errorf("inspector %+v, data_dir %s", cfg.Inspector, cfg.Host.DataDir)
	}
}
