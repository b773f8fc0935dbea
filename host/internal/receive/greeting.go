package receive

import (
	"io"
	"net/http"
	"strings"
)

// greeting is the answer to a sender that brings nothing yet, but wants to know
// whether it is expected: a handshake.
type greeting struct {
	status int         // 0: 200
	header http.Header // beside those of every answer
	text   string
}

// maxChallenge is the longest text that is said back, in bytes. The longest that
// a sender is known to ask for is some hundred.
const maxChallenge = 1024

// echo says a challenge back. It is the sender's own text, so it is bounded, and
// no browser takes it for anything but text.
func echo(challenge string) (*greeting, error) {
	switch {
	case challenge == "":
		return nil, malformed("The challenge is missing.", nil)
	case len(challenge) > maxChallenge:
		return nil, malformed("The challenge is too long to be said back.", nil)
	case strings.ContainsFunc(challenge, func(c rune) bool { return c < ' ' || c > '~' }):
		return nil, malformed("The challenge is not plain text.", nil)
	}
	return &greeting{text: challenge}, nil
}

func (g *greeting) write(w http.ResponseWriter) {
	for name, values := range g.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if g.status != 0 {
		w.WriteHeader(g.status)
	}
	_, _ = io.WriteString(w, g.text)
}
