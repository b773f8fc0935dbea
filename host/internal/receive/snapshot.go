package receive

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
	if err == nil {
		e.Patch, err = event.ParsePatch(data)
	}
	if err != nil {
		return e, malformed("The product in the body cannot be taken:", err)
	}
	e.Patch.Product.Key = key
	return e, nil
}

// json reads the body of a sender that writes nothing but JSON. What has no place
// in the value is passed over.
func (r *request) json(into any) error {
	if !isJSON(r.mediaType()) {
		return refuse(http.StatusUnsupportedMediaType, "type", "The body must be JSON in UTF-8, and the header Content-Type must say so.")
	}
	body, err := r.body()
	switch {
	case err != nil:
		return err
	case !utf8.Valid(body):
		return malformed("The body is not valid UTF-8.", nil)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return malformed("The body is not the JSON that this sender writes:", err)
	}
	return nil
}

// tellsOnly says whether the body has no other members than these, as that of a
// deletion has none but ids. Where the topic is not signed, whoever has seen any
// other message could write that it is one.
func (r *request) tellsOnly(names ...string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(r.bodyText, &members) != nil {
		return false
	}
	for name := range members {
		if !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

func isJSON(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// loose is a text or a number of a sender that is not particular about which.
// null is the empty text.
type loose string

func (l *loose) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, (*string)(l))
	}
	var number json.Number
	err := json.Unmarshal(data, &number)
	*l = loose(number)
	return err
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
