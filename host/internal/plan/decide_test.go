package plan

import (
	"slices"
	"testing"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// row is a catalog row of a product with a name, a price and a description that
// the source never spoke of.
func row(change func(*event.Entry)) *event.Entry {
	e := &event.Entry{Seq: 7, Key: "k",
		Product: sdk.Product{Key: "k", Name: "Bag", Prices: []sdk.Price{{Amount: "10.00", Currency: "EUR"}},
			Attributes: map[string]sdk.Value{"colour": sdk.String("red")}},
		Known: []string{"name", "prices"}}
	if change != nil {
		change(e)
	}
	return e
}

// owns leaves paths to the source, and nothing else.
func owns(paths ...string) Ownership {
	rules := map[string]Mode{}
	for _, path := range paths {
		rules[path] = Source
	}
	return NewOwnership(rules)
}

func wrote(p sdk.Product, fields ...string) Known {
	return Known{Remote: sdk.Remote{ID: "r"}}.Wrote(&p, fields, nil)
}

func TestDecideLatest(t *testing.T) {
	all := []string{"attributes.colour", "name", "prices"}
	inStep := wrote(row(nil).Product, all...)
	for name, c := range map[string]struct {
		entry  *event.Entry
		known  Known
		policy Policy
		op     sdk.Op
		reason Reason
		fields []string
	}{
		"never written: every field that the source spoke of": {row(nil), Known{}, Policy{}, sdk.Upsert, "", all},
		"in step":                           {row(nil), inStep, Policy{}, 0, Unchanged, nil},
		"another spelling of a sum":         {row(func(e *event.Entry) { e.Product.Prices = []sdk.Price{{Amount: "10", Currency: "EUR"}} }), inStep, Policy{}, 0, Unchanged, nil},
		"one field changed":                 {row(func(e *event.Entry) { e.Product.Name = "Case" }), inStep, Policy{}, sdk.Upsert, "", []string{"name"}},
		"a field was cleared":               {row(func(e *event.Entry) { e.Product.Name = "" }), inStep, Policy{}, sdk.Upsert, "", []string{"name"}},
		"only what is carried":              {row(nil), Known{}, Policy{Carried: []string{"prices"}}, sdk.Upsert, "", []string{"prices"}},
		"attributes are carried by pattern": {row(nil), Known{}, Policy{Carried: []string{"attributes.*"}}, sdk.Upsert, "", []string{"attributes.colour"}},
		"only what is owned":                {row(nil), Known{}, Policy{Own: owns("name")}, sdk.Upsert, "", []string{"name"}},
		"a change of what is not owned":     {row(func(e *event.Entry) { e.Product.Name = "Case" }), inStep, Policy{Own: owns("prices")}, 0, NothingOwned, nil},
		"nothing owned":                     {row(nil), Known{}, Policy{Own: owns("weight")}, 0, NothingOwned, nil},
		"gone at the source":                {row(func(e *event.Entry) { e.Deleted = true }), inStep, Policy{}, sdk.Archive, "", nil},
		"gone, and archived already":        {row(func(e *event.Entry) { e.Deleted = true }), Known{Base: inStep.Base, Archived: true}, Policy{}, 0, Unchanged, nil},
		"gone before it was ever written":   {row(func(e *event.Entry) { e.Deleted = true }), Known{}, Policy{}, 0, NeverWritten, nil},
		"gone, and perhaps written":         {row(func(e *event.Entry) { e.Deleted = true }), Known{Unknown: true}, Policy{}, sdk.Archive, "", nil},
		"gone, to be deleted":               {row(func(e *event.Entry) { e.Deleted = true }), inStep, Policy{OnDelete: DeleteThere}, sdk.Purge, "", nil},
		"gone, to be kept":                  {row(func(e *event.Entry) { e.Deleted = true }), inStep, Policy{OnDelete: KeepThere}, 0, Kept, nil},
		"back at the source":                {row(nil), Known{Remote: inStep.Remote, Base: inStep.Base, Archived: true}, Policy{}, sdk.Upsert, "", all},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Decide(c.entry, c.known, &c.policy)
			if err != nil {
				t.Fatal(err)
			}
			if d.Op != c.op || d.Reason != c.reason || !slices.Equal(d.Fields, c.fields) {
				t.Errorf("got op %s, reason %q, fields %q\nwant op %s, reason %q, fields %q", d.Op, d.Reason, d.Fields, c.op, c.reason, c.fields)
			}
		})
	}
}

func TestDecideEvery(t *testing.T) {
	events := append(sdk.FieldPaths(), "raw")
	entry := func(op sdk.EventOp, change func(*event.Entry)) *event.Entry {
		e := row(change)
		e.Op, e.Fields = op, []string{"name"}
		return e
	}
	push := func(branch string) *event.Entry {
		return entry(sdk.Received, func(e *event.Entry) {
			e.Raw = &sdk.Raw{ContentType: "application/json", Body: []byte(`{"ref":"refs/heads/` + branch + `"}`)}
		})
	}
	toMain, err := CompileFilter(`event.body.ref == "refs/heads/main"`)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		entry  *event.Entry
		policy Policy
		op     sdk.Op
		reason Reason
		fields []string
	}{
		"a change is sent though nothing is known":    {entry(sdk.Updated, nil), Policy{}, sdk.Upsert, "", []string{"name"}},
		"an event that changed nothing is sent whole": {entry(sdk.Updated, func(e *event.Entry) {}), Policy{}, sdk.Upsert, "", []string{"name"}},
		"a delete":                           {entry(sdk.Deleted, func(e *event.Entry) { e.Deleted = true }), Policy{}, sdk.Archive, "", nil},
		"a raw event, to who takes them":     {entry(sdk.Received, nil), Policy{Carried: events}, sdk.Forward, "", []string{"raw"}},
		"a raw event, to who does not":       {entry(sdk.Received, nil), Policy{Carried: []string{"name"}}, 0, NotCarried, nil},
		"a raw event that passes":            {push("main"), Policy{Carried: events, Filter: toMain}, sdk.Forward, "", []string{"raw"}},
		"a raw event that does not":          {push("next"), Policy{Carried: events, Filter: toMain}, 0, Filtered, nil},
		"a hint, to who takes events":        {entry(sdk.Updated, func(e *event.Entry) { e.Hint = true }), Policy{Carried: events}, sdk.Upsert, "", []string{"name"}},
		"a hint of a product that was gone":  {entry(sdk.Updated, func(e *event.Entry) { e.Hint, e.Deleted = true, true }), Policy{Carried: events}, sdk.Upsert, "", []string{"name"}},
		"a hint, to who writes products":     {entry(sdk.Updated, func(e *event.Entry) { e.Hint = true }), Policy{}, 0, OnlyHint, nil},
		"a hint of a delete deletes nothing": {entry(sdk.Deleted, func(e *event.Entry) { e.Hint = true }), Policy{OnDelete: DeleteThere}, 0, OnlyHint, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.policy.Every = true
			d, err := Decide(c.entry, Known{}, &c.policy)
			if err != nil {
				t.Fatal(err)
			}
			if d.Op != c.op || d.Reason != c.reason || !slices.Equal(d.Fields, c.fields) {
				t.Errorf("got op %s, reason %q, fields %q\nwant op %s, reason %q, fields %q", d.Op, d.Reason, d.Fields, c.op, c.reason, c.fields)
			}
		})
	}
}

// A platform that rounds what it gets causes no second write, and what it made
// of it is what a later look is compared with.
func TestRoundingPlatformCausesNoEndlessWrites(t *testing.T) {
	entry := row(func(e *event.Entry) { e.Product.Prices[0].Amount = "9.999" })
	rounded := entry.Product.Clone()
	rounded.Prices[0].Amount = "10.00"
	known := Known{}.Wrote(&entry.Product, []string{"name", "prices", "attributes.colour"}, &rounded)
	if d, err := Decide(entry, known, &Policy{}); err != nil || d.Op != 0 {
		t.Errorf("decided %+v, %v; want no call", d, err)
	}
	if known.Base.Prices[0].Amount != "10.00" {
		t.Errorf("the base has %s, want the platform's 10.00", known.Base.Prices[0].Amount)
	}
}

func TestFingerprintTellsPoliciesApart(t *testing.T) {
	policies := []Policy{{}, {Own: owns()}, {Own: NewOwnership(map[string]Mode{"name": UntilEdited})}, {Every: true}, {Own: owns("name")}, {Carried: []string{"name"}}, {OnDelete: KeepThere}}
	seen := map[string]int{}
	for i, p := range policies {
		if j, twice := seen[p.Fingerprint()]; twice {
			t.Errorf("policies %d and %d have the same fingerprint", i, j)
		}
		seen[p.Fingerprint()] = i
	}
}

// A write that had no answer may have changed any of its fields. A later one of
// fewer fields says nothing of the others: they are written when they are owned
// again, though the source is back at what was known before (simulation, seed 15301).
func TestWhatAnUnansweredWriteMayHaveChangedIsWrittenAgain(t *testing.T) {
	old := sdk.Product{Key: "1", Name: "Socks", Brand: "Acme"}
	known := Known{Remote: sdk.Remote{ID: "r"}}.Wrote(&old, []string{"name", "brand"}, nil)
	known.Unknown = true // brand = "Other" was sent, and nothing came back
	renamed := old
	renamed.Name = "Stockings"
	known = known.Wrote(&renamed, []string{"name"}, nil) // brand was not owned then
	known.Unknown = false
	entry := &event.Entry{Key: "1", Op: sdk.Updated, Product: renamed, Known: []string{"brand", "name"}}
	d, err := Decide(entry, known, &Policy{Carried: []string{"name", "brand"}})
	if err != nil || d.Op != sdk.Upsert || !slices.Equal(d.Fields, []string{"brand"}) {
		t.Errorf("%+v, %v", d, err)
	}
}

// What was written over a person's edit is the source's again, also when the
// operator later lets people edit it once more.
func TestWhatIsWrittenIsNoEditAnyMore(t *testing.T) {
	tea := sdk.Product{Key: "1", Name: "Tea", Brand: "Acme"}
	known := Known{Edited: []string{"brand", "name"}}.Wrote(&tea, []string{"name"}, nil)
	if !slices.Equal(known.Edited, []string{"brand"}) {
		t.Errorf("edited: %q; want only what was not written", known.Edited)
	}
}

// The most specific rule holds.
func TestOwnership(t *testing.T) {
	own := NewOwnership(map[string]Mode{"*": Ignore, "name": Source, "attributes.*": UntilEdited, "attributes.colour": Destination,
		"variants": FillIfEmpty, "variants.prices": Source})
	for path, want := range map[string]Mode{"name": Source, "brand": Ignore, "attributes.size": UntilEdited, "attributes.colour": Destination,
		"variants": FillIfEmpty, "variants.prices": Source, "variants.stock": FillIfEmpty, "prices": Ignore} {
		if got := own.Mode(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if got := (Ownership{}).Mode("name"); got != Source {
		t.Errorf("with no rules name is %q, want the source's", got)
	}
	if got := NewOwnership(map[string]Mode{}).Mode("name"); got != Ignore {
		t.Errorf("with an empty list name is %q, want ignored", got)
	}
}
