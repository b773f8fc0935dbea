package receive

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReasonsAreComplete reads which reasons the sources name: a counter that
// appears with its first refusal hides it from rates.
func TestReasonsAreComplete(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	names := regexp.MustCompile(`(?:refuse\(http\.\w+, |no\.reason(?:, [\w.]+)* = |"reason", )"(\w+)"`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range names.FindAllSubmatch(source, -1) {
			if reason := string(match[1]); reason != "path" {
				named = append(named, reason)
			}
		}
	}
	slices.Sort(named)
	if named = slices.Compact(named); !slices.Equal(named, reasons) {
		t.Errorf("the sources name  %q,\nthe counters have  %q", named, reasons)
	}
}
