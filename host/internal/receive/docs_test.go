package receive

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/expression"
)

// TestPage holds docs/receivers.md to what there is: each reason for a refusal,
// each entry of a map.
func TestPage(t *testing.T) {
	data, err := os.ReadFile("../../docs/receivers.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, reason := range append(reasons, noReceiver().reason) {
		if !strings.Contains(page, "`"+reason+"`") {
			t.Errorf("the reason %s is not told of", reason)
		}
	}
	for _, name := range slices.AppendSeq(expression.FieldPaths(expression.OfRequest), maps.Keys(entries)) {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("the entry %s of a map is not told of", name)
		}
	}
}
