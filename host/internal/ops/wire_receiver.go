package ops

import (
	"time"

	"github.com/synchost/synchost/sdk"
)

// Receivers are the ways in.
type Receivers struct {
	Since     time.Time        `json:"since" doc:"when the host started, from when on the receivers count"`
	Receivers []ReceiverStatus `json:"receivers" doc:"in the order of the configuration"`
}

// ReceiverStatus is what a receiver has taken since the host started.
type ReceiverStatus struct {
	Name        string    `json:"name"`
	Scheme      string    `json:"scheme"`
	Path        string    `json:"path"`
	URL         string    `json:"url" doc:"under which the sender reaches it, {secret} standing for the secret; where the configuration does not tell it, where the host listens"`
	MaxBody     int64     `json:"max_body" doc:"bytes that the body of a request may have; of a stream, a line"`
	Accepted    int64     `json:"accepted" doc:"events taken"`
	Duplicates  int64     `json:"duplicates" doc:"events that were there already"`
	Echoes      int64     `json:"echoes" doc:"of the accepted, those from a destination that told our own writes back"`
	Refused     int64     `json:"refused" doc:"requests"`
	LastEvent   time.Time `json:"last_event,omitzero"`
	LastRefused time.Time `json:"last_refused,omitzero"`
	LastRefusal string    `json:"last_refusal,omitempty" doc:"why the last refused request was refused"`
}

// TrialRequest asks for a receiver to be led a request as its sender would make it.
type TrialRequest struct {
	Body        []byte `json:"body,omitzero" doc:"instead of that of the scheme's own sample"`
	ContentType string `json:"content_type,omitempty" doc:"of the body; without it, that of the sample"`
	Keep        bool   `json:"keep,omitempty" doc:"keep what it brings, and deliver it, as if the sender had sent it"`
}

// Tried is what became of such a request.
type Tried struct {
	Status int          `json:"status" doc:"HTTP status that the sender would get"`
	Answer string       `json:"answer,omitempty" doc:"what the sender would read"`
	Remedy string       `json:"remedy,omitempty" doc:"what to do, where it was refused, or where the sample cannot tell all"`
	Kept   bool         `json:"kept" doc:"whether the events were kept; else nothing has changed"`
	Events []TriedEvent `json:"events" doc:"that it brings"`
}

// TriedEvent is an event that a request brings.
type TriedEvent struct {
	ID        string       `json:"id" doc:"the source's own id, or one that the host made"`
	Op        sdk.EventOp  `json:"op" enum:"created,updated,deleted,received"`
	Key       string       `json:"key" doc:"of the product"`
	Time      time.Time    `json:"time" doc:"when it happened, by the source's clock where it tells"`
	Fields    []string     `json:"fields,omitempty" doc:"field paths that it speaks of"`
	Whole     bool         `json:"whole,omitempty" doc:"fields that it does not speak of are cleared"`
	Hint      bool         `json:"hint,omitempty" doc:"the sender says only that something changed"`
	Product   *sdk.Product `json:"product,omitempty" doc:"what it says of the product"`
	Raw       *sdk.Raw     `json:"raw,omitempty" doc:"the request as it came, of an event of no product"`
	Seq       int64        `json:"seq,omitempty" doc:"position in the journal, where it was kept"`
	Duplicate bool         `json:"duplicate,omitempty" doc:"it was there already, and is not kept again"`
}
