package sdktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/sdk"
)

// Suite is what Run must know of a platform beside its connector. Only Config
// is needed; each of the others lets more promises be checked.
type Suite struct {
	// Config is the connector's configuration: JSON text, or what marshals to it.
	Config any

	// Platform plays the platform; Disturb is then not needed.
	Platform *Platform

	// Product makes a product that the platform takes; nil: one in which every
	// common field is set. Its Key is set by the suite.
	Product func(key string) sdk.Product

	// Refused makes a product that the platform does not take.
	Refused func(key string) sdk.Product

	// Held tells what the platform holds now; nil: the connector's own List is
	// asked. Connectors without List need it: a webhook's tells what a receiver
	// that follows the rules would have.
	Held func(ctx context.Context) ([]sdk.Item, error)

	// Edit changes a product at the platform, past the connector.
	Edit func(ctx context.Context, remote sdk.Remote) error

	// Disturb makes the platform misbehave until calm is called. A nil calm
	// says that it cannot misbehave like this.
	Disturb func(m Misbehaviour) (calm func())

	// Skip names promises, as their subtests are named, that this connector
	// cannot keep, and why.
	Skip map[string]string
}

// Run holds a connector to its contract, each promise in a subtest of its own.
// What the connector did not declare, or the suite cannot bring about, is
// skipped and says why. Products get keys that start with "sdktest-" and are
// purged in the end, so it may run against a test account too.
func Run[Config any](t *testing.T, plugin sdk.Plugin[Config], s Suite) {
	t.Helper()
	log := &logBuffer{}
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: io.MultiWriter(outputOf(t), log), DisableTime: true})
	client := OpenLogged(t, plugin, s.Config, logger)
	r := &runner{Suite: s, client: client, log: log, config: configJSON(t, s.Config)}
	if s.Platform != nil && s.Disturb == nil {
		r.Disturb = func(m Misbehaviour) func() {
			s.Platform.Every(m)
			return s.Platform.Behave
		}
	}
	for name := range s.Skip {
		if !slices.ContainsFunc(promises, func(p promise) bool { return p.name == name }) {
			t.Errorf("Suite.Skip names %q, which is no promise", name)
		}
	}
	t.Cleanup(func() { r.purge() })
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			if why, ok := s.Skip[p.name]; ok {
				t.Skip(why)
			}
			p.check(t, r)
		})
	}
}

// promise is one thing that every connector does or does not do.
type promise struct {
	name  string
	check func(t *testing.T, r *runner)
}

// runner is one run of the suite. Its methods fail the test they are given.
type runner struct {
	Suite
	client *sdk.Client
	config []byte
	log    *logBuffer

	mu     sync.Mutex // guards what follows
	keys   int
	ids    int
	linked map[string]sdk.Remote // by key, as the host would know it
	told   []string              // every error and exchange
}

// product is a new one, and its key.
func (r *runner) product() sdk.Product {
	r.mu.Lock()
	r.keys++
	key := fmt.Sprintf("sdktest-%d", r.keys)
	r.mu.Unlock()
	return r.sample(key)
}

func (r *runner) sample(key string) sdk.Product {
	if r.Product == nil {
		return sampleProduct(key)
	}
	p := r.Product(key)
	p.Key = key
	return p
}

// upsert is a change that writes what is set in p and carried.
func (r *runner) upsert(p sdk.Product) sdk.Change {
	return r.change(sdk.Upsert, p, r.carried(sdk.Diff(&sdk.Product{}, &p)))
}

func (r *runner) change(op sdk.Op, p sdk.Product, fields []string) sdk.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids++
	return sdk.Change{
		Key: p.Key, ID: fmt.Sprintf("sdktest-event-%d", r.ids), Op: op,
		Product: p, Fields: fields, Remote: r.linked[p.Key],
	}
}

// carried are those of paths that the connector carries.
func (r *runner) carried(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		return !sdk.CoversField(r.client.Opened().Fields, path)
	})
}

// apply sends changes in one call and keeps what the host would.
func (r *runner) apply(t *testing.T, changes ...sdk.Change) (map[string]sdk.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), r.client.Opened().Limits.Timeout)
	defer cancel()
	return r.applyWithin(ctx, t, changes...)
}

func (r *runner) applyWithin(ctx context.Context, t *testing.T, changes ...sdk.Change) (map[string]sdk.Result, error) {
	t.Helper()
	answers, rest := r.client.Apply(ctx, changes)
	if errors.Is(rest, sdk.ErrFaulty) {
		t.Error(rest)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if rest != nil {
		r.told = append(r.told, rest.Error())
	}
	if r.linked == nil {
		r.linked = map[string]sdk.Remote{}
	}
	results := make(map[string]sdk.Result, len(answers))
	for _, result := range answers {
		results[result.Key] = result
		r.told = append(r.told, result.Exchange.Request, result.Exchange.Response)
		if result.Err != nil {
			r.told = append(r.told, result.Err.Error())
		} else if result.Remote != (sdk.Remote{}) {
			r.linked[result.Key] = result.Remote
		}
	}
	return results, rest
}

// done applies changes in calls of at most the connector's batch and fails the
// test unless each is done.
func (r *runner) done(t *testing.T, changes ...sdk.Change) {
	t.Helper()
	for batch := range slices.Chunk(changes, r.client.Opened().Limits.Batch) {
		results, rest := r.apply(t, batch...)
		for _, c := range batch {
			if err := outcome(results, rest, c.Key); err != nil {
				t.Fatalf("%s of %s failed: %v", c.Op, c.Key, err)
			}
		}
	}
}

var errUnknown = errors.New("the connector says nothing of it: neither a result nor an error")

// outcome is what became of a change, nil: done.
func outcome(results map[string]sdk.Result, rest error, key string) error {
	if result, ok := results[key]; ok {
		return result.Err
	}
	if rest == nil {
		return errUnknown
	}
	return rest
}

// held are the items that the platform has of a product, or skips.
func (r *runner) held(t *testing.T, key string) []sdk.Item {
	t.Helper()
	var items []sdk.Item
	switch {
	case r.Held != nil:
		var err error
		if items, err = r.Held(t.Context()); err != nil {
			t.Fatalf("Suite.Held: %v", err)
		}
	case r.client.Can(sdk.CanList):
		for item, err := range sdk.All(t.Context(), r.client, sdk.Query{}) {
			if err != nil {
				t.Fatalf("List: %v", err)
			}
			items = append(items, item)
		}
	default:
		t.Skip("nothing tells what the platform holds: the connector has no List, and Suite.Held is not set")
	}
	remote := r.remote(key).ID
	return slices.DeleteFunc(items, func(i sdk.Item) bool {
		return i.Key != key && i.Product.Key != key && (remote == "" || i.Remote.ID != remote)
	})
}

// one is the single item that the platform has of a product.
func (r *runner) one(t *testing.T, key string) sdk.Item {
	t.Helper()
	items := r.held(t, key)
	if len(items) != 1 {
		t.Fatalf("the platform holds %d of %s, not one", len(items), key)
	}
	return items[0]
}

func (r *runner) remote(key string) sdk.Remote {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.linked[key]
}

// disturb makes the platform misbehave until the test ends or calm is called.
func (r *runner) disturb(t *testing.T, m Misbehaviour) (calm func()) {
	t.Helper()
	if r.Disturb == nil {
		t.Skip("nothing makes the platform misbehave: set Suite.Platform or Suite.Disturb")
	}
	calm = r.Disturb(m)
	if calm == nil {
		t.Skipf("Suite.Disturb has no %s", m)
	}
	calm = sync.OnceFunc(calm)
	t.Cleanup(calm)
	return calm
}

func (r *runner) needs(t *testing.T, what sdk.Capability) {
	t.Helper()
	if !r.client.Can(what) {
		t.Skipf("the connector does not declare %s", what)
	}
}

// purge leaves a test account as it was, as far as that goes.
func (r *runner) purge() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var changes []sdk.Change
	for key := range r.keys {
		changes = append(changes, r.change(sdk.Purge, sdk.Product{Key: fmt.Sprintf("sdktest-%d", key+1)}, nil))
	}
	for batch := range slices.Chunk(changes, r.client.Opened().Limits.Batch) {
		_, _ = r.client.Apply(ctx, batch)
	}
}

// sampleProduct has the fields that most platforms know.
func sampleProduct(key string) sdk.Product {
	return sdk.Product{
		Key: key, Code: strings.ToUpper(key), Name: "Sample " + key, Description: "Made by a test.",
		Status: sdk.Active, Brand: "Acme",
		Prices:     []sdk.Price{{Amount: "12.50", Currency: "EUR"}},
		Stock:      []sdk.Stock{{Quantity: "7"}},
		Categories: []string{"Tests"},
		Tags:       []string{"sample"},
		Attributes: map[string]sdk.Value{"material": sdk.String("cotton")},
	}
}

// fieldEdits change one field of a product each, in the order in which the
// suite prefers them.
var fieldEdits = []struct {
	path string
	edit func(*sdk.Product)
}{
	{"name", func(p *sdk.Product) { p.Name += " II" }},
	{"description", func(p *sdk.Product) { p.Description += " Twice." }},
	{"prices", func(p *sdk.Product) { p.Prices = []sdk.Price{{Amount: "99.00", Currency: currency(p)}} }},
	{"stock", func(p *sdk.Product) { p.Stock = []sdk.Stock{{Quantity: "3"}} }},
	{"brand", func(p *sdk.Product) { p.Brand += " II" }},
	{"tags", func(p *sdk.Product) { p.Tags = []string{"other"} }},
	{"attributes.material", func(p *sdk.Product) {
		p.Attributes = map[string]sdk.Value{"material": sdk.String("wool")}
	}},
}

func currency(p *sdk.Product) string {
	if len(p.Prices) > 0 {
		return p.Prices[0].Currency
	}
	return "EUR"
}

// logBuffer keeps what the connector logs.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
