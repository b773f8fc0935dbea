package sdk_test

import (
	"os/exec"
	"strings"
	"testing"
)

// What an integrator's binary drags in is decided here. Standard library and
// golang.org/x apart, nothing else may come along without a word.
func TestImportWalls(t *testing.T) {
	allowed := []string{
		"github.com/synchost/synchost/sdk",
		"github.com/hashicorp/go-plugin",
		"github.com/hashicorp/go-hclog",
		"github.com/hashicorp/yamux",
		"github.com/oklog/run",
		"github.com/golang/protobuf",
		"github.com/fatih/color",
		"github.com/mattn/go-colorable",
		"github.com/mattn/go-isatty",
		"google.golang.org/grpc",
		"google.golang.org/protobuf",
		"google.golang.org/genproto/googleapis/rpc",
		"golang.org/x/",
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".", "./rest").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for path := range strings.FieldsSeq(string(out)) {
		seen++
		ok := false
		for _, prefix := range allowed {
			ok = ok || path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
		}
		if !ok {
			t.Errorf("sdk drags in %s", path)
		}
	}
	if seen < 10 {
		t.Errorf("go list names %d packages only", seen)
	}
}
