package receive

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// readJSON reads what a sender has written. A name is not another one in capital
// letters, and what is there twice is not understood: whoever checks, reads and maps
// a body sees the same in it. Half of a surrogate pair, as in a text that somebody
// cut, is U+FFFD.
func readJSON(text []byte, into any) error {
	return strict.Unmarshal(text, into, jsontext.AllowInvalidUTF8(true))
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
	if err := readJSON(body, into); err != nil {
		return malformed("The body is not the JSON that this sender writes:", err)
	}
	return nil
}

// tellsOnly says whether the body has no other members than these, as that of a
// deletion has none but ids. Where the topic is not signed, whoever has seen any
// other message could write that it is one.
func (r *request) tellsOnly(names ...string) bool {
	var members map[string]json.RawMessage
	if readJSON(r.bodyText, &members) != nil {
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
