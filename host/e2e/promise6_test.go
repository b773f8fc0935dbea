//go:build unix

package e2e

import "testing"

// Promise 6: only owned fields are written, whatever differs, by the lane and by
// reconciliations alike. A column counts as written when a statement names it.
func TestPromise6OnlyOwnedFieldsAreWritten(t *testing.T) {
	const own = `own = { prices = "source", name = "source-until-edited", code = "destination" }` + "\n"
	h, s := adopted(t, 30, own)
	unowned := func(when string) {
		t.Helper()
		if got := s.all("SELECT op, count(*) FROM log WHERE op NOT IN ('price', 'title', 'ref') GROUP BY op"); got != "" {
			t.Errorf("%s, these columns were written:\n%s", when, got)
		}
	}

	h.accept(`{"key":"1","code":"C-X","name":"New tea","prices":[{"amount":"3","currency":"EUR"}],"stock":[{"quantity":7}]}`)
	s.is("SELECT price || title FROM products WHERE id = 9001", "3New tea")
	unowned("when all changed at the source")

	s.byHand("UPDATE products SET sku = sku || '!', title = title || '!', price = '99', stock = 99, shelf = 'there' WHERE id BETWEEN 9001 AND 9020")
	if outcome, message := h.reconcile(); outcome != "ok" {
		t.Fatalf("the reconciliation ended %s: %s", outcome, message)
	}
	s.is("SELECT count(*) FROM products WHERE price = '99'", "0")
	h.quiet()
	s.is("SELECT count(*) FROM products WHERE sku LIKE '%!' AND title LIKE '%!' AND stock = 99 AND shelf = 'there'", "20")
	unowned("when all was changed by hand")

	h.accept(`{"key":"2","name":"Green tea","prices":[{"amount":"4","currency":"EUR"}]}`)
	s.is("SELECT price || title FROM products WHERE id = 9002", "4Tea 2!") // whose name is theirs now
	unowned("when the source changed what was edited")

	// What is created gets what is the destination's from then on; nothing else.
	h.offer(31, 31, "1")
	s.is("SELECT count(*) FROM products WHERE sku = 'C-031' AND price = '1' AND title = 'Tea 31' AND stock IS NULL AND shelf = 'here'", "1")
}
