package receive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// sample is a request as a sender would make it.
type sample struct {
	method string // empty: POST
	query  string
	header http.Header // never nil when it is to be proven
	body   []byte
}

func sampleJSON(body string) sample {
	return sample{header: http.Header{"Content-Type": {"application/json"}}, body: []byte(body)}
}

// request is the sample as it goes to a path.
func (s *sample) request(path string) *http.Request {
	method := s.method
	if method == "" {
		method = http.MethodPost
	}
	return &http.Request{
		Method: method, URL: &url.URL{Path: path, RawQuery: s.query}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: s.header, Body: io.NopCloser(bytes.NewReader(s.body)), ContentLength: int64(len(s.body)),
	}
}

// proveToken puts the secret where verifyToken looks for it. In the path it is put
// by whoever makes the request.
func proveToken(c config.Receiver) func(*sample, time.Time) {
	switch {
	case hasSecretPath(c.Path) || len(c.Secrets) == 0:
		return func(*sample, time.Time) {}
	case c.Token.Header != "":
		return proveHeader(c.Token.Header, c.Secrets)
	}
	return func(s *sample, _ time.Time) {
		if s.query != "" {
			s.query += "&"
		}
		s.query += c.Token.Query + "=" + url.QueryEscape(c.Secrets[0].Reveal())
	}
}

func proveHeader(name string, secrets []sdk.Secret) func(*sample, time.Time) {
	return func(s *sample, _ time.Time) {
		text := secrets[0].Reveal()
		if strings.EqualFold(name, "Authorization") {
			text = "Bearer " + text
		}
		s.header.Set(name, text)
	}
}

// Trial is a request to try a receiver with.
type Trial struct {
	Body        []byte // nil: that of the scheme's own sample
	ContentType string // of Body; empty: that of the sample
	Keep        bool   // keep what it brings, as if the sender had sent it
}

// fromTrial is whom a trial is from.
const fromTrial = "receivers test"

// Tried is what became of a trial.
type Tried struct {
	Status   int
	Answer   string
	Events   []event.Event   // that it brings
	Receipts []store.Receipt // of Events, where they were kept
}

// Why a receiver cannot be tried.
var (
	ErrNoReceiver = errors.New("there is no such receiver")
	ErrNoKey      = errors.New("only the sender has the key that signs its requests")
)

// Sends is what the sender of a receiver sends: by which methods, nil is any, what
// the type of its bodies is, empty: there are none, and whether nobody else has the
// key that proves it, so that there can be no trial.
func Sends(c config.Receiver) (methods []string, mediaType string, untriable bool) {
	s, _ := newScheme(c)
	return s.methods, s.sample.header.Get("Content-Type"), s.verify != nil && s.prove == nil
}

// Try leads a request through a receiver as its sender would make it, proven with
// the receiver's first secret.
func (h *Handler) Try(ctx context.Context, name string, t Trial) (Tried, error) {
	r := h.routes.named(name)
	if r == nil {
		return Tried{}, ErrNoReceiver
	}
	request, err := r.trial(t, h.options.Now())
	if err != nil {
		return Tried{}, err
	}
	// What keeps shares counts and limits with the receiver itself; what does not
	// has its own, and leaves no trace.
	serving, brought := *h, &listener{}
	if t.Keep {
		brought.keeps = h.options.Accepter
		serving.options.Accepter, serving.trial = brought, true
	} else {
		o := h.options
		o.Accepter, o.Metrics, o.Log = brought, nil, nil
		own, _ := New([]config.Receiver{r.config}, o)
		serving = *own
	}
	w := &answer{header: http.Header{}}
	serving.ServeHTTP(w, request.WithContext(ctx))
	return Tried{Status: w.status, Answer: w.text.String(), Events: brought.events, Receipts: brought.receipts}, nil
}

// trial is the request of a trial.
func (r *receiver) trial(t Trial, now time.Time) (*http.Request, error) {
	if r.scheme.prove == nil {
		return nil, ErrNoKey
	}
	s := r.scheme.sample
	if s.header = s.header.Clone(); s.header == nil {
		s.header = http.Header{}
	}
	if t.Body != nil {
		s.body = t.Body
	}
	if t.ContentType != "" {
		s.header.Set("Content-Type", t.ContentType)
	}
	if methods := r.scheme.methods; s.method == "" && methods != nil && !slices.Contains(methods, http.MethodPost) {
		s.method = methods[0]
	}
	r.scheme.prove(&s, now)
	path := r.config.Path
	request := s.request(path)
	if hasSecretPath(path) {
		secret := r.config.Secrets[0].Reveal()
		request.URL.Path = strings.Replace(path, secretSegment, secret, 1)
		request.URL.RawPath = strings.Replace(path, secretSegment, url.PathEscape(secret), 1)
	}
	from := netip.IPv6Loopback()
	if allow := r.config.Allow; len(allow) > 0 {
		from = allow[0].Addr()
	}
	request.RemoteAddr = netip.AddrPortFrom(from, 1).String()
	return request, nil
}

// listener hears events, and has them kept where there is somebody who does.
type listener struct {
	keeps    Accepter // nil: nobody
	events   []event.Event
	receipts []store.Receipt
}

func (l *listener) Accept(ctx context.Context, events []event.Event) ([]store.Receipt, error) {
	receipts := make([]store.Receipt, len(events))
	if l.keeps != nil {
		var err error
		if receipts, err = l.keeps.Accept(ctx, events); err != nil {
			return nil, err
		}
		l.receipts = append(l.receipts, receipts...)
	}
	l.events = append(l.events, events...)
	return receipts, nil
}

// answer is an http.ResponseWriter for one who is here.
type answer struct {
	header http.Header
	status int
	text   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(text []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.text.Write(text)
}
