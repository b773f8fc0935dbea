package receive

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/synchost/synchost/sdk"
)

// grants are the tokens with which an app may ask PayPal. Each is asked for once,
// for all who come while it is on its way: nobody waits longer than for one answer,
// however many there are.
type grants struct {
	client string
	secret sdk.Secret

	mu   sync.Mutex
	last *grant // nil: none
}

// grant is a token, or why there is none.
type grant struct {
	done  chan struct{} // closed when the rest is there
	token string
	err   error
	until time.Time // it holds; of an error: PayPal is left alone
}

// grantPause is how long an error holds, from when the token was asked for.
const grantPause = 2 * outsideTime

func (g *grant) over(now time.Time) bool {
	select {
	case <-g.done:
		return !now.Before(g.until)
	default:
		return false
	}
}

// authorize gives a grant that holds.
func (gs *grants) authorize(r *request, api string) (*grant, error) {
	gs.mu.Lock()
	g := gs.last
	if g == nil || g.over(r.now) {
		g = &grant{done: make(chan struct{})}
		gs.last = g
		// It is for others, too, so it comes even if this sender does not wait.
		go gs.ask(context.WithoutCancel(r.Context()), g, r.outside, api, r.now)
	}
	gs.mu.Unlock()
	select {
	case <-g.done:
		return g, g.err
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// ask has PayPal fill in a grant.
func (gs *grants) ask(ctx context.Context, g *grant, outside Outside, api string, now time.Time) {
	defer close(g.done)
	g.until = now.Add(grantPause)
	credentials := base64.StdEncoding.EncodeToString([]byte(gs.client + ":" + gs.secret.Reveal()))
	answer, err := outside.ask(ctx, http.MethodPost, api+"/v1/oauth2/token", []byte("grant_type=client_credentials"), http.Header{
		"Authorization": {"Basic " + credentials}, "Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"},
	})
	if err != nil {
		g.err = err
		return
	}
	var told struct {
		Token   string `json:"access_token"`
		Seconds int    `json:"expires_in"`
	}
	if err := readJSON(answer.Body, &told); err != nil || told.Token == "" {
		g.err = errors.New("PayPal gave no token")
		return
	}
	// A minute early, and within a day whatever PayPal says.
	g.token, g.until = told.Token, now.Add(time.Duration(min(max(told.Seconds-60, 0), 24*3600))*time.Second)
}

// forget drops a grant that PayPal does not take any more.
func (gs *grants) forget(g *grant) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.last == g {
		gs.last = nil
	}
}
