// Package inspect is a request bin: an HTTP handler that answers 200 to
// whatever it is sent and shows the newest requests as they arrived. It is for
// trying connectors out, on this machine only.
//
// It stays cheap under load: what it keeps is bounded in number and size, and the
// buffers of what it forgets are used again.
package inspect

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/synchost/synchost/sdk/rest"
)

const (
	maxBody  = 64 << 10 // of a body are kept
	maxDrain = 16 << 20 // of a body are read at all
)

// Request is one request as it arrived. Credentials in its headers and its query
// are replaced by "***".
type Request struct {
	ID         int64     `json:"id" doc:"counts from 1 since the host started"`
	Time       time.Time `json:"time"`
	Remote     string    `json:"remote" doc:"address it came from"`
	Method     string    `json:"method"`
	URL        string    `json:"url" doc:"as in the request line; credentials in the query are replaced by ***"`
	Proto      string    `json:"proto"`
	Headers    []Header  `json:"headers" doc:"sorted by name; credentials are replaced by ***"`
	Body       string    `json:"body,omitempty" doc:"up to 64 KiB of it, where it is text"`
	BodyBase64 []byte    `json:"body_base64,omitempty" doc:"up to 64 KiB of it, where it is not text"`
	Size       int64     `json:"size" doc:"bytes of the body that arrived"`
	Truncated  bool      `json:"truncated,omitempty" doc:"the body here is not all of it"`
}

// Header is one header line.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Bin keeps the newest requests and serves them. Its methods may be called from
// several goroutines.
type Bin struct {
	buffers sync.Pool // of *bytes.Buffer

	mu      sync.Mutex
	ring    []kept // request n is at (n-1) % len
	last    int64
	changed chan struct{} // nil: nobody waits
}

// kept is a request as it came, its body in a buffer that is used again.
type kept struct {
	at                         time.Time
	remote, method, url, proto string
	host                       string
	header                     http.Header
	body                       *bytes.Buffer
	size                       int64
	truncated                  bool
}

// New makes a bin that keeps the newest keep requests, at least one.
func New(keep int) *Bin {
	return &Bin{
		ring:    make([]kept, max(1, keep)),
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
}

// ServeHTTP shows the page to a browser at /, the requests as JSON at
// /_requests, and takes everything else.
func (b *Bin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/" && strings.Contains(r.Header.Get("Accept"), "text/html"):
		b.showPage(w, r)
	case r.Method == http.MethodGet && r.URL.Path == "/_requests":
		b.showJSON(w, r)
	default:
		b.take(r)
		if origin := r.Header.Get("WebHook-Request-Origin"); origin != "" && r.Method == http.MethodOptions {
			w.Header().Set("WebHook-Allowed-Origin", origin) // the handshake of CloudEvents' HTTP webhooks
		}
		w.WriteHeader(http.StatusOK)
	}
}

// take keeps r. The map of r's headers is its own, so it is kept as it is.
func (b *Bin) take(r *http.Request) {
	body := b.buffers.Get().(*bytes.Buffer)
	body.Reset()
	size, err := body.ReadFrom(io.LimitReader(r.Body, maxBody))
	if size == maxBody && err == nil {
		var rest int64
		rest, err = io.Copy(io.Discard, io.LimitReader(r.Body, maxDrain-maxBody))
		size += rest
	}
	k := kept{
		at: time.Now(), remote: r.RemoteAddr,
		method: r.Method, url: r.RequestURI, proto: r.Proto, host: r.Host,
		header: r.Header, body: body,
		size: size, truncated: err != nil || size > maxBody,
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	slot := &b.ring[b.last%int64(len(b.ring))]
	if slot.body != nil {
		b.buffers.Put(slot.body)
	}
	*slot = k
	b.last++
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Changed is closed when the next request arrives. Ask for it before reading.
func (b *Bin) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// Requests are the newest requests behind id after, at most limit, oldest first.
func (b *Bin) Requests(after int64, limit int) []Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := max(after, b.last-int64(len(b.ring)), b.last-int64(limit), 0)
	requests := make([]Request, 0, max(0, b.last-first))
	for n := first; n < b.last; n++ {
		request := b.ring[n%int64(len(b.ring))].request()
		request.ID = n + 1
		requests = append(requests, request)
	}
	return requests
}

// request is a copy of k for others to read.
func (k *kept) request() Request {
	r := Request{
		Time: k.at, Remote: k.remote, Method: k.method, URL: hideQuery(k.url), Proto: k.proto,
		Headers: []Header{{"Host", k.host}},
		Size:    k.size, Truncated: k.truncated,
	}
	for _, name := range slices.Sorted(maps.Keys(k.header)) {
		for _, value := range k.header[name] {
			r.Headers = append(r.Headers, Header{name, hide(name, value)})
		}
	}
	if body := k.body.Bytes(); utf8.Valid(wholeRunes(body, k.truncated)) {
		r.Body = string(wholeRunes(body, k.truncated))
	} else {
		r.BodyBase64 = slices.Clone(body)
	}
	return r
}

// wholeRunes leaves out the character that a body was cut off in.
func wholeRunes(body []byte, cut bool) []byte {
	if !cut {
		return body
	}
	for i := 1; i < utf8.UTFMax && i <= len(body); i++ {
		if tail := body[len(body)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return body[:len(body)-i]
			}
			break
		}
	}
	return body
}

// hide replaces the value of a header that holds a credential; how it is to be
// used ("Bearer") stays readable.
func hide(name, value string) string {
	if !secretHeader(name) || value == "" {
		return value
	}
	if scheme, _, ok := strings.Cut(value, " "); ok && strings.HasSuffix(strings.ToLower(name), "authorization") {
		return scheme + " ***"
	}
	return "***"
}

// hideQuery does the same for a request line's parameters.
func hideQuery(target string) string {
	path, query, ok := strings.Cut(target, "?")
	if !ok {
		return target
	}
	params := strings.Split(query, "&")
	for i, param := range params {
		if name, value, _ := strings.Cut(param, "="); value != "" && rest.SecretParam(name) {
			params[i] = name + "=***"
		}
	}
	return path + "?" + strings.Join(params, "&")
}

// secretHeader leaves signatures to be seen: each is good for its own request only,
// and is what people come here to look at.
func secretHeader(name string) bool {
	return rest.SecretHeader(name) && !strings.Contains(strings.ToLower(name), "signature")
}
