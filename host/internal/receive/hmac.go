package receive

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
)

// signed takes requests that carry an HMAC of themselves; the configuration says
// how it is made. Where the signature covers a timestamp, a request that comes
// again within the tolerance is the same event (its id is the digest of what was
// signed), and later it is refused. Where it covers none, nobody can tell a
// repeat from a second change that looks the same, so each request is an event
// of its own unless the map finds an id in it.
func signed(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	if c.Signature == (config.Signature{}) {
		return scheme{}, append(problems, c.Place.Problem("signature", `is missing: tell how the sender signs, such as { header = "X-Signature-256" }`))
	}
	s, more := newSignature(c, c.Signature)
	it := sampleJSON(`{"hello":"world"}`)
	if !s.covers("body", "") {
		it = sample{query: "hello=world"}
	}
	return scheme{
		methods: c.Methods, verify: s.verify, events: m.events, hides: []string{s.header},
		sample: it, prove: s.prove,
	}, append(problems, more...)
}

// newSignature is a signature with the receiver's secrets.
func newSignature(c config.Receiver, how config.Signature) (*signature, []config.Problem) {
	var problems []config.Problem
	s := &signature{
		header: how.Header, prefix: how.Prefix, base64: how.Encoding == "base64",
		timestamp: how.Timestamp, tolerance: c.Tolerance, hash: hashes[how.Algorithm], path: c.Path,
	}
	var err error
	if s.parts, err = parseTemplate(how.Signed); err != nil {
		problems = append(problems, c.Place.Problem("signature.signed", err.Error()))
	}
	if s.hash == nil {
		problems = append(problems, c.Place.Problem("signature.algorithm", fmt.Sprintf("%q is not one of sha256, sha1, sha384, sha512", how.Algorithm)))
	}
	if s.timestamp != "" && err == nil && !s.covers("header", s.timestamp) {
		problems = append(problems, c.Place.Problem("signature.timestamp",
			fmt.Sprintf("is not signed, so anyone could write a new one: add {header:%s} to signature.signed as the sender does", s.timestamp)))
	}
	for _, secret := range c.Secrets {
		if !secret.IsZero() {
			s.keys = append(s.keys, []byte(secret.Reveal()))
		}
	}
	if len(s.keys) == 0 {
		problems = append(problems, noSecret(c))
	}
	return s, problems
}

var hashes = map[string]func() hash.Hash{"sha256": sha256.New, "sha1": sha1.New, "sha384": sha512.New384, "sha512": sha512.New}

// signature is an HMAC in a header.
type signature struct {
	keys      [][]byte
	header    string
	prefix    string
	base64    bool
	hash      func() hash.Hash
	parts     []part
	timestamp string // header; empty: none
	tolerance time.Duration
	path      string
}

func (s *signature) verify(r *request) error {
	text, err := r.header(s.header)
	if err != nil {
		return err
	}
	offered, err := s.decode(text)
	if err != nil {
		return malformed("The signature in the header "+http.CanonicalHeaderKey(s.header)+" is not written as this receiver expects.", nil)
	}
	body, err := r.body()
	if err != nil {
		return err
	}
	if len(body) > 0 && !s.covers("body", "") {
		return malformed("The signature does not cover the body, so there must be none.", nil)
	}
	if err := s.match(r, offered, body); err != nil {
		return err
	}
	if s.timestamp == "" {
		return nil
	}
	if err := checkTime(r.Header.Get(s.timestamp), r.now, s.tolerance); err != nil {
		return err
	}
	digest := sha256.New()
	_ = s.write(digest, r, body) // match has written it before
	r.id = hex.EncodeToString(digest.Sum(nil))
	return nil
}

// prove signs as the sender would, with the first key.
func (s *signature) prove(it *sample, now time.Time) {
	if s.timestamp != "" {
		it.header.Set(s.timestamp, strconv.FormatInt(now.Unix(), 10))
	}
	for _, p := range s.parts { // what else it signs is there, too
		if p.kind == "header" && it.header.Get(p.text) == "" {
			it.header.Set(p.text, "sample")
		}
	}
	mac := hmac.New(s.hash, s.keys[0])
	_ = s.write(mac, &request{Request: it.request(s.path)}, it.body)
	text := hex.EncodeToString(mac.Sum(nil))
	if s.base64 {
		text = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	it.header.Set(s.header, s.prefix+text)
}

func (s *signature) decode(text string) ([]byte, error) {
	text, ok := strings.CutPrefix(text, s.prefix)
	if !ok {
		return nil, fmt.Errorf("no %q before it", s.prefix)
	}
	if s.base64 {
		return base64.StdEncoding.Strict().DecodeString(text)
	}
	return hex.DecodeString(text)
}

func (s *signature) match(r *request, offered, body []byte) error {
	same := false
	for _, key := range s.keys {
		mac := hmac.New(s.hash, key)
		if err := s.write(mac, r, body); err != nil {
			return err
		}
		same = hmac.Equal(offered, mac.Sum(nil)) || same
	}
	if !same {
		return refuse(http.StatusUnauthorized, "signature", "The signature is wrong.")
	}
	return nil
}

// checkTime holds the Unix seconds of a signed timestamp against the clock, both ways.
func checkTime(text string, now time.Time, tolerance time.Duration) error {
	seconds, err := strconv.ParseUint(text, 10, 40)
	if err != nil {
		return malformed("The timestamp is not Unix seconds.", nil)
	}
	return checkAge(time.Unix(int64(seconds), 0), now, tolerance)
}

func checkAge(at, now time.Time, tolerance time.Duration) error {
	if now.Sub(at).Abs() > tolerance {
		return refuse(http.StatusUnauthorized, "timestamp", "The timestamp is too old, or in the future: check both clocks.")
	}
	return nil
}

// part is a piece of what is signed: a part of the request, or a fixed text.
type part struct{ kind, text string }

// parseTemplate reads a template such as "{header:X-Time}.{body}".
func parseTemplate(template string) ([]part, error) {
	var parts []part
	for rest := template; rest != ""; {
		text, behind, open := strings.Cut(rest, "{")
		if text != "" {
			parts = append(parts, part{"text", text})
		}
		if !open {
			break
		}
		name, after, closed := strings.Cut(behind, "}")
		kind, header, isHeader := strings.Cut(name, ":")
		switch {
		case !closed:
			return nil, fmt.Errorf("%q has a { without a }", template)
		case isHeader && kind == "header" && strings.EqualFold(header, "Host"):
			return nil, errors.New("{header:Host} is what a proxy makes of it: write the name that the sender calls in its place")
		case isHeader && kind == "header" && header != "", !isHeader && (kind == "body" || kind == "path" || kind == "query"):
			parts = append(parts, part{kind, header})
		default:
			return nil, fmt.Errorf("{%s} is not known: want {body}, {path}, {query} or {header:NAME}", name)
		}
		rest = after
	}
	for _, p := range parts {
		if p.kind == "body" || p.kind == "query" {
			return parts, nil
		}
	}
	return nil, fmt.Errorf("%q covers neither {body} nor {query}: one signature would fit any request", template)
}

func (s *signature) covers(kind, name string) bool {
	for _, p := range s.parts {
		if p.kind == kind && strings.EqualFold(p.text, name) {
			return true
		}
	}
	return false
}

// write writes what the sender has signed.
func (s *signature) write(to io.Writer, r *request, body []byte) error {
	for _, p := range s.parts {
		text := p.text
		switch p.kind {
		case "body":
			_, _ = to.Write(body) // a hash never fails
			continue
		case "path":
			text = r.URL.EscapedPath()
		case "query":
			text = r.URL.RawQuery
		case "header":
			value, err := r.header(p.text)
			if err != nil {
				return err
			}
			text = value
		}
		_, _ = io.WriteString(to, text)
	}
	return nil
}
