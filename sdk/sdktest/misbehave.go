package sdktest

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Misbehaviour is one way in which platforms let their callers down.
type Misbehaviour struct {
	kind   misbehaviour
	status int
	wait   time.Duration
}

type misbehaviour string

const (
	tooMany     misbehaviour = "too many requests"
	serverError misbehaviour = "server error"
	lostAnswer  misbehaviour = "lost answer"
	slow        misbehaviour = "slow"
	hang        misbehaviour = "hang"
	garbage     misbehaviour = "garbage"
	halfAnswer  misbehaviour = "half an answer"
)

// TooMany answers 429 with Retry-After in whole seconds, rounded up; 0: without
// the header. The request is not carried out.
func TooMany(after time.Duration) Misbehaviour { return Misbehaviour{kind: tooMany, wait: after} }

// ServerError answers with a 5xx status and a page for people. The request is
// not carried out.
func ServerError(status int) Misbehaviour { return Misbehaviour{kind: serverError, status: status} }

// LostAnswer carries a write out and closes the connection instead of answering.
// Reads are answered, so that a connector gets as far as its write.
func LostAnswer() Misbehaviour { return Misbehaviour{kind: lostAnswer} }

// Slow carries the request out and answers after wait.
func Slow(wait time.Duration) Misbehaviour { return Misbehaviour{kind: slow, wait: wait} }

// Hang never answers and carries nothing out.
func Hang() Misbehaviour { return Misbehaviour{kind: hang} }

// Garbage carries the request out and answers with what is no JSON.
func Garbage() Misbehaviour { return Misbehaviour{kind: garbage} }

// HalfAnswer carries the request out and closes the connection in the middle of
// the answer.
func HalfAnswer() Misbehaviour { return Misbehaviour{kind: halfAnswer} }

// String names the misbehaviour.
func (m Misbehaviour) String() string { return string(m.kind) }

// ruin lets the platform misbehave about one request.
func (m Misbehaviour) ruin(w http.ResponseWriter, r *http.Request, carryOut http.Handler, ended <-chan struct{}) {
	switch m.kind {
	case tooMany:
		if m.wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(m.wait.Seconds()))))
		}
		http.Error(w, `{"error":"too many requests"}`, http.StatusTooManyRequests)
	case serverError:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(m.status)
		_, _ = fmt.Fprintf(w, "<html><body><h1>%d</h1>Please try again later.</body></html>", m.status)
	case hang:
		select {
		case <-r.Context().Done():
		case <-ended:
		}
		panic(http.ErrAbortHandler)
	case lostAnswer:
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			carryOut.ServeHTTP(w, r)
			return
		}
		carryOut.ServeHTTP(newKept(), r)
		panic(http.ErrAbortHandler)
	case slow:
		answer := newKept()
		carryOut.ServeHTTP(answer, r)
		select {
		case <-time.After(m.wait):
		case <-r.Context().Done():
		case <-ended:
		}
		answer.send(w, answer.body)
	case garbage:
		answer := newKept()
		carryOut.ServeHTTP(answer, r)
		answer.send(w, []byte("\x00\xff<?php fatal error: not json"))
	case halfAnswer:
		answer := newKept()
		carryOut.ServeHTTP(answer, r)
		w.Header().Set("Content-Length", strconv.Itoa(len(answer.body)+1))
		answer.send(w, answer.body[:len(answer.body)/2])
		panic(http.ErrAbortHandler)
	}
}

// kept is an answer that is not sent, or not yet.
type kept struct {
	header http.Header
	status int
	body   []byte
}

func newKept() *kept { return &kept{header: http.Header{}, status: http.StatusOK} }

func (k *kept) Header() http.Header { return k.header }

func (k *kept) WriteHeader(status int) { k.status = status }

func (k *kept) Write(p []byte) (int, error) {
	k.body = append(k.body, p...)
	return len(p), nil
}

func (k *kept) send(w http.ResponseWriter, body []byte) {
	for name, values := range k.header {
		w.Header()[name] = values
	}
	w.WriteHeader(k.status)
	_, _ = w.Write(body)
	_ = http.NewResponseController(w).Flush()
}
