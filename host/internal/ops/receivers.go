package ops

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
)

// Why a receiver cannot be tried as it was asked for.
var (
	ErrSenderSigns = errors.New("only the sender has the key that signs its requests")
	ErrNoBody      = errors.New("the sender's requests have no body")
)

func (a *api) receivers(*http.Request) (any, error) {
	return Receivers{Since: a.Started, Receivers: append([]ReceiverStatus{}, a.Receivers()...)}, nil
}

func (a *api) tryReceiver(r *http.Request) (any, error) {
	name := r.PathValue("name")
	receiver, err := a.receiver(name)
	if err != nil {
		return nil, err
	}
	request, err := bodyUpTo[TrialRequest](r, mostTrial(receiver.MaxBody))
	if f, ok := errors.AsType[failure](err); ok && f.status == http.StatusRequestEntityTooLarge {
		return nil, refuse(f.status, "the body is larger than the %d bytes that receiver %s takes at once: test it with less, or raise its max_body", receiver.MaxBody, name)
	}
	if err != nil {
		return nil, err
	}
	tried, err := a.Try(r.Context(), name, request)
	switch {
	case errors.Is(err, ErrSenderSigns):
		return nil, refuse(http.StatusConflict, "what receiver %s takes is signed with a key that only its sender has, so no sample can be made here: "+
			"have the sender send a test, which most offer beside the URL, then look at: synchost receivers, and synchost events --source %s", name, name)
	case errors.Is(err, ErrNoBody):
		return nil, refuse(http.StatusConflict, "the sender of receiver %s says all in the URL, and nothing in a body: leave the body out", name)
	case err != nil:
		return nil, err
	}
	if tried.Status >= 300 {
		tried.Remedy = remedy(tried.Status, request.Body != nil)
	}
	return tried, nil
}

// mostTrial is how large a request for a trial may be: its body is written in
// base64. What is a little too large is for the receiver itself to refuse.
func mostTrial(maxBody int64) int64 { return maxRequest + min(maxBody, 1<<60)/3*4 }

// receiver finds one, or refuses names that are no receiver's.
func (a *api) receiver(name string) (ReceiverStatus, error) {
	var names []string
	for _, r := range a.Receivers() {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	if len(names) == 0 {
		return ReceiverStatus{}, refuse(http.StatusNotFound, "there is no receiver %s, nor any other", name)
	}
	slices.Sort(names)
	return ReceiverStatus{}, refuse(http.StatusNotFound, "there is no receiver %s: there is %s", name, strings.Join(names, ", "))
}

// remedy is what to do about the refusal of a trial.
func remedy(status int, ownBody bool) string {
	switch {
	case status == http.StatusBadRequest && ownBody:
		return "Mend the body, or the receiver's map."
	case status == http.StatusBadRequest:
		return "The sample is not what your sender sends: give a body of its own with --body FILE, or mend the receiver's map."
	case status == http.StatusRequestEntityTooLarge:
		return "Send less at once, or set max_body of the receiver."
	case status == http.StatusUnsupportedMediaType:
		return "Say what the body is with --type, such as --type application/json."
	case status == http.StatusTooManyRequests:
		return "It is over the receiver's rate: wait, or leave --keep out."
	case status == http.StatusServiceUnavailable:
		return "No events are taken now: synchost status tells why."
	}
	return "What each answer means, and what to do about it, is in host/docs/receivers.md."
}

// NewTriedEvents are the events of a trial, with where they were kept, if they were.
func NewTriedEvents(events []event.Event, receipts []store.Receipt) []TriedEvent {
	tried := make([]TriedEvent, len(events))
	for i := range events {
		e, t := &events[i], &tried[i]
		*t = TriedEvent{ID: e.ID, Op: e.Op, Key: e.Key, Time: e.Time, Fields: e.Patch.Fields, Whole: e.Patch.Whole, Hint: e.Hint, Raw: e.Raw}
		if len(e.Patch.Fields) > 0 {
			p := e.Patch.Product
			p.Key = e.Key
			t.Product = &p
		}
		if i < len(receipts) {
			t.Seq, t.Duplicate = receipts[i].Seq, receipts[i].Duplicate
		}
	}
	return tried
}
