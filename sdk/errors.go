package sdk

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind says what the host does next about an error.
type Kind uint8

// The kinds of an error. Unknown outcomes are no kind: the host infers them.
const (
	Temporary Kind = iota // any plain error: back off, count the attempt, try again
	Throttled             // pause the whole lane for After; the attempt does not count
	Rejected              // this product cannot go in as it is: wait for a newer version of it
	Conflict              // it changed there: read again, plan again
	Gone                  // it is no longer there: forget the remote id, plan again
	Denied                // credentials or permission: stop the connector, tell the operator
)

// String is the kind's name in logs, metrics and the API.
func (k Kind) String() string {
	switch k {
	case Temporary:
		return "temporary"
	case Throttled:
		return "throttled"
	case Rejected:
		return "rejected"
	case Conflict:
		return "conflict"
	case Gone:
		return "gone"
	case Denied:
		return "denied"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Error is an error that says what to do next. errors.As finds it at any depth;
// an error without one is Temporary.
type Error struct {
	Kind  Kind          // what the host does next
	After time.Duration // wait at least this long; 0: the host decides
	Field string        // the product field or option at fault, where one is
	Err   error         // what happened, for people; never nil in errors made here
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Kind.String()
	}
	if e.Field != "" {
		return e.Field + ": " + e.Err.Error()
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Retry says: try again, after at least this long. A plain error does the same
// with the host's own schedule.
func Retry(after time.Duration, err error) error {
	return &Error{Kind: Temporary, After: after, Err: err}
}

// Throttle says: the platform wants less; send nothing for after. 0 lets the
// host choose.
func Throttle(after time.Duration, err error) error {
	return &Error{Kind: Throttled, After: after, Err: err}
}

// Reject says: this product, or this option, is not acceptable as it is. Field
// is its path, or empty where no one field is at fault.
func Reject(field string, err error) error {
	return &Error{Kind: Rejected, Field: field, Err: err}
}

// Changed says: the product was changed at the platform since it was last read.
func Changed(err error) error { return &Error{Kind: Conflict, Err: err} }

// Missing says: the remote product is no longer there.
func Missing(err error) error { return &Error{Kind: Gone, Err: err} }

// Deny says: the platform refuses us, whatever we send.
func Deny(err error) error { return &Error{Kind: Denied, Err: err} }

// KindOf is the kind of err: that of the first Error in it, else Temporary.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Temporary
}

var errReadOnly = errors.New("this connector only reads")

// errStopped is the outcome of changes that Each did not start.
func errStopped(ctx context.Context) error {
	return fmt.Errorf("not tried: %w", context.Cause(ctx))
}
