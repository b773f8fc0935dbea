package main

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk/rest"
)

// CloudEvents are the options of that style.
type CloudEvents struct {
	Mode      string `json:"mode" default:"binary" choices:"binary,structured" doc:"Attributes in headers, or everything in one JSON body."`
	Source    string `json:"source" doc:"Attribute source, a URI reference. Without it the receiver that brought the event."`
	Handshake bool   `json:"handshake" default:"true" doc:"Ask for permission by OPTIONS before the first delivery, as the specification wants."`
	Origin    string `json:"origin" default:"synchost" doc:"Who asks, as WebHook-Request-Origin: a DNS name."`
	Rate      int    `json:"rate" doc:"Deliveries a minute to ask for. The endpoint's answer is kept to, also where nothing was asked."`
}

// cloudEvents is the HTTP binding of CloudEvents 1.0.
type cloudEvents struct {
	source     string
	structured bool
}

const structuredType = "application/cloudevents+json"

func newCloudEvents(c *Config, f *faults) cloudEvents {
	o := c.CloudEvents
	if _, err := url.Parse(o.Source); err != nil || strings.ContainsAny(o.Source, " \t") {
		f.add("cloudevents.source", "is not a URI reference, such as https://shop.example or /shop")
	}
	if c.Body != "" && o.Mode == "structured" {
		f.add("body", "cloudevents.mode = \"structured\" has a body of its own; use binary")
	}
	return cloudEvents{source: o.Source, structured: o.Mode == "structured"}
}

func (cloudEvents) method() string { return "POST" }

// attributes are those of an event, in the order in which they are written.
type attributes struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype,omitempty"`
	Data            json.RawMessage `json:"data,omitempty"`
	DataBase64      []byte          `json:"data_base64,omitempty"`
}

func (e cloudEvents) attributes(s *scope) attributes {
	a := attributes{SpecVersion: "1.0", ID: s.ID, Source: e.source, Type: eventType(s), Subject: s.Key, Time: s.Event.Time}
	if a.Source == "" {
		a.Source = "/" + url.PathEscape(s.Event.Source)
	}
	return a
}

func (e cloudEvents) body(s *scope) ([]byte, string, error) {
	if !e.structured {
		if s.raw != nil {
			return s.raw.Body, s.raw.ContentType, nil
		}
		body, err := dataOf(s)
		return body, "application/json", err
	}
	a := e.attributes(s)
	switch {
	case s.raw == nil:
		payload, err := dataOf(s)
		if err != nil {
			return nil, "", err
		}
		a.DataContentType, a.Data = "application/json", payload
	case isJSON(s.raw.ContentType) && json.Valid(s.raw.Body):
		a.DataContentType, a.Data = s.raw.ContentType, s.raw.Body
	default:
		a.DataContentType, a.DataBase64 = s.raw.ContentType, s.raw.Body
	}
	body, err := marshal(a)
	return body, structuredType, err
}

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

func (e cloudEvents) mark(req *rest.Request, s *scope) error {
	if e.structured {
		return nil
	}
	a := e.attributes(s)
	req.Header["Ce-Specversion"] = []string{a.SpecVersion}
	req.Header["Ce-Id"] = []string{percent(a.ID)}
	req.Header["Ce-Source"] = []string{percent(a.Source)}
	req.Header["Ce-Type"] = []string{percent(a.Type)}
	req.Header["Ce-Subject"] = []string{percent(a.Subject)}
	req.Header["Ce-Time"] = []string{a.Time.Format(time.RFC3339Nano)}
	return nil
}

// percent is text as the HTTP binding writes it into a header: what is not
// printable ASCII, and space, quote and percent, as percent and hex of UTF-8.
func percent(text string) string {
	var out strings.Builder
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || c == '"' || c == '%' {
			fmt.Fprintf(&out, "%%%02X", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}
