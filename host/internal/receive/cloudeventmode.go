package receive

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/synchost/synchost/host/internal/event"
)

const (
	eventPrefix     = "application/cloudevents"
	structuredEvent = eventPrefix + "+json"
	batchedEvents   = eventPrefix + "-batch+json"
)

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
	if err := readJSON(r.bodyText, &texts); err != nil {
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
