package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

// composer makes requests of changes. It is built once and then only read.
type composer struct {
	url, method *text
	target      *url.URL // of url where that is fixed, else nil
	headers     []headerText
	body        *text // nil: the style's
	style       style
	signer      signer // nil: unsigned
}

type headerText struct {
	name string // in canonical form
	*text
}

func newComposer(c *Config, f *faults) *composer {
	t := newTemplates(c.TemplateSecrets, f)
	k := &composer{
		url:    t.compile("url", c.URL),
		style:  newStyle(c, f),
		signer: newSigner(c, f),
	}
	method := c.Method
	if method == "" {
		method = k.style.method()
	}
	if k.method = t.compile("method", method); k.method.fixed && !isToken(k.method.sample) {
		f.add("method", "%w", k.noMethod(k.method.sample))
	}
	k.checkURL(f)
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		k.addHeader(t, name, c.Headers[name])
	}
	if c.Body != "" {
		k.body = t.compile("body", c.Body)
	}
	return k
}

// checkURL looks at what the template makes of a sample. A host that comes from
// an attribute is empty there.
func (k *composer) checkURL(f *faults) {
	if k.url.sample == "" {
		return // told already, or the whole of it comes from an attribute
	}
	target, err := parseURL(k.url.sample)
	switch {
	case k.url.fixed:
		k.target = target
	case errors.Is(err, errNoHost):
		return
	}
	if err != nil {
		f.add("url", "%w", err)
	}
}

func (k *composer) addHeader(t templates, name, source string) {
	option, canonical := "headers."+name, http.CanonicalHeaderKey(name)
	switch {
	case !isToken(name):
		t.faults.add(option, "%q is not a header name", name)
	case slices.Contains([]string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Upgrade"}, canonical):
		t.faults.add(option, "is set by HTTP itself")
	case slices.ContainsFunc(k.headers, func(h headerText) bool { return h.name == canonical }):
		t.faults.add(option, "is there twice: case does not count in header names")
	default:
		k.headers = append(k.headers, headerText{canonical, t.compile(option, source)})
	}
}

// request tells of one change.
func (k *composer) request(c *sdk.Change, at time.Time) (rest.Request, error) {
	s := newScope(c, at)
	req, err := k.frame(s)
	if err != nil {
		return req, err
	}
	if s.raw != nil && s.raw.Query != "" {
		req.URL = withQuery(req.URL, s.raw.Query)
	}
	var contentType string
	if req.Body, contentType, err = k.content(s); err != nil {
		return req, err
	}
	return req, k.finish(&req, s, contentType)
}

// frame is a request without content: method and URL.
func (k *composer) frame(s *scope) (rest.Request, error) {
	req := rest.Request{URL: k.target, Header: make(http.Header, 8)}
	var err error
	if req.Method, err = k.method.renderText(s); err != nil {
		return req, err
	}
	if !isToken(req.Method) {
		return req, sdk.Reject("method", k.noMethod(req.Method))
	}
	if req.URL == nil {
		address, err := k.url.renderText(s)
		if err != nil {
			return req, err
		}
		if req.URL, err = parseURL(address); err != nil {
			return req, sdk.Reject("url", err)
		}
	}
	return req, nil
}

// noMethod quotes no text that may be a secret.
func (k *composer) noMethod(text string) error {
	if k.method.discreet {
		return errors.New("the template gives no HTTP method")
	}
	return fmt.Errorf("%q is not an HTTP method", text)
}

// content is the body that tells of one change, and its type.
func (k *composer) content(s *scope) ([]byte, string, error) {
	if k.body == nil {
		return k.style.body(s)
	}
	body, err := k.body.render(s)
	return body, "application/json", err
}

// finish adds what goes around the body: headers, the last of them the
// signature.
func (k *composer) finish(req *rest.Request, s *scope, contentType string) error {
	req.Header["User-Agent"] = userAgent
	if contentType != "" {
		req.Header["Content-Type"] = []string{contentType}
	}
	if err := k.style.mark(req, s); err != nil {
		return err
	}
	for _, h := range k.headers {
		value, err := h.renderText(s)
		if err != nil {
			return err
		}
		if !isHeaderValue(value) {
			return sdk.Reject(h.option, errors.New("the value holds a line break or another character that a header cannot carry"))
		}
		req.Header[h.name] = []string{value}
	}
	if k.signer != nil {
		k.signer.sign(req, s.ID, s.Time)
	}
	return nil
}

var userAgent = []string{"synchost-webhook/" + plugin.Version}

// host is where requests go as far as it is known without a product, for
// connecting; nil: it depends on the product.
func (k *composer) host() *url.URL {
	if k.target != nil {
		return k.target
	}
	var authority string
	if scheme, rest, ok := strings.Cut(k.url.prefix(), "://"); ok {
		if end := strings.IndexAny(rest, "/?#"); end > 0 {
			authority = scheme + "://" + rest[:end]
		}
	}
	u, err := parseURL(authority)
	if err != nil {
		return nil
	}
	return u
}

var errNoHost = errors.New("has no host: write an address such as https://example.com/hook")

// parseURL never quotes the URL: there may be a secret in it.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return nil, errors.New("is not a valid URL: write an address such as https://example.com/hook, and use {{path …}} and {{query …}} around values")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("must start with https:// or http://")
	case u.User != nil:
		return nil, errors.New("must not hold a user name or password: use auth.basic")
	case u.Hostname() == "":
		return nil, errNoHost
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// withQuery is u with more query parameters, in form encoding, at its end.
func withQuery(u *url.URL, query string) *url.URL {
	longer := *u
	if longer.RawQuery != "" {
		longer.RawQuery += "&"
	}
	longer.RawQuery += query
	return &longer
}

// isToken says whether text can be a method or a header name.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// isHeaderValue says whether a header can carry text.
func isHeaderValue(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
