package deliver

import (
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
)

// Known is what a link says of its product, as plan takes it.
func Known(l *store.Link) plan.Known {
	k := plan.Known{Remote: l.Remote, Base: l.Base, Sent: l.Sent, Archived: l.Archived, Unknown: l.Unknown, Edited: l.Edited}
	if r := l.Restore; r != nil {
		k.Restore = &plan.Restore{Op: r.Op, Product: r.Product, Fields: r.Fields}
	}
	return k
}

// Learn has a link say what is known of its product. What is to be restored, and
// where the product stands, stay.
func Learn(l *store.Link, k plan.Known) {
	l.Remote, l.Base, l.Sent, l.Archived, l.Unknown, l.Edited = k.Remote, k.Base, k.Sent, k.Archived, k.Unknown, k.Edited
}
