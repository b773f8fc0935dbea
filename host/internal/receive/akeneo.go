package receive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// akeneo takes both generations of Akeneo's messages, read 2026-11:
// https://api.akeneo.com/events-documentation/security.html (Events API) and
// https://api.akeneo.com/event-platform/concepts.html (Event Platform).
//
// The Events API signs time and body, and sends up to 10 events at once, with all
// of each product. The Event Platform signs the body, with the new secret and with
// the old one while there are two, and sends one CloudEvent, which names the
// product: a hint. What one signs is never good for the other, since a body of the
// Event Platform must be an event of its own form. What the sender calls its
// algorithm decides nothing.
//
// Events have ids in the signed body: one that comes again, as both may, is a
// duplicate. Akeneo says of both that events may come in the wrong order.
func akeneo(c config.Receiver) (scheme, []config.Problem) {
	m, problems := newMapping(c)
	api, more := newSignature(c, config.Signature{
		Header: "X-Akeneo-Request-Signature", Algorithm: "sha256", Encoding: "hex",
		Signed: "{header:" + akeneoTime + "}.{body}", Timestamp: akeneoTime,
	})
	primary, _ := newSignature(c, config.Signature{Header: akeneoPrimary, Algorithm: "sha256", Encoding: "hex", Signed: "{body}"})
	secondary, _ := newSignature(c, config.Signature{Header: akeneoSecondary, Algorithm: "sha256", Encoding: "hex", Signed: "{body}"})
	return scheme{
		methods: []string{http.MethodPost},
		verify: func(r *request) error {
			if isAkeneoPlatform(r) {
				return verifyAkeneoPlatform(r, primary, secondary)
			}
			return api.verify(r)
		},
		events: m.or(akeneoEvents),
		hides:  []string{api.header, akeneoPrimary, akeneoSecondary},
		sample: sampleJSON(akeneoSample),
		prove: func(it *sample, now time.Time) {
			it.body = bytes.Replace(it.body, []byte(akeneoSampleID), []byte(event.NewID()), 1)
			api.prove(it, now)
		},
	}, append(problems, more...)
}

const akeneoTime = "X-Akeneo-Request-Timestamp"

const akeneoSampleID = "c306e088-fb76-479c-bbc0-18fef19da75d"

// akeneoSample is after the example of product.updated in the documentation.
const akeneoSample = `{"events":[{"action":"product.updated","event_id":"` + akeneoSampleID + `","event_datetime":"2020-10-20T09:13:59+00:00",` +
	`"author":"peter","author_type":"ui","pim_source":"https://demo.akeneo.com","data":{"resource":{"uuid":"1fd20ad8-ef95-49d7-a581-fb9f8ac0c5ad",` +
	`"identifier":"1111111304","family":"accessories","parent":null,"groups":[],"categories":["master_accessories_sunglasses"],"enabled":true,"values":{` +
	`"ean":[{"locale":null,"scope":null,"data":"1234567890316"}],"name":[{"locale":null,"scope":null,"data":"Sunglasses"}],` +
	`"weight":[{"locale":null,"scope":null,"data":{"amount":"800.0000","unit":"GRAM"}}],` +
	`"description":[{"locale":"en_US","scope":"ecommerce","data":"<p>Brown and gold sunglasses</p>"}]}}}}]}`

const akeneoProducts = "com.akeneo.pim.v1.product."

var akeneoOps = map[string]sdk.EventOp{
	"product.created": sdk.Created, "product.updated": sdk.Updated, "product.removed": sdk.Deleted,
	akeneoProducts + "created": sdk.Created, akeneoProducts + "updated": sdk.Updated, akeneoProducts + "updated.delta": sdk.Updated, akeneoProducts + "deleted": sdk.Deleted,
}

func akeneoEvents(r *request) ([]event.Event, error) {
	if isAkeneoPlatform(r) {
		return akeneoHint(r)
	}
	var sent struct {
		Events []json.RawMessage `json:"events"`
	}
	if err := r.json(&sent); err != nil {
		return nil, err
	}
	if len(sent.Events) > maxEvents {
		return nil, refuse(http.StatusRequestEntityTooLarge, "size", fmt.Sprintf("The request brings more than %d events.", maxEvents))
	}
	events := make([]event.Event, 0, len(sent.Events))
	for _, text := range sent.Events {
		e, err := akeneoEvent(r, text)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// akeneoEvent reads one event of the Events API. One that is of no product, such as
// of a product model, travels raw, with its own part of the body.
func akeneoEvent(r *request, text json.RawMessage) (e event.Event, err error) {
	var said struct {
		Action string `json:"action"`
		ID     string `json:"event_id"`
		Time   moment `json:"event_datetime"`
		Data   struct {
			Resource akeneoProduct `json:"resource"`
		} `json:"data"`
	}
	if err := readJSON(text, &said); err != nil {
		return e, malformed("An event in the body is not as this sender writes it:", err)
	}
	if err := event.CheckKey(said.ID); err != nil {
		return e, malformed("The event_id in the body "+err.Error()+".", nil)
	}
	op, aboutProduct := akeneoOps[said.Action]
	if !aboutProduct {
		e, err = r.rawEvent(said.ID, "")
		if err == nil {
			e.Raw.Body = text
		}
		return e, err
	}
	p := &said.Data.Resource
	e, err = p.snapshot(op).event(said.ID, op, p.key(), said.Time.or(r.now))
	if err == nil && p.Values != nil && op != sdk.Deleted {
		// All attributes are there: one that is not has been emptied.
		e.Patch.Fields = append([]string{"attributes.*"}, e.Patch.Fields...)
	}
	return e, err
}
