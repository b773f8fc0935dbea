package sdk_test

import (
	"testing"

	"github.com/synchost/synchost/sdk"
)

func TestOpHasAName(t *testing.T) {
	for op, want := range map[sdk.Op]string{
		sdk.Upsert: "upsert", sdk.Archive: "archive", sdk.Purge: "purge", sdk.Forward: "forward", 0: "op(0)", 7: "op(7)",
	} {
		if got := op.String(); got != want {
			t.Errorf("%d is %q, want %q", op, got, want)
		}
	}
}
