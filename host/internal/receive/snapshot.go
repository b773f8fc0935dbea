package receive

import (
	"encoding/json"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

// snapshot is what a sender tells of a product, by the names of our own JSON form.
// A field that is null is cleared, one that is not there is not spoken of.
type snapshot map[string]any

// tell adds a field as the sender wrote it, if it is there.
func (s snapshot) tell(field string, value json.RawMessage) {
	if value != nil {
		s[field] = value
	}
}

// event reads the snapshot as our own form is read, so that what senders tell is
// held to the same rules, whoever they are.
func (s snapshot) event(id string, op sdk.EventOp, key string, at time.Time) (event.Event, error) {
	e := event.Event{ID: id, Op: op, Key: key, Time: at}
	if err := event.CheckKey(key); err != nil {
		return e, malformed("The product's id in the body "+err.Error()+".", nil)
	}
	data, err := json.Marshal(s)
	if err == nil { // what readJSON takes is written so that our own form takes it
		data, err = jsontext.AppendFormat(nil, data, jsontext.AllowInvalidUTF8(true))
	}
	if err == nil {
		e.Patch, err = event.ParsePatch(data)
	}
	if err != nil {
		return e, malformed("The product in the body cannot be taken:", err)
	}
	e.Patch.Product.Key = key
	return e, nil
}

// price is what a product costs where the sender tells an amount and leaves it to
// the operator to know in what; nil: not known. It is struck through what it cost
// before, if that was more.
func price(amount, before loose, currency string) []sdk.Price {
	now := sdk.Decimal(amount)
	if currency == "" || amount == "" {
		return nil
	}
	p := sdk.Price{Amount: now, Currency: currency}
	was := sdk.Decimal(before)
	if a, b := now.Rat(), was.Rat(); a != nil && b != nil && b.Cmp(a) > 0 {
		p.CompareAt = was
	}
	return []sdk.Price{p}
}

// moment is a time that a sender tells in passing; what is none is no reason to
// refuse the rest.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(data []byte) error {
	if m.Time.UnmarshalJSON(data) != nil {
		m.Time = time.Time{}
	}
	return nil
}

func (m moment) or(arrival time.Time) time.Time {
	if m.IsZero() {
		return arrival
	}
	return m.Time
}
