package config

import (
	"fmt"

	"github.com/synchost/synchost/sdk"
)

// didYouMean is `; did you mean "…"?` with the one of names that is nearest to
// what was written; nothing if none is near.
func didYouMean(written string, names []string) string {
	if near := sdk.Nearest(written, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
