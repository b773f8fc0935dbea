package sdk

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"time"
)

// definition is a Plugin whose Config type is known to work, without the type.
type definition struct {
	Description
	fields []string
	limits Limits
	check  func(config []byte) (kind Connector, problems []Problem) // kind is of the type that open will return; nil: not known
	open   func(ctx context.Context, env Env, config []byte) (Connector, []Problem, error)
}

// The bounds of Limits.
const (
	maxBatch    = 1000
	maxInFlight = 64
	maxTimeout  = 10 * time.Minute
)

var pluginName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// define checks what the author wrote.
func define[Config any](p Plugin[Config]) (*definition, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !pluginName.MatchString(p.Name) {
		fault("Plugin.Name %q: use lower case letters, digits and single dashes", p.Name)
	}
	if p.Version == "" {
		fault("Plugin.Version is empty: name the connector's own version, such as \"0.1.0\"")
	}
	if p.Open == nil {
		fault("Plugin.Open is missing: it makes the connector")
	}
	for _, path := range p.Fields {
		if !carryable(path) {
			fault("Plugin.Fields: %q is no field path; FieldPaths lists them", path)
		}
	}
	if l := p.Limits; l.Batch < 0 || l.Batch > maxBatch || l.InFlight < 0 || l.InFlight > maxInFlight || l.Timeout < 0 || l.Timeout > maxTimeout {
		fault("Plugin.Limits: Batch goes up to %d, InFlight up to %d, Timeout up to %s", maxBatch, maxInFlight, maxTimeout)
	}
	config, err := schemaOf(reflect.TypeFor[Config]())
	if err != nil {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	fields := p.Fields
	if fields == nil {
		fields = FieldPaths()
	}
	return &definition{
		Description: Description{Name: p.Name, Version: p.Version, Options: config.options("")},
		fields:      fields,
		limits:      p.Limits.bounded(),
		check: func(data []byte) (Connector, []Problem) {
			options, problems := decodeConfig[Config](config, data)
			if len(problems) > 0 || p.Type == nil {
				return nil, problems
			}
			return p.Type(options), nil
		},
		open: func(ctx context.Context, env Env, data []byte) (Connector, []Problem, error) {
			options, problems := decodeConfig[Config](config, data)
			if len(problems) > 0 {
				return nil, problems, nil
			}
			connector, err := p.Open(ctx, env, options)
			if rejects(err) {
				return nil, problemsIn(err), nil
			}
			if err != nil {
				return nil, nil, err
			}
			if connector == nil {
				return nil, nil, errors.New("the function Open returned neither a connector nor an error")
			}
			if p.Type != nil {
				if told := p.Type(options); reflect.TypeOf(told) != reflect.TypeOf(connector) {
					return nil, nil, fmt.Errorf("the function Open returned a %T, and Type told of a %T", connector, told)
				}
			}
			return connector, nil, nil
		},
	}, nil
}

// bounded fills in the defaults and cuts what is out of range.
func (l Limits) bounded() Limits {
	if l.Timeout <= 0 {
		l.Timeout = 30 * time.Second
	}
	return Limits{
		Batch:    min(max(l.Batch, 1), maxBatch),
		InFlight: min(max(l.InFlight, 1), maxInFlight),
		Timeout:  min(l.Timeout, maxTimeout),
	}
}

// carryable says whether a connector may declare path.
func carryable(path string) bool { return path == RawField || KnownField(path) }

// rejects says whether err, or an error joined into it, is a Reject.
func rejects(err error) bool {
	var e *Error
	return slices.ContainsFunc(parts(err), func(one error) bool {
		return errors.As(one, &e) && e.Kind == Rejected
	})
}

// problemsIn makes a problem of each error joined into err.
func problemsIn(err error) []Problem {
	return convert(parts(err), func(one *error) Problem {
		e, message := classify(*one)
		return Problem{Path: e.Field, Message: message}
	})
}

// parts takes apart what errors.Join joined.
func parts(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, parts(one)...)
	}
	return all
}
