package e2e

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is said now into testdata")

const wantLine = "-- want --\n"

// On a bad configuration nothing starts, and all that is wrong is told at once
// with its place, by run as by validate.
func TestBadConfigurations(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			config, want, found := strings.Cut(read(t, file), wantLine)
			if !found {
				t.Fatalf("%s has no line %q", file, wantLine)
			}
			// [host] comes last, so that the lines of the case are those of the file.
			address := freeAddress(t)
			h := hostIn(t, tempDir(t), address, config+fmt.Sprintf("\n[host]\nconnectors_dir = %q\nlisten = %q\n", filepath.Join(bin, "connectors"), address))
			for _, verb := range []string{"validate", "run"} {
				out, code := h.cli(verb)
				if code != 2 {
					t.Errorf("%s ends with exit code %d, want 2", verb, code)
				}
				out = strings.NewReplacer(h.file(), "connectors.toml", bin, "$BIN").Replace(out)
				if *update {
					write(t, file, config+wantLine+out)
				} else if out != want {
					t.Errorf("%s says\n%swant\n%s", verb, out, want)
				}
			}
			nothingStarted(t, h)
		})
	}
}

func nothingStarted(t *testing.T, h *host) {
	t.Helper()
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", h.address); err == nil {
		conn.Close()
		t.Error("something listens")
	}
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "connectors.toml" {
			t.Errorf("%s was made", name)
		}
	}
}
