package main

import (
	"errors"
	"net/http"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/rest"
)

// judge says what an answer other than 2xx means for the host.
//
// A webhook's receiver does not speak about products: its 400, 404 or 422 may
// be a bug that is being mended, or a route that is being deployed. Standard
// Webhooks counts each as a failure that is tried again on the schedule, and so
// do we; the schedule's end, not the status, gives a delivery up. Only what no
// retry can mend stops the connector: wrong credentials, and 410, by which a
// receiver says that it wants no more.
//
// Where the URL depends on the product, one endpoint's refusal says nothing
// about the others: then only that product is rejected.
func (w *webhook) judge(resp *rest.Response, err error) error {
	var e *sdk.Error
	if !errors.As(err, &e) {
		return err
	}
	refused := sdk.Denied
	if !w.composer.url.fixed {
		refused = sdk.Rejected
	}
	switch {
	case errors.Is(err, rest.ErrAddressRefused):
		e.Kind = refused
	case resp.Status == 0, e.Kind == sdk.Throttled:
	case resp.Status == http.StatusUnauthorized:
		e.Kind = sdk.Denied
	case resp.Status == http.StatusForbidden:
		e.Kind = refused
	case resp.Status == http.StatusGone:
		e.Kind, e.Err = refused, errGone
	default:
		e.Kind = sdk.Temporary
	}
	return err
}

var errGone = errors.New("answered 410 Gone: the receiver wants no more deliveries; correct url or remove the connector")
