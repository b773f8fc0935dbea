package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
)

// connectorOptions is the key config: the connector's own options, which only
// the connector knows. Here they become JSON, and their secrets are resolved.
func connectorOptions() key[Connector] {
	return key[Connector]{
		name:   "config",
		doc:    "The connector's own options; see its README. Secrets are written as { env = \"NAME\" } or { file = \"path\" }, at any depth.",
		schema: schema{"type": "object"},
		preset: map[string]any{},
		read: func(d *decoder, at string, raw any, c *Connector) {
			if _, ok := d.table(at, "a table", raw); !ok {
				return
			}
			r := resolver{decoder: d, root: at, enabled: c.Enabled}
			value := r.value(at, raw)
			if !c.Enabled {
				return
			}
			c.Secret = r.secrets
			c.Config, _ = json.Marshal(value) // value is made of what JSON has
		},
	}
}

// resolver turns TOML values into JSON ones, and references into secrets.
type resolver struct {
	*decoder
	root    string
	enabled bool
	secrets []string // option paths
}

// standIn stands where a secret could not be read, so that the connector that is
// asked about the rest does not take it for missing.
const standIn = "not readable"

func (r *resolver) value(at string, raw any) any {
	switch raw := raw.(type) {
	case map[string]any:
		if at != r.root && isReference(raw) {
			s, ok := r.secret(at, raw, r.enabled)
			r.secrets = append(r.secrets, plain(strings.TrimPrefix(at, r.root+".")))
			if !ok {
				return standIn
			}
			return s.Reveal()
		}
		written, _ := r.table(at, "a table", raw)
		values := make(map[string]any, len(written))
		for _, name := range r.inOrder(at, written) {
			values[name] = r.value(join(at, name), written[name])
		}
		return values
	case float64:
		if math.IsNaN(raw) || math.IsInf(raw, 0) {
			r.problem(at, "want a number that is finite")
			return nil
		}
	case time.Time:
		return raw.Format(timeLayout(raw))
	default:
		if items, ok := elements(raw); ok {
			values := make([]any, len(items))
			for i, item := range items {
				values[i] = r.value(element(at, i), item)
			}
			return values
		}
	}
	return raw
}

// isReference tells a reference to a secret from a table of options: it has the
// keys of a reference and no others.
func isReference(raw map[string]any) bool {
	_, env := raw["env"]
	_, file := raw["file"]
	for name := range raw {
		if name != "env" && name != "file" && name != "generate" {
			return false
		}
	}
	return env || file
}

// timeLayout is that of RFC 3339, or the part of it that was written: the parser
// marks dates and times without a zone by the names of made-up zones.
func timeLayout(t time.Time) string {
	switch t.Location().String() {
	case "datetime-local":
		return "2006-01-02T15:04:05.999999999"
	case "date-local":
		return time.DateOnly
	case "time-local":
		return "15:04:05.999999999"
	}
	return time.RFC3339Nano
}

// CheckSecrets holds the table config against the options that the connector
// says it has: a value of a secret option must have come from a reference.
func (c Connector) CheckSecrets(options []sdk.Option) []Problem {
	var problems Problems
	c.eachValue(func(parts []string, _ any) {
		if path := optionPath(parts); isSecret(options, parts) && !slices.Contains(c.Secret, path) {
			problems = append(problems, c.Place.Problem("config."+path, useReference))
		}
	})
	problems.Sort()
	return problems
}

// SecretTexts are the texts in the table config that must not be shown: those
// that came from a reference, and those of options that the connector calls
// secret, whose options may be nil while they are not known.
func (c Connector) SecretTexts(options []sdk.Option) []string {
	var texts []string
	c.eachValue(func(parts []string, value any) {
		if !isSecret(options, parts) && !slices.Contains(c.Secret, optionPath(parts)) {
			return
		}
		switch value := value.(type) {
		case string:
			texts = append(texts, value)
		case json.Number:
			texts = append(texts, value.String())
		}
	})
	return texts
}

// Problems puts the connector's own problems in their places in the file.
func (c Connector) Problems(problems []sdk.Problem) []Problem {
	placed := make(Problems, len(problems))
	for i, p := range problems {
		path := "config"
		if p.Path != "" {
			path += "." + p.Path
		}
		placed[i] = c.Place.Problem(path, p.Message)
	}
	placed.Sort()
	return placed
}

// eachValue calls do with the path of every value in the table config that holds
// no others; a disabled connector has none.
func (c Connector) eachValue(do func(parts []string, value any)) {
	decoder := json.NewDecoder(bytes.NewReader(c.Config))
	decoder.UseNumber()
	var config any
	if err := decoder.Decode(&config); err != nil {
		return
	}
	walk(config, nil, do)
}

func walk(value any, parts []string, do func(parts []string, value any)) {
	switch value := value.(type) {
	case map[string]any:
		for name, v := range value {
			walk(v, append(slices.Clip(parts), name), do)
		}
	case []any:
		for i, v := range value {
			walk(v, append(slices.Clip(parts), fmt.Sprintf("[%d]", i)), do)
		}
	default:
		do(parts, value)
	}
}

func isSecret(options []sdk.Option, parts []string) bool {
	return slices.ContainsFunc(options, func(o sdk.Option) bool { return o.Secret && matches(o.Path, parts) })
}

func optionPath(parts []string) string {
	return strings.ReplaceAll(strings.Join(parts, "."), ".[", "[")
}

// matches says whether an option's path ("servers[].key", "headers.*") is that
// of a value, or of something around it.
func matches(option string, parts []string) bool {
	pattern := strings.Split(strings.ReplaceAll(option, "[]", ".[]"), ".")
	if len(pattern) > len(parts) {
		return false
	}
	for i, p := range pattern {
		isIndex := strings.HasPrefix(parts[i], "[")
		if p != parts[i] && p != "*" && (p != "[]" || !isIndex) {
			return false
		}
	}
	return true
}
