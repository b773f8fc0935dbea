package main

import (
	"errors"

	"github.com/synchost/synchost/sdk"
)

// fault says what the host does about an error. What the database did not say,
// a connection that broke for one, may pass: it is tried again.
func (r *relation) fault(err error) error {
	var own *sdk.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	if errors.Is(err, errSeveral) {
		return sdk.Reject("", err)
	}
	v := r.dialect.judge(err)
	if v.schema {
		return &schemaFault{err}
	}
	switch v.kind {
	case sdk.Rejected:
		return sdk.Reject(r.field(v.column), err)
	case sdk.Denied:
		return sdk.Deny(err)
	}
	return err
}

// schemaFault is a table or column that is not there. Writing has no use until
// the operator has looked.
type schemaFault struct{ cause error }

func (e *schemaFault) Error() string { return e.cause.Error() }

// Unwrap makes it Denied, and keeps the cause.
func (e *schemaFault) Unwrap() []error { return []error{sdk.Deny(e.cause), e.cause} }

func isSchemaFault(err error) bool {
	var e *schemaFault
	return errors.As(err, &e)
}

// field is the product field that a column holds, else the column's own name.
func (r *relation) field(column string) string {
	if r.layout == nil || column == "" {
		return column
	}
	for _, p := range r.layout.parts {
		for _, u := range p.uses {
			if u.column == column {
				return p.path
			}
		}
	}
	return column
}
