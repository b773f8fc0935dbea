package receive

import (
	"errors"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

const (
	akeneoPrimary   = "X-Akeneo-Signature-Primary"
	akeneoSecondary = "X-Akeneo-Signature-Secondary"
)

func isAkeneoPlatform(r *request) bool {
	return len(r.Header[akeneoPrimary])+len(r.Header[akeneoSecondary]) > 0
}

// akeneoPlatform is an event of the Event Platform: a CloudEvent in one piece.
type akeneoPlatform struct {
	Version string `json:"specversion"`
	ID      string `json:"id"`
	Type    string `json:"type"`
	Time    moment `json:"time"`
	Data    struct {
		Product struct {
			UUID string `json:"uuid"`
		} `json:"product"`
	} `json:"data"`
}

// verifyAkeneoPlatform takes what is signed with the new secret, or with the old one
// while there are two.
func verifyAkeneoPlatform(r *request, primary, secondary *signature) error {
	err := primary.verify(r)
	if no, ok := errors.AsType[*refusal](err); ok && no.reason == "signature" && len(r.Header[akeneoSecondary]) > 0 {
		err = secondary.verify(r)
	}
	if err != nil {
		return err
	}
	return takeAkeneoID(r)
}

// takeAkeneoID takes the id of a CloudEvent, and with it makes sure that the signed
// text is one.
func takeAkeneoID(r *request) error {
	var e akeneoPlatform
	if err := r.json(&e); err != nil {
		return err
	}
	if e.Version != "1.0" {
		return malformed("The body is no CloudEvent of version 1.0.", nil)
	}
	if err := event.CheckKey(e.ID); err != nil {
		return malformed("The event's id in the body "+err.Error()+".", nil)
	}
	r.id = e.ID
	return nil
}

// akeneoHint reads an event of the Event Platform.
func akeneoHint(r *request) ([]event.Event, error) {
	var said akeneoPlatform
	if err := r.json(&said); err != nil {
		return nil, err
	}
	op, aboutProduct := akeneoOps[said.Type]
	if !aboutProduct {
		return r.raw(r.id, "")
	}
	e, err := snapshot{}.event(r.id, op, said.Data.Product.UUID, said.Time.or(r.now))
	e.Hint = op != sdk.Deleted
	return []event.Event{e}, err
}
