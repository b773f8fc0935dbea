package sdk_test

import (
	"context"
	"testing"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

type applyFunc func(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error)

func (f applyFunc) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	return f(ctx, changes)
}

type noConfig struct{}

func plugin(c sdk.Connector) sdk.Plugin[noConfig] {
	return sdk.Plugin[noConfig]{Name: "test", Version: "1", Open: func(context.Context, sdk.Env, noConfig) (sdk.Connector, error) { return c, nil }}
}

func TestSmoke(t *testing.T) {
	c := sdktest.Open(t, plugin(applyFunc(func(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
		return []sdk.Result{{Key: changes[0].Key}}, sdk.Throttle(5, context.Canceled)
	})), nil)
	r, err := c.Apply(t.Context(), []sdk.Change{{Key: "a", Op: sdk.Upsert}, {Key: "b", Op: sdk.Upsert}})
	t.Logf("%+v %v %v", r, err, sdk.KindOf(err))
	t.Logf("%+v", c.Opened())
}
