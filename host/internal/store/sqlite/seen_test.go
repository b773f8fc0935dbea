package sqlite

import (
	"fmt"
	"slices"
	"testing"
)

// What is there is never taken for new: while the tables are being learnt, when
// they are, and when they are learnt anew after much was pruned.
func TestNothingThatIsThereIsTakenForNew(t *testing.T) {
	s := open(t, Options{})
	const before = 3_007
	n := before
	for i := 0; i < n; i += 500 {
		accept(t, s, changes(int64(i), min(500, n-i)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, s.options)
	again.endBackground()
	again.background.Wait()
	again.seen = newSeen(before)
	again.writer.seen = again.seen
	check := func(when string) {
		t.Helper()
		for i := range n {
			e := change(int64(i))
			places := again.seen.places(again.salt.ofID(eventID{e.Source, e.ID}))
			if seq := int64(i) + 1; !slices.ContainsFunc(places, func(s span) bool { return s.first <= seq && seq <= s.last }) {
				t.Fatalf("%s: event %d is taken for new", when, i)
			}
		}
		accept(t, again, changes(0, n))
		if got := count(t, again); got != n {
			t.Fatalf("%s: %d events are there, of %d", when, got, n)
		}
	}
	check("while it learns")
	again.learn(t.Context())
	check("learnt")
	if again.seen.outgrown(filterIDs - 1) {
		t.Error("it learns anew for a few")
	}
	if !again.seen.outgrown(1) {
		t.Error("it never learns anew")
	}
	check("while it learns anew")
	accept(t, again, changes(int64(n), 1))
	again.learn(t.Context())
	n++
	check("learnt anew")

	wrong := 0
	for i := range 10_000 {
		if len(again.seen.places(again.salt.ofID(eventID{"pim", fmt.Sprint("new-", i)}))) > 0 {
			wrong++
		}
	}
	if wrong > 100 {
		t.Errorf("%d of 10,000 new ones are looked for", wrong)
	}
}
