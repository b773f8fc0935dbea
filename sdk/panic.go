package sdk

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// panicked is an author's panic as an error. It is Temporary, so the host tries
// again later, and the process lives.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("the connector panicked: %v", p.value) }

// rescue turns a panic into an error; defer it.
func rescue(err *error) {
	if value := recover(); value != nil {
		*err = &panicked{value, debug.Stack()}
	}
}

// guard runs an author's method and logs a panic of it with its stack.
func (s *server) guard(method string, call func() error) error {
	err := func() (err error) {
		defer rescue(&err)
		return call()
	}()
	s.logPanic(method, err)
	return err
}

func (s *server) logPanic(method string, err error) {
	var p *panicked
	if errors.As(err, &p) {
		s.log.Error("panic", "method", method, "value", fmt.Sprint(p.value), "stack", string(p.stack))
	}
}
