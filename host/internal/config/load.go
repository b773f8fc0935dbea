package config

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// Option changes what Load does.
type Option func(*options)

type options struct{ generate bool }

// GenerateSecrets lets Load write the files of secrets that are to be generated.
// Without it such a secret is made up for this one time, and nothing is written.
func GenerateSecrets(o *options) { o.generate = true }

// Load reads and checks a configuration. Its error is of type Problems: all that
// is wrong with the file, found in one pass, in the order of the file. No
// message holds a secret.
func Load(file string, opts ...Option) (*Config, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, Problems{{File: file, Message: "cannot be read: " + reason(err).Error()}}
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, Problems{{File: file, Message: err.Error()}}
	}
	d := &decoder{file: file, dir: dir}
	cfg := d.decode(string(data))
	if len(d.problems) == 0 && o.generate {
		d.writeSecrets()
	}
	if len(d.problems) > 0 {
		d.problems.Sort()
		return nil, d.problems
	}
	return cfg, nil
}

func (d *decoder) decode(text string) *Config {
	text = strings.TrimPrefix(text, "\ufeff") // a byte order mark is no column
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		d.problems = append(d.problems, d.syntax(text, err))
		return nil
	}
	d.at = positions(text)
	cfg := &Config{File: d.file}
	fileTable().read(d, "", tree, cfg)
	d.check(cfg)
	d.warnings.Sort()
	cfg.Warnings = d.warnings
	return cfg
}

// quoted is what the parser quotes of the file in its messages, in any of its
// ways. More than a few characters may be a secret written without quotes.
var quoted = regexp.MustCompile(`'(\\.[^']*|[^'])'|"(\\.|[^"\\])*"|'[^']*'|^\S+ is out of`)

func (d *decoder) syntax(text string, err error) Problem {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return Problem{File: d.file, Message: err.Error()}
	}
	message := parse.Message
	if !strings.HasPrefix(message, "Key '") { // these quote the key, and no value
		message = quoted.ReplaceAllStringFunc(message, func(match string) string {
			switch {
			case strings.HasSuffix(match, " is out of"):
				return "the number is out of"
			case len(match) > 5:
				return "this"
			}
			return match
		})
	}
	if strings.HasPrefix(parse.Message, `expected value but found "`) {
		message += ": texts stand in quotes"
	}
	at := positionOf(text, parse.Position.Start)
	return Problem{File: d.file, Line: at.Line, Column: at.Column, Message: message}
}
