package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

// options are a connector's options.
type options map[string]any

// put writes a file into a folder of the test, as one that was written long ago,
// and gives its path.
func put(t testing.TB, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// open gives the host's client of a feed, which needs not rest.
func open(t testing.TB, o options) *sdk.Client {
	t.Helper()
	client, _ := openLogged(t, o)
	return client
}

func openLogged(t testing.TB, o options) (*sdk.Client, *logged) {
	t.Helper()
	o = maps.Clone(o)
	if o["settle"] == nil {
		o["settle"] = "0s"
	}
	log := &logged{}
	return sdktest.OpenLogged(t, plugin, o, hclog.New(&hclog.LoggerOptions{Output: log, Level: hclog.Info, DisableTime: true})), log
}

type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// list is a whole listing, by two a page, and how it ended.
func list(t testing.TB, c sdk.Lister) (map[string]sdk.Product, error) {
	t.Helper()
	all, _, err := listing(t, c)
	return all, err
}

// unreadable are the items of a listing that cannot be read, and why.
func unreadable(t testing.TB, c sdk.Lister) map[string]string {
	t.Helper()
	_, bad, _ := listing(t, c)
	return bad
}

func listing(t testing.TB, c sdk.Lister) (good map[string]sdk.Product, bad map[string]string, err error) {
	t.Helper()
	good, bad = map[string]sdk.Product{}, map[string]string{}
	seen := map[string]bool{}
	for item, err := range sdk.All(t.Context(), c, sdk.Query{Limit: 2}) {
		if err != nil {
			return good, bad, err
		}
		if seen[item.Key] {
			t.Errorf("%q is listed twice", item.Key)
		}
		seen[item.Key] = true
		if item.Remote.ID != item.Key || item.Unreadable == "" && item.Product.Key != item.Key {
			t.Errorf("the item %q has product %q and remote id %q", item.Key, item.Product.Key, item.Remote.ID)
		}
		if item.Unreadable != "" {
			bad[item.Key] = item.Unreadable
		} else {
			good[item.Key] = item.Product
		}
	}
	return good, bad, nil
}

// complete is a listing that must end well.
func complete(t testing.TB, c sdk.Lister) map[string]sdk.Product {
	t.Helper()
	all, err := list(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func keys(products map[string]sdk.Product) string {
	return strings.Join(slices.Sorted(maps.Keys(products)), " ")
}

// asJSON is a product as text, to compare it.
func asText(p sdk.Product) string { return string(p.AppendJSON(nil)) }

// same compares one product with its JSON.
func same(t testing.TB, got sdk.Product, want string) {
	t.Helper()
	var p sdk.Product
	if err := json.Unmarshal([]byte(want), &p); err != nil {
		t.Fatal(err)
	}
	if diff := sdk.Diff(&got, &p); diff != nil || got.Key != p.Key {
		t.Errorf("got  %s\nwant %s\nthey differ in %v", asText(got), asText(p), diff)
	}
}

// problems are what is wrong with options, as "path: message".
func problems(t *testing.T, o options) []string {
	t.Helper()
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	_, found, err := sdktest.Dial(t, plugin).Validate(t.Context(), sdk.Setup{Config: data})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range found {
		all = append(all, p.Path+": "+p.Message)
	}
	return all
}

// apply gives the outcome of one change.
func apply(t *testing.T, c *sdk.Client, change sdk.Change) sdk.Result {
	t.Helper()
	results, err := c.Apply(t.Context(), []sdk.Change{change})
	if len(results) == 0 {
		return sdk.Result{Err: orNothing(err)}
	}
	return results[0]
}

func orNothing(err error) error {
	if err == nil {
		return errors.New("neither a result nor an error")
	}
	return err
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// waitOf is the wait that an error asks for.
func waitOf(err error) time.Duration {
	var e *sdk.Error
	if errors.As(err, &e) {
		return e.After
	}
	return 0
}
