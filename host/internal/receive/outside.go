package receive

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/synchost/synchost/sdk/rest"
)

// Outside asks senders that can only be believed once they have been asked. They
// are asked at addresses that are written in their schemes; what a request gives
// only chooses among them.
type Outside struct {
	Client *rest.Client   // nil: one of limited time, answer and networks
	Roots  *x509.CertPool // whose certificates are believed; nil: the system's
}

// outsideTime is how long one question may take. The sender waits meanwhile.
const outsideTime = 5 * time.Second

func newOutside() *rest.Client {
	return rest.New(rest.Options{Timeout: outsideTime, MaxResponse: 1 << 20})
}

// ask puts a question to the sender. The answer is never nil.
func (o Outside) ask(ctx context.Context, method, address string, body []byte, header http.Header) (*rest.Response, error) {
	u, err := url.Parse(address)
	if err != nil {
		return &rest.Response{}, err
	}
	answer, err := o.Client.Do(ctx, rest.Request{Method: method, URL: u, Header: header, Body: body})
	if err == nil && answer.Truncated {
		err = errors.New("the answer is longer than is read")
	}
	return answer, err
}

// unasked refuses what nobody could be asked about. It is not a fault of the
// request, which is to be sent again.
func unasked(who string, cause error) error {
	no := refuse(http.StatusServiceUnavailable, "unasked", who+" could not be asked whether it has sent this. Send it again later.")
	no.after, no.cause = 30*time.Second, cause
	return no
}
