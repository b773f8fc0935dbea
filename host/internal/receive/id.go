package receive

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/synchost/synchost/host/internal/event"
)

// headerID is the sender's id of what it sends, in a header that must be there.
func (r *request) headerID(name string) (string, error) {
	id, err := r.header(name)
	if err != nil {
		return "", err
	}
	if err := event.CheckKey(id); err != nil {
		return "", malformed("The header "+name+" "+err.Error()+".", nil)
	}
	return id, nil
}

// digestID is the id of a request whose sender gives it none, but whose body tells
// the time: two that are the same to the last byte are one.
func digestID(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// partID is the id of the nth of several events that came with one id.
func partID(id string, n int) string {
	part := "/" + strconv.Itoa(n)
	if len(id)+len(part) > event.MaxKey {
		id = digestID([]byte(id))
	}
	return id + part
}

// withID proves as another does, and gives what is sent an id in a header.
func withID(header string, prove func(*sample, time.Time)) func(*sample, time.Time) {
	return func(it *sample, now time.Time) {
		it.header.Set(header, event.NewID())
		prove(it, now)
	}
}
