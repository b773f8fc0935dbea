package config

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/synchost/synchost/sdk"
)

func mustLoad(t *testing.T, text string, opts ...Option) *Config {
	t.Helper()
	cfg, err := load(t, text, opts...)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg
}

// ignorePlace leaves out what TestPlaces looks at. Secrets are compared whole.
var ignorePlace = cmp.Options{
	cmpopts.IgnoreTypes(Place{}),
	cmp.Comparer(func(a, b sdk.Secret) bool { return a.Reveal() == b.Reveal() }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func TestDefaults(t *testing.T) {
	dir := fixture(t)
	want := &Config{
		File: "connectors.toml",
		Host: Host{
			Listen: "127.0.0.1:8470", DataDir: dir + "/data", Socket: dir + "/data/synchost.sock",
			LogLevel: "info", LogFormat: "text", MaxBody: 1 << 20, MaxConnections: 4096,
			ReadTimeout: 15 * time.Second, KeepEvents: 720 * time.Hour, KeepDeliveries: 720 * time.Hour,
			StopTimeout: 20 * time.Second,
		},
		Inspector: Inspector{Listen: "127.0.0.1:8471", Keep: 200},
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want.Host.ConnectorsDir = filepath.Join(filepath.Dir(exe), "connectors")
	if diff := cmp.Diff(want, mustLoad(t, ""), ignorePlace); diff != "" {
		t.Errorf("an empty file (-want +got):\n%s", diff)
	}
}

const everything = `
[host]
listen = "[::1]:9000"
data_dir = "/srv/synchost"
socket = "run/control.sock"
connectors_dir = "connectors"
log_level = "debug"
log_format = "json"
max_body = "2MB"
max_connections = 10
read_timeout = "1m30s"
trusted_proxies = ["10.0.0.0/8", "::1", "::ffff:192.0.2.1"]
keep_events = "24h"
keep_deliveries = "48h"
stop_timeout = "0s"

[inspector]
enabled = true
listen = "localhost:0"
keep = 5

[receivers.signed]
scheme = "hmac"
path = "/in/signed"
secret = [{ env = "GOOD_SECRET" }, { file = "good.secret" }]
allow = ["192.0.2.7"]
rate = "60/m"
max_body = "512KiB"
tolerance = "1m"
methods = ["PUT"]
signature = { header = "X-Sig", algorithm = "sha512", encoding = "base64", prefix = "v1=", signed = "{header:X-T}.{body}", timestamp = "X-T" }
map.key = "body.id"
map.attributes.color = "body.color"
"map"."attributes.x y" = "body.x"

[receivers.crm]
scheme = "payamgostar"
path = "/in/crm"
secret = { env = "GOOD_SECRET" }

[receivers.crm-by-path]
scheme = "payamgostar"
path = "/in/crm/{secret}"
secret = { env = "GOOD_SECRET" }

[receivers.simple]
scheme = "token"
path = "/in/simple"
secret = { env = "GOOD_SECRET" }

[receivers.any]
scheme = "catch"
path = "/in/any"
allow = ["127.0.0.0/8"]

[receivers.std]
scheme = "standard-webhooks"
path = "/in/std"
secret = { env = "GOOD_SECRET" }

[connectors.hook]
plugin = "webhook"

[connectors.shop]
plugin = "woo"
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
env = ["HTTPS_PROXY"]
log_level = "trace"
deliver = "every"
filter = "product.status == 'active'"
own = ["prices", "variants.stock", "attributes.*", "attributes.color"]
on_delete = "keep"
on_unknown = "hold"
rate = "10/s"
batch = 100
in_flight = 4
timeout = "30s"
retry = ["1s", "1m"]
memory_max = "256MiB"
tls = "off"
[connectors.shop.map]
name = "upper(product.name)"
[connectors.shop.config]
url = "https://shop.example"
token = { env = "GOOD_SECRET" }
since = 2026-01-02T03:04:05Z
day = 2026-01-02
at = 03:04:05
local = 2026-01-02T03:04:05.5
big = 9007199254740993
ratio = 0.5
on = true
headers = { "X-Key.1" = { file = "good.secret" } }
[[connectors.shop.config.servers]]
key.env = "GOOD_SECRET"
tags = ["a", ["b"]]
[[connectors.shop.config.servers]]
key = { file = "good.secret", generate = true }

[connectors.later]
plugin = "not-there"
enabled = false
config.token = { env = "MISSING_SECRET" }
`

func TestEverything(t *testing.T) {
	dir := fixture(t)
	cfg := mustLoad(t, everything)
	env, inFile := sdk.NewSecret("from-the-environment"), sdk.NewSecret("from-a-file")
	retry := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
	want := &Config{
		File: "connectors.toml",
		Host: Host{
			Listen: "[::1]:9000", DataDir: "/srv/synchost", Socket: dir + "/run/control.sock",
			ConnectorsDir: dir + "/connectors", LogLevel: "debug", LogFormat: "json", MaxBody: 2e6, MaxConnections: 10,
			ReadTimeout: 90 * time.Second, KeepEvents: 24 * time.Hour, KeepDeliveries: 48 * time.Hour,
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("192.0.2.1/32")},
		},
		Inspector: Inspector{Enabled: true, Listen: "localhost:0", Keep: 5},
		Receivers: []Receiver{
			{Name: "signed", Scheme: "hmac", Path: "/in/signed", Secrets: []sdk.Secret{env, inFile},
				Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}, Rate: Rate{60, time.Minute}, MaxBody: 512 << 10,
				Signature: Signature{"X-Sig", "sha512", "base64", "v1=", "{header:X-T}.{body}", "X-T"},
				Tolerance: time.Minute, Methods: []string{"PUT"},
				Map: map[string]string{"key": "body.id", "attributes.color": "body.color", "attributes.x y": "body.x"}},
			{Name: "crm", Scheme: "payamgostar", Path: "/in/crm", Secrets: []sdk.Secret{env}, Token: Token{Query: "code"}},
			{Name: "crm-by-path", Scheme: "payamgostar", Path: "/in/crm/{secret}", Secrets: []sdk.Secret{env}},
			{Name: "simple", Scheme: "token", Path: "/in/simple", Secrets: []sdk.Secret{env},
				Token: Token{Header: "Authorization"}, Methods: []string{"POST"}},
			{Name: "any", Scheme: "catch", Path: "/in/any", Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
			{Name: "std", Scheme: "standard-webhooks", Path: "/in/std", Secrets: []sdk.Secret{env}, Tolerance: 5 * time.Minute},
		},
		Connectors: []Connector{
			{Name: "hook", Plugin: "webhook", Binary: dir + "/connectors/webhook", Enabled: true, LogLevel: "debug",
				OnDelete: "archive", Retry: retry, TLS: "auto", Config: []byte("{}")},
			{Name: "shop", Plugin: "woo", Binary: dir + "/connectors/woo", Enabled: true,
				SHA256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
				Env:    []string{"HTTPS_PROXY"}, LogLevel: "trace", Deliver: "every", Filter: "product.status == 'active'",
				Map: map[string]string{"name": "upper(product.name)"},
				Own: []string{"prices", "variants.stock", "attributes.*", "attributes.color"}, OnDelete: "keep", OnUnknown: "hold",
				Rate: Rate{10, time.Second}, Batch: 100, InFlight: 4, Timeout: 30 * time.Second,
				Retry: []time.Duration{time.Second, time.Minute}, MemoryMax: 256 << 20, TLS: "off",
				Config: []byte(`{"at":"03:04:05","big":9007199254740993,"day":"2026-01-02","headers":{"X-Key.1":"from-a-file"},` +
					`"local":"2026-01-02T03:04:05.5","on":true,"ratio":0.5,` +
					`"servers":[{"key":"from-the-environment","tags":["a",["b"]]},{"key":"from-a-file"}],` +
					`"since":"2026-01-02T03:04:05Z","token":"from-the-environment","url":"https://shop.example"}`),
				Secret: []string{"token", "headers.X-Key.1", "servers[0].key", "servers[1].key"}},
			{Name: "later", Plugin: "not-there", LogLevel: "debug", OnDelete: "archive", Retry: retry, TLS: "auto"},
		},
	}
	if diff := cmp.Diff(want, cfg, ignorePlace); diff != "" {
		t.Errorf("everything (-want +got):\n%s", diff)
	}
}

func TestPlaces(t *testing.T) {
	fixture(t)
	cfg := mustLoad(t, everything)
	for name, test := range map[string]struct {
		place Place
		path  string
		text  string // what stands there
		field string
	}{
		"table":           {cfg.Connectors[1].Place, "", "shop]", "connectors.shop"},
		"key":             {cfg.Connectors[1].Place, "filter", "filter =", "connectors.shop.filter"},
		"mapped field":    {cfg.Connectors[1].Place, "map.name", "name =", "connectors.shop.map.name"},
		"option":          {cfg.Connectors[1].Place, "config.url", "url =", "connectors.shop.config.url"},
		"list element":    {cfg.Connectors[1].Place, "config.servers[1].key", "key = { file", "connectors.shop.config.servers[1].key"},
		"quoted option":   {cfg.Connectors[1].Place, "config.headers.X-Key.1", `"X-Key.1" =`, "connectors.shop.config.headers.X-Key.1"},
		"absent option":   {cfg.Connectors[1].Place, "config.headers.X-None", "headers =", "connectors.shop.config.headers.X-None"},
		"absent key":      {cfg.Connectors[0].Place, "config.url", "hook]", "connectors.hook.config.url"},
		"dotted map key":  {cfg.Receivers[0].Place, "map.attributes.color", "color =", "receivers.signed.map.attributes.color"},
		"quoted map key":  {cfg.Receivers[0].Place, "map.attributes.x y", `"attributes.x y" =`, "receivers.signed.map.attributes.x y"},
		"inline sub key":  {cfg.Receivers[0].Place, "signature.signed", "signed =", "receivers.signed.signature.signed"},
		"second of a set": {cfg.Receivers[0].Place, "secret[1]", "{ file", "receivers.signed.secret[1]"},
	} {
		p := test.place.Problem(test.path, "x")
		line := strings.Split(everything, "\n")[p.Line-1]
		if p.File != "connectors.toml" || p.Field != test.field || !strings.HasPrefix(line[p.Column-1:], test.text) {
			t.Errorf("%s: %v: there stands %q, want %q and field %s", name, p, line[p.Column-1:], test.text, test.field)
		}
	}
	if got := (Place{}).Problem("filter", "is wrong"); got != (Problem{Field: "filter", Message: "is wrong"}) {
		t.Errorf("the zero Place made %+v", got)
	}
}

func TestProblemString(t *testing.T) {
	for want, p := range map[string]Problem{
		"c.toml:3:1: host.listen: bad": {"c.toml", 3, 1, "host.listen", "bad"},
		"c.toml:3:1: bad":              {"c.toml", 3, 1, "", "bad"},
		"c.toml: cannot be read":       {"c.toml", 0, 0, "", "cannot be read"},
	} {
		if got := p.String(); got != want {
			t.Errorf("String = %q, want %q", got, want)
		}
	}
}

func TestFileMissing(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	if err == nil || !strings.Contains(err.Error(), "none.toml: cannot be read: no such file") {
		t.Errorf("Load of a missing file: %v", err)
	}
}

func TestByteOrderMarkIsNoColumn(t *testing.T) {
	fixture(t)
	_, err := load(t, "\ufeffhots = 1")
	if err == nil || !strings.HasPrefix(err.Error(), "connectors.toml:1:1: hots: unknown key") {
		t.Errorf("Load: %v", err)
	}
}

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
	fixture(t)
	text := "[receivers.a]\nscheme = \"product\"\npath = \"/in\"\nsecret = { file = \"good.secret/x\", generate = true }\n"
	_, err := load(t, text, GenerateSecrets)
	if err == nil || !strings.Contains(err.Error(), "connectors.toml:4:1: receivers.a.secret: ") {
		t.Errorf("Load: %v", err)
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
		{Path: "servers[0].key", Message: `"from-the-environment" is too short`},
		{Path: "url", Message: "want https"},
		{Path: "", Message: "no"},
		{Path: "port", Message: "is missing"},
	})
	want := []Problem{
		{"connectors.toml", 5, 1, "connectors.shop.config", "no"},
		{"connectors.toml", 5, 1, "connectors.shop.config.port", "is missing"},
		{"connectors.toml", 5, 8, "connectors.shop.config.url", "want https"},
		{"connectors.toml", 6, 21, "connectors.shop.config.servers[0].key", `"***" is too short`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Problems (-want +got):\n%s", diff)
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"listen", "log_level", "keep_events", "keep_deliveries", "rate", "warn"}
	for written, want := range map[string]string{
		"lisetn": "listen", "Listen": "listen", "loglevel": "log_level", "keep": "keep_deliveries",
		"rat": "rate", "warning": "warn", "colour": "", "": "", "x": "", "روز": "",
	} {
		if want != "" {
			want = `; did you mean "` + want + `"?`
		}
		if got := didYouMean(written, names); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", written, got, want)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"/a", "/a", true}, {"/a", "/b", false}, {"/a/{secret}", "/a/b", true}, {"/a/{secret}", "/a", false},
		{"/{secret}/a", "/b/{secret}", true}, {"", "", false},
	} {
		if got := overlap(test.a, test.b); got != test.want {
			t.Errorf("overlap(%s, %s) = %v", test.a, test.b, got)
		}
	}
}

// TestSchema holds the schema against its golden file and against what Load
// says: a good configuration fits it, and what it can express it refuses.
func TestSchema(t *testing.T) {
	const golden = "testdata/schema.json"
	if *update {
		if err := os.WriteFile(golden, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, Schema()) {
		t.Errorf("Schema is not %s; if the change is meant, run: go test ./host/internal/config -update", golden)
	}
	check := compileSchema(t)
	if err := check(everything); err != nil {
		t.Errorf("a good configuration does not fit the schema: %v", err)
	}
	// What a schema cannot know: the machine, and what other keys say.
	beyond := regexp.MustCompile(`^(case-twin-options|config-|disabled-still|duration-out|inspector-|map-twice|name-of-both|` +
		`network|own-|path-(dots|duplicate|overlap|reserved)|path-secret|plugin-(absolute|far|folder|near|not|relative)|` +
		`secret-(env|file)-|size-(too|zero)|tls-missing|token-(both|neither|and)|unprotected-catch|address-port|map-not|filter-empty|wrong-type-date)`)
	files, _ := filepath.Glob("testdata/bad/*.txt")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(string(data), wantLine)
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		if toml.Unmarshal([]byte(text), &map[string]any{}) != nil || beyond.MatchString(name) {
			continue
		}
		if check(text) == nil {
			t.Errorf("the schema accepts %s", name)
		}
	}
}

func compileSchema(t *testing.T) func(text string) error {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(text string) error {
		var tree map[string]any
		if err := toml.Unmarshal([]byte(text), &tree); err != nil {
			return err
		}
		data, err := json.Marshal(tree)
		if err != nil {
			return err
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return err
		}
		return compiled.Validate(instance)
	}
}

// TestRepositoryFile loads the configuration that the repository ships.
func TestRepositoryFile(t *testing.T) {
	text, err := os.ReadFile("../../../connectors.toml")
	if err != nil {
		t.Fatal(err)
	}
	check := compileSchema(t)
	dir := fixture(t)
	// The connectors are where the fixture has them, not beside the test's executable.
	here := strings.Replace(string(text), "[host]\n", "[host]\nconnectors_dir = \"connectors\"\n", 1)
	cfg := mustLoad(t, here, GenerateSecrets)
	if err := check(string(text)); err != nil {
		t.Errorf("connectors.toml does not fit the schema: %v", err)
	}
	if len(cfg.Warnings) > 0 {
		t.Errorf("warnings: %v", cfg.Warnings)
	}
	schemes := make([]string, len(cfg.Receivers))
	for i, r := range cfg.Receivers {
		schemes[i] = r.Scheme
	}
	slices.Sort(schemes)
	if diff := cmp.Diff([]string{"payamgostar", "product"}, schemes); diff != "" {
		t.Errorf("schemes (-want +got):\n%s", diff)
	}
	if !cfg.Inspector.Enabled || cfg.Host.DataDir != dir+"/data" {
		t.Errorf("inspector %+v, data_dir %s", cfg.Inspector, cfg.Host.DataDir)
	}
}
