package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"time"

	"github.com/synchost/synchost/sdk"
)

const year = 365 * 24 * time.Hour

var logLevel = choice("trace", "debug", "info", "warn", "error")

func fileTable() table[Config] {
	return table[Config]{keys: []key[Config]{
		field("host", sub(hostTable()), func(c *Config) *Host { return &c.Host },
			"The host itself: where it listens, and where it keeps its data.").or(map[string]any{}),
		field("inspector", sub(inspectorTable()), func(c *Config) *Inspector { return &c.Inspector },
			"A request bin for trying things out: it shows the last requests as they arrived.").or(map[string]any{}),
		field("receivers", named(receiverTable(),
			func(name string, place Place) Receiver { return Receiver{Name: name, Place: place} }),
			func(c *Config) *[]Receiver { return &c.Receivers },
			"The ways in: [receivers.<name>] takes product changes over HTTP."),
		field("connectors", named(connectorTable(),
			func(name string, place Place) Connector { return Connector{Name: name, Place: place} }),
			func(c *Config) *[]Connector { return &c.Connectors },
			"The ways out: [connectors.<name>] is one account at one platform."),
	}}
}

func hostTable() table[Host] {
	return table[Host]{keys: []key[Host]{
		field("listen", address, func(h *Host) *string { return &h.Listen },
			"Address and port of the receivers, /healthz, /readyz and /metrics.").or("127.0.0.1:8470"),
		field("public_url", publicURL, func(h *Host) *string { return &h.PublicURL },
			`The address under which senders reach listen, such as "https://sync.example.com"; default: listen itself.`),
		field("tls", sub(tlsTable()), func(h *Host) *TLS { return &h.TLS },
			"Certificate and key to serve HTTPS with; without them plain HTTP."),
		field("data_dir", file, func(h *Host) *string { return &h.DataDir },
			"The folder that holds all durable state.").or("data"),
		field("socket", file, func(h *Host) *string { return &h.Socket },
			"The Unix socket that the command line talks to; default: synchost.sock in data_dir."),
		field("connectors_dir", file, func(h *Host) *string { return &h.ConnectorsDir },
			"The folder of the connectors' executables; default: the folder connectors beside the host's own."),
		field("log_level", logLevel, func(h *Host) *string { return &h.LogLevel },
			"The least that is logged.").or("info"),
		field("log_format", choice("text", "json"), func(h *Host) *string { return &h.LogFormat },
			"Log lines for people or for programs.").or("text"),
		field("max_body", size, func(h *Host) *int64 { return &h.MaxBody },
			"The largest request body that is taken.").or("1MiB"),
		field("max_connections", integer(1, 1_000_000), func(h *Host) *int { return &h.MaxConnections },
			"How many connections may be open at once.").or(int64(4096)),
		field("read_timeout", duration(100*time.Millisecond, time.Hour), func(h *Host) *time.Duration { return &h.ReadTimeout },
			"How long a request may take to arrive.").or("15s"),
		field("trusted_proxies", list(network), func(h *Host) *[]netip.Prefix { return &h.TrustedProxies },
			"Addresses and networks of proxies whose X-Forwarded-For is believed."),
		field("keep_events", duration(time.Minute, 100*year), func(h *Host) *time.Duration { return &h.KeepEvents },
			"How long delivered events are kept.").or("720h"),
		field("keep_deliveries", duration(time.Minute, 100*year), func(h *Host) *time.Duration { return &h.KeepDeliveries },
			"How long the records of deliveries are kept.").or("720h"),
		field("stop_timeout", duration(0, time.Hour), func(h *Host) *time.Duration { return &h.StopTimeout },
			"How long a stop waits for calls that are on their way.").or("20s"),
		field("timezone", timezone, func(h *Host) **time.Location { return &h.Timezone },
			`The time zone of all schedules, such as "Europe/Berlin"; default: the machine's.`),
	}}
}

func tlsTable() table[TLS] {
	return table[TLS]{keys: []key[TLS]{
		field("cert", file, func(t *TLS) *string { return &t.Cert },
			"The PEM file of the certificate, followed by its chain.").required(),
		field("key", file, func(t *TLS) *string { return &t.Key },
			"The PEM file of the private key.").required(),
	}}
}

func inspectorTable() table[Inspector] {
	return table[Inspector]{keys: []key[Inspector]{
		field("enabled", boolean, func(i *Inspector) *bool { return &i.Enabled },
			"Whether the inspector is served.").or(false),
		field("listen", address, func(i *Inspector) *string { return &i.Listen },
			"Address and port of the inspector; loopback only, since it has no password.").or("127.0.0.1:8471"),
		field("keep", integer(1, 100_000), func(i *Inspector) *int { return &i.Keep },
			"How many requests it remembers.").or(int64(200)),
	}}
}

func receiverTable() table[Receiver] {
	t := table[Receiver]{scheme: func(r *Receiver) string { return r.Scheme }}
	t.keys = []key[Receiver]{
		field("scheme", choice(schemeNames(anyScheme)...),
			func(r *Receiver) *string { return &r.Scheme },
			"How requests are proved and read, going by who sends them: the table in host/README.md tells which.").required(),
		field("path", urlPath, func(r *Receiver) *string { return &r.Path },
			`The path that requests come to, such as "/in/shop"; a segment {secret} is the secret itself (for schemes that take token).`).required(),
		noted(field("secret", oneOrMore(secret), func(r *Receiver) *[]sdk.Secret { return &r.Secrets },
			`What the sender proves itself with: { env = "NAME" } or { file = "path" }; a list while it is being changed.`),
			func(r *Receiver) *[]Kept { return &r.Kept }).
			required(schemeNames(func(s Scheme) bool { return !s.open })...),
		field("allow", list(network), func(r *Receiver) *[]netip.Prefix { return &r.Allow },
			"Addresses and networks that may send; default: all."),
		field("rate", rate, func(r *Receiver) *Rate { return &r.Rate },
			"The most requests that are taken; default: no limit."),
		field("max_body", size, func(r *Receiver) *int64 { return &r.MaxBody },
			"The largest request body that is taken; default: that of [host]."),
		field("signature", sub(signatureTable()), func(r *Receiver) *Signature { return &r.Signature },
			`How the sender signs, such as { header = "X-Signature-256" }.`).required().only(with("signature")...),
		field("token", sub(tokenTable()), func(r *Receiver) *Token { return &r.Token },
			`Where the secret is looked for: { header = "X-Token" } or { query = "code" }; default: the header Authorization, for payamgostar and mailchimp the query parameter code; aspnet has none, and signs.`).
			only(with("token")...),
		field("tolerance", duration(time.Second, 7*24*time.Hour), func(r *Receiver) *time.Duration { return &r.Tolerance },
			"How far the signed time may be from ours; for paypal, which sends again for three days, the default is 96h.").or("5m").only(with("tolerance")...),
		noted(field("verify_token", secret, func(r *Receiver) *sdk.Secret { return &r.VerifyToken },
			"What Meta proves itself with when the callback URL is entered, written as secret is; the same text goes into Verify token there."),
			func(r *Receiver) *[]Kept { return &r.VerifyKept }).
			required().only(with("verify_token")...),
		field("methods", list(choice("GET", "POST", "PUT", "PATCH", "DELETE")), func(r *Receiver) *[]string { return &r.Methods },
			"The HTTP methods that are taken; default: POST, for catch all.").or([]any{"POST"}, "token", "hmac").only(with("methods")...),
		field("map", expressions, func(r *Receiver) *map[string]string { return &r.Map },
			"Expressions that make key, op and product fields of a request.").only(with("map")...),
		field("webhook_id", filled("the id that PayPal shows"), func(r *Receiver) *string { return &r.WebhookID },
			"PayPal's id of this webhook, which it shows beside the URL; it is signed.").required().only(with("webhook_id")...),
		field("postback", sub(postbackTable()), func(r *Receiver) *Postback { return &r.Postback },
			"The app as which PayPal is asked for each event; default: PayPal is not asked, and events say no more than that something happened.").only(with("postback")...),
		field("sandbox", boolean, func(r *Receiver) *bool { return &r.Sandbox },
			"Whether PayPal's sandbox sends, and not PayPal itself.").or(false).only(with("sandbox")...),
		field("currency", matching(`the code of a currency, such as "EUR"`, `^[A-Z]{3}$`), func(r *Receiver) *string { return &r.Currency },
			"The currency of the sender's prices, where it does not tell it; without it they are left out.").only(with("currency")...),
		field("origins", list(matching(`the name of a sending system, such as "events.example.com"`, `^[A-Za-z0-9._:-]+$`)), func(r *Receiver) *[]string { return &r.Origins },
			"The systems that get permission to send when they ask for it, by their WebHook-Request-Origin; default: none.").only(with("origins")...),
		field("url", publicURL, func(r *Receiver) *string { return &r.URL },
			"The address under which the sender reaches this receiver; default: public_url of [host], and path."),
		field("source", filled("the name of a connector"), func(r *Receiver) *string { return &r.Source },
			"The connector that is asked for the product where an event only says that something changed."),
		field("of", filled("the name of a connector"), func(r *Receiver) *string { return &r.Of },
			"The connector whose platform sends here: what the host wrote there itself comes back and is not passed on."),
	}
	return t
}

// noted is a key of secrets that also notes where they are kept.
func noted(k key[Receiver], place func(*Receiver) *[]Kept) key[Receiver] {
	read := k.read
	k.read = func(d *decoder, at string, raw any, r *Receiver) {
		*place(r) = d.kept(raw)
		read(d, at, raw, r)
	}
	return k
}

func signatureTable() table[Signature] {
	return table[Signature]{keys: []key[Signature]{
		field("header", headerName, func(s *Signature) *string { return &s.Header },
			"The header that carries the signature.").required(),
		field("algorithm", choice("sha256", "sha1", "sha384", "sha512"), func(s *Signature) *string { return &s.Algorithm },
			"The hash under the HMAC.").or("sha256"),
		field("encoding", choice("hex", "base64"), func(s *Signature) *string { return &s.Encoding },
			"How the signature is written.").or("hex"),
		field("prefix", filled("a text"), func(s *Signature) *string { return &s.Prefix },
			`What stands before the signature, such as "sha256=".`),
		field("signed", filled("a template"), func(s *Signature) *string { return &s.Signed },
			"What is signed: {body}, {path}, {query} and {header:NAME} stand for parts of the request.").or("{body}"),
		field("timestamp", headerName, func(s *Signature) *string { return &s.Timestamp },
			"The header with the time in Unix seconds, held against tolerance."),
	}}
}

func tokenTable() table[Token] {
	return table[Token]{keys: []key[Token]{
		field("header", headerName, func(t *Token) *string { return &t.Header },
			`The header that carries the secret; in Authorization after "Bearer ".`),
		field("query", matching(`the name of a query parameter, such as "code"`, `^[A-Za-z0-9._~-]+$`),
			func(t *Token) *string { return &t.Query },
			"The query parameter that carries the secret."),
	}}
}

func postbackTable() table[Postback] {
	return table[Postback]{keys: []key[Postback]{
		field("client_id", filled("the app's client ID"), func(p *Postback) *string { return &p.ClientID },
			"The app's client ID, as PayPal shows it.").required(),
		field("client_secret", secret, func(p *Postback) *sdk.Secret { return &p.ClientSecret },
			`The app's secret: { env = "NAME" } or { file = "path" }.`).required(),
	}}
}

// The waits that Standard Webhooks recommends, after the first attempt at once.
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
var retryDefault = []any{"5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"}

func connectorTable() table[Connector] {
	return table[Connector]{hint: "; options of the connector itself go under its table config", keys: []key[Connector]{
		field("plugin", plugin, func(c *Connector) *string { return &c.Plugin },
			"The name of the connector's executable in connectors_dir, or its absolute path.").required(),
		field("enabled", boolean, func(c *Connector) *bool { return &c.Enabled },
			"Whether it is started; its secrets and executable may be absent while it is not.").or(true),
		field("sha256", matching("a SHA-256 sum: 64 digits 0-9, a-f", `^[0-9a-f]{64}$`), func(c *Connector) *string { return &c.SHA256 },
			"The checksum that the executable must have; default: any."),
		field("env", list(matching("the name of an environment variable", `^[A-Za-z_][A-Za-z0-9_]*$`)),
			func(c *Connector) *[]string { return &c.Env },
			"Names of the host's environment variables that the process may see; default: none."),
		field("log_level", logLevel, func(c *Connector) *string { return &c.LogLevel },
			"The least of this connector's lines that is logged; default: that of [host]."),
		field("deliver", choice("latest", "every"), func(c *Connector) *string { return &c.Deliver },
			"Whether changes of a product that pile up become one; default: every for connectors that carry raw events, such as webhook, else latest."),
		field("filter", filled("an expression"), func(c *Connector) *string { return &c.Filter },
			"An expression: products for which it is false do not go to this connector."),
		field("map", expressions, func(c *Connector) *map[string]string { return &c.Map },
			"Expressions that make product fields for this connector."),
		field("own", ownership, func(c *Connector) *[]OwnRule { return &c.Own },
			"The product fields that may be written, as a list, or as a table that says of each field who owns it: source, source-until-edited, fill-if-empty, destination or ignore; default: source for all that the connector carries."),
		field("on_delete", choice("archive", "delete", "keep"), func(c *Connector) *string { return &c.OnDelete },
			"What becomes of a product that is deleted at its source.").or("archive"),
		field("watch", cronText, func(c *Connector) *string { return &c.Watch },
			"When the connector is listed as a source of products; default: never."),
		field("reconcile", cronText, func(c *Connector) *string { return &c.Reconcile },
			"When what the connector lists is compared with what it should have; default: never."),
		field("mode", choice("apply", "plan"), func(c *Connector) *string { return &c.Mode },
			"Whether a reconciliation corrects what it finds, or leaves a plan to be applied by hand, as the first one always does.").or("apply"),
		field("jitter", duration(0, 24*time.Hour), func(c *Connector) *time.Duration { return &c.Jitter },
			"The most by which watch and reconcile are put off, so that not all begin at once; by how much is the same each time.").or("0s"),
		field("match", list(choice("trim", "case", "persian", "zwnj")), func(c *Connector) *[]string { return &c.Match },
			"What does not tell codes apart when products that are there already are looked for: space around them, case, Persian or Arabic letters and digits, zero-width non-joiners.").or([]any{"trim"}),
		field("max_deletes", limit, func(c *Connector) *Limit { return &c.MaxDeletes },
			"The most products that one reconciliation may archive or delete, as a number or a share of those that are linked and on sale; with more it does nothing and asks.").or("2%"),
		field("shrink", share, func(c *Connector) *float64 { return &c.Shrink },
			"A listing that has this share of the last one, or less, has failed.").or("50%"),
		field("on_unknown", choice("retry", "hold"), func(c *Connector) *string { return &c.OnUnknown },
			"What to do when nobody knows whether a create arrived, and the connector can neither find nor list; default: retry for connectors that carry raw events, such as webhook, else hold."),
		field("rate", rate, func(c *Connector) *Rate { return &c.Rate },
			"The most changes that are written; default: no limit."),
		field("batch", integer(1, 1000), func(c *Connector) *int { return &c.Batch },
			"The most changes in one call; default and upper bound: what the connector can take."),
		field("in_flight", integer(1, 64), func(c *Connector) *int { return &c.InFlight },
			"The most calls at once; default and upper bound: what the connector can take."),
		field("timeout", duration(100*time.Millisecond, 10*time.Minute), func(c *Connector) *time.Duration { return &c.Timeout },
			"How long one call may take; default: what the connector says."),
		field("retry", list(duration(0, 30*24*time.Hour)), func(c *Connector) *[]time.Duration { return &c.Retry },
			"The waits between attempts; after the last one a change is a dead letter. An empty list: one attempt.").or(retryDefault),
		field("memory_max", size, func(c *Connector) *int64 { return &c.MemoryMax },
			"The memory that the process may use; default: no limit."),
		field("tls", choice("auto", "off"), func(c *Connector) *string { return &c.TLS },
			"Whether host and connector talk over mutual TLS; off only for connectors that cannot.").or("auto"),
		connectorOptions(),
	}}
}

const wantPlugin = `the name of a connector such as "webhook", or an absolute path`

var pluginForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

var plugin = text(wantPlugin, schema{"minLength": 1}, func(s string) (string, error) {
	if !pluginForm.MatchString(s) && !filepath.IsAbs(s) {
		return "", fmt.Errorf("%q is not %s", s, wantPlugin)
	}
	return s, nil
})
