package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// socks is a product with something in it.
var socks = sdk.Product{
	Key: "a", Name: "Socks", Brand: "Acme",
	Prices:     []sdk.Price{{Amount: "5", Currency: "EUR"}},
	Attributes: map[string]sdk.Value{"colour": sdk.String("red"), "wash": sdk.Number("30")},
}

// created reports socks, by name of its fields.
func created() event.Event {
	return update("created", socks, "attributes.colour", "attributes.wash", "brand", "name", "prices")
}

var mergeTests = []test{
	merges("a field that is absent is unchanged",
		update("2", sdk.Product{Key: "a", Name: "Warm socks"}, "name"),
		func(p *sdk.Product) { p.Name = "Warm socks" }, "name"),
	merges("a field that is null is cleared",
		update("2", sdk.Product{Key: "a"}, "brand", "prices", "attributes.colour"),
		func(p *sdk.Product) {
			p.Brand, p.Prices = "", nil
			p.Attributes = map[string]sdk.Value{"wash": sdk.Number("30")}
		}, "brand", "prices", "attributes.colour"),
	merges("attributes merge by name",
		update("2", sdk.Product{Key: "a", Attributes: map[string]sdk.Value{"size": sdk.String("M"), "wash": sdk.Number("40")}}, "attributes.size", "attributes.wash"),
		func(p *sdk.Product) {
			p.Attributes = map[string]sdk.Value{"colour": sdk.String("red"), "size": sdk.String("M"), "wash": sdk.Number("40")}
		}, "attributes.size", "attributes.wash"),
	merges("attributes.* replaces all attributes",
		update("2", sdk.Product{Key: "a", Attributes: map[string]sdk.Value{"size": sdk.String("M")}}, "attributes.*", "attributes.size"),
		func(p *sdk.Product) { p.Attributes = map[string]sdk.Value{"size": sdk.String("M")} },
		"attributes.colour", "attributes.size", "attributes.wash"),
	merges("attributes.* that is null clears all attributes",
		update("2", sdk.Product{Key: "a"}, "attributes.*"),
		func(p *sdk.Product) { p.Attributes = nil }, "attributes.colour", "attributes.wash"),
	merges("a whole snapshot clears what it does not name",
		event.Event{Source: "pim", ID: "2", Op: sdk.Updated, Key: "a", Patch: event.Patch{Whole: true, Product: sdk.Product{Name: "Socks", Unit: "pair"}}},
		func(p *sdk.Product) { *p = sdk.Product{Key: "a", Name: "Socks", Unit: "pair"} },
		"brand", "unit", "prices", "attributes.colour", "attributes.wash"),
	merges("lists are replaced as a whole",
		update("2", sdk.Product{Key: "a", Prices: []sdk.Price{{Amount: "4", Currency: "USD"}}}, "prices"),
		func(p *sdk.Product) { p.Prices = []sdk.Price{{Amount: "4", Currency: "USD"}} }, "prices"),

	{"a product that is deleted stays as a tombstone", func(t *testing.T, f *fixture) {
		f.accept(t, created())
		gone := f.accept(t, event.Event{Source: "pim", ID: "2", Op: sdk.Deleted, Key: "a"})
		row := f.product(t, "a")
		if !row.Deleted || row.Seq != gone[0].Seq {
			t.Errorf("deleted = %v at %d, want true at %d", row.Deleted, row.Seq, gone[0].Seq)
		}
		same(t, "the product", row.Product, socks)
		if entry := f.journal(t)[1]; !entry.Deleted || entry.Op != sdk.Deleted || len(entry.Fields) > 0 {
			t.Errorf("the entry says deleted = %v, op %q, fields %v", entry.Deleted, entry.Op, entry.Fields)
		}
	}},
	{"a product that was never known can be deleted", func(t *testing.T, f *fixture) {
		gone := f.accept(t, event.Event{Source: "pim", ID: "1", Op: sdk.Deleted, Key: "a"})
		if row := f.product(t, "a"); !row.Deleted || row.Seq != gone[0].Seq {
			t.Errorf("deleted = %v at %d, want true at %d", row.Deleted, row.Seq, gone[0].Seq)
		}
	}},
	{"deleting twice changes nothing", func(t *testing.T, f *fixture) {
		receipts := f.accept(t, created(),
			event.Event{Source: "pim", ID: "2", Op: sdk.Deleted, Key: "a"}, event.Event{Source: "pim", ID: "3", Op: sdk.Deleted, Key: "a"})
		same(t, "the row's position", f.product(t, "a").Seq, receipts[1].Seq)
	}},
	{"a deleted product comes back", func(t *testing.T, f *fixture) {
		f.accept(t, created(), event.Event{Source: "pim", ID: "2", Op: sdk.Deleted, Key: "a"})
		back := f.accept(t, named("3", "a", "Socks"))
		row := f.product(t, "a")
		if row.Deleted || row.Seq != back[0].Seq {
			t.Errorf("deleted = %v at %d, want false at %d", row.Deleted, row.Seq, back[0].Seq)
		}
		same(t, "the product", row.Product, socks)
	}},
	untouched("a hint never touches the catalog", event.Event{
		Source: "crm", ID: "2", Op: sdk.Updated, Key: "a", Hint: true,
		Patch: event.Patch{Product: sdk.Product{Name: "Warm socks", Unit: "pair"}, Fields: []string{"name", "unit"}},
	}, func(e *event.Entry) {
		e.Product.Name, e.Product.Unit, e.Fields = "Warm socks", "pair", []string{"name", "unit"}
	}),
	untouched("a hint that a product is gone never touches the catalog", event.Event{
		Source: "crm", ID: "2", Op: sdk.Deleted, Key: "a", Hint: true,
	}, func(*event.Entry) {}),
	untouched("an echo never touches the catalog, and is kept as one", event.Event{
		Source: "shop-news", ID: "2", Op: sdk.Updated, Key: "a", Hint: true, There: true, Echo: true,
		Patch: event.Patch{Product: sdk.Product{Name: "Warm socks"}, Fields: []string{"name"}},
	}, func(e *event.Entry) {
		e.Product.Name, e.Fields = "Warm socks", []string{"name"}
	}),
	untouched("what a destination tells never touches the catalog, and is kept as such", event.Event{
		Source: "shop-news", ID: "2", Op: sdk.Deleted, Key: "a", Hint: true, There: true,
	}, func(*event.Entry) {}),
	untouched("a raw event never touches the catalog", event.Event{
		Source: "catch", ID: "2", Op: sdk.Received, Key: "a", Raw: &sdk.Raw{Method: "GET", Query: "x=1"},
	}, func(*event.Entry) {}),
	{"hints and raw events of unknown products make no row", func(t *testing.T, f *fixture) {
		f.accept(t,
			event.Event{Source: "crm", ID: "1", Op: sdk.Created, Key: "a", Hint: true},
			event.Event{Source: "catch", ID: "2", Op: sdk.Received, Key: "b", Raw: &sdk.Raw{Method: "GET"}})
		same(t, "the catalog", keys(f.catalog(t)), nil)
		same(t, "the journal", ids(f.journal(t)), []string{"1", "2"})
	}},
	{"what the source speaks of becomes known", func(t *testing.T, f *fixture) {
		f.accept(t, named("1", "a", "Socks"))
		same(t, "known", f.product(t, "a").Known, []string{"name"})
		f.accept(t, update("2", socks, "prices", "attributes.colour"))
		same(t, "known", f.product(t, "a").Known, []string{"attributes.colour", "name", "prices"})
		f.accept(t, event.Event{Source: "pim", ID: "3", Op: sdk.Updated, Key: "a", Patch: event.Patch{Whole: true}})
		all := append(sdk.FieldPaths(), "attributes.colour")
		slices.Sort(all)
		same(t, "known", f.product(t, "a").Known, all)
	}},
	{"to learn that a field is known and empty is a change", func(t *testing.T, f *fixture) {
		f.accept(t, named("1", "a", "Socks"))
		news := f.accept(t, update("2", sdk.Product{Key: "a"}, "brand"))
		row := f.product(t, "a")
		same(t, "the row's position", row.Seq, news[0].Seq)
		same(t, "known", row.Known, []string{"brand", "name"})
		same(t, "the entry's fields", f.journal(t)[1].Fields, nil)
	}},
	{"a row moves only when something changed", func(t *testing.T, f *fixture) {
		receipts := f.accept(t, created(), named("b", "b", "b"))
		f.clock.advance(time.Hour)
		f.accept(t, named("2", "a", "Socks"),
			update("3", sdk.Product{Key: "a", Prices: []sdk.Price{{Amount: "5.00", Currency: "EUR"}}}, "prices"))
		row := f.product(t, "a")
		same(t, "the row's position", row.Seq, receipts[0].Seq)
		same(t, "the row's time", row.Accepted, start)
		same(t, "the catalog", keys(f.catalog(t)), []string{"a", "b"})

		moved := f.accept(t, named("4", "a", "Warm socks"))
		row = f.product(t, "a")
		same(t, "the row's new position", row.Seq, moved[0].Seq)
		same(t, "the row's new time", row.Accepted, start.Add(time.Hour))
		same(t, "the catalog", keys(f.catalog(t)), []string{"b", "a"})
	}},
	{"an entry keeps the product as of its event", func(t *testing.T, f *fixture) {
		f.accept(t, named("1", "a", "one"), named("2", "a", "two"), update("3", sdk.Product{Key: "a", Brand: "Acme"}, "brand"))
		f.accept(t, named("4", "a", "four"))
		var got []string
		for _, e := range f.journal(t) {
			got = append(got, e.Product.Name+"/"+e.Product.Brand)
		}
		same(t, "names and brands", got, []string{"one/", "two/", "two/Acme", "four/Acme"})
	}},
}

// merges tests what an event makes of socks.
func merges(promise string, e event.Event, want func(*sdk.Product), fields ...string) test {
	return test{promise, func(t *testing.T, f *fixture) {
		f.accept(t, created())
		receipts := f.accept(t, e)
		wanted := socks.Clone()
		want(&wanted)
		row := f.product(t, "a")
		same(t, "the product", row.Product, wanted)
		same(t, "the row's position", row.Seq, receipts[0].Seq)
		entry := f.journal(t)[1]
		same(t, "the entry's product", entry.Product, wanted)
		same(t, "the entry's fields", entry.Fields, fields)
	}}
}

// untouched tests that the journal alone has the event.
func untouched(promise string, e event.Event, want func(*event.Entry)) test {
	return test{promise, func(t *testing.T, f *fixture) {
		f.accept(t, created())
		before := f.product(t, "a")
		receipts := f.accept(t, e)
		same(t, "the catalog's row", f.product(t, "a"), before)
		wanted := event.Entry{
			Seq: receipts[0].Seq, Accepted: start, Key: "a", Product: socks.Clone(),
			Source: e.Source, ID: e.ID, Op: e.Op, Time: e.Time, Hint: e.Hint, There: e.There, Echo: e.Echo, Raw: e.Raw,
		}
		want(&wanted)
		same(t, "the entry", f.journal(t)[1], wanted)
	}}
}
