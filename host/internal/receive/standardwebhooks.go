package receive

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// standardWebhooks takes messages signed as standardwebhooks.com says, by HMAC
// (v1) or Ed25519 (v1a). The signature covers the message's id, which is the
// event's: a replay is a duplicate, and answered as if it were new.
//
// A body in the envelope of our own webhook connector is understood without a
// map; any other travels raw.
func standardWebhooks(c config.Receiver) (scheme, []config.Problem) {
	keys, problems := newStandardKeys(c)
	m, more := newMapping(c)
	if c.Map["id"] != "" {
		more = append(more, c.Place.Problem("map.id", "is not for this scheme: the signed webhook-id is the event's id; remove it"))
	}
	return scheme{
		methods: []string{http.MethodPost},
		verify:  func(r *request) error { return keys.verify(r, c.Tolerance) },
		events:  m.or(envelopeEvents),
		sample:  sampleJSON(`{"type":"product.updated","timestamp":"2026-11-01T12:00:00Z","data":{"key":"42","name":"Bag"}}`),
		prove:   keys.prover(),
	}, append(problems, more...)
}

// standardKeys are what signatures are checked with.
type standardKeys struct {
	shared [][]byte            // v1
	public []ed25519.PublicKey // v1a
}

const (
	sharedPrefix  = "whsec_"
	publicPrefix  = "whpk_"
	privatePrefix = "whsk_"
)

func newStandardKeys(c config.Receiver) (standardKeys, []config.Problem) {
	var keys standardKeys
	var problems []config.Problem
	for i, secret := range c.Secrets {
		if err := keys.add(secret.Reveal()); err != nil {
			problems = append(problems, c.Place.Problem(secretPath(c, i), err.Error()))
		}
	}
	if len(c.Secrets) == 0 {
		problems = append(problems, c.Place.Problem("secret", `is missing: add secret = { env = "NAME" }`))
	}
	return keys, problems
}

func secretPath(c config.Receiver, i int) string {
	if path := fmt.Sprintf("secret[%d]", i); len(c.Secrets) > 1 {
		return path
	}
	return "secret"
}

// add reads one secret. Errors say nothing of its text.
func (k *standardKeys) add(text string) error {
	if strings.HasPrefix(text, privatePrefix) {
		return errors.New("is the private key of the sender: here its public key is wanted, which begins with " + publicPrefix)
	}
	encoded, public := strings.CutPrefix(text, publicPrefix)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(encoded, sharedPrefix))
	switch {
	case err != nil:
		return fmt.Errorf("is not a Standard Webhooks secret: want %s or %s and base64", sharedPrefix, publicPrefix)
	case public && len(key) != ed25519.PublicKeySize:
		return fmt.Errorf("has %d bytes behind %s, and an Ed25519 public key has %d", len(key), publicPrefix, ed25519.PublicKeySize)
	case len(key) == 0:
		return errors.New("is empty")
	case public:
		k.public = append(k.public, key)
	default:
		k.shared = append(k.shared, key)
	}
	return nil
}

// standardHeader finds the names that the sender uses for the three headers:
// those of the specification, or of Svix, which it grew out of.
func standardHeader(h http.Header) string {
	if _, svix := h["Svix-Signature"]; svix && len(h["Webhook-Signature"]) == 0 {
		return "Svix-"
	}
	return "Webhook-"
}

func (k standardKeys) verify(r *request, tolerance time.Duration) error {
	names := standardHeader(r.Header)
	signatures, err := r.header(names + "Signature")
	if err != nil {
		return err
	}
	id, err := r.headerID(names + "Id")
	if err != nil {
		return err
	}
	timestamp, err := r.header(names + "Timestamp")
	if err != nil {
		return err
	}
	if err := checkTime(timestamp, r.now, tolerance); err != nil {
		return err
	}
	body, err := r.body()
	if err != nil {
		return err
	}
	if !k.match(signatures, id+"."+timestamp+".", body) {
		return refuse(http.StatusUnauthorized, "signature", "No signature in the header "+names+"Signature is right.")
	}
	r.id = id
	return nil
}

// prover signs as the sender would. What an Ed25519 key is to check, only the
// sender can sign.
func (k standardKeys) prover() func(*sample, time.Time) {
	if len(k.public) > 0 && len(k.shared) == 0 {
		return nil
	}
	return func(it *sample, now time.Time) {
		id, timestamp := "msg_"+event.NewID(), strconv.FormatInt(now.Unix(), 10)
		mac := hmac.New(sha256.New, k.shared[0])
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(it.body)
		it.header.Set("Webhook-Id", id)
		it.header.Set("Webhook-Timestamp", timestamp)
		it.header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
}

// maxSignatures bounds how many signatures of one message are looked at: two for
// a rotation, in two versions, and some to spare.
const maxSignatures = 16

// match says whether one of the signatures fits one of the keys.
func (k standardKeys) match(signatures, head string, body []byte) bool {
	same := false
	for i, signature := range strings.Fields(signatures) {
		version, encoded, _ := strings.Cut(signature, ",")
		if version != "v1" && version != "v1a" {
			continue // of a version to come: it may be written in any way
		}
		offered, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || i >= maxSignatures {
			break
		}
		if version == "v1" {
			same = k.matchShared(offered, head, body) || same
		} else {
			same = k.matchPublic(offered, head, body) || same
		}
	}
	return same
}

func (k standardKeys) matchShared(offered []byte, head string, body []byte) bool {
	same := false
	for _, key := range k.shared {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(head))
		mac.Write(body)
		same = hmac.Equal(offered, mac.Sum(nil)) || same
	}
	return same
}

func (k standardKeys) matchPublic(offered []byte, head string, body []byte) bool {
	if len(k.public) == 0 {
		return false
	}
	message := append([]byte(head), body...) // Ed25519 wants it in one piece
	same := false
	for _, key := range k.public {
		same = ed25519.Verify(key, message, offered) || same
	}
	return same
}

// envelopeOps are the types of our own envelope.
var envelopeOps = map[string]sdk.EventOp{
	"product.created": sdk.Created, "product.updated": sdk.Updated, "product.deleted": sdk.Deleted,
}

// envelopeEvents reads {"type": "product.updated", "timestamp": …, "data": {…}}.
// The data is what our webhook connector sends, {"event": {…}, "product": {…}},
// or a product as event.Parse reads it. What is not so travels raw, as does what
// says that it is no JSON.
func envelopeEvents(r *request) ([]event.Event, error) {
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	var envelope struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	op, ours := sdk.EventOp(""), false
	if r.mayBeJSON() && readJSON(body, &envelope) == nil {
		op, ours = envelopeOps[envelope.Type]
	}
	if !ours {
		return r.raw(r.id, "")
	}
	e, err := envelopeData(envelope.Data)
	if err != nil {
		return nil, malformed("The data of the message is no good product:", err)
	}
	e.ID, e.Op, e.Time = r.id, op, envelope.Timestamp
	if e.Time.IsZero() {
		e.Time = r.now
	}
	return []event.Event{e}, nil
}

// mayBeJSON says whether the sender calls its body JSON, or nothing at all.
func (r *request) mayBeJSON() bool {
	return isJSON(r.mediaType()) || r.Header.Get("Content-Type") == ""
}

func envelopeData(data []byte) (event.Event, error) {
	var sent struct {
		Event *struct {
			Hint   bool     `json:"hint"`
			Fields []string `json:"fields"`
		} `json:"event"`
		Product json.RawMessage `json:"product"`
	}
	if err := readJSON(data, &sent); err != nil || sent.Event == nil {
		return event.Parse(data)
	}
	e, err := event.Parse(sent.Product)
	e.Hint = sent.Event.Hint
	// The connector leaves empty fields out. One that has changed and is not there
	// was cleared; of the others that are not there nothing is known.
	for _, path := range sent.Event.Fields {
		part := strings.HasPrefix(path, "variants.") // comes with "variants"
		if !part && sdk.KnownField(path) && !slices.Contains(e.Patch.Fields, path) {
			e.Patch.Fields = append(e.Patch.Fields, path)
		}
	}
	return e, err
}
