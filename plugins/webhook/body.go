package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/synchost/synchost/sdk"
)

var (
	errAboutProduct = errors.New(`the event is about a product and has no body: the connector's filter can leave it out, such as filter = 'event.op == "received"'`)
	errMedia        = errors.New("the event's body is neither JSON, a form nor text in UTF-8")
	errJSON         = errors.New("the event's body is not valid JSON")
)

// parseBody is a body as templates see it: JSON as maps, lists, texts, truth
// values and numbers with the digits they came with, a form as texts by name,
// text as itself, no body as nil. Errors quote nothing: there may be a secret in it.
func parseBody(raw *sdk.Raw) (any, error) {
	if raw == nil {
		return nil, errAboutProduct
	}
	if len(raw.Body) == 0 {
		return nil, nil
	}
	switch media := sdk.MediaType(raw.ContentType); {
	case media == "application/json", strings.HasSuffix(media, "+json"):
		return parseJSON(raw.Body)
	case media == "application/x-www-form-urlencoded":
		form, err := sdk.ParseForm(raw.Body)
		if err != nil {
			return nil, fmt.Errorf("the event's body %w", err)
		}
		return form, nil
	case strings.HasPrefix(media, "text/") && !strings.Contains(media, ";") && utf8.Valid(raw.Body):
		return string(raw.Body), nil
	}
	return nil, errMedia
}

func parseJSON(data []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return nil, errJSON
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errJSON
	}
	return value, nil
}

// unknown stands in samples for the body: whatever a template takes of it is
// there, and empty.
type unknown map[string]unknown

func (unknown) String() string { return "" }
