package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

// maxTimeout leaves room in Limits.Timeout for what surrounds a request.
const maxTimeout = 50 * time.Second

// faults collects everything that is wrong with the options.
type faults []error

func (f *faults) add(option, format string, args ...any) {
	*f = append(*f, sdk.Reject(option, fmt.Errorf(format, args...)))
}

// build makes the connector, or tells everything that is wrong.
func build(c *Config) (*webhook, error) {
	var f faults
	if c.Timeout.Std() <= 0 || c.Timeout.Std() > maxTimeout {
		f.add("timeout", "must be more than 0s and at most %s", maxTimeout)
	}
	if c.MaxResponse < 1 || c.MaxResponse > 64<<20 {
		f.add("max_response", "must be from 1 to %d", 64<<20)
	}
	options := rest.Options{
		Timeout:       c.Timeout.Std(),
		MaxResponse:   c.MaxResponse,
		TLS:           c.TLS.config(&f),
		AllowNetworks: c.networks(&f),
		Secrets:       c.secrets(),
	}
	if c.Auth.Header != nil {
		options.SecretHeaders = []string{c.Auth.Header.Name}
	}
	w := &webhook{
		client:   rest.New(options),
		auth:     c.Auth.authorizer(options, &f),
		composer: newComposer(c, &f),
		batch:    batchForm(c.Batch),
	}
	w.checkBatch(c, &f)
	if c.Style == "cloudevents" && c.CloudEvents.Handshake {
		w.handshake = newHandshake(c, w.composer, &f)
	}
	if err := errors.Join(f...); err != nil {
		return nil, err
	}
	return w, nil
}

func (c *Config) networks(f *faults) []netip.Prefix {
	var all []netip.Prefix
	for i, text := range c.AllowNetworks {
		network, err := rest.ParseNetwork(text)
		if err != nil {
			f.add(fmt.Sprintf("allow_networks[%d]", i), "%w", err)
			continue
		}
		all = append(all, network)
	}
	return all
}

// secrets are all texts that travel in requests and must not be shown.
func (c *Config) secrets() []sdk.Secret {
	all := append([]sdk.Secret{c.Secret, c.Auth.Bearer}, c.OldSecrets...)
	for _, secret := range c.TemplateSecrets {
		all = append(all, secret)
	}
	if basic := c.Auth.Basic; basic != nil {
		all = append(all, basic.Password, sdk.NewSecret(basic.encoded()))
	}
	if header := c.Auth.Header; header != nil {
		all = append(all, header.Value)
	}
	if o := c.Auth.OAuth2; o != nil {
		all = append(all, o.ClientSecret)
	}
	return all
}

// TLS is what both ends prove themselves with. Each is PEM text; written as
// { file = "client.pem" } it comes from a file.
type TLS struct {
	Cert sdk.Secret `json:"cert" doc:"Own certificate and its chain, as PEM text."`
	Key  sdk.Secret `json:"key" doc:"Key of cert, as PEM text."`
	CA   sdk.Secret `json:"ca" doc:"Authorities to trust in place of the system's, as PEM text."`
}

func (t *TLS) config(f *faults) *tls.Config {
	if *t == (TLS{}) {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if !t.CA.IsZero() {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(t.CA.Reveal())) {
			f.add("tls.ca", "holds no certificate: write PEM text, such as { file = \"ca.pem\" }")
		}
	}
	switch {
	case t.Cert.IsZero() && t.Key.IsZero():
	case t.Cert.IsZero():
		f.add("tls.cert", "is missing beside tls.key")
	case t.Key.IsZero():
		f.add("tls.key", "is missing beside tls.cert")
	default:
		pair, err := tls.X509KeyPair([]byte(t.Cert.Reveal()), []byte(t.Key.Reveal()))
		if err != nil {
			f.add("tls.cert", "and tls.key do not make a certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

func (b *Basic) encoded() string {
	return base64.StdEncoding.EncodeToString([]byte(b.User + ":" + b.Password.Reveal()))
}
