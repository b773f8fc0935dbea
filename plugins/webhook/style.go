package main

import (
	"errors"
	"net/url"
	"time"

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
	body, err := marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      data      `json:"data"`
	}{eventType(s), s.Event.Time, newData(s)})
	return body, "application/json", err
}

// eventType is such as "product.updated".
func eventType(s *scope) string {
	if s.Event.Op == sdk.Received {
		return "event.received"
	}
	return "product." + string(s.Event.Op)
}

// data is the event and the product as of it.
type data struct {
	Event struct {
		ID     string      `json:"id"`
		Source string      `json:"source,omitempty"`
		Op     sdk.EventOp `json:"op"`
		Time   time.Time   `json:"time"`
		Hint   bool        `json:"hint,omitempty"`
		Fields []string    `json:"fields,omitempty"`
	} `json:"event"`
	Product *sdk.Product `json:"product"`
}

func newData(s *scope) data {
	d := data{Product: &s.Product}
	d.Event.ID, d.Event.Source, d.Event.Op = s.Event.ID, s.Event.Source, s.Event.Op
	d.Event.Time, d.Event.Hint, d.Event.Fields = s.Event.Time, s.Event.Hint, s.Event.Fields
	return d
}

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
