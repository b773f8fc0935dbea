package sdk

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Plugin describes a connector to Serve. Config is the struct that the block
// [connectors.<name>.config] is decoded into; see Options for its tags.
type Plugin[Config any] struct {
	Name    string   // the platform's name, as in plugin = "…": lower case letters, digits and dashes
	Version string   // the connector's own version
	Fields  []string // field paths it carries (reads and writes); nil: every product field. See FieldPaths
	Limits  Limits   // what it can take at once; zero: one change a call, one call at a time

	// Open returns a connector that is ready to use, or says which option is
	// wrong with Reject("option.path", err), several with errors.Join. It
	// succeeds at most once in a process. Its context ends when it returns: what
	// the connector keeps must not hold it.
	Open func(ctx context.Context, env Env, config Config) (Connector, error)

	// Type returns a value of the type that Open returns with config, such as
	// (*shop)(nil); nothing is called on it. It lets synchost validate tell a
	// schedule that the connector cannot serve, before anything is opened. It may
	// be left out: that is told when the connector runs, then.
	Type func(config Config) Connector
}

// Limits is what a connector can take. The operator may lower Batch and InFlight,
// and set another Timeout. What is out of range keeps the connector from starting.
type Limits struct {
	Batch    int           // changes in one Apply; 0: 1; at most 1000
	InFlight int           // calls at once of Apply, Find and List together; 0: 1; at most 64
	Timeout  time.Duration // for one of these calls; 0: 30 s; at most 10 min
}

// Env is what a connector gets of its surroundings. Of the host's environment
// variables the process has only those that the operator let through.
type Env struct {
	Instance string       // the name of its block in connectors.toml
	StateDir string       // a private folder that outlives the process, for refresh tokens and the like; write files whole, by renaming
	Log      hclog.Logger // reaches the host's log under the connector's name, with its secrets masked; never nil
}

// Connector is the one required method of a connector. A value that is also an
// io.Closer is closed once, when no call is in flight any more.
//
// Apply brings the platform in step with changes, in any order. It answers by
// key: each Result is the outcome of that change, and the returned error is the
// outcome of every change that has no Result. So "return nil, err" fails all,
// and a loop may stop early with what it has. A key that has neither counts as
// unknown, and the connector as faulty.
//
// The context ends a little before the host stops waiting, so that results that
// are already there can still be returned. Apply may be called from up to
// Limits.InFlight goroutines at once, never with the same key in two of them.
type Connector interface {
	Apply(ctx context.Context, changes []Change) ([]Result, error)
}

// Checker tests credentials and reachability without changing anything. An error
// is shown to the operator as it is. Check may be called beside all other calls.
type Checker interface {
	Check(ctx context.Context) error
}

// Lister reads the platform's products, one page a call. The cursor is opaque
// to the host and must move; it may come again, also to a later process. Only a
// listing that reached Next == "" without an error may lead to deletes. List may
// be called while Apply runs.
//
// The host lists to find out about creates whose outcome is unknown, where there
// is no Finder.
type Lister interface {
	List(ctx context.Context, q Query) (Page, error)
}

// SinceLister is a Lister that heeds Query.Since where ListsSince says so: then a
// listing with it has all that was created or changed since, and may leave out
// the rest. What was deleted since is in no listing, so the host also lists
// everything now and then. ListsSince is called once, when Open has returned.
type SinceLister interface {
	Lister
	ListsSince() bool
}

// Waiter is a source that notices changes by itself. Wait returns nil when the
// products may have changed since it last returned, or since the connector was
// opened; the host then lists them. It ends with its context, which lasts for as
// long as the process is wanted, and may be called while every other call runs,
// but not twice at once. It returns at most a few times a second, however much
// changes.
type Waiter interface {
	Wait(ctx context.Context) error
}

// Finder looks products up. A ref that the platform does not have is left out
// of the answer; that is no error. Several items for one ref are all returned,
// in any order: the host tells by Item.Remote, Item.Key and Product.Code what is
// meant. An error is the outcome of all refs, whatever is returned beside it.
// At most Limits.Batch refs come in one call. Find may be called while Apply runs,
// for other products.
//
// The host looks before it creates what may be there already.
type Finder interface {
	Find(ctx context.Context, refs []Ref) ([]Item, error)
}

// Normalizer says how the platform would store a product: prices rounded, HTML
// cleaned. It is pure, and settled after one pass: Normalize of its own answer
// changes nothing. It may refuse a product with Reject. It may be called from any
// number of goroutines at once.
//
// The host does not call it yet: what Result.After says serves deliveries.
type Normalizer interface {
	Normalize(p Product) (Product, error)
}

// Carrier narrows the field paths that a connector carries, where they depend
// on its configuration. Without it, Plugin.Fields holds. It is called once, when
// Open has returned; a path that there is not keeps the connector from starting.
type Carrier interface {
	Fields() []string
}

// Reader is a connector that may be a source and nothing else. Where ReadsOnly
// says so, the host delivers nothing through it. It is called once, when Open has
// returned.
type Reader interface {
	ReadsOnly() bool
}

// ReadOnly is embedded by sources that cannot be written to: it gives them the
// Apply that a Connector must have.
type ReadOnly struct{}

// Apply rejects every change. It writes nothing, and may be called at any time.
func (ReadOnly) Apply(context.Context, []Change) ([]Result, error) {
	return nil, Reject("", errReadOnly)
}

// ReadsOnly is true.
func (ReadOnly) ReadsOnly() bool { return true }
