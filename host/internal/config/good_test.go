package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

// ignorePlace leaves out what TestPlaces and TestWhereSecretsAreKept look at. Secrets are compared whole.
var ignorePlace = cmp.Options{
	cmpopts.IgnoreTypes(Place{}, []Kept{}),
	cmp.Comparer(func(a, b sdk.Secret) bool { return a.Reveal() == b.Reveal() }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestDefaults(t *testing.T) {
	dir := fixture(t)
	want := &Config{
		File: "connectors.toml",
		Host: Host{
			Listen: "127.0.0.1:8470", DataDir: dir + "/data", Socket: dir + "/data/synchost.sock",
			LogLevel: "info", LogFormat: "text", MaxBody: 1 << 20, MaxConnections: 4096,
			ReadTimeout: 15 * time.Second, KeepEvents: 720 * time.Hour, KeepDeliveries: 720 * time.Hour,
			StopTimeout: 20 * time.Second, Timezone: time.Local,
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
trusted_proxies = ["10.0.0.0/8", "::1", "::ffff:192.0.2.1", "::ffff:198.51.100.0/120"]
keep_events = "24h"
keep_deliveries = "48h"
stop_timeout = "0s"
timezone = "Asia/Tehran"

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
source = "hook"
of = "shop"

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
watch = "*/15 * * * *"
reconcile = "30 2 * * mon-fri"
mode = "plan"
jitter = "10m"
match = ["trim", "case", "persian", "zwnj"]
max_deletes = 20
shrink = "12.5%"
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
reconcile = "@every 90m"
max_deletes = "0.5%"
[connectors.later.own]
name = "source-until-edited"
prices = "source"
"variants.stock" = "fill-if-empty"
"attributes.*" = "destination"
attributes.color = "ignore"
`

// TestPricesWithoutACurrencyAreTold: who sends names and stock only needs none, so it
// is no problem; with a map the prices are the map's.
func TestPricesWithoutACurrencyAreTold(t *testing.T) {
	fixture(t)
	for keys, want := range map[string]bool{"": true, `currency = "EUR"`: false, `map.key = "body.id"`: false} {
		cfg := mustLoad(t, "[receivers.a]\nscheme = \"shopify\"\npath = \"/in\"\nsecret = { env = \"GOOD_SECRET\" }\n"+keys)
		if got := cfg.Warnings.Error(); strings.Contains(got, "receivers.a.currency: is missing") != want {
			t.Errorf("%s: warnings: %s", keys, got)
		}
	}
}

// TestEventsThatAreForgottenTooSoon: whoever sends a request again, with its own
// signature, could do so behind the back of a host that forgets its id.
func TestEventsThatAreForgottenTooSoon(t *testing.T) {
	fixture(t)
	const standard = "\nscheme = \"standard-webhooks\"\nsecret = { env = \"GOOD_SECRET\" }"
	for keys, want := range map[string]bool{
		standard: true, standard + "\ntolerance = \"4m\"": false,
		"\nscheme = \"paypal\"\nwebhook_id = \"1\"":                                              true,
		"\nscheme = \"hmac\"\nsecret = { env = \"GOOD_SECRET\" }\nsignature.header = \"X-Sign\"": false, // signs no time
		"\nscheme = \"github\"\nsecret = { env = \"GOOD_SECRET\" }":                              false,
	} {
		cfg := mustLoad(t, "[host]\nkeep_events = \"9m\"\n[receivers.a]\npath = \"/in\""+keys)
		if got := cfg.Warnings.Error(); strings.Contains(got, "receivers.a.tolerance: a request may be sent again") != want {
			t.Errorf("%s: warnings: %s", keys, got)
		}
	}
}

func TestEverything(t *testing.T) {
	dir := fixture(t)
	cfg := mustLoad(t, everything)
	env, inFile := sdk.NewSecret("from-the-environment"), sdk.NewSecret("from-a-secret-file")
	retry := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
	want := &Config{
		File: "connectors.toml",
		Host: Host{
			Listen: "[::1]:9000", DataDir: "/srv/synchost", Socket: dir + "/run/control.sock",
			ConnectorsDir: dir + "/connectors", LogLevel: "debug", LogFormat: "json", MaxBody: 2e6, MaxConnections: 10,
			ReadTimeout: 90 * time.Second, KeepEvents: 24 * time.Hour, KeepDeliveries: 48 * time.Hour, Timezone: mustZone(t, "Asia/Tehran"),
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("198.51.100.0/24")},
		},
		Inspector: Inspector{Enabled: true, Listen: "localhost:0", Keep: 5},
		Receivers: []Receiver{
			{Name: "signed", Scheme: "hmac", Path: "/in/signed", Secrets: []sdk.Secret{env, inFile},
				Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}, Rate: Rate{60, time.Minute}, MaxBody: 512 << 10,
				Signature: Signature{"X-Sig", "sha512", "base64", "v1=", "{header:X-T}.{body}", "X-T"},
				Tolerance: time.Minute, Methods: []string{"PUT"},
				Map: map[string]string{"key": "body.id", "attributes.color": "body.color", "attributes.x y": "body.x"}},
			{Name: "crm", Scheme: "payamgostar", Path: "/in/crm", Secrets: []sdk.Secret{env}, Token: Token{Query: "code"}, Source: "hook", Of: "shop"},
			{Name: "crm-by-path", Scheme: "payamgostar", Path: "/in/crm/{secret}", Secrets: []sdk.Secret{env}},
			{Name: "simple", Scheme: "token", Path: "/in/simple", Secrets: []sdk.Secret{env},
				Token: Token{Header: "Authorization"}, Methods: []string{"POST"}},
			{Name: "any", Scheme: "catch", Path: "/in/any", Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
			{Name: "std", Scheme: "standard-webhooks", Path: "/in/std", Secrets: []sdk.Secret{env}, Tolerance: 5 * time.Minute},
		},
		Connectors: []Connector{
			{Name: "hook", Plugin: "webhook", Binary: dir + "/connectors/webhook", Enabled: true, LogLevel: "debug",
				OnDelete: "archive", Retry: retry, TLS: "auto", Config: []byte("{}"),
				Mode: "apply", Match: []string{"trim"}, MaxDeletes: Limit{Percent: 2}, Shrink: 0.5},
			{Name: "shop", Plugin: "woo", Binary: dir + "/connectors/woo", Enabled: true,
				SHA256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
				Env:    []string{"HTTPS_PROXY"}, LogLevel: "trace", Deliver: "every", Filter: "product.status == 'active'",
				Map:      map[string]string{"name": "upper(product.name)"},
				Own:      []OwnRule{{"prices", "source"}, {"variants.stock", "source"}, {"attributes.*", "source"}, {"attributes.color", "source"}},
				OnDelete: "keep", OnUnknown: "hold",
				Watch: "*/15 * * * *", Reconcile: "30 2 * * mon-fri", Mode: "plan", Jitter: 10 * time.Minute,
				Match: []string{"trim", "case", "persian", "zwnj"}, MaxDeletes: Limit{Count: 20}, Shrink: 0.125,
				Rate: Rate{10, time.Second}, Batch: 100, InFlight: 4, Timeout: 30 * time.Second,
				Retry: []time.Duration{time.Second, time.Minute}, MemoryMax: 256 << 20, TLS: "off",
				Config: []byte(`{"at":"03:04:05","big":9007199254740993,"day":"2026-01-02","headers":{"X-Key.1":"from-a-secret-file"},` +
					`"local":"2026-01-02T03:04:05.5","on":true,"ratio":0.5,` +
					`"servers":[{"key":"from-the-environment","tags":["a",["b"]]},{"key":"from-a-secret-file"}],` +
					`"since":"2026-01-02T03:04:05Z","token":"from-the-environment","url":"https://shop.example"}`),
				Secret: []string{"token", "headers.X-Key.1", "servers[0].key", "servers[1].key"}},
			{Name: "later", Plugin: "not-there", LogLevel: "debug", OnDelete: "archive", Retry: retry, TLS: "auto",
				Own: []OwnRule{{"name", "source-until-edited"}, {"prices", "source"}, {"variants.stock", "fill-if-empty"},
					{"attributes.*", "destination"}, {"attributes.color", "ignore"}},
				Reconcile: "@every 90m", Mode: "apply", Match: []string{"trim"}, MaxDeletes: Limit{Percent: 0.5}, Shrink: 0.5},
		},
	}
	if diff := cmp.Diff(want, cfg, ignorePlace); diff != "" {
		t.Errorf("everything (-want +got):\n%s", diff)
	}
}

// TestDefaultsOfSingleSenders: some senders are as they are.
func TestDefaultsOfSingleSenders(t *testing.T) {
	fixture(t)
	cfg := mustLoad(t, `
[receivers.paypal]
scheme = "paypal"
path = "/in/paypal"
webhook_id = "4JH86294D6297924G"
postback = { client_id = "app", client_secret = { env = "GOOD_SECRET" } }

[receivers.strict]
scheme = "paypal"
path = "/in/strict"
webhook_id = "4JH86294D6297924G"
tolerance = "5m"
sandbox = true

[receivers.bus]
scheme = "cloudevents"
path = "/in/bus"
secret = { env = "GOOD_SECRET" }
origins = ["events.example.com"]
`)
	paypal, strict, bus := cfg.Receivers[0], cfg.Receivers[1], cfg.Receivers[2]
	if paypal.Tolerance != 96*time.Hour || paypal.Postback.ClientID != "app" || paypal.Postback.ClientSecret.IsZero() || paypal.Sandbox {
		t.Errorf("paypal: %+v", paypal)
	}
	if strict.Tolerance != 5*time.Minute || !strict.Sandbox || strict.Postback != (Postback{}) {
		t.Errorf("strict: %+v", strict)
	}
	if bus.Token.Query != "access_token" || len(bus.Origins) != 1 {
		t.Errorf("bus: %+v", bus)
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
