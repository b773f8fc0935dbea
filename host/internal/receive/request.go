package receive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
)

// request is one request on its way through a receiver.
type request struct {
	*http.Request
	receiver *receiver
	secret   string    // what stands in the path at {secret}
	id       string    // of the message, where the sender has proven it
	greeting *greeting // the answer, where that is all the sender wants
	now      time.Time
	control  *http.ResponseController
	idle     time.Duration // a stream must bring something in this time
	outside  Outside
	room     *room
	holds    int64 // bytes of it

	read     bool // whether the body has been
	bodyText []byte
	bodyErr  error
}

func (r *request) checkMethod(answer http.Header) error {
	methods := r.receiver.scheme.methods
	switch {
	case methods == nil, slices.Contains(methods, r.Method):
		return nil
	case r.Method == http.MethodHead && slices.Contains(methods, http.MethodGet):
		return nil
	}
	answer.Set("Allow", strings.Join(methods, ", "))
	return refuse(http.StatusMethodNotAllowed, "method", "This receiver takes "+strings.Join(methods, ", ")+" only.")
}

// checkEncoding refuses compressed bodies: their size cannot be capped before
// they are unpacked, and no sender that we know of compresses.
func (r *request) checkEncoding() error {
	for _, encoding := range r.Header["Content-Encoding"] {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return refuse(http.StatusUnsupportedMediaType, "encoding", "Compressed bodies are not taken. Send the body as it is.")
		}
	}
	return nil
}

// header is the value of a header that must be there exactly once.
func (r *request) header(name string) (string, error) {
	values := r.Header.Values(name)
	name = http.CanonicalHeaderKey(name)
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", unproven("The header " + name + " is missing.")
	case len(values) > 1:
		// Which one would be meant? A proxy may have looked at the other.
		return "", malformed("The header "+name+" is there more than once.", nil)
	}
	return values[0], nil
}

// body reads the body, once, up to the receiver's limit.
func (r *request) body() ([]byte, error) {
	if !r.read {
		r.read = true
		r.bodyText, r.bodyErr = r.readBody(r.receiver.config.MaxBody)
	}
	return r.bodyText, r.bodyErr
}

// hold has the request take more of the room.
func (r *request) hold(more int64) error {
	if err := r.room.take(r.holds, more); err != nil {
		return err
	}
	r.holds += more
	return nil
}

func (r *request) readBody(most int64) ([]byte, error) {
	size := max(r.ContentLength, 0)
	if size > most {
		return nil, tooLarge(most)
	}
	if size == 0 && r.ContentLength == 0 {
		return nil, nil
	}
	// Where the length is known, the bytes are read into their place at once; a
	// sender's word is no reason to set much memory aside, though.
	var body []byte
	for more := min(size, 64<<10) + 1; ; more = int64(max(len(body), 512)) {
		if len(body) == cap(body) {
			more = min(more, most+1-int64(len(body)))
			if err := r.hold(more); err != nil {
				return nil, err
			}
			body = slices.Grow(body, int(more))
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > most:
			return nil, tooLarge(most)
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, brokenOff(err)
		}
	}
}

// bodyStream is the body, of any length, as long as something keeps coming.
func (r *request) bodyStream() io.Reader {
	if r.read {
		return bytes.NewReader(r.bodyText)
	}
	return progress{r}
}

// progress gives each read of the body its own time, and the answer, whose time
// began with the request, time after that.
type progress struct{ r *request }

func (p progress) Read(to []byte) (int, error) {
	// Where no deadline can be set, that of the server holds.
	now := time.Now()
	_ = p.r.control.SetReadDeadline(now.Add(p.r.idle))
	_ = p.r.control.SetWriteDeadline(now.Add(p.r.idle + answerTime))
	return p.r.Body.Read(to)
}

func tooLarge(most int64) error {
	return refuse(http.StatusRequestEntityTooLarge, "size", fmt.Sprintf("The body is larger than the %d bytes that are taken.", most))
}

func brokenOff(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return refuse(http.StatusRequestTimeout, "timeout", "The body took too long to arrive.")
	}
	return refuse(http.StatusBadRequest, "gone", "The body broke off.")
}

// mediaType is the type of the body, without parameters; empty: not told.
func (r *request) mediaType() string { return sdk.MediaType(r.Header.Get("Content-Type")) }
