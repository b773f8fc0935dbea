package reconcile

import (
	"strings"

	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/host/internal/store"
)

// contentions is how often in a row a product may be found otherwise than it was
// written, before it is left alone.
const contentions = 5

// contend counts how often in a row a link's product was found otherwise than it was
// written, and says whether that is too often.
func contend(l *store.Link, f *plan.Finding) (tooOften bool) {
	if !f.Contended {
		l.Contended = nil
		return false
	}
	c := &store.Contended{Times: 1}
	if l.Contended != nil {
		c.Times += l.Contended.Times
	}
	for _, field := range f.Fields {
		if field.Why == plan.ChangedThere && field.Base != nil {
			c.Field, c.Wrote, c.Found = field.Path, brief(field.Base), brief(field.There)
			break
		}
	}
	if c.Field == "" { // it was put on sale again
		c.Field, c.Wrote, c.Found = "status", `"archived"`, `"active"`
	}
	l.Contended = c
	return c.Times >= contentions
}

// brief is a value that people are to read in a sentence.
func brief(value []byte) string {
	const most = 80
	if len(value) <= most {
		return string(value)
	}
	return strings.ToValidUTF8(string(value[:most]), "") + "…"
}
