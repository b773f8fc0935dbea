package sdktest

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/synchost/synchost/sdk"
)

// patience is how long a connector may take for what should be done at once.
const patience = 10 * time.Second

// Open serves plugin for the length of the test, configures it with config, and
// returns the host's client of it. Config is JSON text, or anything that
// marshals to the JSON of the connector's options; mind that an sdk.Secret does
// not. The test fails when the configuration is refused.
func Open[Config any](t testing.TB, plugin sdk.Plugin[Config], config any) *sdk.Client {
	t.Helper()
	return OpenLogged(t, plugin, config, testLog(t))
}

// Dial serves plugin like Open, and configures nothing.
func Dial[Config any](t testing.TB, plugin sdk.Plugin[Config]) *sdk.Client {
	t.Helper()
	return dial(t, plugin, testLog(t))
}

// OpenLogged is Open with the connector's log going to log and not to the test's.
func OpenLogged[Config any](t testing.TB, plugin sdk.Plugin[Config], config any, log hclog.Logger) *sdk.Client {
	t.Helper()
	client := dial(t, plugin, log)
	_, problems, err := client.Configure(t.Context(), sdk.Setup{
		Config:   configJSON(t, config),
		Instance: plugin.Name,
		StateDir: t.TempDir(),
	})
	for _, p := range problems {
		t.Errorf("option %q: %s", p.Path, p.Message)
	}
	if err != nil {
		t.Errorf("Open: %v", err)
	}
	if t.Failed() {
		t.FailNow()
	}
	return client
}

func dial[Config any](t testing.TB, p sdk.Plugin[Config], log hclog.Logger) *sdk.Client {
	t.Helper()
	serve, err := sdk.ServeConfig(p, log)
	if err != nil {
		t.Fatal(err)
	}
	serve.Logger = hclog.NewNullLogger() // go-plugin's own words; the connector keeps log
	ctx, stop := context.WithCancel(context.Background())
	address, closed := make(chan *plugin.ReattachConfig, 1), make(chan struct{})
	serve.Test = &plugin.ServeTestConfig{Context: ctx, ReattachConfigCh: address, CloseCh: closed}
	go plugin.Serve(serve)
	end := func() {
		stop()
		<-closed
	}
	host := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake,
		Plugins:          sdk.ClientPlugins(),
		Reattach:         <-address,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		GRPCDialOptions:  sdk.ClientDialOptions(),
		Logger:           hclog.NewNullLogger(),
	})
	wire, err := host.Client()
	if err != nil {
		end()
		t.Fatal(err)
	}
	dispensed, err := wire.Dispense(sdk.Dispensed)
	if err != nil {
		end()
		t.Fatal(err)
	}
	client := dispensed.(*sdk.Client)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := client.Stop(ctx); err != nil {
			t.Errorf("the connector does not stop: %v", err)
		}
		end()
		_ = wire.Close() // the server is gone already, so it has nothing to say
	})
	return client
}

func configJSON(t testing.TB, config any) []byte {
	t.Helper()
	switch config := config.(type) {
	case nil:
		return nil
	case string:
		return []byte(config)
	case []byte:
		return config
	}
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// testLog writes a connector's log to the test's.
func testLog(t testing.TB) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: outputOf(t), DisableTime: true})
}

// outputOf is the test's output while the test lasts. What comes later, from a
// goroutine that a connector left behind, is dropped; testing would panic.
func outputOf(t testing.TB) io.Writer {
	o := &output{to: t.Output()}
	t.Cleanup(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.to = io.Discard
	})
	return o
}

type output struct {
	mu sync.Mutex
	to io.Writer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(p)
}
