package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

// Vectors that others published.
func TestSignaturesAreThoseOfOthers(t *testing.T) {
	const body = `{"test": 2432232314}`
	tests := []struct {
		name, id string
		config   Config
		body     string
		header   string
		want     string
	}{
		{"Standard Webhooks v1", "msg_p5jXN8AQM9LWM0D4loKWxJek", Config{Style: "standard-webhooks", Secret: sdk.NewSecret(hmacSecret)},
			body, "Webhook-Signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		{"Standard Webhooks v1a, of svix", "msg_p5jXN8AQM9LWM0D4loKWxJek", Config{Style: "standard-webhooks", Secret: sdk.NewSecret(ed25519Secret)},
			body, "Webhook-Signature", "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="},
		{"two at once", "msg_p5jXN8AQM9LWM0D4loKWxJek",
			Config{Style: "standard-webhooks", Secret: sdk.NewSecret(hmacSecret), OldSecrets: []sdk.Secret{sdk.NewSecret(ed25519Secret)}},
			body, "Webhook-Signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="},
		{"GitHub's documentation", "1", Config{Style: "github", Secret: sdk.NewSecret("It's a Secret to Everybody")},
			"Hello, World!", "X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
		{"Slack's documentation", "1", Config{Style: "custom", Secret: sdk.NewSecret("8f742231b10e8888abcd99yyyzzz85a5"),
			Signature: &Signature{Header: "X-Slack-Signature", Prefix: "v0=", Signed: "v0:{header:X-Slack-Request-Timestamp}:{body}"}},
			"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
			"X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
		{"Shopify's library", "1", Config{Style: "custom", Secret: sdk.NewSecret("test_secret_key"),
			Signature: &Signature{Header: "X-Shopify-Hmac-Sha256", Encoding: "base64", Signed: "{body}"}},
			`{"foo": "bar"}`, "X-Shopify-Hmac-Sha256", "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var f faults
			s := newSigner(&test.config, &f)
			if len(f) > 0 {
				t.Fatal(f)
			}
			at := time.Unix(1614265330, 0)
			req := rest.Request{Header: http.Header{"X-Slack-Request-Timestamp": {"1531420618"}}, Body: []byte(test.body), URL: &url.URL{}}
			s.sign(&req, test.id, at)
			if got := req.Header.Get(test.header); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// Whoever uses the library of Standard Webhooks can verify what arrives, with
// the new secret and with the old one.
func TestReceiversCanVerify(t *testing.T) {
	const older = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	s := newSink(t, nil)
	client := opened(t, options{"url": s.URL, "secret": hmacSecret, "old_secrets": []string{older, ed25519Secret}})
	done(t, client, update("7"))
	r := s.one(t)
	for _, secret := range []string{hmacSecret, older} {
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(r.body, r.Header); err != nil {
			t.Errorf("%s: %v", secret, err)
		}
		if verifier.Verify(append(r.body, ' '), r.Header) == nil {
			t.Error("a changed body is verified")
		}
	}
	public, err := base64.StdEncoding.DecodeString("1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(r.Header.Get("Webhook-Signature"), "v1a,")
	signature, err := base64.StdEncoding.DecodeString(last)
	signed := r.Header.Get("Webhook-Id") + "." + r.Header.Get("Webhook-Timestamp") + "." + string(r.body)
	if err != nil || !ed25519.Verify(public, []byte(signed), signature) {
		t.Errorf("v1a is not verified (%v)", err)
	}
}

func TestSignedPartsAndTimestamp(t *testing.T) {
	config := Config{Style: "custom", Secret: sdk.NewSecret("k"), Signature: &Signature{
		Header: "X-Sig", Algorithm: "sha1", Timestamp: "x-time", Signed: "a{path}?{query}.{header:x-time}.{header:none}{body}z"}}
	var f faults
	s := newSigner(&config, &f)
	address, _ := url.Parse("https://h.example/a%20b?c=d")
	req := rest.Request{Header: http.Header{}, Body: []byte("B"), URL: address}
	s.sign(&req, "", time.Unix(1700000000, 0))
	whole := Config{Style: "custom", Secret: sdk.NewSecret("k"), Signature: &Signature{Header: "X-Sig", Algorithm: "sha1", Signed: "{body}"}}
	other := rest.Request{Header: http.Header{}, Body: []byte("a/a%20b?c=d.1700000000.Bz"), URL: address}
	newSigner(&whole, &f).sign(&other, "", time.Time{})
	if len(f) > 0 || req.Header.Get("X-Time") != "1700000000" || req.Header.Get("X-Sig") != other.Header.Get("X-Sig") || len(req.Header.Get("X-Sig")) != 40 {
		t.Errorf("%v: %v, want %v", f, req.Header, other.Header)
	}
}
