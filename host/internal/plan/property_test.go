package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// What a look finds, what is decided of it, and what comes of that must agree,
// whatever the product, the policy, and the state of things.
func TestWhatIsFoundIsDecidedAndConverges(t *testing.T) {
	kinds := map[Kind]int{}
	for seed := range uint64(6_000) {
		data := make([]byte, 400)
		rng := rand.NewPCG(seed, 4)
		for i := range data {
			data[i] = byte(rng.Uint64() >> 32)
		}
		kinds[checkLook(t, &dice{data})]++
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, kind := range []Kind{InStep, Missing, Drift, Edited, NotOwned, FilteredOut, Extra, TombstoneLate, Adopt, Foreign} {
		if kinds[kind] < 20 {
			t.Errorf("only %d findings are %q: the test does not reach them", kinds[kind], kind)
		}
	}
}

func FuzzWhatIsFoundIsDecidedAndConverges(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a seed that is long enough for a product, a policy, and what is known and there of it"))
	f.Fuzz(func(t *testing.T, data []byte) { checkLook(t, &dice{data}) })
}

// scene is one product at one connector.
type scene struct {
	entry  *event.Entry
	known  Known
	there  *There
	policy *Policy
}

func (s scene) String() string {
	policy := *s.policy
	return fmt.Sprintf("entry %+v\nknown %s\nthere %+v\nown %v carried %q on_delete %q filter %t mapping %q",
		s.entry, show(&s.known), s.there, policy.Own.rules, policy.Carried, policy.OnDelete, policy.Filter != nil, policy.Mapping.Fields())
}

func show(k *Known) string {
	return fmt.Sprintf("remote %v archived %t unknown %t edited %q\n  base %+v\n  sent %+v\n  restore %+v",
		k.Remote, k.Archived, k.Unknown, k.Edited, k.Base, k.Sent, k.Restore)
}

func checkLook(t *testing.T, d *dice) Kind {
	t.Helper()
	s := d.scene(t)
	before := s.String()
	found, err := Compare(s.entry, s.known, s.there, s.policy)
	if err != nil {
		t.Fatalf("%v\n%s", err, s)
	}
	again, err := Compare(s.entry, s.known, s.there, s.policy)
	if diff := cmp.Diff(found, again); diff != "" || err != nil {
		t.Errorf("a second look at the same differs: %v %s\n%s", err, diff, s)
	}
	if s.String() != before {
		t.Errorf("the look changed what it was given:\n%s\n%s", before, s)
	}
	checkDecided(t, &s, &found)
	checkAllowed(t, &s, &found)
	checkComplete(t, &s, &found)
	checkSettled(t, &s, &found)
	checkConverges(t, d, &s, &found)
	return found.Kind
}

// checkDecided: the lane decides what the plan says.
func checkDecided(t *testing.T, s *scene, f *Finding) {
	t.Helper()
	decided, err := Decide(s.entry, f.Known, s.policy)
	if err != nil {
		t.Fatal(err)
	}
	fields := slices.Sorted(slices.Values(decided.Fields))
	if decided.Op != f.Op || !slices.Equal(fields, f.Written()) {
		t.Errorf("found op %s of %q, decided op %s of %q\n%s\nthen %s", f.Op, f.Written(), decided.Op, fields, s, show(&f.Known))
	}
	if f.Op == sdk.Upsert && len(fields) == 0 {
		t.Errorf("an upsert of nothing\n%s", s)
	}
}

// checkAllowed: nothing that is not ours is deleted or written.
func checkAllowed(t *testing.T, s *scene, f *Finding) {
	t.Helper()
	if (f.Op == sdk.Archive || f.Op == sdk.Purge) && !s.known.written() {
		t.Errorf("%s of what was never ours\n%s", f.Op, s)
	}
	if s.known.Restore != nil || f.Op != sdk.Upsert {
		return
	}
	for _, path := range f.Written() {
		mode := s.policy.Own.Mode(path)
		creates := f.Known.creating()
		back := s.known.Archived && path == "status"
		switch {
		case !s.policy.carries(path):
			t.Errorf("%s is written and not carried\n%s", path, s)
		case !s.speaksOf(path):
			t.Errorf("%s is written, and the source never spoke of it\n%s", path, s)
		case mode == Ignore, mode == Destination && !creates,
			mode == UntilEdited && !creates && slices.Contains(s.known.Edited, path),
			mode == FillIfEmpty && !creates && s.there != nil && !empty(s.shared(), path) && !back:
			t.Errorf("%s is %q and written\n%s", path, mode, s)
		}
	}
	if s.there == nil {
		return
	}
	after := s.there.apply(s, f)
	for _, path := range append(sdk.FieldPaths(), "attributes.a", "attributes.b", "attributes.c") {
		if s.speaksOf(path) && s.policy.Own.Mode(path) != Ignore {
			continue
		}
		if !sdk.EqualField(&s.there.Product, &after.Product, path) {
			t.Errorf("%s changed, and is not the source's\n%s\nafter %+v", path, s, after)
		}
	}
}

// checkComplete: what is the source's and differs is not overlooked.
func checkComplete(t *testing.T, s *scene, f *Finding) {
	t.Helper()
	if f.Op != 0 || s.entry == nil || s.entry.Deleted || s.there == nil || s.there.Archived || s.known.Restore != nil || f.Kind == FilteredOut {
		return
	}
	wanted, err := s.policy.Mapping.Apply(&s.entry.Product, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append([]string{"attributes.c"}, paths...) {
		known := s.known.Base != nil && !s.known.Unknown
		switch {
		case s.policy.Own.Mode(path) != Source, !s.policy.carries(path), !s.speaksOf(path), path == "status" && wanted.Status == "":
		case sdk.EqualField(&s.there.Product, &wanted, path):
		case known && sdk.EqualField(&s.there.Product, s.known.Base, path) && sdk.EqualField(s.known.sent(), &wanted, path): // stored otherwise than sent
		default:
			t.Errorf("%s differs there, is the source's, and was overlooked\n%s", path, s)
		}
	}
}

// shared is the product there with those variants that the catalog has, too.
func (s *scene) shared() *sdk.Product {
	p := s.there.Product.Clone()
	p.Variants = slices.DeleteFunc(p.Variants, func(v sdk.Variant) bool {
		return !slices.ContainsFunc(s.entry.Product.Variants, func(w sdk.Variant) bool { return v.Code == w.Code })
	})
	return &p
}

// speaksOf says in the simplest way whether the source has spoken of a field.
func (s *scene) speaksOf(path string) bool {
	e := s.entry
	if e == nil {
		return false
	}
	if name, ok := strings.CutPrefix(path, attributes); ok {
		_, now := e.Product.Attributes[name]
		var then bool
		if sent := s.known.sent(); sent != nil {
			_, then = sent.Attributes[name]
		}
		return now || slices.Contains(e.Known, path) || slices.Contains(s.policy.Mapping.Fields(), path) || slices.Contains(e.Known, "attributes.*") && then
	}
	return slices.Contains(e.Known, path) || slices.Contains(s.policy.Mapping.Fields(), path) ||
		strings.HasPrefix(path, "variants.") && slices.Contains(e.Known, "variants")
}

// checkSettled: what is known after a look is what a look finds.
func checkSettled(t *testing.T, s *scene, f *Finding) {
	t.Helper()
	again, err := Compare(s.entry, f.Known, s.there, s.policy)
	if err != nil {
		t.Fatal(err)
	}
	if again.Op != f.Op || !slices.Equal(again.Written(), f.Written()) {
		t.Errorf("found op %s of %q, then op %s of %q\n%s\nthen %s", f.Op, f.Written(), again.Op, again.Written(), s, show(&f.Known))
	}
	if again.News {
		t.Errorf("known %s\nthen %s\n%s", show(&f.Known), show(&again.Known), s)
	}
}

// checkConverges: when what was found is carried out, nothing is left to do.
func checkConverges(t *testing.T, d *dice, s *scene, f *Finding) {
	t.Helper()
	known := f.Known
	there := s.there
	switch f.Op {
	case 0:
		return
	case sdk.Archive:
		if there != nil { // else it is off sale, and not listed
			there = &There{Remote: there.Remote, Product: there.Product, Archived: true}
		}
		known.Archived = true
	case sdk.Purge:
		there, known = nil, Known{Restore: known.Restore}
	case sdk.Upsert:
		decided, err := Decide(s.entry, known, s.policy)
		if err != nil {
			t.Fatal(err)
		}
		there = there.apply(s, f)
		var after *sdk.Product
		if d.n(3) > 0 {
			rounded := there.Product.Clone()
			if len(rounded.Prices) > 0 && slices.Contains(decided.Fields, "prices") {
				rounded.Prices[0].Amount += "9"
			}
			there.Product, after = rounded, &rounded
		}
		known.Remote = there.Remote
		known = known.Wrote(&decided.Wanted, decided.Fields, after)
	}
	known.Unknown = false
	left, err := Compare(s.entry, known, there, s.policy)
	if r := known.Restore; f.Op == sdk.Upsert && r != nil && r.Op == sdk.Archive && left.Op != sdk.Upsert {
		there.Archived, known.Archived = true, true // its fields were brought back first
		left, err = Compare(s.entry, known, there, s.policy)
	}
	if err != nil {
		t.Fatal(err)
	}
	if left.Op != 0 {
		t.Errorf("op %s of %q was carried out, and op %s of %q is left\n%s\nfound %s\nthen there %+v\nthen %s",
			f.Op, f.Written(), left.Op, left.Written(), s, show(&f.Known), there, show(&known))
	}
	for _, change := range left.Fields {
		if mode := s.policy.Own.Mode(change.Path); mode == Source || mode == Ignore {
			t.Errorf("%s is %q, and differs when all is done\n%s", change.Path, mode, s)
		}
	}
	if decided, _ := Decide(s.entry, known, s.policy); decided.Op != 0 {
		t.Errorf("op %s of %q was carried out, and a lane would do op %s of %q\n%s", f.Op, f.Written(), decided.Op, decided.Fields, s)
	}
}

// apply is what a platform makes of a finding's upsert.
func (there *There) apply(s *scene, f *Finding) *There {
	after := There{Remote: sdk.Remote{ID: "new"}}
	switch {
	case there != nil:
		after = *there
	case s.known.Archived && s.known.Base != nil: // it is there, and not listed
		after = There{Remote: s.known.Remote, Product: s.known.Base.Clone(), Archived: true}
	}
	decided, _ := Decide(s.entry, f.Known, s.policy)
	for _, path := range decided.Fields {
		sdk.CopyField(&after.Product, &decided.Wanted, path)
	}
	switch {
	case slices.Contains(decided.Fields, "status"):
		after.Archived = decided.Wanted.Status == sdk.Archived
	case f.Known.Archived:
		after.Archived = false
	}
	return &after
}

// dice makes choices of bytes; when none are left, it takes the first.
type dice struct{ data []byte }

func (d *dice) n(below int) int {
	if len(d.data) == 0 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b) % below
}

func (d *dice) chance(of int) bool { return d.n(of) == 1 }

func one[T any](d *dice, of ...T) T { return of[d.n(len(of))] }

func (d *dice) some(paths []string, of int) []string {
	var chosen []string
	for _, path := range paths {
		if d.chance(of) {
			chosen = append(chosen, path)
		}
	}
	slices.Sort(chosen)
	return chosen
}

var paths = append(slices.DeleteFunc(sdk.FieldPaths(), func(path string) bool { return strings.HasSuffix(path, "*") }),
	"attributes.a", "attributes.b")

func (d *dice) product() sdk.Product {
	p := sdk.Product{Key: "k", Code: one(d, "A", "B", ""), Name: one(d, "Bag", "Case", ""), Description: one(d, "", "text"),
		Status: one(d, "", sdk.Active, sdk.Active, sdk.Draft, sdk.Archived), Brand: one(d, "Acme", "", "hidden"),
		Prices: d.prices(), Tags: one(d, nil, []string{"new"}, []string{"new", "old"})}
	if d.chance(2) {
		p.Weight = &sdk.Weight{Value: one[sdk.Decimal](d, "1", "1.0", "2"), Unit: "kg"}
	}
	for _, code := range []string{"S", "M", "L"} {
		if d.chance(3) {
			p.Variants = append(p.Variants, sdk.Variant{Key: one(d, "", "key of "+code), Code: code, Prices: d.prices(),
				Barcode: one(d, "", "1", "2")})
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		if d.chance(3) {
			if p.Attributes == nil {
				p.Attributes = map[string]sdk.Value{}
			}
			p.Attributes[name] = one(d, sdk.String("red"), sdk.Number("1"), sdk.Number("1.0"), sdk.String(""))
		}
	}
	return p
}

func (d *dice) prices() []sdk.Price {
	amount := one[sdk.Decimal](d, "", "10", "10.0", "12")
	if amount == "" {
		return nil
	}
	return []sdk.Price{{Amount: amount, Currency: "EUR"}}
}

// near is p with a few fields as in another product.
func (d *dice) near(p sdk.Product) sdk.Product {
	other := d.product()
	for _, path := range d.some(paths, 5) {
		sdk.CopyField(&p, &other, path)
	}
	return p
}

func (d *dice) scene(t *testing.T) scene {
	s := scene{policy: d.policy(t)}
	product := d.product()
	if !d.chance(10) {
		s.entry = &event.Entry{Seq: 1, Key: "k", Product: product, Deleted: d.chance(5), Known: d.spoken(&product)}
	}
	if !d.chance(5) {
		s.known = d.known(product)
	}
	if !d.chance(5) {
		s.there = &There{Remote: sdk.Remote{ID: "r"}, Product: d.near(product), Archived: d.chance(5)}
		if base := s.known.Base; base != nil && !d.chance(3) {
			s.there.Product = d.near(base.Clone())
		}
		if s.there.Product.Status == "" && s.policy.Own.Mode("status") == FillIfEmpty {
			s.there.Product.Status = sdk.Active // who can be asked to fill in a status always has one
		}
	}
	return s
}

// spoken is of what a source spoke: of all that the product has, at least.
func (d *dice) spoken(p *sdk.Product) []string {
	spoken := d.some(paths, 2)
	for _, path := range paths {
		if !empty(p, path) && !strings.Contains(path, ".") && !slices.Contains(spoken, path) {
			spoken = append(spoken, path)
		}
	}
	if d.chance(3) {
		spoken = append(spoken, "attributes.*")
	}
	slices.Sort(spoken)
	return spoken
}

func (d *dice) known(product sdk.Product) Known {
	k := Known{Remote: sdk.Remote{ID: one(d, "r", "r", "r", "")}, Edited: d.some(paths, 8)}
	if !d.chance(6) {
		earlier := d.near(product)
		var after *sdk.Product
		if d.chance(3) {
			rounded := d.near(earlier)
			after = &rounded
		}
		edited := k.Edited
		k = k.Wrote(&earlier, append(d.some(paths, 2), one(d, "name", "variants")), after)
		k.Edited = edited
	}
	k.Archived, k.Unknown = k.Base != nil && d.chance(6), d.chance(6)
	if d.chance(12) {
		k.Restore = &Restore{Op: one(d, sdk.Upsert, sdk.Archive, sdk.Purge), Product: d.near(product), Fields: d.some(paths, 4)}
		k.Restore.Fields = append(k.Restore.Fields, "name")
	}
	return k
}

var modes = []Mode{Source, UntilEdited, FillIfEmpty, Destination, Ignore}

func (d *dice) policy(t *testing.T) *Policy {
	policy := &Policy{OnDelete: one(d, "", ArchiveThere, DeleteThere, KeepThere)}
	if !d.chance(4) {
		rules := map[string]Mode{}
		for _, path := range append(paths, "attributes.*") {
			if d.chance(2) {
				rules[path] = one(d, modes...)
			}
		}
		if d.chance(2) {
			rules["*"] = one(d, modes...)
		}
		policy.Own = NewOwnership(rules)
	}
	if d.chance(4) {
		policy.Carried = append(d.some(paths, 2), one(d, "name", "attributes.*", "variants"))
	}
	var err error
	if d.chance(8) {
		if policy.Filter, err = CompileFilter(`product.brand != "hidden"`); err != nil {
			t.Fatal(err)
		}
	}
	if d.chance(8) {
		policy.Mapping, _ = CompileMapping(map[string]string{"name": `product.name + "!"`, "attributes.c": `product.code`})
	}
	return policy
}
