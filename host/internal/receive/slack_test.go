package receive

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
)

var team = senderReceiver("slack", ourSecret)

func TestSlackChallenge(t *testing.T) {
	// https://docs.slack.dev/reference/events/url_verification
	const challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
	body := `{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"` + challenge + `","type":"url_verification"}`
	k := &keeper{}
	h := newHandler(t, k, noon, team)
	good := provenCall(t, team, "application/json", body)
	w := good.do(h)
	if w.Code != http.StatusOK || w.Body.String() != challenge || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") ||
		w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	other := team
	other.Secrets = secretsOf("another secret")
	if w := good.do(newHandler(t, k, noon, other)); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), challenge) {
		t.Errorf("not signed: %d %s", w.Code, w.Body)
	}
	for what, body := range map[string]string{
		"none":   `{"type":"url_verification"}`,
		"long":   `{"type":"url_verification","challenge":"` + strings.Repeat("a", maxChallenge+1) + `"}`,
		"markup": `{"type":"url_verification","challenge":"<b>\n"}`,
	} {
		if w := provenCall(t, team, "application/json", body).do(h); w.Code != http.StatusBadRequest {
			t.Errorf("challenge %s: %d %s", what, w.Code, w.Body)
		}
	}
	if len(k.kept()) > 0 {
		t.Errorf("a greeting is kept: %+v", k.kept())
	}
}

// Slack looks at the certificate without a signature, and that is all it can do.
func TestSlackLooksAtTheCertificate(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, team)
	signature := "v0=" + strings.Repeat("0", 64)
	for what, test := range map[string]struct {
		call call
		want int
	}{
		"POST":          {post("token=x&ssl_check=1"), http.StatusOK},
		"GET":           {call{method: "GET", target: "/in?ssl_check=1&token=x"}, http.StatusOK},
		"GET, for else": {call{method: "GET", target: "/in?command=%2Fweather"}, http.StatusUnauthorized},
		"in the query":  {call{target: "/in?ssl_check=1", body: slackBody}, http.StatusUnauthorized},
		"signed wrongly": {post("ssl_check=1", "X-Slack-Signature", signature, "X-Slack-Request-Timestamp", "1777636800"),
			http.StatusUnauthorized},
		"not signed": {post(slackBody, "X-Slack-Request-Timestamp", "1777636800"), http.StatusUnauthorized},
		"HEAD":       {call{method: "HEAD", target: "/in?ssl_check=1"}, http.StatusOK},
	} {
		if w := test.call.do(h); w.Code != test.want {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	if len(k.kept()) > 0 {
		t.Errorf("%+v", k.kept())
	}
	if w := (call{method: "GET", target: "/in"}).with("X-Slack-Signature", signature).do(h); !strings.Contains(w.Body.String(), "POST") {
		t.Errorf("a GET is told what to do: %s", w.Body)
	}
}

// A retry is signed at another time; the event is the same.
func TestSlackRetries(t *testing.T) {
	k := &keeper{}
	first := provenCall(t, team, "", "")
	first.body = string(newHandler(t, k, noon, team).routes.named("in").scheme.sample.body)
	signer := newHandler(t, k, noon, team).routes.named("in")
	for i, wait := range []time.Duration{0, time.Second, time.Minute, 6 * time.Minute} {
		now := noon.Add(wait)
		r, err := signer.trial(Trial{}, now)
		if err != nil {
			t.Fatal(err)
		}
		c := call{target: "/in", header: r.Header, body: first.body}.with("X-Slack-Retry-Num", string(rune('0'+i)))
		if w := c.do(newHandler(t, k, now, team)); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if events := k.kept(); len(events) != 1 || events[0].ID != "Ev123ABC456" {
		t.Errorf("%+v", events)
	}
}

func TestSlackCommandsAndInteractions(t *testing.T) {
	c := team
	c.Map = map[string]string{
		"key": `body.command ?? fromJSON(body.payload).user.id`, "op": `"updated"`, "fields.name": `body.text ?? "clicked"`,
	}
	k := &keeper{}
	h := newHandler(t, k, noon, c)
	for _, body := range []string{"command=%2Fweather&text=94070&trigger_id=1", "payload=%7B%22user%22%3A%7B%22id%22%3A%22U1%22%7D%7D"} {
		for range 2 {
			if w := provenCall(t, c, "application/x-www-form-urlencoded", body).do(h); w.Code != http.StatusOK || w.Body.Len() > 0 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
	}
	events := k.kept()
	if len(events) != 2 || events[0].Key != "/weather" || events[0].Patch.Product.Name != "94070" || events[1].Key != "U1" || events[1].Op != sdk.Updated {
		t.Errorf("%+v", events)
	}
}

func FuzzSlack(f *testing.F) {
	fuzzSender(f, team, "X-Slack-Signature", `{"type":"url_verification","challenge":"x"}`, `{"event_id":"Ev1"}`, `{"event_id":7}`, slackBody)
}
