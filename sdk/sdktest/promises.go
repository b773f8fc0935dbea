package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
)

// promises are what the suite checks, in this order; the one about secrets is
// last because it looks at all that the others brought to light.
var promises = []promise{
	{"an unknown option is refused by its name", unknownOption},
	{"good credentials pass the check", checkPasses},
	{"what was written is there as it was sent", writtenAsSent},
	{"the same change twice makes one product", sameChangeTwice},
	{"a lost answer and a retry make no twin", lostAnswerNoTwin},
	{"only the fields of a change are written", onlyFields},
	{"every change of a batch has its own outcome", ownOutcomes},
	{"too many requests stop the batch and name the wait", throttledBatch},
	{"a stale version is a conflict", staleVersion},
	{"archiving twice is no error", archiveTwice},
	{"purging what is gone is no error", purgeTwice},
	{"a listing is complete and goes on from every cursor", completeListing},
	{"finding answers for what was asked and is there", findsWhatIsThere},
	{"normalizing settles after one pass", normalizeSettles},
	{"a call whose time is up returns by itself", returnsInTime},
	{"calls run side by side", sideBySide},
	{"no secret is shown", noSecretShown},
}

func unknownOption(t *testing.T, r *runner) {
	config := map[string]any{}
	if len(r.config) > 0 {
		if err := json.Unmarshal(r.config, &config); err != nil {
			t.Fatal(err)
		}
	}
	config["sdktest_unknown"] = true
	_, problems, err := r.client.Validate(t.Context(), sdk.Setup{Config: configJSON(t, config)})
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) != 1 || problems[0].Path != "sdktest_unknown" {
		t.Errorf("problems %v", problems)
	}
}

func checkPasses(t *testing.T, r *runner) {
	r.needs(t, sdk.CanCheck)
	if err := r.client.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func writtenAsSent(t *testing.T, r *runner) {
	p := r.product()
	c := r.upsert(p)
	r.done(t, c)
	want := p
	if r.client.Can(sdk.CanNormalize) {
		settled, refused, err := r.client.Normalize(t.Context(), []sdk.Product{p})
		if err := errors.Join(append(refused, err)...); err != nil {
			t.Fatal(err)
		}
		want = settled[0]
	}
	got := r.one(t, p.Key).Product
	for _, path := range c.Fields {
		if !sdk.EqualField(&got, &want, path) {
			t.Errorf("%s is not what was sent", path)
		}
	}
}

func sameChangeTwice(t *testing.T, r *runner) {
	p := r.product()
	c := r.upsert(p)
	r.done(t, c)
	r.done(t, c) // as after an answer that the host did not get
	c.Remote = r.remote(p.Key)
	r.done(t, c)
	r.one(t, p.Key)
}

// lostAnswerNoTwin does what the host does: find before create.
func lostAnswerNoTwin(t *testing.T, r *runner) {
	p := r.product()
	c := r.upsert(p)
	calm := r.disturb(t, LostAnswer())
	results, rest := r.apply(t, c)
	calm()
	if err := outcome(results, rest, c.Key); err == nil || errors.Is(err, errUnknown) {
		t.Fatalf("a lost answer is told as %v", err)
	}
	if r.client.Can(sdk.CanFind) {
		items, err := r.client.Find(t.Context(), []sdk.Ref{{Key: p.Key, Code: p.Code}})
		if err != nil {
			t.Fatal(err)
		}
		if len(items) > 0 {
			c.Remote = items[0].Remote
		}
	}
	r.done(t, c)
	r.one(t, p.Key)
}

func onlyFields(t *testing.T, r *runner) {
	edits := slices.DeleteFunc(slices.Clone(fieldEdits), func(e struct {
		path string
		edit func(*sdk.Product)
	}) bool {
		return !sdk.CoversField(r.client.Opened().Fields, e.path)
	})
	if len(edits) < 2 {
		t.Skip("the connector carries fewer than two fields that the suite knows how to change")
	}
	before := r.product()
	r.done(t, r.upsert(before))
	there := r.one(t, before.Key).Product
	wanted := before.Clone()
	for _, e := range edits {
		e.edit(&wanted)
	}
	written := edits[0].path
	r.done(t, r.change(sdk.Upsert, wanted, []string{written}))
	got := r.one(t, before.Key).Product
	for _, e := range edits {
		switch changed := !sdk.EqualField(&there, &got, e.path); {
		case e.path == written && !changed:
			t.Errorf("%s was to be written and was not", e.path)
		case e.path != written && changed:
			t.Errorf("%s was written, and only %s was to be", e.path, written)
		}
	}
}

func ownOutcomes(t *testing.T, r *runner) {
	size := min(r.client.Opened().Limits.Batch, 3)
	var good []sdk.Change
	for range size {
		good = append(good, r.upsert(r.product()))
	}
	r.done(t, good...)
	if r.Refused == nil {
		return
	}
	bad := r.product().Key
	refused := r.Refused(bad)
	refused.Key = bad
	batch := []sdk.Change{r.upsert(refused)}
	for _, c := range good[1:] {
		fieldEdits[0].edit(&c.Product)
		batch = append(batch, r.upsert(c.Product))
	}
	results, rest := r.apply(t, batch...)
	if err := outcome(results, rest, bad); sdk.KindOf(err) != sdk.Rejected {
		t.Errorf("the product that the platform refuses: %v, want a Reject", err)
	}
	for _, c := range batch[1:] {
		if err := outcome(results, rest, c.Key); err != nil {
			t.Errorf("a good product beside a refused one: %v", err)
		}
	}
}

func throttledBatch(t *testing.T, r *runner) {
	const wait = 30 * time.Second
	var batch []sdk.Change
	for range min(r.client.Opened().Limits.Batch, 4) {
		batch = append(batch, r.upsert(r.product()))
	}
	calm := r.disturb(t, TooMany(wait))
	results, rest := r.apply(t, batch...)
	calm()
	for _, c := range batch {
		err := outcome(results, rest, c.Key)
		var e *sdk.Error
		if !errors.As(err, &e) || e.Kind != sdk.Throttled {
			t.Errorf("the outcome is %v, want Throttle", err)
		} else if e.After != wait {
			t.Errorf("the wait is %v, the platform said %v", e.After, wait)
		}
	}
	r.done(t, batch...)
}

func staleVersion(t *testing.T, r *runner) {
	p := r.product()
	r.done(t, r.upsert(p))
	seen := r.remote(p.Key)
	switch {
	case seen.Version == "":
		t.Skip("the connector keeps no versions")
	case r.Edit == nil:
		t.Skip("nothing changes a product at the platform: set Suite.Edit")
	}
	if err := r.Edit(t.Context(), seen); err != nil {
		t.Fatalf("Suite.Edit: %v", err)
	}
	for _, e := range fieldEdits {
		e.edit(&p)
	}
	results, rest := r.apply(t, r.upsert(p))
	if err := outcome(results, rest, p.Key); sdk.KindOf(err) != sdk.Conflict {
		t.Errorf("the outcome is %v, want Changed", err)
	}
}

func archiveTwice(t *testing.T, r *runner) {
	p := r.product()
	r.done(t, r.upsert(p))
	r.done(t, r.change(sdk.Archive, p, nil))
	r.done(t, r.change(sdk.Archive, p, nil))
	for _, item := range r.held(t, p.Key) {
		if !item.Archived && item.Product.Status != sdk.Archived {
			t.Error("it is still on sale")
		}
	}
}

func purgeTwice(t *testing.T, r *runner) {
	p := r.product()
	r.done(t, r.upsert(p))
	c := r.change(sdk.Purge, p, nil)
	r.done(t, c)
	r.done(t, c)
	if items := r.held(t, p.Key); len(items) > 0 {
		t.Errorf("the platform still holds %d", len(items))
	}
}

func completeListing(t *testing.T, r *runner) {
	r.needs(t, sdk.CanList)
	want := map[string]bool{}
	for range 5 {
		p := r.product()
		r.done(t, r.upsert(p))
		want[r.remote(p.Key).ID] = true
	}
	whole := r.list(t, sdk.Query{Limit: 2})
	seen := map[string]bool{}
	for _, page := range whole {
		for _, item := range page.Items {
			if seen[item.Remote.ID] {
				t.Errorf("%s is listed twice", item.Remote.ID)
			}
			seen[item.Remote.ID] = true
		}
	}
	for id := range want {
		if !seen[id] {
			t.Errorf("%s is not listed", id)
		}
	}
	for i, page := range whole {
		if page.Next == "" {
			continue
		}
		again := r.list(t, sdk.Query{Limit: 2, Cursor: page.Next})
		if a, b := remoteIDs(whole[i+1:]), remoteIDs(again); !slices.Equal(a, b) {
			t.Errorf("from cursor %q it lists %v, and %v the first time", page.Next, b, a)
		}
	}
}

// list reads every page, and fails when the cursor does not move.
func (r *runner) list(t *testing.T, q sdk.Query) []sdk.Page {
	t.Helper()
	var pages []sdk.Page
	seen := map[string]bool{q.Cursor: true}
	for {
		page, err := r.client.List(t.Context(), q)
		if err != nil {
			t.Fatalf("List from %q: %v", q.Cursor, err)
		}
		pages = append(pages, page)
		if page.Next == "" {
			return pages
		}
		if seen[page.Next] {
			t.Fatalf("the cursor %q came twice", page.Next)
		}
		seen[page.Next] = true
		q.Cursor = page.Next
	}
}

func remoteIDs(pages []sdk.Page) []string {
	var ids []string
	for _, page := range pages {
		for _, item := range page.Items {
			ids = append(ids, item.Remote.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func findsWhatIsThere(t *testing.T, r *runner) {
	r.needs(t, sdk.CanFind)
	p, other := r.product(), r.product()
	r.done(t, r.upsert(p))
	r.done(t, r.upsert(other))
	remote := r.remote(p.Key)
	items, err := r.client.Find(t.Context(), []sdk.Ref{{Key: p.Key, Remote: remote.ID, Code: p.Code}})
	if err != nil || len(items) != 1 || items[0].Remote.ID != remote.ID {
		t.Errorf("finding %s gave %d items, error %v", remote.ID, len(items), err)
	}
	items, err = r.client.Find(t.Context(), []sdk.Ref{{Key: "sdktest-none", Code: "SDKTEST-NONE"}})
	if err != nil || len(items) != 0 {
		t.Errorf("finding what is not there gave %d items, error %v", len(items), err)
	}
}

func normalizeSettles(t *testing.T, r *runner) {
	r.needs(t, sdk.CanNormalize)
	spaced := r.sample("sdktest-0")
	spaced.Name = "  " + spaced.Name + " "
	first, refused, err := r.client.Normalize(t.Context(), []sdk.Product{r.sample("sdktest-0"), spaced})
	if err := errors.Join(append(refused, err)...); err != nil {
		t.Fatal(err)
	}
	second, refused, err := r.client.Normalize(t.Context(), first)
	if err := errors.Join(append(refused, err)...); err != nil {
		t.Fatal(err)
	}
	for i := range first {
		if paths := sdk.Diff(&first[i], &second[i]); paths != nil {
			t.Errorf("a second pass changes %v", paths)
		}
	}
}

func returnsInTime(t *testing.T, r *runner) {
	c := r.upsert(r.product())
	calm := r.disturb(t, Hang())
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	results, rest := r.applyWithin(ctx, t, c)
	calm()
	err := outcome(results, rest, c.Key)
	var own *sdk.Error
	if !errors.As(err, &own) {
		t.Errorf("the outcome is %v; the connector should notice that its context ended, and say so", err)
	}
}

func sideBySide(t *testing.T, r *runner) {
	lanes := min(max(r.client.Opened().Limits.InFlight, 2), 4)
	var calls sync.WaitGroup
	for range lanes {
		changes := []sdk.Change{r.upsert(r.product())}
		calls.Go(func() {
			results, rest := r.apply(t, changes...)
			if err := outcome(results, rest, changes[0].Key); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
}

func noSecretShown(t *testing.T, r *runner) {
	description, err := r.client.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var config any
	if len(r.config) > 0 {
		if err := json.Unmarshal(r.config, &config); err != nil {
			t.Fatal(err)
		}
	}
	secrets := map[string][]string{} // by option path
	for _, o := range description.Options {
		if texts := textsAt(config, o.Path); o.Secret && len(texts) > 0 {
			secrets[o.Path] = texts
		}
	}
	if len(secrets) == 0 {
		t.Skip("the configuration has no secret")
	}
	shown := r.log.String() + strings.Join(r.told, "\n")
	for _, path := range slices.Sorted(maps.Keys(secrets)) {
		for _, text := range secrets[path] {
			switch {
			case len(text) < 8:
				t.Errorf("option %q: give it eight characters or more, so that it can be looked for", path)
			case strings.Contains(shown, text):
				t.Errorf("the text of option %q is in the log, an error or an exchange", path)
			}
		}
	}
}

// textsAt are the texts in a configuration at an option's path, such as
// "servers[].token" or "logins.*".
func textsAt(value any, path string) []string {
	if path == "" {
		text, _ := value.(string)
		return []string{text}
	}
	name, rest, _ := strings.Cut(path, ".")
	name, elements := strings.CutSuffix(name, "[]")
	object, _ := value.(map[string]any)
	var inside []any
	switch {
	case name == "*":
		inside = slices.Collect(maps.Values(object))
	case elements:
		inside, _ = object[name].([]any)
	default:
		inside = []any{object[name]}
	}
	var texts []string
	for _, one := range inside {
		texts = append(texts, textsAt(one, rest)...)
	}
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}
