// Package ops is how people and programs look at a running host and steer it:
// the control API, health and metrics. Its subpackages are the command line
// (cli), which speaks the API, and the request bin (inspect).
//
// It decides nothing about products. Everything it tells, it reads from the
// store or asks the parts of the host for, through the interfaces in Deps.
package ops

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/ops/inspect"
	"github.com/synchost/synchost/host/internal/store"
)

// Deps are what the control API works on. The functions may be called from
// several goroutines.
type Deps struct {
	Store    Store
	Writable func() error // why the store takes no events now; nil: it does
	Lanes    func() []Lane

	Reconcilers func() []Reconciler      // of the connectors that deliver the latest state
	Connectors  func() []ConnectorStatus // of all connectors of the configuration, disabled ones too
	Receivers   func() []ReceiverStatus
	// Try leads a request through a receiver that there is. What to do about a
	// refusal is filled in here.
	Try       func(ctx context.Context, receiver string, r TrialRequest) (Tried, error)
	Check     func(ctx context.Context, connector string) error // credentials and reachability
	Restart   func(connector string) error                      // ends its process, and starts it anew
	Inspector *inspect.Bin                                      // nil: not enabled
	Scheduler Scheduler
	Version   Version
	Started   time.Time
}

// Store is what the control API reads of the store.
type Store interface {
	Journal(ctx context.Context, after int64, limit int) ([]event.Entry, error)
	Catalog(ctx context.Context, after int64, limit int) ([]event.Entry, error)
	History(ctx context.Context, key string, after int64, limit int) ([]event.Entry, error)
	Products(ctx context.Context, keys []string) ([]event.Entry, error)
	Keys(ctx context.Context, after string, limit int) ([]string, error)
	Head(ctx context.Context) (int64, error)
	At(ctx context.Context, t time.Time) (int64, error)
	Changed() <-chan struct{}

	Lane(ctx context.Context, connector string) (store.Lane, error)
	Links(ctx context.Context, connector string, keys []string) ([]store.Link, error)
	Behind(ctx context.Context, connector string, state store.State, until time.Time, limit int) ([]store.Link, error)
	Counts(ctx context.Context, connector string) (map[store.State]int64, error)
	Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.Delivery, error)

	Plan(ctx context.Context, id int64) (store.Plan, error)
	Plans(ctx context.Context, connector string, limit int) ([]store.Plan, error)
	PlanItems(ctx context.Context, q store.PlanQuery) ([]store.PlanItem, error)
	PlanTotals(ctx context.Context, id int64) ([]store.PlanTotal, error)
	Verified(ctx context.Context, connector string, since time.Time) (verified, all int64, err error)
	Contended(ctx context.Context, connector string, limit int) ([]store.Link, error)
	Size() int64
}

// Lane is one connector's lane.
type Lane interface {
	Name() string
	// Status leaves Head, Lag, Behind, Dead and Held to be filled in here.
	Status() LaneStatus
	Pause(ctx context.Context, reason string) error
	Resume(ctx context.Context) error
	// Retry tries products that are not in step at once; no keys: all of them.
	Retry(ctx context.Context, keys []string) (int, error)
	// Replay delivers again from a position on.
	Replay(ctx context.Context, since int64) error
	// Hold leaves products as they are until Release, which tells of those that
	// were not on hold.
	Hold(ctx context.Context, keys []string, reason string) error
	Release(ctx context.Context, keys []string) (others []string, err error)
	ReleaseAll(ctx context.Context) (int64, error)
}

// NewVersion is version with what the Go toolchain noted in the binary.
func NewVersion(version string) Version {
	v := Version{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				v.Revision = setting.Value
			case setting.Key == "vcs.modified" && setting.Value == "true":
				v.Modified = true
			}
		}
	}
	return v
}
