package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is got into testdata as what is wanted")

// fixture makes the surroundings that the cases in testdata speak of, and goes
// there: connectors webhook and woo, secrets in files and in the environment.
func fixture(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("connectors/webhook", "", 0o755)
	write("connectors/woo", "", 0o755)
	write("connectors/notexec", "", 0o644)
	write("good.secret", "from-a-secret-file\r\n", 0o600)
	write("open.secret", "readable-for-all\n", 0o644)
	write("empty.secret", "\n", 0o600)
	write("huge.secret", strings.Repeat("x", maxSecret+1), 0o600)
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOD_SECRET", "from-the-environment")
	t.Setenv("EMPTY_SECRET", "")
	t.Chdir(dir)
	return dir
}

// load reads a configuration from the current folder.
func load(t *testing.T, text string, opts ...Option) (*Config, error) {
	t.Helper()
	if err := os.WriteFile("connectors.toml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load("connectors.toml", opts...)
}

const wantLine = "-- want --\n"

// TestBad reads testdata/bad: a configuration, a line "-- want --", and what
// Load says of it. $DIR is the folder of the configuration.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.txt")
	if err != nil || len(files) < 40 {
		t.Fatalf("testdata/bad has %d cases, want at least 40 (%v)", len(files), err)
	}
	for _, file := range files {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text, want, ok := strings.Cut(string(data), wantLine)
			if !ok {
				t.Fatalf("%s has no line %q", path, wantLine)
			}
			dir := fixture(t)
			cfg, err := load(t, text)
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 || cfg != nil {
				t.Fatalf("Load = %v, %v: want no configuration, and Problems", cfg, err)
			}
			got := strings.ReplaceAll(problems.Error(), dir, "$DIR") + "\n"
			if strings.Contains(got, "hunter2") {
				t.Errorf("a message shows a secret:\n%s", got)
			}
			if *update {
				if err := os.WriteFile(path, []byte(text+wantLine+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
