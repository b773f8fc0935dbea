package plan

import "math"

// Limit is how many products one run may take off a destination: a count, or a
// share of those that are linked there, or both, and then the smaller holds. The
// zero Limit allows none.
type Limit struct {
	Count   int
	Percent float64 // of 100; 0: the count alone holds
}

// Allows says whether that many deletes pass, where total products are linked. A
// share that is less than one product allows one, or a small shop could never
// lose any: of 20 products 2 % is none.
func (l Limit) Allows(deletes, total int) bool { return deletes <= l.most(total) }

func (l Limit) most(total int) int {
	if l.Percent <= 0 {
		return l.Count
	}
	share := max(1, int(math.Floor(float64(total)*l.Percent/100+1e-9)))
	if l.Count > 0 {
		return min(l.Count, share)
	}
	return share
}
