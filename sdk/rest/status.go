package rest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
)

// Failure is err as the error that an HTTP status other than 2xx calls for:
//
//	401 402 403 407           Denied
//	404 410                   Gone
//	409 412                   Conflict
//	429                       Throttled
//	502 503 504 that say when Throttled
//	408 421 423 424 425 5xx   Temporary
//	other 4xx                 Rejected
//	3xx and the rest          Temporary: redirects are not followed
//
// Its After is what Wait finds in the header.
func Failure(status int, header http.Header, err error) *sdk.Error {
	e := &sdk.Error{Kind: kindOf(status), After: Wait(header, time.Now()), Err: err}
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if e.After > 0 {
			e.Kind = sdk.Throttled
		}
	}
	return e
}

func kindOf(status int) sdk.Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusProxyAuthRequired:
		return sdk.Denied
	case http.StatusNotFound, http.StatusGone:
		return sdk.Gone
	case http.StatusConflict, http.StatusPreconditionFailed:
		return sdk.Conflict
	case http.StatusTooManyRequests:
		return sdk.Throttled
	case http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusLocked,
		http.StatusFailedDependency, http.StatusTooEarly:
		return sdk.Temporary
	}
	if status >= 400 && status <= 499 {
		return sdk.Rejected
	}
	return sdk.Temporary
}

// failure tells people what was answered: the status, and the start of the text
// that came with it.
func (r *Response) failure() *sdk.Error {
	text := fmt.Sprintf("answered %d", r.Status)
	if name := http.StatusText(r.Status); name != "" {
		text += " " + name
	}
	if r.Status >= 300 && r.Status <= 399 {
		text += "; redirects are not followed"
		if to, err := url.Parse(r.Header.Get("Location")); err == nil && to.String() != "" {
			text += ": set the address it names, " + r.redact.text([]byte(r.redact.location(to)), maxSaid)
		}
	} else if said := strings.Join(strings.Fields(r.said(maxSaid)), " "); said != "" {
		text += ": " + said
	}
	return Failure(r.Status, r.Header, errors.New(text))
}

// maxSaid is how much of an answer goes into an error's text.
const maxSaid = 200
