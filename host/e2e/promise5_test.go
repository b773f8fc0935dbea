//go:build unix

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// Promise 5: no delete outside our own. A listing that lies or fails deletes
// nothing, and creates nothing, either.
func TestPromise5ListingThatCannotBeRightDeletesNothing(t *testing.T) {
	h, s := adopted(t, 60, "")
	for _, lie := range []struct{ name, now, then, message string }{
		{"most rows are hidden",
			"ALTER TABLE products RENAME TO hidden; CREATE VIEW products AS SELECT * FROM hidden WHERE id % 3 = 0",
			"DROP VIEW products; ALTER TABLE hidden RENAME TO products", "nothing is made of it"},
		{"all rows are hidden",
			"ALTER TABLE products RENAME TO hidden; CREATE VIEW products AS SELECT * FROM hidden WHERE false",
			"DROP VIEW products; ALTER TABLE hidden RENAME TO products", "nothing is made of it"},
		{"the table is gone",
			"ALTER TABLE products RENAME TO hidden",
			"ALTER TABLE hidden RENAME TO products", "products"},
	} {
		s.do(lie.now)
		outcome, message := h.reconcile()
		s.do(lie.then)
		if outcome != "failed" || !strings.Contains(message, lie.message) {
			t.Errorf("%s: the reconciliation ended %s: %s", lie.name, outcome, message)
		}
		if plans := h.must("plans", "shop"); !strings.Contains(plans, " failed ") {
			t.Errorf("%s:\n%s", lie.name, plans)
		}
	}
	if outcome, message := h.reconcile(); outcome != "ok" {
		t.Errorf("after all the reconciliation ended %s: %s", outcome, message)
	}
	h.quiet()
	if got := s.all("SELECT * FROM log"); got != "" {
		t.Errorf("the shop was written:\n%s", got)
	}
}

// Promise 5: rows that one listing does not have, too few to be suspicious, are
// there when the plan is applied: nothing is made of them.
func TestPromise5ListingThatMissesSomeMakesNoTwins(t *testing.T) {
	h, s := adopted(t, 60, "mode = \"plan\"\n")
	s.do("ALTER TABLE products RENAME TO hidden; CREATE VIEW products AS SELECT * FROM hidden WHERE id % 5 > 0")
	outcome, message := h.reconcile()
	s.do("DROP VIEW products; ALTER TABLE hidden RENAME TO products")
	if outcome != "ok" {
		t.Fatalf("the reconciliation ended %s: %s", outcome, message)
	}
	if out := h.must("apply", h.planName()); !strings.Contains(out, "0 products brought") || !strings.Contains(out, "12 products left") {
		t.Errorf("applied: %s", out)
	}
	h.quiet()
	if got := s.all("SELECT * FROM log"); got != "" {
		t.Errorf("the shop was written:\n%s", got)
	}
}

// Promise 5: what we neither created nor adopted is never touched, not when it has
// a code of ours either, and whatever becomes of ours.
func TestPromise5WhatIsNotOursIsNeverTouched(t *testing.T) {
	for _, onDelete := range []string{"archive", "delete"} {
		t.Run(onDelete, func(t *testing.T) {
			t.Parallel()
			h, s := newTable(t, fmt.Sprintf("on_delete = %q\nmax_deletes = \"100%%\"\n", onDelete))
			s.fill(20)
			s.do("INSERT INTO products (id, sku, title, price) VALUES (100, 'C-005', 'Twin', '5'), (101, 'C-031', 'Unclear', '5')")
			h.start()
			s.record()
			h.offer(1, 30, "2")
			h.accept(`[{"key":"31","code":"C-031","name":"One"},{"key":"32","code":"C-031","name":"Other"}]`)
			h.must("plan", "shop")
			if out := h.must("show", "1", "--only", "conflict"); !strings.Contains(out, "C-005") || !strings.Contains(out, "C-031") {
				t.Errorf("the plan does not tell of twins:\n%s", out)
			}
			h.must("apply", "1")
			h.quiet()
			s.is("SELECT count(*) FROM products WHERE price = '2' AND NOT deleted", "29") // all but the one of which there are two
			h.drop(1, 32)
			gone := "SELECT count(*) FROM products WHERE deleted"
			want := "29"
			if onDelete == "delete" {
				gone, want = "SELECT count(*) FROM products", "5"
			}
			s.is(gone, want)
			h.reconcile()
			h.quiet()
			s.is(gone, want)
			if got := s.all("SELECT DISTINCT op, id FROM log WHERE id IN (1, 2, 100, 101, 9005)"); got != "" {
				t.Errorf("what is not ours was written:\n%s", got)
			}
		})
	}
}

// Promise 5: more than max_deletes are never taken off by a reconciliation, and
// nothing is done of a plan that would, before somebody has approved it.
func TestPromise5BreakerAsksBeforeTheFirstDelete(t *testing.T) {
	h, s := adopted(t, 60, "max_deletes = \"5%\"\n") // of what is on sale: two, once ten are not
	back := func(n int) {
		t.Helper()
		s.byHand(fmt.Sprintf("UPDATE products SET deleted = false WHERE id > 9000 AND id <= %d", 9000+n))
		s.byHand("UPDATE products SET price = '99' WHERE id = 9060")
	}
	h.drop(1, 10)
	s.is("SELECT count(*) FROM products WHERE deleted", "10")
	h.quiet()
	s.do("DELETE FROM log")

	back(10) // somebody puts them on sale again
	h.reconcile()
	plans := strings.Split(h.must("plans", "shop", "--limit", "1"), "\n")[1]
	if !strings.Contains(plans, " asks ") {
		t.Fatalf("the plan is not one that asks: %s", plans)
	}
	name := strings.Fields(plans)[0]
	if out, code := h.cli("apply", name); code == 0 {
		t.Errorf("it was applied without approval:\n%s", out)
	}
	h.quiet()
	if got := s.all("SELECT * FROM log"); got != "" {
		t.Errorf("before it was approved the shop was written:\n%s", got)
	}
	h.must("approve", name)
	s.is("SELECT count(*) FROM products WHERE deleted", "10")
	s.is("SELECT price FROM products WHERE id = 9060", "1")

	back(2) // which is not too many
	h.reconcile()
	s.is("SELECT count(*) FROM products WHERE deleted", "10")
}
