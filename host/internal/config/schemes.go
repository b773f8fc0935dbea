package config

import "slices"

// Scheme is one way of sending that receivers take: how its senders prove
// themselves, and what their requests say. What is written here is what the
// documentation's table of senders is made of; package receive does it.
type Scheme struct {
	Name      string
	Sender    string // who sends so
	Proof     string // what is verified of each request
	Handshake string // how the sender makes sure of the receiver before it sends; empty: it does not
	Brings    string // snapshots, hints, or what the map makes
	Repeat    string // what a request that comes again is known by; empty: nothing, it is an event of its own
	Setup     string // where at the sender the URL and the secret go
	Contract  string // URL of the page or file that it was made by
	Checked   string // when that was read, such as "2026-11"

	products bool     // events are about products without a map
	open     bool     // may do without a secret
	issued   bool     // the sender makes the secret: one that is made here is another
	keys     []string // that it takes beside those of every receiver
	token    Token    // where the secret is looked for, unless the file says; zero: elsewhere than token tells
}

// The schemes that other parts of this package know by name.
const (
	paypal = "paypal"
	catch  = "catch"
)

// Schemes are all that there are, in the order in which they are told of: ours
// and the general ones, then those of one sender by name.
var Schemes = []Scheme{
	{
		Name: "product", Sender: "anybody who can choose", products: true,
		Proof:  "bearer token, or a Standard Webhooks signature",
		Brings: "snapshots",
		Repeat: "the event's `id`, `webhook-id`, or `Idempotency-Key`",
		Setup:  "send to the URL, with the header `Authorization: Bearer` and the secret",
		keys:   []string{"tolerance"},
	},
	{
		Name: "standard-webhooks", Sender: "whoever follows standardwebhooks.com", products: true,
		Proof:    "signature `v1` (HMAC-SHA256) or `v1a` (Ed25519) of id, time and body",
		Brings:   "our own envelope, what `map` makes, or raw events",
		Repeat:   "`webhook-id`",
		Setup:    "the endpoint's URL; the secret is the one that the sender shows, `whsec_…` or `whpk_…`",
		Contract: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
		Checked:  "2026-11",
		keys:     []string{"tolerance", "map"},
	},
	{
		Name: "hmac", Sender: "whoever signs with an HMAC of its own making",
		Proof:  "HMAC of what `signature` says, in a header",
		Brings: "what `map` makes, or raw events",
		Repeat: "the signed time and text, or `map.id`",
		Setup:  "the URL and the secret, wherever the sender keeps them",
		keys:   []string{"tolerance", "map", "signature", "methods"},
	},
	{
		Name: "token", Sender: "whoever sends a secret as it stands",
		Proof:  "secret in a header, the query or the path",
		Brings: "what `map` makes, or raw events",
		Repeat: "`map.id`",
		Setup:  "the URL, with the secret where `token` says",
		keys:   []string{"map", "token", "methods"}, token: Token{Header: "Authorization"},
	},
	{
		Name: catch, Sender: "anything", open: true,
		Proof:  "as `token`, or the address only (`allow`)",
		Brings: "raw events as they came, or what `map` makes",
		Repeat: "`map.id`",
		Setup:  "the URL",
		keys:   []string{"map", "token", "methods"}, token: Token{Header: "Authorization"},
	},
	{
		Name: "akeneo", Sender: "Akeneo PIM: Events API and Event Platform", products: true,
		Proof:    "HMAC-SHA256 of time and body; of the Event Platform, of the body",
		Brings:   "snapshots; hints of the Event Platform; raw events of what is no product",
		Repeat:   "the event's id, in the body",
		Setup:    "Connect → Connection settings → Event subscription: the URL; the secret is shown there. Event Platform: `url` and `secret` of the subscription's `config`",
		Contract: "https://api.akeneo.com/event-platform/concepts.html",
		Checked:  "2026-11",
		keys:     []string{"tolerance", "map"},
	},
	{
		Name: "aspnet", Sender: "ASP.NET WebHooks",
		Proof:     "HMAC-SHA256 of the body in `ms-signature`; or, with `token = { query = \"code\" }`, that parameter",
		Handshake: "`GET` with `echo`, which is said back",
		Brings:    "what `map` makes, or raw events",
		Repeat:    "the signed message's `Id`; with `token` `map.id`",
		Setup:     "WebHookUri and Secret of the registration",
		Contract:  "https://learn.microsoft.com/aspnet/webhooks/receiving/receivers",
		Checked:   "2026-11",
		keys:      []string{"map", "token"},
	},
	{
		Name: "cloudevents", Sender: "whoever sends CloudEvents 1.0 over HTTP", products: true,
		Proof:     "bearer token, in `Authorization` or the query (`access_token`)",
		Handshake: "`OPTIONS` with `WebHook-Request-Origin`, granted to `origins`",
		Brings:    "products of our own webhook connector, what `map` makes, or raw events",
		Repeat:    "`source` and `id`",
		Setup:     "the URL as the sink or endpoint of the subscription; the secret is its access token, in the URL as here or as a bearer token, not both",
		Contract:  "https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md",
		Checked:   "2026-11",
		keys:      []string{"map", "origins"},
		token:     Token{Query: "access_token"},
	},
	{
		Name: "dropbox", Sender: "Dropbox", issued: true,
		Proof:     "HMAC-SHA256 of the body, in `X-Dropbox-Signature`",
		Handshake: "GET: the challenge is said back",
		Brings:    "what `map` makes of the accounts, or raw events",
		Setup:     "App Console → the app → Webhooks: the URL; the secret is the App secret",
		Contract:  "https://www.dropbox.com/developers/reference/webhooks",
		Checked:   "2026-11",
		keys:      []string{"map"},
	},
	{
		Name: "github", Sender: "GitHub, and what sends like it",
		Proof:     "HMAC-SHA256 of the body, in `X-Hub-Signature-256`",
		Handshake: "`ping` event, answered and not kept",
		Brings:    "what `map` makes, or raw events",
		Repeat:    "`X-GitHub-Delivery`",
		Setup:     "Settings → Webhooks: the payload URL, the content type `application/json`, the secret",
		Contract:  "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
		Checked:   "2026-11",
		keys:      []string{"map"},
	},
	{
		Name: "gitlab", Sender: "GitLab",
		Proof:    "Standard Webhooks signature, where the secret begins with `whsec_`; else the secret in `X-Gitlab-Token`",
		Brings:   "what `map` makes, or raw events",
		Repeat:   "`webhook-id`, or `Idempotency-Key`",
		Setup:    "Settings → Webhooks: the URL, and the secret as signing token (`whsec_…`, better) or secret token",
		Contract: "https://docs.gitlab.com/user/project/integrations/webhooks/",
		Checked:  "2026-11",
		keys:     []string{"tolerance", "map"},
	},
	{
		Name: "hesabfa", Sender: "Hesabfa accounting", products: true,
		Proof:    "the member `Password` of the body, which nobody else gets to see",
		Brings:   "hints",
		Setup:    "`url` and `hookPassword` of the API call setting/SetChangeHook",
		Contract: "https://hesabfa.com/help/api/hook",
		Checked:  "2026-11",
		keys:     []string{"map"},
	},
	{
		Name: "mailchimp", Sender: "Mailchimp",
		Proof:     "secret in the query (`code`) or the path",
		Handshake: "GET: answered with 200, and brings nothing",
		Brings:    "what `map` makes, or raw events",
		Repeat:    "the body, which tells its time",
		Setup:     "Audience → Settings → Webhooks: the URL, which has the secret in it",
		Contract:  "https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/",
		Checked:   "2026-11",
		keys:      []string{"map", "token"}, token: Token{Query: "code"},
	},
	{
		Name: "medusa", Sender: "Medusa, by a subscriber", products: true,
		Proof:    "HMAC-SHA256 of the body, in `X-Medusa-Signature`, and the time in it",
		Brings:   "hints; deletions; of other events what `map` makes, or raw events",
		Repeat:   "the body, which tells its time",
		Setup:    "the subscriber in docs/receivers.md, as `src/subscribers/synchost.js` of the Medusa app: the URL in `HOOK_URL`, the secret in `HOOK_SECRET`",
		Contract: "https://docs.medusajs.com/learn/fundamentals/events-and-subscribers",
		Checked:  "2026-11",
		keys:     []string{"tolerance", "map"},
	},
	{
		Name: "meta", Sender: "Meta: Instagram, Facebook, Messenger, WhatsApp", issued: true,
		Proof:     "HMAC-SHA256 of the body, in `X-Hub-Signature-256`",
		Handshake: "GET: the challenge is said back to who knows `verify_token`",
		Brings:    "what `map` makes of a batch, or raw events",
		Repeat:    "the body, which tells its time",
		Setup:     "App Dashboard → Webhooks: the callback URL and the verify token; the secret is the App secret",
		Contract:  "https://developers.facebook.com/docs/graph-api/webhooks/getting-started/",
		Checked:   "2026-11",
		keys:      []string{"map", "verify_token"},
	},
	{
		Name: "payamgostar", Sender: "Payamgostar CRM", products: true,
		Proof:    "secret in the query (`code`) or the path",
		Brings:   "hints",
		Setup:    "Product management → webhook settings: the URL, which has the secret in it",
		Contract: "https://github.com/1stco/PayamGostarDocs/blob/master/Other/ProductWebhook.md",
		Checked:  "2026-11",
		keys:     []string{"token"}, token: Token{Query: "code"},
	},
	{
		Name: paypal, Sender: "PayPal", open: true,
		Proof:    "PayPal's RSA signature of id, time and the body's CRC32; with `postback` PayPal itself is asked",
		Brings:   "PayPal's own answer, as `map` makes it or raw; without `postback` only that something happened",
		Repeat:   "PayPal's id of the event",
		Setup:    "Apps & Credentials → the app → Webhooks: the URL; `webhook_id` is the id that is shown there then",
		Contract: "https://developer.paypal.com/api/rest/webhooks/rest/",
		Checked:  "2026-11",
		keys:     []string{"tolerance", "map", "webhook_id", "postback", "sandbox"},
	},
	{
		Name: "shopify", Sender: "Shopify, webhooks and Events", issued: true, products: true,
		Proof:    "HMAC-SHA256 of the body, in `X-Shopify-Hmac-SHA256` or `Shopify-Hmac-Sha256`",
		Brings:   "snapshots; of Events hints; of other topics what `map` makes, or raw events",
		Repeat:   "`X-Shopify-Webhook-Id`",
		Setup:    "`shopify.app.toml`, or Settings → Notifications → Webhooks: the URL, format JSON; the secret is the app's client secret, or the one that the page shows",
		Contract: "https://shopify.dev/docs/apps/build/webhooks/delivery-structure",
		Checked:  "2026-11",
		keys:     []string{"map", "currency"},
	},
	{
		Name: "slack", Sender: "Slack", issued: true,
		Proof:     "HMAC-SHA256 of time and body, in `X-Slack-Signature`",
		Handshake: "`url_verification`: the challenge is said back, once its signature is right",
		Brings:    "what `map` makes, or raw events",
		Repeat:    "`event_id`, or the signed text",
		Setup:     "the app's Event Subscriptions → Request URL; the secret is the Signing Secret of Basic Information",
		Contract:  "https://docs.slack.dev/authentication/verifying-requests-from-slack",
		Checked:   "2026-11",
		keys:      []string{"tolerance", "map"},
	},
	{
		Name: "stripe", Sender: "Stripe", issued: true, products: true,
		Proof:    "HMAC-SHA256 of time and body, in `Stripe-Signature`",
		Brings:   "products as snapshots without prices; prices as hints; of other events what `map` makes, or raw events",
		Repeat:   "the event's `id`",
		Setup:    "Workbench → Webhooks → Add destination: the endpoint URL, events of your account, payload style snapshot; the secret is the signing secret, `whsec_…`",
		Contract: "https://docs.stripe.com/webhooks#verify-manually",
		Checked:  "2026-11",
		keys:     []string{"tolerance", "map"},
	},
	{
		Name: "svix", Sender: "whoever sends by Svix", issued: true, products: true,
		Proof:    "signature `v1` or `v1a` of id, time and body, in `Svix-Signature` or `Webhook-Signature`",
		Brings:   "our own envelope, what `map` makes, or raw events",
		Repeat:   "`svix-id`",
		Setup:    "the sender's portal → Endpoints: the URL; the secret is the endpoint's signing secret, `whsec_…`",
		Contract: "https://docs.svix.com/receiving/verifying-payloads/how-manual",
		Checked:  "2026-11",
		keys:     []string{"tolerance", "map"},
	},
	{
		Name: "trello", Sender: "Trello", issued: true,
		Proof:     "HMAC-SHA1 of the body and the `url`, in `X-Trello-Webhook`",
		Handshake: "HEAD: answered with 200, and brings nothing",
		Brings:    "what `map` makes, or raw events",
		Repeat:    "the ids of action and model",
		Setup:     "`callbackURL` of the API's `POST /1/webhooks` is the URL; the secret is the app's OAuth 1.0 secret",
		Contract:  "https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/",
		Checked:   "2026-11",
		keys:      []string{"map"},
	},
	{
		Name: "woocommerce", Sender: "WooCommerce", products: true,
		Proof:     "HMAC-SHA256 of the body, in `X-WC-Webhook-Signature`",
		Handshake: "unsigned ping when it is saved, answered with 200",
		Brings:    "snapshots; of products with variations hints; of other topics what `map` makes, or raw events",
		Repeat:    "`X-WC-Webhook-Delivery-ID`, and the body",
		Setup:     "WooCommerce → Settings → Advanced → Webhooks: the delivery URL, the secret, API version 3; one for each topic",
		Contract:  "https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks",
		Checked:   "2026-11",
		keys:      []string{"map", "currency"},
	},
}

// schemeNamed is the scheme of a name; it has no name where there is none.
func schemeNamed(name string) Scheme {
	if i := slices.IndexFunc(Schemes, func(s Scheme) bool { return s.Name == name }); i >= 0 {
		return Schemes[i]
	}
	return Scheme{}
}

// named are the names of the schemes for which a condition holds.
func schemeNames(holds func(Scheme) bool) []string {
	var names []string
	for _, s := range Schemes {
		if holds(s) {
			names = append(names, s.Name)
		}
	}
	return names
}

func anyScheme(Scheme) bool { return true }

// with are the schemes that take a key.
func with(key string) []string {
	return schemeNames(func(s Scheme) bool { return s.takes(key) })
}

func (s Scheme) takes(key string) bool { return slices.Contains(s.keys, key) }
