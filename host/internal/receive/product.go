package receive

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

// product is our own API: a POST of one product, an array of them, or any number
// as lines of a stream (application/x-ndjson), in the form that event.Parse
// reads. It is proven by "Authorization: Bearer" and the secret, or by a Standard
// Webhooks signature with the same secret.
//
// A request that is sent again with the same Idempotency-Key makes no new
// events: their ids are the key, in arrays and streams the key and the place. A
// signed request has its webhook-id for that, which nobody can exchange; and an
// "id" in the body is stronger than both.
func product(c config.Receiver) (scheme, []config.Problem) {
	var keys standardKeys
	var problems []config.Problem
	for _, secret := range c.Secrets {
		// One that is not in the form for signing is good as a bearer token only.
		if text := secret.Reveal(); strings.HasPrefix(text, sharedPrefix) {
			_ = keys.add(text)
		}
	}
	if len(digests(c.Secrets)) == 0 {
		problems = append(problems, noSecret(c))
	}
	return scheme{
		methods: []string{http.MethodPost},
		verify:  func(r *request) error { return verifyProduct(r, keys, c.Tolerance) },
		stream:  productStream,
		events:  productEvents,
		answer:  answerJSON,
		sample:  sampleJSON(`{"key":"42","name":"Bag"}`),
		prove:   proveHeader("Authorization", c.Secrets),
	}, problems
}

func verifyProduct(r *request, keys standardKeys, tolerance time.Duration) error {
	if len(r.Header["Webhook-Signature"])+len(r.Header["Svix-Signature"]) == 0 {
		return verifyHeader(r, "Authorization")
	}
	if len(keys.shared) == 0 {
		return unproven(`This receiver has no secret for signatures: one begins with "` + sharedPrefix + `".`)
	}
	return keys.verify(r, tolerance)
}

// baseID is what the ids of a request's events are made of; empty: nothing.
func baseID(r *request) (string, error) {
	if r.id != "" || len(r.Header["Idempotency-Key"]) == 0 {
		return r.id, nil
	}
	if len(r.Header["Idempotency-Key"]) > 1 {
		return "", malformed("The header Idempotency-Key is there more than once.", nil)
	}
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		// Not as if it were missing: who sends the header relies on it. The IETF's
		// draft (draft-ietf-httpapi-idempotency-key-header) answers 400, too, where
		// there is no key in a request that is to have one.
		return "", malformed("The header Idempotency-Key is empty: give each change a key of its own, or leave the header out.", nil)
	}
	if err := event.CheckKey(key); err != nil {
		return "", malformed("The header Idempotency-Key "+err.Error()+".", nil)
	}
	return key, nil
}

// identify gives an event what its sender has not: n is its place, from 1; 0: it
// is alone.
func identify(e *event.Event, r *request, base string, n int) {
	switch {
	case e.ID != "":
	case base == "":
		e.ID = event.NewID()
	case n == 0:
		e.ID = base
	default:
		e.ID = partID(base, n)
	}
	if e.Time.IsZero() {
		e.Time = r.now
	}
}

func productEvents(r *request) ([]event.Event, error) {
	if r.mediaType() != "application/json" && !isSignedValue(r) {
		return nil, refuse(http.StatusUnsupportedMediaType, "type",
			"The body must be JSON: Content-Type application/json, or application/x-ndjson for a stream of lines.")
	}
	base, err := baseID(r)
	if err != nil {
		return nil, err
	}
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		e, err := event.Parse(body)
		if err != nil {
			return nil, malformed("The product is not good:", err)
		}
		identify(&e, r, base, 0)
		return []event.Event{e}, nil
	}
	// Of an array, all is taken or nothing.
	events, err := event.ParseList(body, maxEvents)
	if err != nil {
		return nil, malformed("The products are not good, and none was taken:", err)
	}
	for i := range events {
		identify(&events[i], r, base, i+1)
	}
	return events, nil
}

func isLines(media string) bool {
	return media == "application/x-ndjson" || media == "application/ndjson" || media == "application/jsonl"
}

// isSignedValue says whether a signed request has one JSON value, which it then is,
// even if it is called a stream: the type is not signed, and events of the one would
// have other ids than those of the other.
func isSignedValue(r *request) bool {
	return r.id != "" && isLines(r.mediaType()) && json.Valid(r.bodyText)
}

func productStream(r *request, keep keepFunc) (*taken, error) {
	if !isLines(r.mediaType()) || isSignedValue(r) {
		return nil, nil
	}
	base, err := baseID(r)
	if err != nil {
		return nil, err
	}
	in := newLineReader(r.bodyStream(), int(r.receiver.config.MaxBody))
	s := newStream(r.Context(), keep)
	err = s.read(in, func(line []byte, n int) (event.Event, error) {
		e, err := event.Parse(line)
		if err == nil {
			identify(&e, r, base, n)
		}
		return e, err
	})
	done, failed := s.finish()
	r.receiver.tally.refusedLines(done.Refused, r.now)
	if err = errors.Join(failed, err); err == nil {
		return &done, nil
	}
	if no, ok := errors.AsType[*refusal](err); ok {
		no.detail = "Of the lines before, " + strconv.Itoa(done.Accepted+done.Duplicates) + " were kept."
		return nil, no
	}
	return nil, err
}

// answerJSON tells what became of the products. 400 is for a stream without one
// good line.
func answerJSON(w http.ResponseWriter, done *taken) {
	w.Header().Set("Content-Type", "application/json")
	status := http.StatusAccepted
	if done.Refused > 0 && done.Accepted+done.Duplicates == 0 {
		status = http.StatusBadRequest
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(done)
}
