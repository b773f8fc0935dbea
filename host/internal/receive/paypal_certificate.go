package receive

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// certificates are those that PayPal signs with. A request says where its own is,
// so anybody may make this host look for one, but only at PayPal's own addresses,
// over HTTPS, and not often. Only good ones are remembered.
type certificates struct {
	home paypalHome

	mu    sync.Mutex
	known map[string]knownCertificate // by their URLs
	looks *rate.Limiter               // for those that are not
	again *rate.Limiter               // for those that are, anew
}

type knownCertificate struct {
	*x509.Certificate
	until time.Time // it is looked for again then: PayPal may have taken it back
}

const (
	maxCertificates = 16 // PayPal has one or two in use at a time
	maxLooks        = 60 // at once, for certificates that are not known; then one a second
	certificateAge  = 24 * time.Hour
)

// certificatePath is where PayPal keeps its certificates.
var certificatePath = regexp.MustCompile(`^/v1/notifications/certs/CERT-[A-Za-z0-9-]{1,64}$`)

// locate reads the URL of a certificate, and refuses any that is not PayPal's own.
func (c *certificates) locate(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || !slices.Contains(c.home.hosts, u.Host) ||
		!certificatePath.MatchString(u.EscapedPath()) || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, refuse(http.StatusUnauthorized, "signature", "The header Paypal-Cert-Url is no address of PayPal's own certificates.")
	}
	// Made anew of what was checked, so that nothing else of the text is left.
	return &url.URL{Scheme: "https", Host: u.Host, Path: u.Path}, nil
}

// key is the public key of the certificate at an address, if it is PayPal's and
// holds now.
func (c *certificates) key(r *request, address string) (*rsa.PublicKey, error) {
	u, err := c.locate(address)
	if err != nil {
		return nil, err
	}
	cert, err := c.find(u.String(), r.now)
	if err != nil {
		return nil, err
	}
	if cert == nil {
		if cert, err = c.look(r, u); err != nil {
			return nil, err
		}
		c.remember(u.String(), knownCertificate{cert, r.now.Add(certificateAge)})
	}
	if r.now.Before(cert.NotBefore) || r.now.After(cert.NotAfter) {
		return nil, untrusted()
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, untrusted()
	}
	return key, nil
}

func untrusted() error {
	return refuse(http.StatusUnauthorized, "signature", "The certificate at Paypal-Cert-Url is none that PayPal signs with now.")
}

// find is a certificate that is known, or leave to look for one.
func (c *certificates) find(address string, now time.Time) (*x509.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.known[address]
	if ok && now.Before(known.until) {
		return known.Certificate, nil
	}
	if c.looks == nil {
		c.looks, c.again = rate.NewLimiter(1, maxLooks), rate.NewLimiter(1, maxLooks)
	}
	looks := c.looks
	if ok { // nobody who names others, which anybody may, is to use up these
		looks = c.again
	}
	if !looks.AllowN(now, 1) {
		return nil, unasked("PayPal", errors.New("too many certificates that are not known are named in requests"))
	}
	return nil, nil
}

func (c *certificates) remember(address string, cert knownCertificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxCertificates {
		c.known = map[string]knownCertificate{}
	}
	c.known[address] = cert
}

// look fetches a certificate with its chain, and holds it against the roots that
// are trusted here.
func (c *certificates) look(r *request, u *url.URL) (*x509.Certificate, error) {
	answer, err := r.outside.ask(r.Context(), http.MethodGet, u.String(), nil, nil)
	switch {
	case answer.Status == http.StatusNotFound, answer.Status == http.StatusBadRequest:
		return nil, untrusted() // there is no such certificate
	case err != nil:
		return nil, unasked("PayPal", err)
	}
	chain := readChain(answer.Body)
	if len(chain) == 0 {
		return nil, untrusted()
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{
		DNSName: c.home.signer, Roots: r.outside.Roots, Intermediates: between, CurrentTime: r.now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // it signs messages, and may say so or not
	}); err != nil {
		no := refuse(http.StatusUnauthorized, "signature", "The certificate at Paypal-Cert-Url is none that PayPal signs with now.")
		no.cause = err
		return nil, no
	}
	return chain[0], nil
}

// maxChain is the most certificates of a chain that are looked at.
const maxChain = 8

func readChain(text []byte) []*x509.Certificate {
	var chain []*x509.Certificate
	for len(chain) < maxChain {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil
		}
		chain = append(chain, cert)
	}
	return chain
}
