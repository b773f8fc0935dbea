package rest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/synchost/synchost/sdk"
)

const (
	maxExchange = 2 << 10 // bytes that are kept of a request and of an answer, each
	maxTaken    = 256     // bytes of their bodies where the answer is a success
)

// Exchange sums up the request and its answer for the delivery record, at most
// 2 KiB each, without secrets. The request is told as its method and URL, a
// line for each header, an empty line and its body. Of bodies that went well
// the first 256 bytes are told, which show their form: nearly all go well, and
// what was to be written is on record with the change.
func (r *Response) Exchange() sdk.Exchange {
	if r.redact == nil { // made elsewhere: nothing is known of its secrets
		return sdk.Exchange{}
	}
	most := maxExchange
	if r.Status/100 == 2 {
		most = maxTaken
	}
	return sdk.Exchange{
		Request:  r.redact.request(&r.Request, most),
		Response: r.said(most) + more(len(r.Body), most),
		Status:   r.Status,
	}
}

// more tells how long a body is of which only a part is told because all went
// well.
func more(length, most int) string {
	if length <= most || most == maxExchange {
		return ""
	}
	return "… (" + strconv.Itoa(length) + " bytes)"
}

// said is the start of the answer's body. The credentials of the request are
// masked in it even if no option names them: they may be a token that was got on
// the way, and some servers repeat what they are sent.
func (r *Response) said(limit int) string {
	redact := r.redact
	if len(r.Body) > 0 {
		_, credentials, _ := strings.Cut(r.Request.Header.Get("Authorization"), " ")
		redact = redact.with(credentials)
	}
	return redact.text(r.Body, limit)
}

// request is method and URL, a line for each header, and the start of the body.
func (r *redactor) request(req *Request, most int) string {
	var names [16]string
	sorted := names[:0]
	for name := range req.Header {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)

	head := make([]byte, 0, 512)
	head = append(head, req.Method...)
	head = append(head, ' ')
	if req.URL != nil {
		head = append(head, r.location(req.URL)...)
	}
	for _, name := range sorted {
		for _, value := range req.Header[name] {
			if value == "" {
				continue
			}
			head = append(head, '\n')
			head = append(head, name...)
			head = append(head, ": "...)
			if r.secretHeader(name) {
				value = mask
			}
			head = append(head, value...)
		}
	}
	if len(req.Body) > 0 {
		head = append(head, "\n\n"...)
	}
	var out strings.Builder
	rest := more(len(req.Body), most)
	out.Grow(min(len(head)+min(len(req.Body), most)+len(rest), maxExchange))
	left := r.write(&out, head, maxExchange-len(rest))
	r.write(&out, req.Body, min(left, most))
	out.WriteString(rest)
	return out.String()
}
