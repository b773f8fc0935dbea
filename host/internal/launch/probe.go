package launch

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/sdk"
)

// Probe starts a connector's process for once, enabled or not, lets use work
// with it and stops it again. The connector is not configured: use asks it to
// Validate, or to Configure, with spec.Setup.
func Probe(ctx context.Context, spec Spec, log hclog.Logger, use func(*sdk.Client) error) error {
	log = log.Named(spec.Connector.Name)
	spec.sweep(log)
	logs := newConnectorLogs(spec, log, func(int) {})
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	l, err := start(starting, spec, logs)
	if err != nil {
		return err
	}
	defer l.end()
	if _, err := l.describe(starting, spec, logs); err != nil {
		return err
	}
	if err := use(l.connector); err != nil {
		return l.explain(err)
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), spec.stopTimeout())
	defer cancel()
	return l.stop(drain)
}

// pluginName is the name that a binary named by plugin calls itself.
func pluginName(plugin string) string {
	return strings.TrimSuffix(filepath.Base(plugin), ".exe")
}
