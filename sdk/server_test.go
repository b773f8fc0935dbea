package sdk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

// fake is a connector of functions; Apply is the only one it must have.
type fake struct {
	apply func(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error)
	close func() error
}

func (f fake) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	return f.apply(ctx, changes)
}

func (f fake) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// able is a fake with every capability.
type able struct {
	fake
	check     func() error
	list      func(sdk.Query) (sdk.Page, error)
	find      func([]sdk.Ref) ([]sdk.Item, error)
	normalize func(sdk.Product) (sdk.Product, error)
	wait      func(context.Context) error
	fields    []string
	since     bool
}

func (a able) Check(context.Context) error                             { return a.check() }
func (a able) List(_ context.Context, q sdk.Query) (sdk.Page, error)   { return a.list(q) }
func (a able) Find(_ context.Context, r []sdk.Ref) ([]sdk.Item, error) { return a.find(r) }
func (a able) Normalize(p sdk.Product) (sdk.Product, error)            { return a.normalize(p) }
func (a able) Wait(ctx context.Context) error                          { return a.wait(ctx) }
func (a able) Fields() []string                                        { return a.fields }
func (a able) ListsSince() bool                                        { return a.since }

type none struct{}

func serving(c sdk.Connector) sdk.Plugin[none] {
	return sdk.Plugin[none]{
		Name: "fake", Version: "1.2.3", Limits: sdk.Limits{Batch: 100},
		Open: func(context.Context, sdk.Env, none) (sdk.Connector, error) { return c, nil },
	}
}

func changes(keys ...string) []sdk.Change {
	var changes []sdk.Change
	for _, key := range keys {
		changes = append(changes, sdk.Change{Key: key, Op: sdk.Upsert, Fields: []string{"name"}})
	}
	return changes
}

func keys(results []sdk.Result) string {
	var keys []string
	for _, r := range results {
		keys = append(keys, r.Key)
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

func TestPartialResultsAreByKey(t *testing.T) {
	throttled := sdk.Throttle(time.Minute, errors.New("429"))
	for name, c := range map[string]struct {
		results []sdk.Result
		err     error
		want    string
		check   func(error) bool
	}{
		"all done":              {[]sdk.Result{{Key: "b"}, {Key: "a"}, {Key: "c"}}, nil, "a b c", func(err error) bool { return err == nil }},
		"the rest is throttled": {[]sdk.Result{{Key: "b"}}, throttled, "b", func(err error) bool { return sdk.KindOf(err) == sdk.Throttled }},
		"all fail":              {nil, throttled, "", func(err error) bool { return sdk.KindOf(err) == sdk.Throttled }},
		"one is unknown":        {[]sdk.Result{{Key: "a"}, {Key: "c"}}, nil, "a c", func(err error) bool { return err == nil }},
		"two answers for one":   {[]sdk.Result{{Key: "a"}, {Key: "b"}, {Key: "a"}, {Key: "a"}}, nil, "b", isFaulty(`more than one answer for "a"`)},
		"an answer for another": {[]sdk.Result{{Key: "a"}, {Key: "x"}}, nil, "a", isFaulty(`an answer for "x"`)},
		"faulty and throttled": {[]sdk.Result{{Key: "x"}}, throttled, "", func(err error) bool {
			return errors.Is(err, sdk.ErrFaulty) && sdk.KindOf(err) == sdk.Throttled
		}},
		"a number that is none": {[]sdk.Result{{Key: "a", After: &sdk.Product{Prices: []sdk.Price{{Amount: "1,5"}}}}, {Key: "b"}}, nil, "b", isFaulty("prices.amount")},
	} {
		t.Run(name, func(t *testing.T) {
			client := sdktest.Open(t, serving(fake{apply: func(context.Context, []sdk.Change) ([]sdk.Result, error) {
				return c.results, c.err
			}}), nil)
			results, err := client.Apply(t.Context(), changes("a", "b", "c"))
			if keys(results) != c.want || !c.check(err) {
				t.Errorf("results %q, error %v", keys(results), err)
			}
		})
	}
}

func isFaulty(text string) func(error) bool {
	return func(err error) bool { return errors.Is(err, sdk.ErrFaulty) && strings.Contains(err.Error(), text) }
}

func TestResultsArriveBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	client := sdktest.Open(t, serving(fake{apply: func(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
		var results []sdk.Result
		for _, c := range changes {
			if c.Key == "hangs" {
				<-ctx.Done()
				return results, context.Cause(ctx)
			}
			results = append(results, sdk.Result{Key: c.Key})
		}
		return results, nil
	}}), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	results, err := client.Apply(ctx, changes("1", "2", "3", "4", "5", "6", "7", "8", "9", "hangs"))
	var own *sdk.Error
	if len(results) != 9 || !errors.As(err, &own) || own.Kind != sdk.Temporary {
		t.Errorf("%d results, error %v", len(results), err)
	}
}

func TestDeadlineThatPassesIsTheCallersError(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	client := sdktest.Open(t, serving(fake{apply: func(context.Context, []sdk.Change) ([]sdk.Result, error) {
		<-release // deaf to its context
		return nil, nil
	}}), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := client.Apply(ctx, changes("a"))
	var own *sdk.Error
	if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &own) || errors.Is(err, sdk.ErrProcessGone) {
		t.Errorf("error %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := client.Apply(ctx, changes("a")); !errors.Is(err, context.Canceled) || !errors.Is(err, sdk.ErrNotSent) {
		t.Errorf("error %v", err)
	}
	release <- struct{}{}
}

func TestPanicFailsTheCallAndNotTheProcess(t *testing.T) {
	boom := func() { panic("boom") }
	var log safeBuffer
	opened := openLogged(t, able{
		fake:      fake{apply: func(context.Context, []sdk.Change) ([]sdk.Result, error) { boom(); return nil, nil }},
		check:     func() error { boom(); return nil },
		list:      func(sdk.Query) (sdk.Page, error) { boom(); return sdk.Page{}, nil },
		find:      func([]sdk.Ref) ([]sdk.Item, error) { boom(); return nil, nil },
		normalize: func(sdk.Product) (sdk.Product, error) { boom(); return sdk.Product{}, nil },
		fields:    []string{"name"},
	}, &log)
	ctx := t.Context()
	_, apply := opened.Apply(ctx, changes("a"))
	_, list := opened.List(ctx, sdk.Query{})
	_, find := opened.Find(ctx, nil)
	_, normalize, err := opened.Normalize(ctx, []sdk.Product{{}})
	if err != nil {
		t.Fatal(err)
	}
	for method, err := range map[string]error{"Apply": apply, "List": list, "Find": find, "Check": opened.Check(ctx), "Normalize": normalize[0]} {
		var own *sdk.Error
		if !errors.As(err, &own) || own.Kind != sdk.Temporary || !strings.Contains(err.Error(), "panicked: boom") {
			t.Errorf("%s gave %v", method, err)
		}
		if !strings.Contains(log.String(), `"method":"`+method+`"`) {
			t.Errorf("the log does not tell of %s", method)
		}
	}
	if !strings.Contains(log.String(), "server_test.go") {
		t.Errorf("the log has no stack: %s", log.String())
	}
}

func TestPanicInsideEachIsLoggedToo(t *testing.T) {
	var log safeBuffer
	client := openLogged(t, fake{apply: func(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
		return sdk.Each(ctx, 2, changes, func(_ context.Context, c sdk.Change) (sdk.Result, error) {
			if c.Key == "b" {
				panic("boom")
			}
			return sdk.Result{}, nil
		})
	}}, &log)
	results, err := client.Apply(t.Context(), changes("a", "b", "c"))
	if err != nil || keys(results) != "a b c" || !strings.Contains(log.String(), "server_test.go") {
		t.Errorf("results %q, error %v, log %s", keys(results), err, log.String())
	}
}

func TestCapabilitiesAreThoseOfWhatOpenReturned(t *testing.T) {
	apply := func(context.Context, []sdk.Change) ([]sdk.Result, error) { return nil, nil }
	poor := sdktest.Open(t, serving(fake{apply: apply}), nil)
	if o := poor.Opened(); o.Capabilities != nil || !slices.Equal(o.Fields, sdk.FieldPaths()) || o.Limits != (sdk.Limits{Batch: 100, InFlight: 1, Timeout: 30 * time.Second}) {
		t.Errorf("opened as %+v", o)
	}
	_, list := poor.List(t.Context(), sdk.Query{})
	_, find := poor.Find(t.Context(), nil)
	_, _, normalize := poor.Normalize(t.Context(), nil)
	for _, err := range []error{list, find, normalize, poor.Check(t.Context()), poor.Wait(t.Context())} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("calling what is not declared gave %v", err)
		}
	}
	rich := sdktest.Open(t, serving(able{fake: fake{apply: apply}, fields: []string{"raw", "attributes.*"}}), nil)
	for _, can := range []sdk.Capability{sdk.CanCheck, sdk.CanList, sdk.CanFind, sdk.CanNormalize, sdk.CanWait} {
		if !rich.Can(can) || poor.Can(can) {
			t.Errorf("capability %v: rich %v, poor %v", can, rich.Can(can), poor.Can(can))
		}
	}
	if rich.Can(sdk.CanSince) {
		t.Error("it lists since, which it denies")
	}
	if since := sdktest.Open(t, serving(able{fake: fake{apply: apply}, since: true}), nil); !since.Can(sdk.CanSince) {
		t.Error("it does not list since, which it says it does")
	}
	if fields := rich.Opened().Fields; !slices.Equal(fields, []string{"raw", "attributes.*"}) {
		t.Errorf("carries %v", fields)
	}
}

func TestCallsCarryWhatTheyAreGiven(t *testing.T) {
	since := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	client := sdktest.Open(t, serving(able{
		fake:  fake{apply: func(context.Context, []sdk.Change) ([]sdk.Result, error) { return nil, nil }},
		check: func() error { return sdk.Deny(errors.New("401")) },
		list: func(q sdk.Query) (sdk.Page, error) {
			if q.Cursor == "bad" {
				return sdk.Page{Next: "x"}, sdk.Reject("", errors.New("no such page"))
			}
			return sdk.Page{Items: []sdk.Item{{Key: fmt.Sprint(q), Remote: sdk.Remote{ID: "r"}, Archived: true, Product: sdk.Product{Name: "n"}, Unreadable: "price"}}, Next: "more"}, nil
		},
		find: func(refs []sdk.Ref) ([]sdk.Item, error) { return []sdk.Item{{Key: fmt.Sprint(refs)}}, nil },
		normalize: func(p sdk.Product) (sdk.Product, error) {
			if p.Name == "" {
				return p, sdk.Reject("name", errors.New("missing"))
			}
			p.Name = strings.ToUpper(p.Name)
			return p, nil
		},
		fields: []string{"name"},
	}), nil)
	ctx := t.Context()
	if err := client.Check(ctx); sdk.KindOf(err) != sdk.Denied {
		t.Errorf("Check: %v", err)
	}
	q := sdk.Query{Cursor: "c", Since: since, Limit: 5}
	page, err := client.List(ctx, q)
	if err != nil || page.Next != "more" || len(page.Items) != 1 || page.Items[0].Key != fmt.Sprint(q) || page.Items[0].Remote.ID != "r" || !page.Items[0].Archived || page.Items[0].Product.Name != "n" || page.Items[0].Unreadable != "price" {
		t.Errorf("List: %+v, %v", page, err)
	}
	if page, err := client.List(ctx, sdk.Query{Cursor: "bad"}); sdk.KindOf(err) != sdk.Rejected || page.Next != "" {
		t.Errorf("List: %+v, %v", page, err)
	}
	refs := []sdk.Ref{{Key: "k", Remote: "r", Code: "c"}}
	if items, err := client.Find(ctx, refs); err != nil || len(items) != 1 || items[0].Key != fmt.Sprint(refs) {
		t.Errorf("Find: %+v, %v", items, err)
	}
	settled, refused, err := client.Normalize(ctx, []sdk.Product{{Name: "a"}, {}})
	if err != nil || settled[0].Name != "A" || refused[0] != nil || sdk.KindOf(refused[1]) != sdk.Rejected {
		t.Errorf("Normalize: %+v, %v, %v", settled, refused, err)
	}
}

func TestUnknownOperationIsRefusedForTheConnector(t *testing.T) {
	client := sdktest.Open(t, serving(fake{apply: func(_ context.Context, changes []sdk.Change) ([]sdk.Result, error) {
		return []sdk.Result{{Key: changes[0].Key}}, nil
	}}), nil)
	batch := changes("a", "b")
	batch[0].Op = 77
	results, err := client.Apply(t.Context(), batch)
	if err != nil || keys(results) != "a b" {
		t.Fatalf("results %q, error %v", keys(results), err)
	}
	for _, r := range results {
		if (r.Key == "a") != (sdk.KindOf(r.Err) == sdk.Rejected) {
			t.Errorf("%+v", r)
		}
	}
}

func TestLargeMessagesPass(t *testing.T) {
	client := sdktest.Open(t, serving(fake{apply: func(_ context.Context, changes []sdk.Change) ([]sdk.Result, error) {
		return []sdk.Result{{Key: "a", After: &changes[0].Product}}, nil
	}}), nil)
	big := changes("a")
	big[0].Product.Description = strings.Repeat("x", 20<<20)
	results, err := client.Apply(t.Context(), big)
	if err != nil || len(results) != 1 || len(results[0].After.Description) != 20<<20 {
		t.Fatalf("%d results, error %v", len(results), err)
	}
	big[0].Product.Description = strings.Repeat("x", sdk.MaxMessage)
	if _, err := client.Apply(t.Context(), big); err == nil || errors.Is(err, sdk.ErrProcessGone) {
		t.Errorf("a message beyond the limit gave %v", err)
	}
	if _, err := client.Apply(t.Context(), changes("a")); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// Apply, List and Find together are never more calls than the connector can take,
// whoever makes them.
func TestCallsWaitForTheirTurn(t *testing.T) {
	entered, release := make(chan string), make(chan struct{})
	plugin := serving(able{
		fake: fake{apply: func(context.Context, []sdk.Change) ([]sdk.Result, error) {
			entered <- "apply"
			<-release
			return nil, nil
		}},
		list: func(sdk.Query) (sdk.Page, error) { entered <- "list"; <-release; return sdk.Page{}, nil },
		find: func([]sdk.Ref) ([]sdk.Item, error) { entered <- "find"; <-release; return nil, nil },
	})
	plugin.Limits.InFlight = 1
	client := sdktest.Open(t, plugin, nil)
	var flight sync.WaitGroup
	flight.Go(func() { _, _ = client.List(t.Context(), sdk.Query{}) })
	<-entered
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Apply(short, changes("a")); !errors.Is(err, sdk.ErrNotSent) || !errors.Is(err, context.Canceled) {
		t.Errorf("a call that had no turn gave %v", err)
	}
	flight.Go(func() { _, _ = client.Find(t.Context(), nil) })
	release <- struct{}{}
	if next := <-entered; next != "find" {
		t.Errorf("%s came in", next)
	}
	release <- struct{}{}
	flight.Wait()
}

func TestStopDoesNotWaitForWhatOnlyWaits(t *testing.T) {
	waiting := make(chan struct{})
	client := sdktest.Open(t, serving(able{wait: func(ctx context.Context) error {
		close(waiting)
		<-ctx.Done()
		return ctx.Err()
	}}), nil)
	var flight sync.WaitGroup
	flight.Go(func() {
		if err := client.Wait(t.Context()); err == nil {
			t.Error("a stop looks like a change")
		}
	})
	<-waiting
	if err := client.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	flight.Wait()
}

func TestStopWaitsForWhatIsInFlight(t *testing.T) {
	started, release, closed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var finished bool
	plugin := serving(fake{
		apply: func(context.Context, []sdk.Change) ([]sdk.Result, error) {
			close(started)
			<-release
			finished = true
			return []sdk.Result{{Key: "a"}}, nil
		},
		close: func() error {
			if !finished {
				t.Error("closed while a call was in flight")
			}
			close(closed) // panics if closed twice
			return nil
		},
	})
	plugin.Limits.InFlight = 2
	client := sdktest.Open(t, plugin, nil)
	var flight sync.WaitGroup
	flight.Go(func() {
		if results, err := client.Apply(t.Context(), changes("a")); err != nil || keys(results) != "a" {
			t.Errorf("the call in flight gave %q, %v", keys(results), err)
		}
	})
	<-started
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := client.Stop(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop with a call in flight gave %v", err)
	}
	if _, err := client.Apply(t.Context(), changes("b")); !errors.Is(err, sdk.ErrNotSent) || errors.Is(err, sdk.ErrProcessGone) || !strings.Contains(err.Error(), "stopping") {
		t.Errorf("a new call gave %v", err)
	}
	close(release)
	if err := client.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	flight.Wait()
	<-closed
}

func TestConfigure(t *testing.T) {
	type config struct {
		Token sdk.Secret `json:"token" required:"true"`
		Mode  string     `json:"mode"`
	}
	opened := 0
	client := sdktest.Dial(t, sdk.Plugin[config]{
		Name: "fake", Version: "1",
		Open: func(_ context.Context, env sdk.Env, c config) (sdk.Connector, error) {
			opened++
			switch c.Mode {
			case "panic":
				panic("boom")
			case "nothing":
				return nil, nil
			case "down":
				return nil, sdk.Retry(time.Minute, errors.New("no route"))
			case "wrong":
				return nil, errors.Join(sdk.Reject("mode", errors.New("not today")), sdk.Reject("token", errors.New("too short")))
			}
			if env.Instance != "shop" || env.StateDir != "/state" || env.Log == nil || c.Token.Reveal() != "hunter2" {
				t.Errorf("opened with %+v %+v", env, c)
			}
			return fake{apply: func(context.Context, []sdk.Change) ([]sdk.Result, error) { return nil, nil }}, nil
		},
	})
	ctx := t.Context()
	setup := func(text string) sdk.Setup {
		return sdk.Setup{Config: []byte(text), Instance: "shop", StateDir: "/state"}
	}
	description, err := client.Describe(ctx)
	if err != nil || description.Name != "fake" || description.Version != "1" || len(description.Options) != 2 || !description.Options[0].Secret {
		t.Errorf("Describe: %+v, %v", description, err)
	}
	if _, err := client.Apply(ctx, changes("a")); err == nil || !strings.Contains(err.Error(), "Configure comes first") {
		t.Errorf("Apply before Configure: %v", err)
	}
	_, problems, err := client.Validate(ctx, setup(`{"tokn":"hunter2"}`))
	if err != nil || len(problems) != 2 || problems[0].Path != "token" || problems[1].Path != "tokn" {
		t.Errorf("Validate: %v, %v", problems, err)
	}
	if told, problems, err := client.Validate(ctx, setup(`{"token":"hunter2"}`)); err != nil || problems != nil || opened != 0 || told.Capabilities != nil || told.Fields != nil {
		t.Errorf("Validate: %v, %v, %v, opened %d times", told, problems, err, opened)
	}
	for mode, want := range map[string]string{"panic": "panicked", "nothing": "neither", "down": "no route"} {
		if _, problems, err := client.Configure(ctx, setup(`{"token":"t","mode":"`+mode+`"}`)); problems != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", mode, problems, err)
		}
	}
	if _, problems, err := client.Configure(ctx, setup(`{"token":"t","mode":"wrong"}`)); err != nil || len(problems) != 2 || problems[0] != (sdk.Problem{Path: "mode", Message: "not today"}) {
		t.Errorf("wrong: %v, %v", problems, err)
	}
	if _, problems, err := client.Configure(ctx, setup(`{"token":"hunter2"}`)); err != nil || problems != nil {
		t.Errorf("Configure: %v, %v", problems, err)
	}
	if _, _, err := client.Configure(ctx, setup(`{"token":"hunter2"}`)); err == nil || !strings.Contains(err.Error(), "configured already") {
		t.Errorf("Configure again: %v", err)
	}
}

func TestWhatItsTypeCanDoIsToldBeforeItIsOpened(t *testing.T) {
	type config struct {
		Write bool `json:"write"`
	}
	plugin := sdk.Plugin[config]{
		Name: "fake", Version: "1", Fields: []string{"name"},
		Open: func(context.Context, sdk.Env, config) (sdk.Connector, error) { return fake{}, nil },
		Type: func(c config) sdk.Connector {
			if c.Write {
				return fake{}
			}
			return able{}
		},
	}
	client := sdktest.Dial(t, plugin)
	all := []sdk.Capability{sdk.CanCheck, sdk.CanList, sdk.CanFind, sdk.CanNormalize, sdk.CanWait}
	if told, _, err := client.Validate(t.Context(), sdk.Setup{}); err != nil || !slices.Equal(told.Capabilities, all) || told.Fields != nil {
		t.Errorf("of one that says later which fields it carries: %v, %v", told, err)
	}
	writes := sdk.Setup{Config: []byte(`{"write":true}`)}
	if told, _, err := client.Validate(t.Context(), writes); err != nil || told.Capabilities != nil || !slices.Equal(told.Fields, plugin.Fields) {
		t.Errorf("of one that can do nothing: %v, %v", told, err)
	}
	if _, _, err := client.Configure(t.Context(), sdk.Setup{}); err == nil || !strings.Contains(err.Error(), "Type told of") {
		t.Errorf("another type was opened: %v", err)
	}
	if _, _, err := client.Configure(t.Context(), writes); err != nil {
		t.Error(err)
	}
}

func TestPluginsThatCannotWork(t *testing.T) {
	open := func(context.Context, sdk.Env, none) (sdk.Connector, error) { return nil, nil }
	for want, p := range map[string]sdk.Plugin[none]{
		"Plugin.Name":    {Name: "Shop", Version: "1", Open: open},
		"Plugin.Version": {Name: "shop", Open: open},
		"Plugin.Open":    {Name: "shop", Version: "1"},
		`"colour"`:       {Name: "shop", Version: "1", Open: open, Fields: []string{"name", "colour"}},
		"Plugin.Limits":  {Name: "shop", Version: "1", Open: open, Limits: sdk.Limits{Batch: 5000}},
	} {
		if _, err := sdk.ServeConfig(p, hclog.NewNullLogger()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestReadOnlyRejectsEveryChange(t *testing.T) {
	if only := sdktest.Open(t, serving(sdk.ReadOnly{}), nil); !only.Can(sdk.OnlyReads) {
		t.Error("the host is not told")
	}
	client := sdktest.Open(t, serving(sdk.ReadOnly{}), nil)
	if results, err := client.Apply(t.Context(), changes("a", "b")); len(results) > 0 || sdk.KindOf(err) != sdk.Rejected {
		t.Errorf("%v, %v", results, err)
	}
}

// openLogged is sdktest.Open with the connector's log in a buffer.
func openLogged(t *testing.T, c sdk.Connector, log *safeBuffer) *sdk.Client {
	t.Helper()
	logger := hclog.New(&hclog.LoggerOptions{Output: log, JSONFormat: true})
	return sdktest.OpenLogged(t, serving(c), nil, logger)
}

// safeBuffer is a buffer that many may write to.
type safeBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
