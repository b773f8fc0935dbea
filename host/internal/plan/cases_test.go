package plan

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// goldenCase is one file of testdata/cases: what is so, and what is to come of it.
// testdata/cases/README.md tells how to read one.
type goldenCase struct {
	Title, Why string
	Policy     struct {
		Own      map[string]Mode
		Carried  []string
		OnDelete OnDelete `toml:"on_delete"`
		Filter   string
		Map      map[string]string
		Every    bool
	}
	Catalog *struct {
		Product map[string]any
		Cleared []string // fields that the source said are empty
		Whole   bool     // the source spoke of every field
		Deleted bool
	}
	Event *struct { // asks what its delivery does, with no look at the shop
		Op     sdk.EventOp
		Hint   bool
		Fields []string
	}
	Link struct {
		ID                string
		Product           map[string]any
		Sent              map[string]any // where the shop stores it otherwise
		Archived, Unknown bool
		Edited            []string
		Undo              *struct {
			Op      string
			Product map[string]any
		}
	}
	Shop *struct {
		ID       string
		Product  map[string]any
		Archived bool
	}
	Expect expectation
}

// expectation is what a case is to give.
type expectation struct {
	Kind      Kind
	Action    string
	Because   Reason
	Fields    []string
	Contended bool
	Known     []string // what is remembered of it, where that is the point
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.toml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d cases, %v; at least 60 are promised", len(files), err)
	}
	titles := map[string]string{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			c := readCase(t, file)
			if twin := titles[c.Title]; twin != "" || c.Title == "" || c.Why == "" {
				t.Errorf("every case has a title of its own (also in %q) and says why it matters", twin)
			}
			titles[c.Title] = file
			got := c.run(t)
			if c.Expect.Known == nil {
				got.Known = nil
			}
			if diff := cmp.Diff(c.Expect, got); diff != "" {
				t.Errorf("%s\n(%s)\n(- expected, + what came of it)\n%s", c.Title, c.Why, diff)
			}
		})
	}
}

func readCase(t *testing.T, file string) *goldenCase {
	t.Helper()
	var c goldenCase
	written, err := toml.DecodeFile(file, &c)
	if err != nil {
		t.Fatal(err)
	}
	var unknown []string
	for _, key := range written.Undecoded() {
		if !slices.Contains(key, "product") && !slices.Contains(key, "sent") { // those are read strictly below
			unknown = append(unknown, key.String())
		}
	}
	if unknown != nil {
		t.Fatalf("unknown keys: %q", unknown)
	}
	return &c
}

func (c *goldenCase) run(t *testing.T) expectation {
	t.Helper()
	policy, known, entry := c.policy(t), c.known(t), c.entry(t)
	if c.Event != nil {
		d, err := Decide(entry, known, policy)
		if err != nil {
			t.Fatal(err)
		}
		return expectation{Action: action(d.Op, &known), Because: d.Reason, Fields: d.Fields}
	}
	var there *There
	if c.Shop != nil {
		there = &There{Remote: sdk.Remote{ID: c.Shop.ID}, Product: patch(t, c.Shop.Product).Product, Archived: c.Shop.Archived}
	}
	f, err := Compare(entry, known, there, policy)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := Decide(entry, f.Known, policy); err != nil || d.Op != f.Op || !slices.Equal(slices.Sorted(slices.Values(d.Fields)), f.Written()) {
		t.Errorf("the lane decides %s of %q, %v, and the plan says %s of %q", d.Op, d.Fields, err, f.Op, f.Written())
	}
	return expectation{f.Kind, action(f.Op, &f.Known), f.Reason, lines(f.Fields), f.Contended, remembered(&f)}
}

func (c *goldenCase) policy(t *testing.T) *Policy {
	t.Helper()
	p := c.Policy
	policy := &Policy{Every: p.Every, Carried: p.Carried, Own: NewOwnership(p.Own), OnDelete: p.OnDelete}
	for path, mode := range p.Own {
		if !slices.Contains(modes, mode) {
			t.Fatalf("%s: %q is no way of owning a field", path, mode)
		}
	}
	if !slices.Contains([]OnDelete{"", ArchiveThere, DeleteThere, KeepThere}, p.OnDelete) {
		t.Fatalf("on_delete: %q is no way of following a delete", p.OnDelete)
	}
	var err error
	if policy.Filter, err = CompileFilter(p.Filter); err != nil {
		t.Fatal(err)
	}
	var problems []Problem
	if policy.Mapping, problems = CompileMapping(p.Map); problems != nil {
		t.Fatal(problems)
	}
	return policy
}

func (c *goldenCase) known(t *testing.T) Known {
	t.Helper()
	l := c.Link
	k := Known{Remote: sdk.Remote{ID: l.ID}, Archived: l.Archived, Unknown: l.Unknown, Edited: l.Edited}
	if l.Product != nil {
		base := patch(t, l.Product).Product
		sent := base
		other := patch(t, l.Sent)
		for _, path := range other.Fields {
			sdk.CopyField(&sent, &other.Product, path)
		}
		k.know(base, sent)
	}
	if u := l.Undo; u != nil {
		ops := map[string]sdk.Op{"write": sdk.Upsert, "archive": sdk.Archive, "delete": sdk.Purge}
		before := patch(t, u.Product)
		k.Restore = &Restore{Op: ops[u.Op], Product: before.Product, Fields: before.Fields}
	}
	return k
}

func (c *goldenCase) entry(t *testing.T) *event.Entry {
	t.Helper()
	if c.Catalog == nil {
		return nil
	}
	p := patch(t, c.Catalog.Product)
	e := &event.Entry{Seq: 1, Key: "4711", Product: p.Product, Deleted: c.Catalog.Deleted, Known: append(p.Fields, c.Catalog.Cleared...)}
	if c.Catalog.Whole {
		e.Known = sdk.FieldPaths()
	}
	slices.Sort(e.Known)
	if c.Event != nil {
		e.Op, e.Hint, e.Fields = c.Event.Op, c.Event.Hint, c.Event.Fields
	}
	return e
}

// patch reads a product as strictly as what comes from a sender.
func patch(t *testing.T, fields map[string]any) event.Patch {
	t.Helper()
	if fields == nil {
		fields = map[string]any{}
	}
	fields["key"] = "4711"
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	p, err := event.ParsePatch(text)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return p
}

func action(op sdk.Op, known *Known) string {
	switch op {
	case 0:
		return "nothing"
	case sdk.Upsert:
		if known.Remote.ID == "" {
			return "create"
		}
		return "update"
	case sdk.Purge:
		return "delete"
	}
	return op.String()
}

// lines are a finding's fields as people read them.
func lines(fields []FieldChange) []string {
	var all []string
	for _, f := range fields {
		text := func(value json.RawMessage) string {
			if value == nil {
				return "nothing"
			}
			return string(value)
		}
		line := fmt.Sprintf("leave %s: %s, not %s: %s", f.Path, text(f.There), text(f.Wanted), f.Why)
		if f.Written {
			line = fmt.Sprintf("write %s: %s -> %s: %s", f.Path, text(f.There), text(f.Wanted), f.Why)
		}
		all = append(all, line)
	}
	return all
}

// remembered is what is known after a look.
func remembered(f *Finding) []string {
	k, all := &f.Known, []string{"not linked"}
	if k.written() {
		all[0] = "linked to " + k.Remote.ID
	}
	if k.Archived {
		all = append(all, "off sale")
	}
	if k.Unknown {
		all = append(all, "unknown")
	}
	for _, path := range k.Edited {
		all = append(all, "edited: "+path)
	}
	if f.News && f.Kind == InStep {
		all = append(all, "learned")
	}
	if k.Restore != nil {
		all = append(all, "held by an undo")
	}
	return all
}
