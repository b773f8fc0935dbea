//go:build unix

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// planName is the number and hash of the shop's newest plan.
func (h *host) planName() string {
	h.t.Helper()
	name := regexp.MustCompile(`(?m)^[0-9]+-[0-9a-f]{12}`).FindString(h.must("plans", "shop", "--limit", "1"))
	if name == "" {
		h.t.Fatal("there is no plan")
	}
	return name
}

// Promise 7: a plan does what it said, or refuses because the destination moved:
// exactly the products that did, each with its reason.
func TestPromise7PlanDoesWhatItSaidOrRefuses(t *testing.T) {
	h, s := adopted(t, 60, "mode = \"plan\"\n")
	s.byHand("UPDATE products SET price = '99' WHERE id BETWEEN 9001 AND 9020")
	s.byHand("DELETE FROM products WHERE id BETWEEN 9021 AND 9025")
	h.reconcile()
	h.quiet()
	if got := s.all("SELECT * FROM log"); got != "" {
		t.Fatalf("a plan that waits has written:\n%s", got)
	}
	name := h.planName()
	if out := h.must("show", name); !strings.Contains(out, "+ 5 ~ 20 . 2") && !strings.Contains(out, "+ 5  ~ 20  . 2") {
		t.Fatalf("it says\n%s", out)
	}

	s.byHand("UPDATE products SET price = '77' WHERE id IN (9001, 9002)") // it is otherwise now
	s.byHand("UPDATE products SET price = '1' WHERE id = 9003")           // it is mended already
	s.byHand("DELETE FROM products WHERE id = 9004")                      // it is gone
	h.offer(5, 5, "5")                                                    // its source has changed
	s.is("SELECT price FROM products WHERE id = 9005", "5")
	h.must("hold", "shop", "6")

	if out, code := h.cli("apply", strings.Split(name, "-")[0]+"-000000000000"); code == 0 {
		t.Errorf("another hash was applied:\n%s", out)
	}
	out := h.must("apply", name)
	if !strings.Contains(out, "19 products brought") || !strings.Contains(out, "6 products left") {
		t.Errorf("applied: %s", out)
	}
	s.is("SELECT count(*) FROM products WHERE id BETWEEN 9001 AND 9020 AND price = '1'", "15") // 7 to 20, and 3
	s.is("SELECT count(*) FROM products WHERE sku BETWEEN 'C-021' AND 'C-025'", "5")
	h.quiet()
	if got, want := s.all("SELECT DISTINCT id FROM log WHERE id IN (9001, 9002, 9003, 9006)"), ""; got != want {
		t.Errorf("what had changed was written all the same:\n%s", got)
	}
	shown := h.must("show", name)
	for _, key := range []int{1, 2, 3, 4, 5, 6} {
		item := regexp.MustCompile(fmt.Sprintf(`(?m)^. %d  C-[^\n]*\n(    [^\n]*\n)*    refused: \S`, key))
		if !item.MatchString(shown) {
			t.Errorf("the plan does not say why product %d was refused:\n%s", key, shown)
		}
	}
	if out, code := h.cli("apply", name); code == 0 {
		t.Errorf("it was applied twice:\n%s", out)
	}

	// A plan that is older than another is void.
	h.must("plan", "shop")
	old := h.planName()
	h.must("plan", "shop")
	if out, code := h.cli("apply", old); code == 0 {
		t.Errorf("a plan was applied though there is a newer one:\n%s", out)
	}
	h.must("release", "shop", "6")
	h.must("apply", h.planName())
	s.is("SELECT count(*) FROM products WHERE price = '1' AND id > 9000", "59")
	s.is("SELECT count(DISTINCT sku) = count(sku) AND count(*) = 62 FROM products", "1")
}
