package receive

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/synchost/synchost/host/internal/event"
)

const (
	eventPrefix     = "application/cloudevents"
	structuredEvent = eventPrefix + "+json"
	batchedEvents   = eventPrefix + "-batch+json"
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

// cloudEvents reads a request in each of the three modes.
func cloudEvents(m *mapping) func(*request) ([]event.Event, error) {
	return func(r *request) ([]event.Event, error) {
		switch media := r.mediaType(); {
		case media == batchedEvents:
			return batch(r, m)
		case media == structuredEvent:
			if err := r.wellFormed(); err != nil {
				return nil, err
			}
			return one(r, r.bodyText, m)
		case strings.HasPrefix(media, eventPrefix):
			return nil, noCloudEvent()
		}
		text, err := binaryEvent(r)
		if err != nil {
			return nil, err
		}
		return one(r, text, m)
	}
}

func noCloudEvent() error {
	return refuse(http.StatusUnsupportedMediaType, "type", "This is no CloudEvent that is read: Content-Type must be "+
		structuredEvent+" or "+batchedEvents+", or the headers must have Ce-Specversion, Ce-Id, Ce-Source and Ce-Type.")
}

// wellFormed reads the body of a request in an event's own format.
func (r *request) wellFormed() error {
	body, err := r.body()
	if err == nil && !utf8.Valid(body) {
		err = malformed("The body is not valid UTF-8.", nil)
	}
	return err
}

// batch reads a list of events, all or none of which are taken.
func batch(r *request, m *mapping) ([]event.Event, error) {
	if err := r.wellFormed(); err != nil {
		return nil, err
	}
	var texts []json.RawMessage
	if err := json.Unmarshal(r.bodyText, &texts); err != nil {
		return nil, malformed("The body is no list of events:", err)
	}
	if len(texts) > maxEvents {
		return nil, refuse(http.StatusRequestEntityTooLarge, "size", fmt.Sprintf("The request brings more than %d events.", maxEvents))
	}
	var all []event.Event
	for _, text := range texts {
		events, err := one(r.piece(text), text, m)
		if err != nil {
			return nil, err
		}
		if all = append(all, events...); len(all) > maxEvents {
			return nil, refuse(http.StatusRequestEntityTooLarge, "size", fmt.Sprintf("The request brings more than %d items.", maxEvents))
		}
	}
	return all, nil
}

// piece is the request as if it had brought only one event, in its JSON form.
func (r *request) piece(text []byte) *request {
	p, inner := *r, *r.Request
	inner.Header = r.Header.Clone()
	inner.Header.Set("Content-Type", structuredEvent)
	p.Request, p.read, p.bodyText = &inner, true, text
	return &p
}

// one makes what the operator wants of an event, whose JSON form is text. What
// travels raw goes as it came.
func one(r *request, text []byte, m *mapping) ([]event.Event, error) {
	var e cloudEvent
	if err := json.Unmarshal(text, &e); err != nil {
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
	if !known || json.Unmarshal(e.Data, &form) != nil || form.Event == nil || form.Product == nil {
		return event.Event{}, false
	}
	ours, err := envelopeData(e.Data)
	if err != nil {
		return event.Event{}, false
	}
	ours.Op = op
	return ours, true
}

// binaryEvent writes an event that came with its attributes in headers and its data
// as the body in its JSON form.
func binaryEvent(r *request) ([]byte, error) {
	whole := map[string]any{}
	for header := range r.Header {
		name, ok := strings.CutPrefix(header, "Ce-")
		if !ok {
			continue
		}
		switch name = strings.ToLower(name); name {
		case "data", "data_base64", "datacontenttype":
			return nil, malformed("The header "+header+" is no attribute of an event: data is the body, and Content-Type its type.", nil)
		}
		text, err := r.header(header)
		if err == nil {
			whole[name], err = attribute(text)
		}
		if err != nil {
			return nil, malformed("The header "+header+" must be there once, as CloudEvents writes attributes in headers.", nil)
		}
	}
	for _, name := range []string{"specversion", "id", "source", "type"} {
		if whole[name] == nil {
			return nil, noCloudEvent()
		}
	}
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	media := r.mediaType()
	if media != "" {
		whole["datacontenttype"] = r.Header.Get("Content-Type")
	}
	switch {
	case len(body) == 0:
	case isJSON(media):
		if !utf8.Valid(body) || !json.Valid(body) {
			return nil, malformed("The body is not the JSON that Content-Type says.", nil)
		}
		whole["data"] = json.RawMessage(body)
	case strings.HasPrefix(media, "text/") && utf8.Valid(body):
		whole["data"] = string(body)
	default:
		whole["data_base64"] = body
	}
	return json.Marshal(whole)
}

// attribute reads the value of an attribute as it stands in a header: percent-encoded
// UTF-8, which older senders may have in quotes.
func attribute(text string) (string, error) {
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		var plain strings.Builder
		for i := 1; i < len(text)-1; i++ {
			if text[i] == '\\' && i+1 < len(text)-1 {
				i++
			}
			plain.WriteByte(text[i])
		}
		text = plain.String()
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "", errAttribute
	}
	text, err := url.PathUnescape(text)
	if err != nil || !utf8.ValidString(text) {
		return "", errAttribute
	}
	return text, nil
}

var errAttribute = malformed("An attribute is not percent-encoded UTF-8.", nil)
