package main

import (
	"errors"
	"net/url"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

// style is the form in which an endpoint wants to be told.
type style interface {
	// method is what is used where none is configured.
	method() string
	// body tells of one change, and names its content type.
	body(s *scope) ([]byte, string, error)
	// mark adds the style's own headers and query parameters.
	mark(req *rest.Request, s *scope) error
}

func newStyle(c *Config, f *faults) style {
	switch c.Style {
	case "cloudevents":
		return newCloudEvents(c, f)
	case "github":
		return github{}
	case "payamgostar":
		return payamgostar{}
	}
	return envelope{}
}

// envelope is the body that Standard Webhooks recommends: type, timestamp and
// data.
type envelope struct{}

func (envelope) method() string                   { return "POST" }
func (envelope) mark(*rest.Request, *scope) error { return nil }

func (envelope) body(s *scope) ([]byte, string, error) {
	if s.raw != nil {
		return s.raw.Body, s.raw.ContentType, nil
	}
	at, err := s.Event.Time.MarshalJSON()
	if err != nil {
		return nil, "", err
	}
	b := make([]byte, 0, bodySize)
	b = append(appendText(append(b, `{"type":`...), eventType(s)), `,"timestamp":`...)
	b = append(append(b, at...), `,"data":`...)
	return append(appendData(b, s, at), '}'), "application/json", nil
}

// bodySize is room for the body of a usual product; a longer one grows.
const bodySize = 2 << 10

// eventType is such as "product.updated".
func eventType(s *scope) string {
	if s.Event.Op == sdk.Received {
		return "event.received"
	}
	return "product." + string(s.Event.Op)
}

// dataOf is the event and the product as of it.
func dataOf(s *scope) ([]byte, error) {
	at, err := s.Event.Time.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return appendData(make([]byte, 0, bodySize), s, at), nil
}

// appendData writes what dataOf is; at is the event's time in JSON. Each
// delivery comes by here, so it is written without reflection.
func appendData(b []byte, s *scope, at []byte) []byte {
	e := &s.Event
	b = appendText(append(b, `{"event":{"id":`...), e.ID)
	if e.Source != "" {
		b = appendText(append(b, `,"source":`...), e.Source)
	}
	b = appendText(append(b, `,"op":`...), string(e.Op))
	b = append(append(b, `,"time":`...), at...)
	if e.Hint {
		b = append(b, `,"hint":true`...)
	}
	for i, field := range e.Fields {
		if i == 0 {
			b = append(b, `,"fields":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendText(b, field)
	}
	if len(e.Fields) > 0 {
		b = append(b, ']')
	}
	return append(s.Product.AppendJSON(append(b, `},"product":`...)), '}')
}

func appendText(b []byte, text string) []byte { return sdk.String(text).AppendJSON(b) }

// github adds GitHub's headers; its signature is made by the signer.
type github struct{ envelope }

func (github) mark(req *rest.Request, s *scope) error {
	req.Header["X-Github-Event"] = []string{"product"}
	req.Header["X-Github-Delivery"] = []string{s.ID}
	return nil
}

// payamgostar is the request of that CRM's product webhook: a GET with four
// query parameters in form encoding, and no header that is not needed.
type payamgostar struct{}

func (payamgostar) method() string { return "GET" }

func (payamgostar) body(*scope) ([]byte, string, error) { return nil, "", nil }

var errNoProduct = errors.New("this event is about no product, and style payamgostar has no form for it: filter it out, or use style custom")

func (payamgostar) mark(req *rest.Request, s *scope) error {
	var event string
	switch s.Event.Op {
	case sdk.Deleted:
		event = "0"
	case sdk.Updated:
		event = "1"
	case sdk.Created:
		event = "2"
	default:
		return sdk.Reject("", errNoProduct)
	}
	req.URL = withQuery(req.URL, "Event="+event+
		"&Product="+url.QueryEscape(s.Key)+
		"&Product+Type="+url.QueryEscape(s.Product.Code)+
		"&Product+Name="+url.QueryEscape(s.Product.Name))
	req.Header["User-Agent"] = []string{""} // empty: none is sent
	req.Header["Connection"] = []string{"Keep-Alive"}
	return nil
}
