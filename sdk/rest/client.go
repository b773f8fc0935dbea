package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/synchost/synchost/sdk"
)

// Options is what a client needs to know. The zero value works for platforms
// on the public internet.
type Options struct {
	Timeout       time.Duration // for a whole request, answer included; 0: 30 s
	HeaderTimeout time.Duration // from the request's end to the answer's header; 0: only Timeout counts
	MaxResponse   int64         // bytes of an answer's body that are read; 0: 8 MiB

	Header http.Header // sent with every request that does not set the same name
	TLS    *tls.Config // own certificate, root CAs; nil: the system's

	// AllowNetworks are the private, loopback and other special networks that
	// may be dialled; AllowOption is the option that lists them, for the error
	// text; empty: "allow_networks".
	AllowNetworks []netip.Prefix
	AllowOption   string

	// Transport sends the requests; nil: NewTransport of these options. Give
	// one that wraps NewTransport's to sign or authorize on the way.
	Transport http.RoundTripper

	Secrets       []sdk.Secret // their texts never appear in an Exchange or error
	SecretHeaders []string     // header names whose values are secret, beside the usual ones
	SecretParams  []string     // query parameters whose values are secret, beside the usual ones
}

// Client sends requests. It is safe for concurrent use.
type Client struct {
	transport   http.RoundTripper
	guarded     *http.Transport
	timeout     time.Duration
	maxResponse int64
	header      http.Header
	redact      *redactor
}

const (
	defaultTimeout     = 30 * time.Second
	defaultMaxResponse = 8 << 20
	maxHeader          = 256 << 10

	// idlePerHost holds the connections of a busy lane: in-flight calls times
	// requests in each.
	idlePerHost = 512
)

// New makes a client.
func New(o Options) *Client {
	c := &Client{
		transport:   o.Transport,
		guarded:     NewTransport(o),
		timeout:     o.Timeout,
		maxResponse: o.MaxResponse,
		header:      o.Header,
		redact:      newRedactor(o),
	}
	if c.transport == nil {
		c.transport = c.guarded
	}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if c.maxResponse <= 0 {
		c.maxResponse = defaultMaxResponse
	}
	return c
}

// NewTransport makes the guarded transport that New uses, from TLS,
// HeaderTimeout, AllowNetworks and AllowOption. HTTP/1.1 only: a connection
// then carries one request at a time, and a stuck answer holds up no other.
func NewTransport(o Options) *http.Transport {
	dialer := net.Dialer{
		Timeout:        10 * time.Second,
		ControlContext: newGuard(o).control,
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        o.TLS,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  o.HeaderTimeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        90 * time.Second,
		DisableCompression:     true, // what arrives is what was sent, and no larger
	}
}

// Request is what is sent. Header and Body are only read, also after Do
// returned, so they must not be changed or used again for other content.
type Request struct {
	Method string
	URL    *url.URL
	Header http.Header // names in canonical form
	Body   []byte
}

// Response is what came back. It is there also when Do fails, as far as it
// came: Status is 0 when nothing did.
type Response struct {
	Request   Request
	Status    int
	Header    http.Header
	Body      []byte
	Truncated bool // the body is longer than Options.MaxResponse

	redact *redactor
}

// Do sends one request and reads the answer. A 2xx status is success; any
// other is an *sdk.Error of the kind that Failure tells. Trouble on the way
// gives a plain error, and a refused address a Denied one that wraps
// ErrAddressRefused. The Response is never nil.
func (c *Client) Do(ctx context.Context, req Request) (*Response, error) {
	resp := &Response{Request: req, redact: c.redact}
	if req.URL == nil || req.URL.Host == "" || req.URL.User != nil {
		return resp, errors.New("a request needs a URL with a host, and without a user name in it")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, timeoutError(c.timeout))
	defer cancel()
	answer, err := c.transport.RoundTrip(c.build(ctx, req))
	if err != nil {
		return resp, c.redact.err(err)
	}
	defer func() { _ = answer.Body.Close() }()
	resp.Status, resp.Header = answer.StatusCode, answer.Header
	resp.Body, resp.Truncated, err = read(answer, c.maxResponse)
	if resp.Status < 200 || resp.Status > 299 {
		return resp, resp.failure()
	}
	if err != nil {
		return resp, c.redact.err(fmt.Errorf("the answer %d broke off: %w", resp.Status, err))
	}
	return resp, nil
}

// JSON sends in as JSON and decodes the answer into out. A nil in sends no
// body, a nil out ignores the answer's.
func (c *Client) JSON(ctx context.Context, method, address string, in, out any) (*Response, error) {
	req := Request{Method: method, Header: http.Header{"Accept": {"application/json"}}}
	var err error
	if req.URL, err = url.Parse(address); err != nil {
		return &Response{Request: req, redact: c.redact}, c.redact.err(err)
	}
	if in != nil {
		if req.Body, err = json.Marshal(in); err != nil {
			return &Response{Request: req, redact: c.redact}, c.redact.err(err)
		}
		req.Header["Content-Type"] = []string{"application/json"}
	}
	resp, err := c.Do(ctx, req)
	if err != nil || out == nil {
		return resp, err
	}
	if resp.Truncated {
		return resp, fmt.Errorf("the answer %d is longer than %d bytes", resp.Status, c.maxResponse)
	}
	if err := json.Unmarshal(resp.Body, out); err != nil {
		return resp, c.redact.err(fmt.Errorf("the answer %d is not the JSON that was expected: %w", resp.Status, err))
	}
	return resp, nil
}

// Reach connects to the URL's host, and speaks TLS with it for https. It sends no
// request.
func (c *Client) Reach(ctx context.Context, u *url.URL) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, timeoutError(c.timeout))
	defer cancel()
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := c.guarded.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return c.redact.err(err)
	}
	defer func() { _ = conn.Close() }()
	if u.Scheme != "https" {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.guarded.TLSClientConfig != nil {
		config = c.guarded.TLSClientConfig.Clone()
	}
	config.ServerName = u.Hostname()
	if err := tls.Client(conn, config).HandshakeContext(ctx); err != nil {
		return c.redact.err(fmt.Errorf("TLS with %s: %w", u.Host, err))
	}
	return nil
}

// Close ends the connections that are not in use.
func (c *Client) Close() { c.guarded.CloseIdleConnections() }

// blank is what all requests have in common. Its copy for a context is the one
// allocation of a request.
var blank = &http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}

func (c *Client) build(ctx context.Context, req Request) *http.Request {
	r := blank.WithContext(ctx)
	r.Method, r.URL, r.Host, r.Header = req.Method, rooted(req.URL), req.URL.Host, c.headerOf(req)
	if len(req.Body) > 0 {
		r.ContentLength = int64(len(req.Body))
		r.Body = newBody(req.Body)
		r.GetBody = func() (io.ReadCloser, error) { return newBody(req.Body), nil }
	} else {
		r.Body = http.NoBody
	}
	return r
}

// rooted is u with a path that starts at the root: URL.JoinPath may give one that
// does not, and the request line would be wrong.
func rooted(u *url.URL) *url.URL {
	if u.Path == "" || u.Path[0] == '/' {
		return u
	}
	r := *u
	r.Path = "/" + r.Path
	if r.RawPath != "" {
		r.RawPath = "/" + r.RawPath
	}
	return &r
}

// headerOf is the request's header with the client's own added.
func (c *Client) headerOf(req Request) http.Header {
	if len(c.header) == 0 && req.Header != nil {
		return req.Header
	}
	all := make(http.Header, len(c.header)+len(req.Header))
	for name, values := range c.header {
		all[name] = values
	}
	for name, values := range req.Header {
		all[name] = values
	}
	return all
}

// newBody is data as a request's body. net/http knows this form for one in
// memory, and sends it in one write with the headers.
func newBody(data []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) }

// maxTrusted is the length that is made room for because the header says so: a
// length is a promise, not a body.
const maxTrusted = 64 << 10

// read takes the answer's body, up to limit. A body that was read to its end
// lets the connection be used again.
func read(answer *http.Response, limit int64) (data []byte, truncated bool, err error) {
	switch n := answer.ContentLength; {
	case n == 0, answer.Body == http.NoBody: // the answer to a HEAD has a length and no body
		return nil, false, nil
	case n > 0 && n <= min(limit, maxTrusted):
		data = make([]byte, n)
		got, err := io.ReadFull(answer.Body, data)
		return data[:got], false, err
	}
	data, err = io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if int64(len(data)) > limit {
		return data[:limit], true, err
	}
	return data, false, err
}

// timeoutError is the cause of a request's end by Options.Timeout.
type timeoutError time.Duration

func (d timeoutError) Error() string {
	return fmt.Sprintf("no complete answer within %s", time.Duration(d))
}

// Is makes it a deadline's error for those who ask.
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }
