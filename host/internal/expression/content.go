package expression

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/synchost/synchost/sdk"
)

// ErrMedia says that a body is of a type that expressions cannot look into.
var ErrMedia = errors.New("must be JSON, a form or text in UTF-8, and the header Content-Type must say which")

// ParseBody is a request's body as expressions see it: JSON as ParseJSON reads it,
// a form as sdk.ParseForm does, text as itself, no body as nil. media is its type, as
// sdk.MediaType gives it. An error goes on from "the body".
func ParseBody(media string, body []byte) (any, error) {
	if len(body) == 0 {
		return nil, nil
	}
	switch {
	case media == "application/json", strings.HasSuffix(media, "+json"):
		value, err := ParseJSON(body)
		if err != nil {
			return nil, fmt.Errorf("is not valid JSON: %w", err)
		}
		return value, nil
	case media == "application/x-www-form-urlencoded":
		form, err := sdk.ParseForm(body)
		if err != nil {
			return nil, err // and not a map that is nil
		}
		return form, nil
	case strings.HasPrefix(media, "text/") && !strings.Contains(media, ";"):
		if !utf8.Valid(body) {
			return nil, errors.New("is not valid UTF-8")
		}
		return string(body), nil
	}
	return nil, ErrMedia
}
