package launch

import (
	"os"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

// Spec says what to run and where.
type Spec struct {
	Connector config.Connector
	Binary    string // path of the executable, one file; symbolic links are followed once
	RunDir    string // for private copies and sockets, on a file system that may execute; empty: the system's temporary folder
	StateDir  string // the connector's own, made if missing; see sdk.Env

	StopTimeout time.Duration // how long calls in flight are waited for on a stop; 0: 20 s
}

// Setup is what the connector is configured with.
func (s Spec) Setup() sdk.Setup {
	return sdk.Setup{Config: s.Connector.Config, Instance: s.Connector.Name, StateDir: s.StateDir}
}

// refuse says that a connector cannot run as it is configured. Starting it
// again would change nothing: the operator has to.
func (s Spec) refuse(key, message string) error {
	return config.Problems{s.Connector.Place.Problem(key, message)}
}

func (s Spec) stopTimeout() time.Duration {
	if s.StopTimeout > 0 {
		return s.StopTimeout
	}
	return 20 * time.Second
}

// env is a process's whole environment but for what go-plugin adds: nothing is
// inherited save what the operator allowed.
func (s Spec) env(tmp string) []string {
	var env []string
	for _, name := range s.Connector.Env {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if limit := s.Connector.MemoryMax; limit > 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(limit/10*9, 10))
	}
	return append(env, fixedEnv(tmp)...)
}

// sweep removes what dead hosts left behind.
func (s Spec) sweep(log hclog.Logger) {
	for _, root := range []string{s.RunDir, os.TempDir()} {
		if root == "" {
			continue
		}
		if err := sweep(root); err != nil {
			log.Warn("could not clear away what an earlier run left", "folder", root, "error", err)
		}
	}
}
