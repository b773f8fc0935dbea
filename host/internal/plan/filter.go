package plan

import (
	"strings"

	"github.com/synchost/synchost/host/internal/expression"
	"github.com/synchost/synchost/sdk"
)

// Filter is an expression that says which products go to a connector.
type Filter struct {
	expression *expression.Expression
	print      string
}

// CompileFilter checks a filter's text. The empty text gives nil: the filter
// that everything passes. An error is an *expression.Error.
func CompileFilter(text string) (*Filter, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	compiled, err := expression.Compile(text, expression.Truth, expression.OfProduct)
	if err != nil {
		return nil, err
	}
	return &Filter{compiled, fingerprint(text)}, nil
}

// Match says whether a product passes. Without an event, event's fields are
// empty. A filter that gives nothing is not passed. Many goroutines may use a
// Filter at once.
func (f *Filter) Match(p *sdk.Product, e *sdk.Event) (bool, error) {
	if f == nil {
		return true, nil
	}
	passes, err := f.expression.Run(expression.Product(p, e, f.expression.Needs()))
	return passes == true, err
}

// Fingerprint changes with the filter's text.
func (f *Filter) Fingerprint() string {
	if f == nil {
		return ""
	}
	return f.print
}
