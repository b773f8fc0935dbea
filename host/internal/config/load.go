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
	d := &decoder{file: file}
	cfg := d.load()
	if len(d.problems) == 0 && o.generate {
		d.writeSecrets()
	}
	if len(d.problems) > 0 {
		d.problems.Sort()
		return nil, d.problems
	}
	return cfg, nil
}

// Examine is Load for who looks for more that is wrong: beside the problems it
// returns what could be read all the same, nil where the file as a whole could
// not. It is good for looking at, and nothing may be started with it.
func Examine(file string) (*Config, Problems) {
	d := &decoder{file: file}
	return d.load(), d.problems
}

func (d *decoder) load() *Config {
	data, err := os.ReadFile(d.file)
	if err != nil {
		d.report(Problem{File: d.file, Message: "cannot be read: " + reason(err).Error()})
		return nil
	}
	if d.dir, err = filepath.Abs(filepath.Dir(d.file)); err != nil {
		d.report(Problem{File: d.file, Message: err.Error()})
		return nil
	}
	return d.decode(string(data))
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
