package receive

import (
	"fmt"
	"hash/crc32"
	"net/http"
)

// transmission is what PayPal says of a notification in its headers.
type transmission struct{ id, time, certificate, algorithm, signature string }

func newTransmission(r *request) (t transmission, err error) {
	for _, header := range []struct {
		name string
		to   *string
	}{
		{"Paypal-Transmission-Id", &t.id}, {"Paypal-Transmission-Time", &t.time}, {"Paypal-Cert-Url", &t.certificate},
		{"Paypal-Auth-Algo", &t.algorithm}, {paypalSignature, &t.signature},
	} {
		if *header.to, err = r.header(header.name); err != nil {
			return t, err
		}
	}
	return t, nil
}

// signed is the text that PayPal signs.
func (t transmission) signed(webhook string, body []byte) string {
	return fmt.Sprintf("%s|%s|%s|%d", t.id, t.time, webhook, crc32.ChecksumIEEE(body))
}

// only leaves of a request what is known to be PayPal's: what is signed, and a body
// that PayPal has told when it was asked; nil: none.
func (t transmission) only(r *request, body []byte) {
	proven, address := *r.Request, *r.URL
	address.RawQuery = ""
	proven.URL, proven.Header = &address, http.Header{"Paypal-Transmission-Id": {t.id}, "Paypal-Transmission-Time": {t.time}}
	if body != nil {
		proven.Header.Set("Content-Type", "application/json")
	}
	r.Request, r.bodyText = &proven, body
}
