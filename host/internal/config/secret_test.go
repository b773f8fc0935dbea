package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synchost/synchost/sdk"
)

const generating = `
[host]
connectors_dir = "connectors"
[receivers.api]
scheme = "product"
path = "/in/products"
secret = { file = "data/shared.secret", generate = true }
[receivers.crm]
scheme = "payamgostar"
path = "/in/crm/{secret}"
secret = { file = "data/crm.secret", generate = true }
[connectors.hook]
plugin = "webhook"
config.secret = { file = "data/shared.secret", generate = true }
`

func TestGenerateSecrets(t *testing.T) {
	dir := fixture(t)
	form := regexp.MustCompile(`^whsec_[A-Z2-7]{52}$`)

	dry := mustLoad(t, generating)
	if _, err := os.Stat("data"); err == nil {
		t.Error("Load made the folder of a secret without being told to")
	}
	if text := dry.Receivers[0].Secrets[0].Reveal(); !form.MatchString(text) {
		t.Errorf("the made-up secret has not the form %s", form)
	}

	first := mustLoad(t, generating, GenerateSecrets)
	shared, own := first.Receivers[0].Secrets[0].Reveal(), first.Receivers[1].Secrets[0].Reveal()
	if !form.MatchString(shared) || !form.MatchString(own) || shared == own {
		t.Errorf("secrets are not two different ones of the form %s", form)
	}
	if want := `{"secret":"` + shared + `"}`; string(first.Connectors[0].Config) != want {
		t.Error("two references to one file gave two secrets")
	}
	info, err := os.Stat("data/shared.secret")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret's file: %v, %v: want mode 0600", info.Mode(), err)
	}
	again := mustLoad(t, generating, GenerateSecrets)
	if again.Receivers[0].Secrets[0].Reveal() != shared || again.Receivers[1].Secrets[0].Reveal() != own {
		t.Error("a second start made other secrets")
	}
	if left, _ := filepath.Glob(dir + "/data/.*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestNoSecretIsGeneratedForABadConfiguration(t *testing.T) {
	fixture(t)
	if _, err := load(t, generating+"\n[host.tls]\n", GenerateSecrets); err == nil {
		t.Fatal("the configuration was accepted")
	}
	if _, err := os.Stat("data"); err == nil {
		t.Error("a secret was written for a configuration that does not start")
	}
}

func TestGeneratedSecretThatCannotBeWritten(t *testing.T) {
	dir := fixture(t)
	if err := os.Symlink("nowhere", "dangling"); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	text := "[receivers.a]\nscheme = \"product\"\npath = \"/in\"\nsecret = { file = \"dangling/x\", generate = true }\n"
	_, err := load(t, text, GenerateSecrets)
	want := "connectors.toml:4:1: receivers.a.secret: the generated secret cannot be written to " + dir + "/dangling/x: "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Load: %v, want %s…", err, want)
	}
}

// TestTheNewlineBehindASecretIsNoPartOfIt: whatever has written it there, no sender
// has it.
func TestTheNewlineBehindASecretIsNoPartOfIt(t *testing.T) {
	fixture(t)
	for _, end := range []string{"", "\n", "\r\n", "\n\n"} {
		t.Setenv("ENDED", "shop secret"+end)
		if err := os.WriteFile("ended.secret", []byte("shop secret"+end), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, where := range []string{`{ env = "ENDED" }`, `{ file = "ended.secret" }`} {
			cfg := mustLoad(t, "[receivers.a]\nscheme = \"token\"\npath = \"/in\"\nsecret = "+where+"\n")
			if got := cfg.Receivers[0].Secrets[0].Reveal(); got != "shop secret" {
				t.Errorf("%s with %q behind: %q", where, end, got)
			}
		}
	}
	t.Setenv("ENDED", "\n")
	if _, err := load(t, "[receivers.a]\nscheme = \"token\"\npath = \"/in\"\nsecret = { env = \"ENDED\" }\n"); err == nil || !strings.Contains(err.Error(), "ENDED is empty") {
		t.Errorf("a newline alone: %v", err)
	}
}

// TestABlankAroundASecretIsAWarning: it was hardly meant, and cannot be seen.
func TestABlankAroundASecretIsAWarning(t *testing.T) {
	fixture(t)
	const text = "[receivers.a]\nscheme = \"token\"\npath = \"/in\"\nsecret = { env = \"BLANK\" }\n"
	for secret, want := range map[string]bool{"0123456789 abcdef": false, "0123456789abcdef ": true, "\t0123456789abcdef": true} {
		t.Setenv("BLANK", secret)
		if got := strings.Contains(mustLoad(t, text).Warnings.Error(), "receivers.a.secret: begins or ends with a blank"); got != want {
			t.Errorf("%q: %v", secret, got)
		}
	}
}

// TestASecretOfANotepad: a byte order mark in front would be a part of the secret
// that nobody sees.
func TestASecretOfANotepad(t *testing.T) {
	fixture(t)
	for _, text := range []string{"\xef\xbb\xbfshop secret", "\xff\xfes\x00", "\xfe\xff\x00s"} {
		if err := os.WriteFile("marked.secret", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := load(t, "[receivers.a]\nscheme = \"token\"\npath = \"/in\"\nsecret = { file = \"marked.secret\" }\n")
		if err == nil || !strings.Contains(err.Error(), "byte order mark") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSecretThatAllCanReadIsAWarning(t *testing.T) {
	dir := fixture(t)
	cfg := mustLoad(t, "[receivers.a]\nscheme = \"token\"\npath = \"/in\"\nsecret = { file = \"open.secret\" }\n")
	want := "connectors.toml:4:1: receivers.a.secret: everybody on this machine can read " + dir + "/open.secret: run chmod 600 on it"
	if got := cfg.Warnings.Error(); got != want {
		t.Errorf("warnings:\n%s\nwant:\n%s", got, want)
	}
}

func TestCheckSecrets(t *testing.T) {
	fixture(t)
	cfg := mustLoad(t, `[host]
connectors_dir = "connectors"
[connectors.shop]
plugin = "webhook"
[connectors.shop.config]
url = "https://shop.example"
token = "hunter2-hunter2"
code = 12345678
good = { env = "GOOD_SECRET" }
typo = { evn = "GOOD_SECRET" }
headers = { Authorization = "hunter2-hunter2", "X.Y" = { env = "GOOD_SECRET" } }
servers = [{ key = { env = "GOOD_SECRET" } }, { key = "hunter2-hunter2", name = "b" }]
`)
	options := []sdk.Option{
		{Path: "url"}, {Path: "token", Secret: true}, {Path: "code", Secret: true}, {Path: "good", Secret: true},
		{Path: "typo", Secret: true}, {Path: "absent", Secret: true}, {Path: "headers.*", Secret: true},
		{Path: "servers[].key", Secret: true}, {Path: "servers[].name"},
	}
	const use = `a secret is never written in this file: use { env = "NAME" } or { file = "path" }`
	want := Problems{
		{"connectors.toml", 7, 1, "connectors.shop.config.token", use},
		{"connectors.toml", 8, 1, "connectors.shop.config.code", use},
		{"connectors.toml", 10, 10, "connectors.shop.config.typo.evn", use},
		{"connectors.toml", 11, 13, "connectors.shop.config.headers.Authorization", use},
		{"connectors.toml", 12, 49, "connectors.shop.config.servers[1].key", use},
	}
	if diff := cmp.Diff([]Problem(want), cfg.Connectors[0].CheckSecrets(options)); diff != "" {
		t.Errorf("CheckSecrets (-want +got):\n%s", diff)
	}
	if got := (Connector{}).CheckSecrets(options); got != nil {
		t.Errorf("a disabled connector has problems: %v", got)
	}
}

func TestConnectorProblems(t *testing.T) {
	fixture(t)
	cfg := mustLoad(t, `[host]
connectors_dir = "connectors"
[connectors.shop]
plugin = "webhook"
config.url = "ftp://x"
config.servers = [{ key = { env = "GOOD_SECRET" } }]
`)
	got := cfg.Connectors[0].Problems([]sdk.Problem{
		{Path: "servers[0].key", Message: "is too short"},
		{Path: "url", Message: "want https"},
		{Path: "", Message: "no"},
		{Path: "port", Message: "is missing"},
	})
	want := []Problem{
		{"connectors.toml", 5, 1, "connectors.shop.config", "no"},
		{"connectors.toml", 5, 1, "connectors.shop.config.port", "is missing"},
		{"connectors.toml", 5, 8, "connectors.shop.config.url", "want https"},
		{"connectors.toml", 6, 21, "connectors.shop.config.servers[0].key", "is too short"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Problems (-want +got):\n%s", diff)
	}
}

func TestShortSecretIsAWarningWithoutTheSecret(t *testing.T) {
	fixture(t)
	t.Setenv("SHORT_SECRET", "hunter2")
	cfg := mustLoad(t, "[receivers.a]\nscheme = \"token\"\npath = \"/in\"\nsecret = { env = \"SHORT_SECRET\" }\n")
	if got := cfg.Warnings.Error(); !strings.Contains(got, "a secret of 7 characters can be guessed") || strings.Contains(got, "hunter2") {
		t.Errorf("warnings: %s", got)
	}
}

func TestSecretTexts(t *testing.T) {
	const doc = `{"token": "t1", "port": 12345, "open": "no", "auth": {"key": "t2", "user": "no"},
		"headers": {"X.Key": "t3", "Y": "t4"}, "servers": [{"pass": "no"}, {"pass": "t5"}], "keys": ["t6", "t7"], "shops": {"a": {"pin": 1e3}, "b": {"pin": "t8"}}}`
	for name, c := range map[string]struct {
		paths   []string
		options []sdk.Option
		want    []string
	}{
		"none":       {nil, nil, nil},
		"references": {[]string{"token", "port", "auth.key", "headers.X.Key", "servers[1].pass", "absent"}, nil, []string{"12345", "t1", "t2", "t3", "t5"}},
		"secret options": {nil, []sdk.Option{{Path: "auth.key", Secret: true}, {Path: "auth.user"}, {Path: "headers.*", Secret: true},
			{Path: "servers[].pass", Secret: true}, {Path: "keys", Secret: true}, {Path: "shops.*.pin", Secret: true}}, []string{"1e3", "no", "t2", "t3", "t4", "t5", "t6", "t7", "t8"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Connector{Config: []byte(doc), Secret: c.paths}.SecretTexts(c.options)
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhereSecretsAreKept(t *testing.T) {
	dir := fixture(t)
	text := `[receivers.a]
scheme = "token"
path = "/in"
secret = [{ env = "NOT_SET" }, { file = "good.secret", generate = true }, { file = "new/x", generate = true }, { env = "the secret itself" }, "the secret itself"]
[receivers.b]
scheme = "token"
path = "/in/b"
secret.env = "GOOD_SECRET"
[receivers.c]
scheme = "catch"
path = "/in/c"
allow = ["127.0.0.1"]
`
	if err := os.WriteFile("connectors.toml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := Examine("connectors.toml")
	if len(problems) != 3 {
		t.Errorf("problems: %v", problems)
	}
	for i, want := range [][]Kept{
		{{Env: "NOT_SET"}, {File: dir + "/good.secret"}, {File: dir + "/new/x", Absent: true}, {}, {}},
		{{Env: "GOOD_SECRET"}},
		nil,
	} {
		if diff := cmp.Diff(want, cfg.Receivers[i].Kept); diff != "" {
			t.Errorf("%s: %s", cfg.Receivers[i].Name, diff)
		}
	}
}
