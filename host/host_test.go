package main

import (
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/config"
)

// A connector may be looked at more closely than the host, and less.
func TestConnectorsHaveLogLevelsOfTheirOwn(t *testing.T) {
	for _, level := range []string{"trace", "debug", "info", "warn", "error"} {
		log := newLog(config.Host{LogLevel: "info"})
		if got := logAt(log, level).Named("shop").GetLevel(); got != hclog.LevelFromString(level) {
			t.Errorf("with %s a connector is logged at %s", level, got)
		}
		if log.GetLevel() != hclog.Info {
			t.Errorf("with %s of a connector the host is logged at %s", level, log.GetLevel())
		}
	}
}
