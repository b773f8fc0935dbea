package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/synchost/synchost/sdk"
)

// A secret is written as a reference: { env = "NAME" } or { file = "path" }. A
// file with generate = true is made with a random secret if it is not there.

// maxSecret is far more than any key or certificate; it keeps a wrong path from
// filling the memory.
const maxSecret = 64 << 10

const useReference = `a secret is never written in this file: use { env = "NAME" } or { file = "path" }`

// reference is where a secret is kept.
type reference struct {
	Env, File string
	Generate  bool
}

func referenceTable() table[reference] {
	return table[reference]{keys: []key[reference]{
		field("env", envName, func(r *reference) *string { return &r.Env },
			"The environment variable that holds the secret; a newline at its end is no part of it."),
		field("file", file, func(r *reference) *string { return &r.File },
			"The file that holds the secret; a newline at its end is no part of it."),
		field("generate", boolean, func(r *reference) *bool { return &r.Generate },
			"Whether the host makes the file with a random secret if it is not there."),
	}}
}

// envName does not echo what is no name: it may be the secret itself.
var envName = text("the name of an environment variable", schema{"pattern": envForm.String()}, func(s string) (string, error) {
	if !envForm.MatchString(s) {
		return "", errors.New(`want the name of an environment variable, such as "SHOP_SECRET": capital letters, digits and _ (the secret itself does not go here)`)
	}
	return s, nil
})

var envForm = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

var secret = kind[sdk.Secret]{schema: secretSchema(), read: func(d *decoder, at string, raw any) (sdk.Secret, bool) {
	if _, ok := raw.(map[string]any); !ok {
		d.problem(at, useReference)
		return sdk.Secret{}, false
	}
	return d.secret(at, raw, true)
}}

func secretSchema() schema {
	s := referenceTable().schema()
	s["oneOf"] = []schema{
		{"required": []string{"env"}, "properties": schema{"generate": false}},
		{"required": []string{"file"}},
	}
	return s
}

// secret reads a reference and, if resolve says so, what it refers to.
func (d *decoder) secret(at string, raw any, resolve bool) (sdk.Secret, bool) {
	var ref reference
	before := len(d.problems)
	good := func() bool { return len(d.problems) == before }
	referenceTable().read(d, at, raw, &ref)
	if env, inFile := ref.Env != "", ref.File != ""; good() {
		switch {
		case env == inFile:
			d.problem(at, `want one of { env = "NAME" } and { file = "path" }`)
		case env && ref.Generate:
			d.problem(join(at, "generate"), `only a file can be generated: use { file = "path", generate = true }`)
		}
	}
	if !good() || !resolve {
		return sdk.Secret{}, good()
	}
	var text string
	var err error
	if ref.Env != "" {
		text, err = fromEnv(ref.Env)
	} else {
		text, err = d.fromFile(at, ref)
	}
	if err != nil {
		d.problem(at, "%s", err)
		return sdk.Secret{}, false
	}
	return sdk.NewSecret(text), true
}

// Kept is where a secret is: in an environment variable, or in a file.
type Kept struct {
	Env, File string
	Absent    bool // the file is not there: the host makes it when it starts
}

// kept says where the secrets of a reference, or of a list of them, are. What is
// wrong with one is told by whoever reads it; here it is a zero Kept.
func (d *decoder) kept(raw any) []Kept {
	items, isList := elements(raw)
	if !isList {
		items = []any{raw}
	}
	all := make([]Kept, len(items))
	for i, item := range items {
		quiet := &decoder{dir: d.dir}
		var ref reference
		if referenceTable().read(quiet, "", item, &ref); len(quiet.problems) > 0 {
			continue
		}
		all[i] = Kept{Env: ref.Env, File: ref.File}
		if ref.Generate {
			_, err := os.Stat(ref.File)
			all[i].Absent = errors.Is(err, fs.ErrNotExist)
		}
	}
	return all
}

func fromEnv(name string) (string, error) {
	text, ok := os.LookupEnv(name)
	text = withoutNewline(text)
	switch {
	case !ok:
		return "", fmt.Errorf("the environment variable %s is not set: set it where the host is started", name)
	case text == "":
		return "", fmt.Errorf("the environment variable %s is empty", name)
	}
	return text, nil
}

func (d *decoder) fromFile(at string, ref reference) (string, error) {
	text, err := d.readSecret(at, ref.File)
	if errors.Is(err, fs.ErrNotExist) && ref.Generate {
		return d.secrets.generate(at, ref.File), nil
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("the file %s does not exist: create it, or add generate = true", ref.File)
	case err != nil:
		return "", fmt.Errorf("the file %s cannot be used: %w", ref.File, reason(err))
	}
	return text, nil
}

func (d *decoder) readSecret(at, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // a pipe or device might never end
		return "", errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	text := withoutNewline(string(data))
	switch {
	case err != nil:
		return "", err
	case len(data) > maxSecret:
		return "", errors.New("it is larger than 64 KiB")
	case text == "":
		return "", errors.New("it is empty: put the secret in, or remove the file")
	case hasByteOrderMark(text):
		return "", errors.New("it begins with a byte order mark, which would be part of the secret: save it as UTF-8 without one")
	}
	// Containers mount secrets readable for all under /run, where nobody else is.
	if info.Mode().Perm()&0o004 != 0 && runtime.GOOS != "windows" && !strings.HasPrefix(path, "/run/") {
		d.warnings = append(d.warnings, d.place("").Problem(at,
			fmt.Sprintf("everybody on this machine can read %s: run chmod 600 on it", path)))
	}
	return text, nil
}

// hasByteOrderMark looks for what some editors write in front, in UTF-8 or UTF-16.
func hasByteOrderMark(text string) bool {
	return slices.ContainsFunc([]string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"}, func(mark string) bool { return strings.HasPrefix(text, mark) })
}

// withoutNewline is a secret as it was typed: tools and editors end it with a
// newline, which no sender has.
func withoutNewline(text string) string { return strings.TrimRight(text, "\r\n") }

// reason is the error without the path, which the message has already.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// secrets are those that were made while reading. They are written only when the
// whole configuration is good.
type secrets struct {
	made []madeSecret
}

type madeSecret struct{ at, file, text string }

// generate makes the secret of a file that is not there, the same each time.
//
// There is one form for all uses: "whsec_" and 52 letters and digits, 256 random
// bits. It is a valid key of Standard Webhooks as it stands (the part after the
// prefix is base64), and safe in a URL, a header and a shell.
func (s *secrets) generate(at, file string) string {
	for _, made := range s.made {
		if made.file == file {
			return made.text
		}
	}
	text := "whsec_" + rand.Text() + rand.Text()
	s.made = append(s.made, madeSecret{at, file, text})
	return text
}

func (d *decoder) writeSecrets() {
	for _, made := range d.secrets.made {
		if err := writeSecret(made.file, made.text); err != nil {
			d.problem(made.at, "the generated secret cannot be written to %s: %s", made.file, reason(err))
		}
	}
}

// writeSecret makes the file whole or not at all.
func writeSecret(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".secret-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
