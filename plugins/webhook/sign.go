package main

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

// Signature is how a receiver wants HMAC signatures.
type Signature struct {
	Header    string `json:"header" required:"true" doc:"Header that carries the signature, such as X-Signature-256."`
	Algorithm string `json:"algorithm" default:"sha256" choices:"sha256,sha1,sha384,sha512" doc:"Hash of the HMAC."`
	Encoding  string `json:"encoding" default:"hex" choices:"hex,base64" doc:"How the signature is written."`
	Prefix    string `json:"prefix" doc:"Text before the signature, such as sha256=."`
	Signed    string `json:"signed" default:"{body}" doc:"What is signed: text with {body}, {path}, {query} and {header:Name} in it."`
	Timestamp string `json:"timestamp" doc:"Header to send with the time of the attempt, in Unix seconds."`
}

// signer puts a signature into the header of a request that is complete but for
// it.
type signer interface {
	sign(req *rest.Request, id string, at time.Time)
}

// newSigner is the signer of a style; nil: it does not sign.
func newSigner(c *Config, f *faults) signer {
	if c.Style != "standard-webhooks" && len(c.OldSecrets) > 0 {
		f.add("old_secrets", "only style = \"standard-webhooks\" has room for several signatures")
	}
	if c.Style != "custom" && c.Signature != nil {
		f.add("signature", "is for style = \"custom\"; %s has its own way", c.Style)
		return nil
	}
	switch c.Style {
	case "standard-webhooks":
		return newStandard(c, f)
	case "github":
		if c.Secret.IsZero() {
			f.add("secret", "is required by style = \"github\"")
		}
		return newHMAC(&Signature{Header: "X-Hub-Signature-256", Prefix: "sha256=", Signed: "{body}"}, c.Secret, f)
	case "custom":
		if c.Signature != nil {
			if c.Secret.IsZero() {
				f.add("secret", "is required by signature: it is the key")
			}
			return newHMAC(c.Signature, c.Secret, f)
		}
	}
	if !c.Secret.IsZero() {
		f.add("secret", "is not used by style = %q; remove it, or say in signature how to sign with style = \"custom\"", c.Style)
	}
	return nil
}

// standard signs as Standard Webhooks wants: v1 by HMAC-SHA256, v1a by Ed25519,
// one signature for each secret.
type standard struct{ keys []any } // *macs or ed25519.PrivateKey

func newStandard(c *Config, f *faults) *standard {
	s := &standard{}
	if c.Secret.IsZero() {
		f.add("secret", "is required by style = \"standard-webhooks\"; style = \"custom\" sends unsigned")
		return s
	}
	for i, secret := range append([]sdk.Secret{c.Secret}, c.OldSecrets...) {
		key, err := standardKey(secret.Reveal())
		if err != nil {
			option := "secret"
			if i > 0 {
				option = fmt.Sprintf("old_secrets[%d]", i-1)
			}
			f.add(option, "%w", err)
		}
		s.keys = append(s.keys, key)
	}
	return s
}

// standardKey reads whsec_ and base64 of at least 16 bytes, as *macs, or whsk_
// and base64 of an Ed25519 key: the seed, or seed and public key.
func standardKey(text string) (any, error) {
	private, asymmetric := strings.CutPrefix(text, "whsk_")
	if !asymmetric {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
		if err != nil || len(key) < 16 {
			return nil, fmt.Errorf("must be whsec_ and then base64 of 24 to 64 random bytes, or whsk_ and then base64 of an Ed25519 key")
		}
		return newMACs(sha256.New, key), nil
	}
	key, err := base64.StdEncoding.DecodeString(private)
	switch {
	case err == nil && len(key) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(key), nil
	case err == nil && len(key) == ed25519.PrivateKeySize && ed25519.NewKeyFromSeed(key[:ed25519.SeedSize]).Equal(ed25519.PrivateKey(key)):
		return ed25519.PrivateKey(key), nil
	}
	return nil, fmt.Errorf("must be whsk_ and then base64 of an Ed25519 key: 32 bytes of seed, or 64 of seed and public key")
}

func (s *standard) sign(req *rest.Request, id string, at time.Time) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	head := []byte(id + "." + timestamp + ".") // comes before the body in what is signed
	signatures := make([]byte, 0, 64)
	for i, key := range s.keys {
		if i > 0 {
			signatures = append(signatures, ' ')
		}
		switch key := key.(type) {
		case *macs:
			mac := key.get()
			mac.Write(head)
			mac.Write(req.Body)
			signatures = append(signatures, "v1,"...)
			signatures = base64.StdEncoding.AppendEncode(signatures, mac.Sum(nil))
			key.put(mac)
		case ed25519.PrivateKey:
			signatures = append(signatures, "v1a,"...)
			signatures = base64.StdEncoding.AppendEncode(signatures, ed25519.Sign(key, slices.Concat(head, req.Body)))
		}
	}
	req.Header["Webhook-Id"] = []string{id}
	req.Header["Webhook-Timestamp"] = []string{timestamp}
	req.Header["Webhook-Signature"] = []string{string(signatures)}
}

// macs are HMACs of one key. One that was used is used again: that saves a third
// of what it costs to sign a body of 1 KB.
type macs struct{ used sync.Pool }

func newMACs(hash func() hash.Hash, key []byte) *macs {
	return &macs{sync.Pool{New: func() any { return hmac.New(hash, key) }}}
}

func (m *macs) get() hash.Hash { return m.used.Get().(hash.Hash) }

func (m *macs) put(mac hash.Hash) {
	mac.Reset()
	m.used.Put(mac)
}

// hmacSigner signs what a table says.
type hmacSigner struct {
	header, timestamp string // in canonical form
	prefix            string
	macs              *macs
	encode            func([]byte) string
	parts             []signedPart
}

// signedPart writes one part of what is signed.
type signedPart func(mac hash.Hash, req *rest.Request)

func newHMAC(s *Signature, secret sdk.Secret, f *faults) *hmacSigner {
	h := &hmacSigner{
		header:    http.CanonicalHeaderKey(s.Header),
		timestamp: http.CanonicalHeaderKey(s.Timestamp),
		prefix:    s.Prefix,
		encode:    hex.EncodeToString,
	}
	algorithm := sha256.New
	switch s.Algorithm {
	case "sha1":
		algorithm = sha1.New
	case "sha384":
		algorithm = sha512.New384
	case "sha512":
		algorithm = sha512.New
	}
	h.macs = newMACs(algorithm, []byte(secret.Reveal()))
	if s.Encoding == "base64" {
		h.encode = base64.StdEncoding.EncodeToString
	}
	if !isToken(s.Header) {
		f.add("signature.header", "%q is not a header name", s.Header)
	}
	if s.Timestamp != "" && !isToken(s.Timestamp) {
		f.add("signature.timestamp", "%q is not a header name", s.Timestamp)
	}
	if !isHeaderValue(s.Prefix) {
		f.add("signature.prefix", "holds a character that a header cannot carry")
	}
	var err error
	if h.parts, err = signedParts(s.Signed); err != nil {
		f.add("signature.signed", "%w", err)
	}
	return h
}

// signedParts reads text with {body}, {path}, {query} and {header:Name} in it.
func signedParts(text string) ([]signedPart, error) {
	var parts []signedPart
	for text != "" {
		literal, rest, found := strings.Cut(text, "{")
		if literal != "" {
			parts = append(parts, literalPart(literal))
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		header, isHeader := strings.CutPrefix(name, "header:")
		switch {
		case !closed:
			return nil, fmt.Errorf("a { without its }")
		case name == "body":
			parts = append(parts, bodyPart)
		case name == "path":
			parts = append(parts, pathPart)
		case name == "query":
			parts = append(parts, queryPart)
		case isHeader && isToken(header):
			parts = append(parts, headerPart(http.CanonicalHeaderKey(header)))
		default:
			return nil, fmt.Errorf("{%s} is not known: use {body}, {path}, {query} or {header:Name}", name)
		}
		text = after
	}
	return parts, nil
}

func literalPart(text string) signedPart {
	return func(mac hash.Hash, _ *rest.Request) { mac.Write([]byte(text)) }
}

func headerPart(name string) signedPart {
	return func(mac hash.Hash, req *rest.Request) {
		if values := req.Header[name]; len(values) > 0 {
			mac.Write([]byte(values[0]))
		}
	}
}

func bodyPart(mac hash.Hash, req *rest.Request)  { mac.Write(req.Body) }
func pathPart(mac hash.Hash, req *rest.Request)  { mac.Write([]byte(req.URL.EscapedPath())) }
func queryPart(mac hash.Hash, req *rest.Request) { mac.Write([]byte(req.URL.RawQuery)) }

func (h *hmacSigner) sign(req *rest.Request, _ string, at time.Time) {
	if h.timestamp != "" {
		req.Header[h.timestamp] = []string{strconv.FormatInt(at.Unix(), 10)}
	}
	mac := h.macs.get()
	for _, part := range h.parts {
		part(mac, req)
	}
	req.Header[h.header] = []string{h.prefix + h.encode(mac.Sum(nil))}
	h.macs.put(mac)
}
