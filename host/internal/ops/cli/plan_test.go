package cli

import (
	"testing"

	"github.com/synchost/synchost/host/internal/ops"
)

func TestUndoneIsNotBroughtBackWhileTheLaneWaits(t *testing.T) {
	for want, answer := range map[string]ops.Undone{
		"2 products brought back and held. Let them go with: synchost release CONNECTOR PRODUCT...\n": {Products: 2},
		"2 products to be brought back and held, and nothing is written yet: shop is paused\n":        {Products: 2, Waits: "shop is paused"},
	} {
		host := &fakeHost{answers: map[string]any{"GET /v1/plans/3": ops.Plan{ID: 3, Connector: "shop"}, "POST /v1/plans/3/undo": answer}}
		if got := host.run(t, "undo", "3"); got.code != exitDone || got.out != want {
			t.Errorf("exit code %d, %q, stderr %q", got.code, got.out, got.err)
		}
	}
}

// What is said of a plan that was applied is true of a lane that waits, too.
func TestAppliedIsNotBroughtInStepWhileTheLaneWaits(t *testing.T) {
	for name, test := range map[string]struct {
		answer ops.Applied
		want   string
	}{
		"it goes on":      {ops.Applied{Marked: 500}, "500 products brought in step at shop now.\n"},
		"it is paused":    {ops.Applied{Marked: 1, Waits: "shop is paused"}, "1 product marked, and nothing is written at shop yet: shop is paused\n"},
		"not all of them": {ops.Applied{Marked: 2, Refused: 1}, "2 products brought in step at shop now.\n1 product left as it is, since it has changed meanwhile: synchost show 3\n"},
	} {
		t.Run(name, func(t *testing.T) {
			host := &fakeHost{answers: map[string]any{
				"GET /v1/plans/3":        ops.Plan{ID: 3, Connector: "shop", State: "open"},
				"POST /v1/plans/3/apply": test.answer,
			}}
			if got := host.run(t, "apply", "3"); got.code != exitDone || got.out != test.want {
				t.Errorf("exit code %d, %q, stderr %q", got.code, got.out, got.err)
			}
		})
	}
}
