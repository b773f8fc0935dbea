package config

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// FuzzLoad: whatever the file, Load neither panics nor shows a secret that it
// resolved, and every problem has a place and a message.
func FuzzLoad(f *testing.F) {
	const secret = "resolved-secret-7361"
	f.Setenv("FUZZ_SECRET", secret)
	files, err := filepath.Glob("testdata/bad/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		text, _, _ := strings.Cut(string(data), wantLine)
		f.Add(strings.ReplaceAll(text, "GOOD_SECRET", "FUZZ_SECRET"))
	}
	f.Add(strings.ReplaceAll(everything, "GOOD_SECRET", "FUZZ_SECRET"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, secret) {
			return
		}
		d := &decoder{file: "connectors.toml", dir: dir}
		cfg := d.decode(text)
		if cfg == nil && len(d.problems) == 0 {
			t.Fatal("neither a configuration nor a problem")
		}
		for _, p := range append(d.problems, d.warnings...) {
			if p.Line < 1 || p.Column < 1 || p.Message == "" {
				t.Errorf("a problem without a place or message: %+v in:\n%s", p, text)
			}
			if strings.Contains(p.String(), secret) {
				t.Errorf("a secret is shown: %s", p)
			}
		}
	})
}

// FuzzInlineSecret: what stands in the place of a secret is in no message, with
// quotes or without.
func FuzzInlineSecret(f *testing.F) {
	for _, value := range []string{"hunter2-hunter2", "1234567890", "1979-05-27T25:00:00", "0b1234567", "1e9999999", "+0x12345678",
		"\\ud800\\q4567", "nan_nan_nan", "12_34__567", "true_or_false", "'''hunter2", "[hunter2-2", "{ hunter2 = 1"} {
		f.Add(value, true)
		f.Add(value, false)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, value string, quotes bool) {
		written := value
		if quotes {
			written = strconv.Quote(value)
		}
		const before, after = "[receivers.a]\nscheme = \"token\"\npath = \"/in\"\nsecret = ", "\n"
		// Shorter texts are in our own words by chance; a line break ends the secret.
		if len(value) < 8 || strings.ContainsAny(value, "\r\n") || strings.Contains(before, value) || strings.Contains(useReference, value) {
			return
		}
		d := &decoder{file: "connectors.toml", dir: dir}
		d.decode(before + written + after)
		if len(d.problems) == 0 {
			return // a reference after all
		}
		if all := d.problems.Error(); strings.Contains(all, value) {
			t.Errorf("secret = %s is shown: %s", written, all)
		}
	})
}
