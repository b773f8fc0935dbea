package receive

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

var insta = metaReceiver(ourSecret)

func metaReceiver(secret string) config.Receiver {
	c := senderReceiver("meta", secret)
	c.VerifyToken = sdk.NewSecret("meatyhamhock")
	return c
}

// challenged sends a handshake and holds the answer to what all have to be.
func challenged(t *testing.T, h *Handler, k *keeper, method, query string) (int, string) {
	t.Helper()
	w := call{method: method, target: "/in?" + query}.do(h)
	if w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%s %s is answered as %v", method, query, w.Header())
	}
	if len(k.kept()) > 0 {
		t.Fatalf("%s %s is kept: %+v", method, query, k.kept())
	}
	return w.Code, w.Body.String()
}

func TestMetaHandshake(t *testing.T) {
	// https://developers.facebook.com/docs/graph-api/webhooks/getting-started/
	const good = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock"
	k := &keeper{}
	h := newHandler(t, k, noon, insta)
	if status, text := challenged(t, h, k, "GET", good); status != http.StatusOK || text != "1158201444" {
		t.Errorf("%d %q", status, text)
	}
	for what, query := range map[string]string{
		"another token":     strings.Replace(good, "meaty", "lean", 1),
		"no token":          "hub.mode=subscribe&hub.challenge=1158201444",
		"an empty token":    "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=",
		"the app's secret":  "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=" + ourSecret,
		"two tokens":        good + "&hub.verify_token=meatyhamhock",
		"two challenges":    good + "&hub.challenge=1",
		"no challenge":      "hub.mode=subscribe&hub.verify_token=meatyhamhock",
		"another mode":      strings.Replace(good, "subscribe", "unsubscribe", 1),
		"a long challenge":  strings.Replace(good, "1158201444", strings.Repeat("1", maxChallenge+1), 1),
		"control character": strings.Replace(good, "1158201444", "1%0d%0aSet-Cookie:a", 1),
		"a broken query":    good + "&%zz",
		"nothing":           "",
	} {
		if status, text := challenged(t, h, k, "GET", query); status/100 != 4 || strings.Contains(text, "1158201444") {
			t.Errorf("%s: %d %q", what, status, text)
		}
	}
	if status, _ := challenged(t, h, k, "HEAD", good); status != http.StatusUnauthorized {
		t.Errorf("HEAD: %d", status)
	}
	for what, change := range map[string]func(*config.Receiver){
		"no verify_token": func(c *config.Receiver) { c.VerifyToken = sdk.Secret{} },
		"no secret":       func(c *config.Receiver) { c.Secrets = nil },
	} {
		c := insta
		change(&c)
		h, _ := New([]config.Receiver{c}, Options{Accepter: k})
		for _, query := range []string{good, strings.Replace(good, "meatyhamhock", "", 1)} {
			if status, text := challenged(t, h, k, "GET", query); status/100 != 4 || strings.Contains(text, "1158201444") {
				t.Errorf("with %s: %d %q", what, status, text)
			}
		}
	}
}

// A comment becomes a notification, each of a batch its own.
func TestMetaBatch(t *testing.T) {
	comment := func(id, text string) string {
		return `{"field":"comments","value":{"id":"` + id + `","from":{"id":"2","username":"keldo"},"text":"` + text + `"}}`
	}
	body := `{"object":"instagram","entry":[{"id":"1","time":1777636800,"changes":[` + comment("11", "Nice") + "," + comment("12", "Sch\\u00f6n") +
		`]},{"id":"1","time":1777636801,"messaging":[{}]},{"id":"1","time":1777636801,"changes":[` + comment("13", "So!") + `]},` +
		// Where people log in with Instagram itself, an entry is one change.
		`{"id":"1","time":1777636801,` + strings.TrimPrefix(comment("14", "Oh"), "{") + `]}`
	c := insta
	c.Map = map[string]string{
		"items":                  `filter(reduce(body.entry, concat(#acc, #.changes ?? [#]), []), .field == "comments")`,
		"key":                    "item.value.id",
		"id":                     "item.value.id",
		"op":                     `"created"`,
		"fields.name":            "item.value.text",
		"fields.attributes.from": "item.value.from?.username",
	}
	k := &keeper{}
	h := newHandler(t, k, noon, c)
	for range 2 {
		if w := provenCall(t, c, "application/json", body).do(h); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	var said []string
	for _, e := range k.kept() {
		said = append(said, e.Key+" "+e.Patch.Product.Attributes["from"].Text()+": "+e.Patch.Product.Name)
	}
	if want := []string{"11 keldo: Nice", "12 keldo: Schön", "13 keldo: So!", "14 keldo: Oh"}; !slices.Equal(said, want) {
		t.Errorf("%q", said)
	}
	if s := h.Stats()[0]; s.Duplicates != 4 {
		t.Errorf("%+v", s)
	}
}

func FuzzMeta(f *testing.F) {
	fuzzSender(f, insta, "X-Hub-Signature-256", `{"object":"page","entry":[]}`)
}

// FuzzMetaHandshake: nothing is said back to who does not know the token.
func FuzzMetaHandshake(f *testing.F) {
	f.Add("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock")
	f.Add("hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=x&hub.verify_token=meatyhamhock")
	h := newHandler(f, &keeper{}, noon, insta)
	f.Fuzz(func(t *testing.T, query string) {
		r := bare("GET", "/in", query, "")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		values, err := url.ParseQuery(query)
		if w.Code == http.StatusOK && (err != nil || !slices.Equal(values["hub.verify_token"], []string{"meatyhamhock"})) {
			t.Fatalf("answered: %q", query)
		}
	})
}
