package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Auth says how to log in at the endpoint.
type Auth struct {
	Bearer sdk.Secret  `json:"bearer" doc:"Token for Authorization: Bearer."`
	Basic  *Basic      `json:"basic" doc:"User name and password."`
	Header *AuthHeader `json:"header" doc:"A secret in a header of your choice."`
	OAuth2 *OAuth2     `json:"oauth2" doc:"OAuth 2.0 client credentials; tokens are got and renewed."`
}

// Basic is a user name and its password.
type Basic struct {
	User     string     `json:"user" required:"true" doc:"User name."`
	Password sdk.Secret `json:"password" required:"true" doc:"Password."`
}

// AuthHeader is a secret in a header.
type AuthHeader struct {
	Name  string     `json:"name" required:"true" doc:"Header name, such as X-Api-Key."`
	Value sdk.Secret `json:"value" required:"true" doc:"Its whole value."`
}

// OAuth2 is the client credentials grant.
type OAuth2 struct {
	TokenURL     string            `json:"token_url" required:"true" doc:"Address that gives tokens. allow_networks holds for it too."`
	ClientID     string            `json:"client_id" required:"true" doc:"Client identifier."`
	ClientSecret sdk.Secret        `json:"client_secret" required:"true" doc:"Client secret."`
	Scopes       []string          `json:"scopes" doc:"Scopes to ask for."`
	Params       map[string]string `json:"params" doc:"More parameters of the token request, such as audience."`
}

// authorizer knows the credentials of a request.
type authorizer struct {
	name   string  // of the header, in canonical form
	value  string  // fixed; empty where tokens gives it
	tokens *tokens // nil: none
}

func (a *Auth) authorizer(o rest.Options, f *faults) authorizer {
	ways := 0
	chosen := authorizer{name: "Authorization"}
	if !a.Bearer.IsZero() {
		ways++
		chosen.value = "Bearer " + a.Bearer.Reveal()
	}
	if a.Basic != nil {
		ways++
		chosen.value = "Basic " + a.Basic.encoded()
	}
	if a.Header != nil {
		ways++
		chosen.name, chosen.value = http.CanonicalHeaderKey(a.Header.Name), a.Header.Value.Reveal()
		if !isToken(a.Header.Name) {
			f.add("auth.header.name", "%q is not a header name", a.Header.Name)
		}
	}
	if a.OAuth2 != nil {
		ways++
		chosen.tokens = newTokens(a.OAuth2, o, f)
	}
	if !isHeaderValue(chosen.value) {
		f.add("auth", "the secret holds a line break or another character that a header cannot carry")
	}
	if ways > 1 {
		f.add("auth", "only one of bearer, basic, header and oauth2 can be used")
	}
	return chosen
}

// credentials is the header's value; empty: send none.
func (a *authorizer) credentials(ctx context.Context) (string, error) {
	if a.tokens == nil {
		return a.value, nil
	}
	return a.tokens.get(ctx)
}

// forget drops a token that was refused, and says whether another can be got.
func (a *authorizer) forget(credentials string) bool {
	return a.tokens != nil && a.tokens.forget(credentials)
}

// tokens keeps one access token and gets the next when it is due.
type tokens struct {
	config clientcredentials.Config
	client *http.Client

	mu    sync.Mutex // also keeps it to one request at a time
	token *oauth2.Token
}

func newTokens(o *OAuth2, options rest.Options, f *faults) *tokens {
	if u, err := url.Parse(o.TokenURL); err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		f.add("auth.oauth2.token_url", "write an address such as https://login.example/token")
	}
	params := url.Values{}
	for name, value := range o.Params {
		params.Set(name, value)
	}
	return &tokens{
		config: clientcredentials.Config{
			ClientID:       o.ClientID,
			ClientSecret:   o.ClientSecret.Reveal(),
			TokenURL:       o.TokenURL,
			Scopes:         o.Scopes,
			EndpointParams: params,
		},
		client: &http.Client{
			Transport: rest.NewTransport(options),
			Timeout:   options.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // the client secret goes nowhere else
			},
		},
	}
}

func (t *tokens) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.token.Valid() {
		token, err := t.config.Token(context.WithValue(ctx, oauth2.HTTPClient, t.client))
		if err != nil {
			return "", tokenError(err)
		}
		t.token = token
	}
	return t.token.Type() + " " + t.token.AccessToken, nil
}

// forget drops the token unless another has taken its place already.
func (t *tokens) forget(credentials string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != nil && t.token.Type()+" "+t.token.AccessToken == credentials {
		t.token = nil
	}
	return true
}

// tokenError tells wrong credentials from a token endpoint in trouble. Of what
// the endpoint said only a code of RFC 6749 is told: the rest may repeat the
// secret.
func tokenError(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.Response == nil {
		return fmt.Errorf("auth.oauth2: no token: %w", err)
	}
	said := fmt.Sprintf("auth.oauth2: the token endpoint answered %d", refused.Response.StatusCode)
	switch refused.ErrorCode {
	case "invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client", "unsupported_grant_type":
		said += " " + refused.ErrorCode
	}
	failure := rest.Failure(refused.Response.StatusCode, refused.Response.Header, errors.New(said))
	switch failure.Kind {
	case sdk.Rejected, sdk.Conflict, sdk.Gone:
		failure.Kind = sdk.Denied
	}
	return failure
}
