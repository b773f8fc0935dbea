package sdk_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
)

func TestNearest(t *testing.T) {
	names := []string{"log_level", "listen", "keep_events", "keep_deliveries", "rate", "warn", "trimPrefix", "name", "x", strings.Repeat("y", 200), "قیمت"}
	for name, want := range map[string]string{
		"lisetn": "listen", "isten": "listen", "listten": "listen", "lasten": "listen", "Listen": "listen",
		"loglevel": "log_level", "trimprefix": "trimPrefix", "nmae": "name", "naem": "name",
		"keep": "keep_deliveries", "warning": "warn", "rat": "rate", "قمیت": "قیمت",
		"colour": "", "": "", "y": "", "na": "", "mean": "", "روز": "", strings.Repeat("z", 200): "",
	} {
		if got := sdk.Nearest(name, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	slices.Reverse(names)
	if got := sdk.Nearest("keep", names); got != "keep_deliveries" {
		t.Errorf("in another order Nearest is %q", got)
	}
	if got := sdk.Nearest("name", nil); got != "" {
		t.Errorf("of no names %q is the nearest", got)
	}
}
