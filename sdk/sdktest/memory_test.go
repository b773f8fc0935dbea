package sdktest_test

import (
	"testing"

	"github.com/synchost/synchost/sdk/sdktest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	platform := sdktest.NewMemory()
	sdktest.Run(t, platform.Plugin(), platform.Suite())
}
