package receive

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

var hub = senderReceiver("github", ourSecret)

// proven is a request to a receiver as its scheme proves one with this body.
func provenCall(t testing.TB, c config.Receiver, media, body string) call {
	t.Helper()
	r, err := newHandler(t, &keeper{}, noon, c).routes.named(c.Name).trial(Trial{Body: []byte(body), ContentType: media}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return call{method: r.Method, target: r.URL.String(), header: r.Header, body: body}
}

func TestGitHubPingBringsNothing(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, hub)
	ping := provenCall(t, hub, "application/json", `{"zen":"Keep it logically awesome.","hook_id":1}`).with("X-Github-Event", "ping")
	if w := ping.do(h); w.Code != http.StatusOK || w.Body.Len() > 0 || len(k.kept()) > 0 {
		t.Errorf("%d %q %v", w.Code, w.Body, k.kept())
	}
	if w := ping.with("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)).do(h); w.Code != http.StatusUnauthorized {
		t.Errorf("a ping that is not signed: %d", w.Code)
	}
}

func TestGitHubKnowsADeliveryByItsID(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, hub)
	push := provenCall(t, hub, "application/json", `{}`)
	second := provenCall(t, hub, "application/json", `{}`) // which looks the same
	for _, c := range []call{push, second, push} {
		if w := c.do(h); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if s := h.Stats()[0]; s.Accepted != 2 || s.Duplicates != 1 || k.kept()[0].ID != push.header.Get("X-Github-Delivery") {
		t.Errorf("%+v %+v", s, k.kept())
	}
	for what, c := range map[string]call{
		"without an id": push.with("X-Github-Delivery"), "with two": push.with("X-Github-Delivery", "a", "b"),
		"with a bad one": push.with("X-Github-Delivery", "a\xff"), "with a long one": push.with("X-Github-Delivery", strings.Repeat("a", 256)),
		// It says less, and GitHub sends both.
		"signed by SHA-1 only": push.with("X-Hub-Signature-256").with("X-Hub-Signature", "sha1=0123456789012345678901234567890123456789"),
	} {
		if w := c.do(h); w.Code/100 != 4 {
			t.Errorf("%s: %d", what, w.Code)
		}
	}
}

// A push triggers a build: of one branch, and nothing else does.
func TestGitHubPushToABuild(t *testing.T) {
	c := hub
	c.Map = map[string]string{
		"items":                     `headers["X-GitHub-Event"] == "push" and body.ref == "refs/heads/main" ? [body] : []`,
		"key":                       "item.repository.full_name",
		"op":                        `"updated"`,
		"fields.attributes.commit":  "item.after",
		"fields.attributes.clone":   "item.repository.clone_url",
		"fields.attributes.pusher":  "item.pusher.name",
		"fields.attributes.message": "item.head_commit?.message",
	}
	k := &keeper{}
	h := newHandler(t, k, noon, c)
	push := provenCall(t, c, "", string(h.routes.named("in").scheme.sample.body))
	for _, c := range []call{push, push.with("X-Github-Event", "issues").with("X-Github-Delivery", "2")} {
		if w := c.do(h); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	events := k.kept()
	if len(events) != 1 || events[0].Key != "Codertocat/Hello-World" || events[0].Op != sdk.Updated {
		t.Fatalf("%+v", events)
	}
	attributes, err := json.Marshal(events[0].Patch.Product.Attributes)
	if want := `{"clone":"https://github.com/Codertocat/Hello-World.git","commit":"0000000000000000000000000000000000000001",` +
		`"message":"Mend it","pusher":"Codertocat"}`; err != nil || string(attributes) != want {
		t.Errorf("%s %v", attributes, err)
	}
}

// The hooks' other content type has the JSON in a field of a form.
func TestGitHubForm(t *testing.T) {
	c := hub
	c.Map = map[string]string{"key": "fromJSON(body.payload).repository.id"}
	k := &keeper{}
	w := provenCall(t, c, "application/x-www-form-urlencoded", "payload=%7B%22repository%22%3A%7B%22id%22%3A7%7D%7D").do(newHandler(t, k, noon, c))
	if w.Code != http.StatusOK || len(k.kept()) != 1 || k.kept()[0].Key != "7" {
		t.Errorf("%d %s %+v", w.Code, w.Body, k.kept())
	}
}

func FuzzGitHub(f *testing.F) {
	fuzzSender(f, hub, "X-Hub-Signature-256", `{"zen":"","hook_id":1}`)
}
