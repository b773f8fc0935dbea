package receive

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

// Vectors of senders' own documentation and test suites, where the name of a
// sender stands; the others are ours.
const (
	ourSecret = "12345678901234567890123456789012"
	ourBody   = `{ "key": "value" }`
	slackBody = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)

type vector struct {
	name     string
	receiver config.Receiver
	at       int64 // the clock, in Unix seconds
	call     call
	signed   []string // headers that the signature, or its check, hangs on
}

func hmacReceiver(secret string, s config.Signature) config.Receiver {
	if s.Algorithm == "" {
		s.Algorithm = "sha256"
	}
	if s.Encoding == "" {
		s.Encoding = "hex"
	}
	if s.Signed == "" {
		s.Signed = "{body}"
	}
	return config.Receiver{
		Name: "in", Scheme: "hmac", Path: "/in", Secrets: secretsOf(secret), Signature: s,
		Tolerance: 5 * time.Minute, Methods: []string{"POST"},
	}
}

// senderReceiver is one of a sender that has a scheme by name.
func senderReceiver(scheme, secret string) config.Receiver {
	return config.Receiver{Name: "in", Scheme: scheme, Path: "/in", Secrets: secretsOf(secret), Tolerance: 5 * time.Minute}
}

func standardReceiver(secrets ...string) config.Receiver {
	return config.Receiver{Name: "in", Scheme: "standard-webhooks", Path: "/in", Secrets: secretsOf(secrets...), Tolerance: 5 * time.Minute}
}

func svixReceiver(secrets ...string) config.Receiver {
	c := standardReceiver(secrets...)
	c.Scheme = "svix"
	return c
}

func post(body string, headers ...string) call {
	c := call{target: "/in", body: body}
	for i := 0; i < len(headers); i += 2 {
		c = c.with(headers[i], headers[i+1])
	}
	return c
}

func standardCall(prefix, signature string) call {
	return post(`{"test": 2432232314}`, prefix+"-id", "msg_p5jXN8AQM9LWM0D4loKWxJek", prefix+"-timestamp", "1614265330", prefix+"-signature", signature)
}

const (
	v1Secret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	v1Sign    = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	v1aPublic = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	v1aSign   = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

var standardSigned = []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}

func vectors() []vector {
	return []vector{
		{"GitHub", hmacReceiver("It's a Secret to Everybody", config.Signature{Header: "X-Hub-Signature-256", Prefix: "sha256="}), 0,
			post("Hello, World!", "X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
			[]string{"X-Hub-Signature-256"}},
		// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
		{"GitHub, by name", senderReceiver("github", "It's a Secret to Everybody"), 0,
			post("Hello, World!", "X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
				"X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958", "X-GitHub-Event", "push"),
			[]string{"X-Hub-Signature-256"}},
		{"Slack", hmacReceiver("8f742231b10e8888abcd99yyyzzz85a5", config.Signature{Header: "X-Slack-Signature", Prefix: "v0=",
			Signed: "v0:{header:X-Slack-Request-Timestamp}:{body}", Timestamp: "X-Slack-Request-Timestamp"}), 1531420618,
			post(slackBody, "X-Slack-Request-Timestamp", "1531420618",
				"X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
			[]string{"X-Slack-Signature", "X-Slack-Request-Timestamp"}},
		{"Slack, by name", senderReceiver("slack", "8f742231b10e8888abcd99yyyzzz85a5"), 1531420618,
			post(slackBody, "X-Slack-Request-Timestamp", "1531420618",
				"X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
			[]string{"X-Slack-Signature", "X-Slack-Request-Timestamp"}},
		{"Shopify", hmacReceiver("test_secret_key", config.Signature{Header: "X-Shopify-Hmac-Sha256", Encoding: "base64"}), 0,
			post(`{"foo": "bar"}`, "X-Shopify-Hmac-Sha256", "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="),
			[]string{"X-Shopify-Hmac-Sha256"}},
		// https://github.com/Shopify/shopify-app-js, packages/apps/shopify-api/lib/webhooks/__tests__/validate.test.ts
		{"Shopify, by name", shopifyReceiver(""), 0,
			post(`{"foo": "bar"}`, "X-Shopify-Hmac-Sha256", "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g=", "X-Shopify-Topic", "app/uninstalled", "X-Shopify-Webhook-Id", "1234567890"),
			[]string{"X-Shopify-Hmac-Sha256"}},
		{"Dropbox", hmacReceiver("the_secret", config.Signature{Header: "X-Dropbox-Signature"}), 0,
			post(`{"delta": {"users": [12345]}}`, "X-Dropbox-Signature", "0a8c16b085420b960dc78664279fe09e936a2a01b1f91064869d9e77dfd64529"),
			[]string{"X-Dropbox-Signature"}},
		{"Woo", hmacReceiver(ourSecret, config.Signature{Header: "X-WC-Webhook-Signature", Encoding: "base64"}), 0,
			post(ourBody, "X-WC-Webhook-Signature", "frZ0ob+TAiqclXDkQQYA122bH/gcYmlHGwNHPvvSdMY="),
			[]string{"X-WC-Webhook-Signature"}},
		{"Woo, by name", wooReceiver(""), 0,
			post(ourBody, "X-WC-Webhook-Signature", "frZ0ob+TAiqclXDkQQYA122bH/gcYmlHGwNHPvvSdMY=", "X-WC-Webhook-Topic", "order.created", "X-WC-Webhook-Delivery-ID", "d"),
			[]string{"X-Wc-Webhook-Signature"}},
		{"Stripe", stripeReceiver(stripeSecret), 1700000000,
			post(ourBody, "Stripe-Signature", "t=1700000000,v1=d1cf63f9f1de92cefe0ae5a7098aa0e28542cd14f00057ff7404bcec504239e3"), []string{"Stripe-Signature"}},
		{"ASP.NET", hmacReceiver(ourSecret, config.Signature{Header: "ms-signature", Prefix: "sha256="}), 0,
			post(ourBody, "ms-signature", "sha256=7eb674a1bf93022a9c9570e4410600d76d9b1ff81c6269471b03473efbd274c6"),
			[]string{"ms-signature"}},
		{"Meta", hmacReceiver(ourSecret, config.Signature{Header: "X-Hub-Signature-256", Prefix: "sha256="}), 0,
			post(`{"object":"instagram","entry":[]}`, "X-Hub-Signature-256", "sha256=26eb0463e9e43a4767596ea140857d592aa7e727d79fb776a0cb0eab03c07c24"),
			[]string{"X-Hub-Signature-256"}},
		{"Trello", hmacReceiver(ourSecret, config.Signature{Header: "X-Trello-Webhook", Algorithm: "sha1", Encoding: "base64",
			Signed: "{body}https://example.com/trello"}), 0,
			post(ourBody, "X-Trello-Webhook", "AVlZRogr8wXQACSvA0cUk6pdL00="), []string{"X-Trello-Webhook"}},
		{"Meta, by name", metaReceiver(ourSecret), 0,
			post(`{"object":"instagram","entry":[]}`, "X-Hub-Signature-256", "sha256=26eb0463e9e43a4767596ea140857d592aa7e727d79fb776a0cb0eab03c07c24"),
			[]string{"X-Hub-Signature-256"}},
		{"Trello, by name", trelloReceiver(ourSecret, "https://example.com/trello"), 0,
			post(ourBody, "X-Trello-Webhook", "AVlZRogr8wXQACSvA0cUk6pdL00="), []string{"X-Trello-Webhook"}},
		{"Trello, a URL with a query", trelloReceiver("secret", "https://mycallback.com/trelloCallbacks/?memberID=14&mainModel=true"), 0,
			post(`{"test":true}`, "X-Trello-Webhook", "KdyqgV0W4gRgnqBdEAeiAjE8KV0="), []string{"X-Trello-Webhook"}},
		// The package hapi-dropbox-webhooks, test/index.js.
		{"Dropbox, by name", senderReceiver("dropbox", "the_secret"), 0,
			post(`{"delta": {"users": [12345]}}`, "X-Dropbox-Signature", "0a8c16b085420b960dc78664279fe09e936a2a01b1f91064869d9e77dfd64529"),
			[]string{"X-Dropbox-Signature"}},
		{"Standard Webhooks v1", standardReceiver(v1Secret), 1614265330, standardCall("Webhook", v1Sign), standardSigned},
		{"Standard Webhooks v1, secret without its prefix", standardReceiver(strings.TrimPrefix(v1Secret, "whsec_")), 1614265330,
			standardCall("Webhook", v1Sign), standardSigned},
		{"Standard Webhooks v1a", standardReceiver(v1aPublic), 1614265330, standardCall("Webhook", v1aSign), standardSigned},
		{"GitLab, signing token", senderReceiver("gitlab", v1Secret), 1614265330, standardCall("Webhook", v1Sign), standardSigned},
		// https://docs.svix.com/receiving/verifying-payloads/how, read 2026-11
		{"Svix, by name", svixReceiver(v1Secret), 1614265330, standardCall("Svix", v1Sign), []string{"Svix-Id", "Svix-Timestamp", "Svix-Signature"}},
		{"Svix, white-labelled", svixReceiver(v1Secret), 1614265330, standardCall("Webhook", v1Sign), standardSigned},
		// https://github.com/svix/svix-webhooks/blob/main/server/svix-server/src/worker.rs
		{"Svix v1a", svixReceiver(v1aPublic), 1614265330, standardCall("Svix", v1aSign), []string{"Svix-Id", "Svix-Timestamp", "Svix-Signature"}},
		{"Svix", standardReceiver(v1Secret), 1614265330, standardCall("Svix", v1Sign), []string{"Svix-Id", "Svix-Timestamp", "Svix-Signature"}},
	}
}

func TestVectorsAreTaken(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			k := &keeper{}
			h := newHandler(t, k, time.Unix(v.at, 0), v.receiver)
			if w := v.call.do(h); w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			events := k.kept()
			if len(events) != 1 || events[0].Op != sdk.Received || string(events[0].Raw.Body) != v.call.body {
				t.Fatalf("events = %+v", events)
			}
			for _, name := range []string{http.CanonicalHeaderKey(v.receiver.Signature.Header), "Webhook-Signature", "Svix-Signature"} {
				if _, there := events[0].Raw.Headers[name]; there {
					t.Errorf("the signature %s is kept", name)
				}
			}
		})
	}
}

// TestSignaturesOfVersionsToCome: a sender that signs in a newer way, too, is
// known by the one that is known.
func TestSignaturesOfVersionsToCome(t *testing.T) {
	for signatures, want := range map[string]int{
		"v2,not~base64 " + v1Sign: 200, v1Sign + " v2": 200, strings.Repeat("v2,x ", maxSignatures) + v1Sign: 401, "v2," + strings.TrimPrefix(v1Sign, "v1,"): 401,
	} {
		h := newHandler(t, &keeper{}, time.Unix(1614265330, 0), standardReceiver(v1Secret))
		if w := standardCall("Webhook", signatures).do(h); w.Code != want {
			t.Errorf("%s: %d %s, want %d", signatures, w.Code, w.Body, want)
		}
	}
}

func TestOneFlippedBitIsRefused(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			k := &keeper{}
			h := newHandler(t, k, time.Unix(v.at, 0), v.receiver)
			refused := func(what string, c call) {
				if w := c.do(h); w.Code != http.StatusBadRequest && w.Code != http.StatusUnauthorized {
					t.Errorf("%s: %d %s", what, w.Code, w.Body)
				}
			}
			flip(v.call.body, func(changed string) {
				c := v.call
				c.body = changed
				refused("body "+changed, c)
			})
			for _, name := range v.signed {
				text := v.call.header.Get(name)
				flip(text, func(changed string) {
					if !strings.EqualFold(changed, text) { // hex may be of either case
						refused(fmt.Sprintf("%s: %q", name, changed), v.call.with(name, changed))
					}
				})
				refused(name+" missing", v.call.with(name))
				refused(name+" empty", v.call.with(name, ""))
				refused(name+" doubled", v.call.with(name, text, text))
				refused(name+" in one line", v.call.with(name, text+", "+text))
				refused(name+" with a blank", v.call.with(name, strings.Replace(text, "=", " = ", 1)+" "))
				refused(name+" not ASCII", v.call.with(name, text+"é"))
				refused(name+" not UTF-8", v.call.with(name, text+"\xff"))
				refused(name+" long", v.call.with(name, text+strings.Repeat("0", 9000)))
			}
			if events := k.kept(); len(events) > 0 {
				t.Errorf("taken: %+v", events)
			}
		})
	}
}

func TestSecretsRotate(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			other := "another secret"
			if v.receiver.Scheme == "standard-webhooks" || v.receiver.Scheme == "gitlab" || v.receiver.Scheme == "svix" {
				other = "whsec_AAECAwQFBgcICQoLDA0ODw=="
			}
			k := &keeper{}
			both := v.receiver
			both.Secrets = append(secretsOf(other), both.Secrets...)
			if w := v.call.do(newHandler(t, k, time.Unix(v.at, 0), both)); w.Code != http.StatusOK {
				t.Errorf("while rotating: %d %s", w.Code, w.Body)
			}
			wrong := v.receiver
			wrong.Secrets = secretsOf(other)
			if w := v.call.do(newHandler(t, k, time.Unix(v.at, 0), wrong)); w.Code != http.StatusUnauthorized {
				t.Errorf("with another secret: %d %s", w.Code, w.Body)
			}
			for _, none := range [][]sdk.Secret{nil, {sdk.NewSecret("")}} {
				empty := v.receiver
				empty.Secrets = none
				h, problems := New([]config.Receiver{empty}, Options{Accepter: k})
				if len(problems) == 0 {
					t.Error("a receiver without a secret is no problem")
				}
				if w := v.call.do(h); w.Code/100 == 2 {
					t.Errorf("without a secret: %d", w.Code)
				}
			}
		})
	}
}

func TestTimestampsAreHeldAgainstTheClock(t *testing.T) {
	for _, v := range vectors() {
		if v.at == 0 {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			for off, want := range map[time.Duration]int{
				0: 200, 5 * time.Minute: 200, -5 * time.Minute: 200,
				5*time.Minute + time.Second: 401, -5*time.Minute - time.Second: 401,
				time.Hour * 24 * 365 * 40: 401, -time.Hour * 24 * 365 * 40: 401,
			} {
				h := newHandler(t, &keeper{}, time.Unix(v.at, 0).Add(off), v.receiver)
				if w := v.call.do(h); w.Code != want {
					t.Errorf("clock off by %s: %d %s", off, w.Code, w.Body)
				}
			}
		})
	}
}

// TestReplaysMakeNoNewEvent: what comes again within the tolerance is answered
// as if it were new, and is a duplicate.
func TestReplaysMakeNoNewEvent(t *testing.T) {
	for _, v := range vectors() {
		if v.at == 0 {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			k := &keeper{}
			h := newHandler(t, k, time.Unix(v.at, 0), v.receiver)
			for range 3 {
				if w := v.call.do(h); w.Code != http.StatusOK {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			if got := len(k.kept()); got != 1 {
				t.Errorf("%d events", got)
			}
			if s := h.Stats()[0]; s.Accepted != 1 || s.Duplicates != 2 {
				t.Errorf("stats = %+v", s)
			}
		})
	}
}
