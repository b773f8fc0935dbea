package sdktest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

const flawVariable = "SDKTEST_FLAW"

// TestFlawed is run by TestSuiteFindsEveryFlaw, in a process of its own since it
// is meant to fail.
func TestFlawed(t *testing.T) {
	flaw, err := strconv.Atoi(os.Getenv(flawVariable))
	if err != nil {
		t.Skip("part of TestSuiteFindsEveryFlaw")
	}
	platform := sdktest.NewMemory(sdktest.Flaw(flaw))
	suite := platform.Suite()
	sdktest.Run(t, platform.Plugin(), suite)
}

var failedLine = regexp.MustCompile(`--- FAIL: TestFlawed/(\S+)`)

func TestSuiteFindsEveryFlaw(t *testing.T) {
	for flaw, promise := range map[sdktest.Flaw]string{
		sdktest.MakesTwins:      "the same change twice makes one product",
		sdktest.WritesAllFields: "only the fields of a change are written",
		sdktest.LosesResults:    "every change of a batch has its own outcome",
		sdktest.IgnoresVersions: "a stale version is a conflict",
		sdktest.ArchivesOnce:    "archiving twice is no error",
		sdktest.PurgesOnce:      "purging what is gone is no error",
		sdktest.StuckCursor:     "a listing is complete and goes on from every cursor",
		sdktest.SkipsItems:      "a listing is complete and goes on from every cursor",
		sdktest.NeverSettles:    "normalizing settles after one pass",
		sdktest.FindsOthers:     "finding answers for what was asked and is there",
		sdktest.HidesThrottling: "too many requests stop the batch and name the wait",
		sdktest.IgnoresContext:  "a call whose time is up returns by itself",
		sdktest.ShowsSecret:     "no secret is shown",
		sdktest.RefusesAll:      "every change of a batch has its own outcome",
	} {
		t.Run(fmt.Sprint(flaw), func(t *testing.T) {
			t.Parallel()
			only := "^TestFlawed$/^(the same change twice makes one product|" + promise + ")$" // the first brings secrets to light
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run="+strings.ReplaceAll(only, " ", "_"))
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", flawVariable, flaw))
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("the suite passes a connector that breaks %q", promise)
			}
			var failed []string
			for _, match := range failedLine.FindAllSubmatch(out, -1) {
				failed = append(failed, strings.ReplaceAll(string(match[1]), "_", " "))
			}
			for _, name := range failed {
				if name == promise {
					return
				}
			}
			t.Errorf("found in %q, not in %q:\n%s", failed, promise, out)
		})
	}
}

// A connector without List or Find passes too, where a hook tells what the
// platform holds; what it cannot do is skipped.
func TestWriteOnlyConnector(t *testing.T) {
	platform := sdktest.NewMemory()
	full := platform.Plugin()
	sdktest.Run(t, sdk.Plugin[sdktest.MemoryConfig]{
		Name: "write-only", Version: "1", Fields: []string{"name", "stock", "raw"},
		Open: func(ctx context.Context, env sdk.Env, c sdktest.MemoryConfig) (sdk.Connector, error) {
			connector, err := full.Open(ctx, env, c)
			return writeOnly{connector}, err
		},
	}, platform.Suite())
}

type writeOnly struct{ sdk.Connector }
