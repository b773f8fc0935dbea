package sdk

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Secret is a text that is never shown. Every way of printing it gives "***":
// fmt in all verbs, JSON, text marshalling, hclog. Reveal is the only way to the
// text itself. The zero Secret is "not set".
type Secret struct{ text string }

// NewSecret keeps text as a secret.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal is the text itself: for building a request, never for a message.
func (s Secret) Reveal() string { return s.text }

// IsZero says whether the secret is not set.
func (s Secret) IsZero() bool { return s.text == "" }

const mask = "***"

// String is "***".
func (s Secret) String() string { return mask }

// GoString is "***".
func (s Secret) GoString() string { return mask }

// Format writes "***" whatever the verb and flags.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, mask) }

// MarshalText gives "***".
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON gives "***" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// UnmarshalJSON reads the secret's text from a JSON string.
func (s *Secret) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &s.text) }

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
