package receive

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/event"
)

// cloudEvent is what of an event in its JSON form concerns its way.
type cloudEvent struct {
	Version string          `json:"specversion"`
	ID      string          `json:"id"`
	Source  string          `json:"source"`
	Type    string          `json:"type"`
	Time    *time.Time      `json:"time"`
	Data    json.RawMessage `json:"data"`
}

// one makes what the operator wants of an event, whose JSON form is text. What
// travels raw goes as it came.
func one(r *request, text []byte, m *mapping) ([]event.Event, error) {
	var e cloudEvent
	if err := readJSON(text, &e); err != nil {
		return nil, malformed("The event is not of the JSON form of CloudEvents:", err)
	}
	if e.Version != "1.0" {
		return nil, malformed("The event is not of version 1.0 of CloudEvents.", nil)
	}
	for name, value := range map[string]string{"id": e.ID, "source": e.Source, "type": e.Type} {
		if value == "" {
			return nil, malformed("The event has no "+name+".", nil)
		}
	}
	id, err := e.id()
	if err != nil {
		return nil, err
	}
	r.id = id
	if m != nil {
		p := r.piece(text)
		// What came as headers is in the body now, and is not told twice.
		for name := range p.Header {
			if strings.HasPrefix(name, "Ce-") {
				p.Header.Del(name)
			}
		}
		return m.events(p)
	}
	if ours, ok := e.product(); ok {
		if ours.ID, ours.Time = id, r.now; e.Time != nil {
			ours.Time = *e.Time
		}
		return []event.Event{ours}, nil
	}
	events, err := r.raw(id, "")
	if err == nil && e.Time != nil {
		events[0].Time = *e.Time
	}
	return events, err
}

// id is source and id, which together tell an event from all others. A source is a
// URI, and has no blank in it.
func (e *cloudEvent) id() (string, error) {
	id := e.Source + " " + e.ID
	if len(id) > event.MaxKey {
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:])
	}
	if strings.ContainsAny(e.Source, " \t\r\n") {
		return "", malformed("The event's source is no URI.", nil)
	}
	if err := event.CheckKey(id); err != nil {
		return "", malformed("The event's source and id together: what "+err.Error()+".", nil)
	}
	return id, nil
}

// product is what our own webhook connector sends. Others may use its types, too,
// but not its form.
func (e *cloudEvent) product() (event.Event, bool) {
	op, known := envelopeOps[e.Type]
	var form struct {
		Event   *struct{}       `json:"event"`
		Product json.RawMessage `json:"product"`
	}
	if !known || readJSON(e.Data, &form) != nil || form.Event == nil || form.Product == nil {
		return event.Event{}, false
	}
	ours, err := envelopeData(e.Data)
	if err != nil {
		return event.Event{}, false
	}
	ours.Op = op
	return ours, true
}
