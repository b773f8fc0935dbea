// Command webhook is the connector that tells any HTTP endpoint about product
// changes: signed by Standard Webhooks unless told otherwise, as CloudEvents,
// as GitHub or Payamgostar do it, or in a form made of templates. Its README
// lists the options.
package main

import (
	"context"
	"maps"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

// Config is the block [connectors.<name>.config].
type Config struct {
	URL     string            `json:"url" required:"true" doc:"Address of the endpoint; a template."`
	Method  string            `json:"method" doc:"HTTP method; a template. Without it POST, in style payamgostar GET."`
	Headers map[string]string `json:"headers" doc:"Headers to send, each a template. They win over those of the style."`
	Body    string            `json:"body" doc:"The body; a template. Without it the style's own."`

	Style       string       `json:"style" default:"standard-webhooks" choices:"standard-webhooks,cloudevents,github,payamgostar,custom" doc:"What the endpoint expects."`
	Secret      sdk.Secret   `json:"secret" doc:"Signs what is sent. standard-webhooks: whsec_… (HMAC) or whsk_… (Ed25519), required. github, and custom with a signature: any text, required."`
	OldSecrets  []sdk.Secret `json:"old_secrets" doc:"Style standard-webhooks: more secrets to sign with while the receiver changes from one to the next."`
	Signature   *Signature   `json:"signature" doc:"Style custom: how to sign with secret. The keys are those of the receiver scheme hmac."`
	CloudEvents CloudEvents  `json:"cloudevents" doc:"Style cloudevents."`

	Auth            Auth                  `json:"auth" doc:"How to log in; one of these."`
	TLS             TLS                   `json:"tls" doc:"Own certificate for mutual TLS, and private authorities."`
	TemplateSecrets map[string]sdk.Secret `json:"template_secrets" doc:"Secrets that templates may use, as {{secret \"name\"}}. They are masked in every record."`

	Batch         string       `json:"batch" choices:"array,ndjson" doc:"Send up to 64 changes in one body: a JSON array, or a line each. Without it a request each."`
	Timeout       sdk.Duration `json:"timeout" default:"15s" doc:"For one request, answer included; at most 50s."`
	MaxResponse   int64        `json:"max_response" default:"65536" doc:"Bytes of an answer that are read."`
	AllowNetworks []string     `json:"allow_networks" doc:"Private, loopback and other special networks that may be called, such as 192.168.0.0/16. All others are refused, on every dial, after names are resolved."`
}

var plugin = sdk.Plugin[Config]{
	Name:    "webhook",
	Version: "0.1.0",
	Fields:  append(sdk.FieldPaths(), sdk.RawField),
	Limits:  sdk.Limits{Batch: 64, InFlight: 8, Timeout: time.Minute},
	Open: func(_ context.Context, _ sdk.Env, c Config) (sdk.Connector, error) {
		return build(&c)
	},
	Type: func(Config) sdk.Connector { return (*webhook)(nil) },
}

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // what is alive is little, and what comes and goes is much
	}
	sdk.Serve(plugin)
}

// webhook is the connector.
type webhook struct {
	client    *rest.Client
	composer  *composer
	auth      authorizer
	handshake *handshake // nil: none is made
	batch     batchForm
}

// Validate finds what is wrong with the options by building from them.
func (c *Config) Validate() error {
	_, err := build(c)
	return err
}

// Apply sends the changes, each in a request of its own or all in one.
func (w *webhook) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	if err := w.handshake.ensure(ctx, w); err != nil {
		return nil, err
	}
	if w.batch != "" {
		return w.applyBatch(ctx, changes)
	}
	return sdk.Each(ctx, len(changes), changes, w.send)
}

// Check tries what can be tried without sending an event: it gets a token where
// the endpoint wants one, and asks for permission in style cloudevents, else
// connects, with TLS. A host that depends on the product is not tried.
func (w *webhook) Check(ctx context.Context) error {
	if w.handshake != nil {
		return w.handshake.ask(ctx, w)
	}
	if _, err := w.auth.credentials(ctx); err != nil {
		return err
	}
	if endpoint := w.composer.host(); endpoint != nil {
		return w.client.Reach(ctx, endpoint)
	}
	return nil
}

// Close ends idle connections.
func (w *webhook) Close() error {
	w.client.Close()
	return nil
}

// send tells of one change in one request.
func (w *webhook) send(ctx context.Context, c sdk.Change) (sdk.Result, error) {
	req, err := w.composer.request(&c, time.Now())
	if err != nil {
		return sdk.Result{}, err
	}
	resp, err := w.do(ctx, req)
	return sdk.Result{Exchange: resp.Exchange()}, err
}

// do logs in, keeps the agreed pace, sends, and judges the answer.
func (w *webhook) do(ctx context.Context, req rest.Request) (*rest.Response, error) {
	if err := w.handshake.wait(ctx); err != nil {
		return &rest.Response{}, err
	}
	resp, err := w.doAuthorized(ctx, req)
	if err != nil {
		err = w.judge(resp, err)
	}
	return resp, err
}

// doAuthorized sends req with the credentials. A token that is refused is got
// anew, once: it may have been revoked before its time.
func (w *webhook) doAuthorized(ctx context.Context, req rest.Request) (*rest.Response, error) {
	for first := true; ; first = false {
		credentials, err := w.auth.credentials(ctx)
		if err != nil {
			return &rest.Response{}, err
		}
		if credentials != "" {
			req.Header[w.auth.name] = []string{credentials}
		}
		resp, err := w.client.Do(ctx, req)
		if resp.Status != http.StatusUnauthorized || !first || !w.auth.forget(credentials) {
			return resp, err
		}
		req.Header = maps.Clone(req.Header) // Do may still read the one it got
	}
}
