package receive

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/synchost/synchost/host/internal/expression"
)

// content is the body as expressions see it: JSON as objects, lists, texts,
// exact numbers and truth values, a form as a map of texts, text as itself, no body as nil.
func (r *request) content() (any, error) {
	body, err := r.body()
	if err != nil || len(body) == 0 {
		return nil, err
	}
	switch media := r.mediaType(); {
	case media == "application/json", strings.HasSuffix(media, "+json"):
		value, err := expression.ParseJSON(body)
		if err != nil {
			return nil, malformed("The body is not valid JSON:", err)
		}
		return value, nil
	case media == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil || !utf8.Valid(body) {
			return nil, malformed("The body is not a well-formed form.", nil)
		}
		return formContent(form), nil
	case strings.HasPrefix(media, "text/") && !strings.Contains(media, ";"):
		if !utf8.Valid(body) {
			return nil, malformed("The body is not valid UTF-8.", nil)
		}
		return string(body), nil
	}
	return nil, refuse(http.StatusUnsupportedMediaType, "type",
		"The body must be JSON, a form or text in UTF-8, and the header Content-Type must say which.")
}

// formContent keeps a parameter that is there several times as a list.
func formContent(form url.Values) map[string]any {
	content := make(map[string]any, len(form))
	for name, texts := range form {
		if len(texts) == 1 {
			content[name] = texts[0]
			continue
		}
		list := make([]any, len(texts))
		for i, text := range texts {
			list[i] = text
		}
		content[name] = list
	}
	return content
}

// scope is what expressions see of the request. Credentials are not among it.
func (r *request) scope() (*expression.RequestScope, error) {
	body, err := r.content()
	if err != nil {
		return nil, err
	}
	query := map[string]string{}
	for name, values := range r.URL.Query() {
		if name != r.receiver.config.Token.Query {
			query[name] = values[0]
		}
	}
	s := &expression.RequestScope{
		Body: body, Headers: r.openHeaders(strings.ToLower), Query: query,
		Method: r.Method, Path: r.receiver.config.Path,
	}
	return s.With(body), nil
}
