// Package config turns connectors.toml into checked structs, or into the whole
// list of what is wrong with it, each with its place and remedy.
//
// What may stand in the file is one table of keys (keys.go), each with the way
// its value is written (kinds.go). The decoder, the defaults and the JSON Schema
// for editors are all read from it. What concerns several keys at once is in
// check.go.
package config

import (
	"net/netip"
	"time"

	"github.com/synchost/synchost/sdk"
)

// Config is connectors.toml, checked: secrets resolved, defaults filled in,
// paths made absolute (relative ones are relative to the file).
type Config struct {
	File       string // where it was read from
	Host       Host
	Inspector  Inspector
	Receivers  []Receiver  // in the order of the file
	Connectors []Connector // in the order of the file, disabled ones too
	Warnings   Problems    // what is unwise but no reason not to start
}

// Host is the table [host].
type Host struct {
	Listen         string         // "127.0.0.1:8470": where receivers, /healthz, /readyz and /metrics are served
	PublicURL      string         // "https://sync.example.com", under which senders reach Listen; empty: not told
	TLS            TLS            // both files or none
	DataDir        string         // "data"
	Socket         string         // Unix socket of the control API; default <data_dir>/synchost.sock
	ConnectorsDir  string         // default: the folder "connectors" beside the executable
	LogLevel       string         // trace, debug, info, warn, error; default info
	LogFormat      string         // text or json; default text
	MaxBody        int64          // bytes; default 1 MiB; config as text: "1MiB"
	MaxConnections int            // default 4096
	ReadTimeout    time.Duration  // headers and body; default 15s
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; default none
	KeepEvents     time.Duration  // default 720h
	KeepDeliveries time.Duration  // default 720h
	StopTimeout    time.Duration  // drain on stop; default 20s
	Timezone       *time.Location // of the schedules; default: the machine's
}

// TLS names certificate and key files.
type TLS struct{ Cert, Key string }

// Inspector is the table [inspector]: a request bin for trying things out.
type Inspector struct {
	Enabled bool
	Listen  string // loopback only; default 127.0.0.1:8471
	Keep    int    // requests; default 200
}

// Receiver is one table [receivers.<name>].
type Receiver struct {
	Name    string
	Scheme  string         // the name of one of Schemes
	Path    string         // "/in/products"; no two receivers overlap. A segment "{secret}" holds the secret
	URL     string         // under which the sender reaches it; default Host.PublicURL and Path; empty: not told
	Secrets []sdk.Secret   // `secret = {…}` or `secret = [{…}, {…}]` while rotating; resolved, never empty strings
	Kept    []Kept         // where they are, also where they could not be read
	Allow   []netip.Prefix // sender addresses; empty: any
	Rate    Rate           // requests a second; zero: unlimited
	MaxBody int64          // 0: Host.MaxBody (product NDJSON streams are bounded per line, not as a whole)
	Source  string         // the connector that completes events without a product; empty: none
	Of      string         // the connector whose platform sends here, so that what we wrote comes back; empty: none

	// For single schemes; zero elsewhere. Which keys a scheme takes is checked.
	Signature Signature         // hmac
	Token     Token             // of schemes that take it; zero where Path holds the secret, or there is none
	Tolerance time.Duration     // standard-webhooks, product, hmac: of the timestamp; default 5m
	Methods   []string          // token, hmac: default POST; catch: default nil, any
	Map       map[string]string // token, hmac, standard-webhooks, catch: expressions, empty where one could not be read; see receive
	Currency  string            // shopify, woocommerce: of the prices; empty: they are left out
	Place     Place             // of each key in the file, for messages: Place.Problem("map.key", …)

	WebhookID string   // paypal: PayPal's id of this webhook
	Postback  Postback // paypal: zero: PayPal is not asked
	Sandbox   bool     // paypal: it is PayPal's sandbox that sends
	Origins   []string // cloudevents: who may ask for permission to send

	VerifyToken sdk.Secret // meta: what the handshake is proven with
	VerifyKept  []Kept     // where that is, also where it could not be read
}

// Postback is the app of the paypal scheme, as which PayPal is asked.
type Postback struct {
	ClientID     string
	ClientSecret sdk.Secret
}

// Signature tells how the hmac scheme signs.
type Signature struct {
	Header    string // "X-Signature-256"
	Algorithm string // sha256 (default), sha1, sha384, sha512
	Encoding  string // hex (default), base64
	Prefix    string // "sha256="; default none
	Signed    string // template of the signed bytes; default "{body}"; "{header:X-Timestamp}.{body}", "{path}", "{query}"
	Timestamp string // header with Unix seconds to hold against Tolerance; default none
}

// Token tells where the secret is looked for: in one of the two.
type Token struct {
	Header string // "Authorization" is compared after "Bearer "
	Query  string // "code"
}

// Rate is a number of things in a stretch of time, written "100/s", "60/m".
type Rate struct {
	Count int
	Per   time.Duration
}

// Connector is one table [connectors.<name>].
type Connector struct {
	Name       string
	Plugin     string            // the binary's name in ConnectorsDir, or an absolute path
	Binary     string            // absolute path of the executable; empty for one that cannot be started: disabled, or what it is started with is wrong
	Enabled    bool              // default true
	SHA256     string            // lower-case hex; empty: not pinned
	Env        []string          // names of host variables that the process may see
	LogLevel   string            // default: Host.LogLevel
	Deliver    string            // "latest", "every"; empty: the connector's own default ("every" for webhook, else "latest")
	Filter     string            // expr, true: goes on
	Map        map[string]string // field path -> expr; empty where it could not be read
	Own        []OwnRule         // who owns which field, in the order of the file; nil: everything carried is "source"
	OnDelete   string            // "archive" (default), "delete", "keep"
	Watch      string            // when it is listed as a source: a schedule of package cron; empty: never
	Reconcile  string            // when it is compared with the catalog, likewise
	Mode       string            // what a reconciliation does: "apply" (default), "plan"
	Jitter     time.Duration     // Watch and Reconcile are put off by a fixed part of it; default 0
	Match      []string          // how codes are made alike for adoption: "trim" (default), "case", "persian", "zwnj"
	MaxDeletes Limit             // of one reconciliation; default 2 %
	Shrink     float64           // a listing of this share of the last one, or less, has failed: 0.5 (default); 0: none has
	OnUnknown  string            // "" (find, else hold), "retry", "hold"
	Rate       Rate              // changes a second; zero: unlimited
	Batch      int               // 0: the connector's limit
	InFlight   int               // 0: the connector's limit
	Timeout    time.Duration     // of one Apply; 0: the connector's limit
	Retry      []time.Duration   // waits between attempts; default of Standard Webhooks
	MemoryMax  int64             // bytes for the process; 0: no limit
	TLS        string            // "auto" (default), "off"
	Config     []byte            // the table config as JSON, secrets resolved; hand it to the connector, print it never; nil where disabled
	Secret     []string          // option paths in Config that came from a reference: "auth.token", "servers[0].key"
	Place      Place             // of each key in the file, for messages: Place.Problem("filter", …), "config.url", "map.name"
}

// OwnRule says who owns a field at a connector. Of several that cover a field the
// most specific holds; a field that none covers is ignored.
type OwnRule struct {
	Path string // "prices", "attributes.*"
	Mode string // "source", "source-until-edited", "fill-if-empty", "destination", "ignore"
}

// Limit is a number of things, or a share of all of them, written 20 or "2%". The
// zero Limit lets nothing pass.
type Limit struct {
	Count   int
	Percent float64 // from 0 to 100; holds where it is not 0
}
