package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unique"
)

// Secret is a text that is never shown. Every way of printing it gives "***" or
// an address: fmt in all verbs, also inside a struct's unexported field, JSON,
// text marshalling, hclog. Reveal is the only way to the text itself. Secrets
// of the same text are ==. The zero Secret is "not set".
type Secret struct {
	// A handle and not a string: fmt prints unexported fields, and the operands
	// of a bad verb, without asking for their methods.
	text unique.Handle[string]
}

// NewSecret keeps text as a secret; the empty text gives the zero Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal is the text itself: for building a request, never for a message.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.text.Value()
}

// IsZero says whether the secret is not set.
func (s Secret) IsZero() bool { return s == Secret{} }

const mask = "***"

// String is "***".
func (s Secret) String() string { return mask }

// GoString is "***".
func (s Secret) GoString() string { return mask }

// Format writes "***" whatever the verb and flags.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalText gives "***".
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON gives "***" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// UnmarshalJSON reads the secret's text from a JSON string.
func (s *Secret) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		return errNotText // the cause may quote what it found
	}
	*s = NewSecret(text)
	return nil
}

var errNotText = errors.New("a secret is written as text")

// Duration is a time.Duration that is written as text only: "30s", "1h30m". A
// bare number is refused, since nobody can tell whether it means seconds.
type Duration time.Duration

// Std is d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String is d as text: "1m30s".
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText gives d as text.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads text such as "30s".
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration: write a number with a unit, such as \"30s\" or \"5m\"", text)
	}
	*d = Duration(parsed)
	return nil
}

// UnmarshalJSON reads a JSON string such as "30s", and refuses anything else.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("%s is not a duration: write a text with a unit, such as \"30s\" or \"5m\"", data)
	}
	return d.UnmarshalText([]byte(text))
}
