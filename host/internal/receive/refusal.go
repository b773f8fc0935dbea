package receive

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
)

// refusal is why a request is answered otherwise than with 2xx.
type refusal struct {
	status   int
	reason   string // a word, for metrics and the log: from a fixed set
	sentence string // for the sender and the log; says nothing of what the request holds
	detail   string // for the sender only: may quote the request
	truth    string // for the operator, where the sender is told something else; says nothing of what the request holds
	after    time.Duration
	cause    error // for the log only
}

func (no *refusal) Error() string { return no.sentence }

func (no *refusal) Unwrap() error { return no.cause }

func refuse(status int, reason, sentence string) *refusal {
	return &refusal{status: status, reason: reason, sentence: sentence}
}

// malformed refuses what cannot be understood.
func malformed(sentence string, detail error) *refusal {
	no := refuse(http.StatusBadRequest, "malformed", sentence)
	if detail != nil {
		no.detail = detail.Error()
	}
	return no
}

// unproven refuses whoever does not prove himself.
func unproven(sentence string) *refusal { return refuse(http.StatusUnauthorized, "secret", sentence) }

func noReceiver() *refusal {
	return refuse(http.StatusNotFound, "path", "There is no receiver at this path.")
}

// from is whom a request is from, as the log tells it.
func (h *Handler) from(r *http.Request) string {
	if h.trial {
		return fromTrial
	}
	addr, ok := sender(r, h.options.TrustedProxies)
	if !ok {
		return "unknown"
	}
	return addr.String()
}

// refuse answers, counts and logs.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, t *tally, err error) {
	no, ok := errors.AsType[*refusal](err)
	if !ok {
		no = refuse(http.StatusInternalServerError, "internal", "The receiver failed.")
		no.cause = err
	}
	t.refused(no, method(r), h.from(r), h.options.Now())
	header := w.Header()
	if no.after > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(no.after.Seconds()))))
	}
	if no.status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", "Bearer")
	}
	header.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(no.status)
	text := no.sentence
	if no.detail != "" {
		text += " " + no.detail
	}
	_, _ = w.Write([]byte(text + "\n"))
}
