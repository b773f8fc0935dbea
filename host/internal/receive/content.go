package receive

import (
	"errors"
	"net/http"
	"strings"

	"github.com/synchost/synchost/host/internal/expression"
)

// content is the body as expressions see it.
func (r *request) content() (any, error) {
	body, err := r.body()
	if err != nil {
		return nil, err
	}
	value, err := expression.ParseBody(r.mediaType(), body)
	switch {
	case errors.Is(err, expression.ErrMedia):
		return nil, refuse(http.StatusUnsupportedMediaType, "type", "The body "+err.Error()+".")
	case err != nil:
		return nil, malformed("The body is not what Content-Type says: it", err)
	}
	return value, nil
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
