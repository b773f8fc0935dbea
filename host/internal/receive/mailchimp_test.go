package receive

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
)

var chimp = mailchimpReceiver(ourSecret)

func mailchimpReceiver(secret string) config.Receiver {
	c := senderReceiver("mailchimp", secret)
	c.Token.Query = "code"
	return c
}

const formType = "application/x-www-form-urlencoded"

// The GET by which the URL is tried needs no secret, and brings nothing.
func TestMailchimpGreeting(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, chimp)
	for _, query := range []string{"", "code=wrong", "code=" + ourSecret, "type=subscribe&data[email]=a@b.example"} {
		for _, method := range []string{"GET", "HEAD"} {
			if status, text := challenged(t, h, k, method, query); status != http.StatusOK || text != "" {
				t.Errorf("%s %s: %d %q", method, query, status, text)
			}
		}
	}
	for _, query := range []string{"", "code=wrong", "code="} {
		c := call{target: "/in?" + query, body: "type=subscribe"}.with("Content-Type", formType)
		if w := c.do(h); w.Code != http.StatusUnauthorized {
			t.Errorf("POST %s: %d %s", query, w.Code, w.Body)
		}
	}
	if w := (call{target: "/in?code=" + ourSecret}).do(h); w.Code != http.StatusOK || len(k.kept()) > 0 {
		t.Errorf("POST of nothing: %d %v", w.Code, k.kept())
	}
	inPath := chimp
	inPath.Path, inPath.Token = "/in/{secret}", config.Token{}
	h = newHandler(t, k, noon, inPath)
	for path, want := range map[string]int{"/in/" + ourSecret: http.StatusOK, "/in/other": http.StatusNotFound} {
		if w := (call{method: "GET", target: path}).do(h); w.Code != want {
			t.Errorf("GET %s: %d", path, w.Code)
		}
	}
	secretless := chimp
	secretless.Secrets = nil
	h, _ = New([]config.Receiver{secretless}, Options{Accepter: k})
	if status, _ := challenged(t, h, k, "GET", ""); status/100 != 4 {
		t.Errorf("without a secret: %d", status)
	}
}

func TestMailchimpSubscriber(t *testing.T) {
	c := chimp
	c.Map = map[string]string{
		"key":                         "body.data.id",
		"op":                          `body.type == "unsubscribe" ? "deleted" : "updated"`,
		"time":                        `replace(body.fired_at, " ", "T") + "Z"`,
		"fields.name":                 `body.data.merges.FNAME + " " + body.data.merges.LNAME`,
		"fields.attributes.email":     "body.data.email",
		"fields.attributes.interests": `split(body.data.merges.INTERESTS, ",")`,
	}
	k := &keeper{}
	h := newHandler(t, k, noon, c)
	for range 2 {
		if w := provenCall(t, c, "", string(h.routes.named("in").scheme.sample.body)).do(h); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	events := k.kept()
	if len(events) != 1 || events[0].Key != "8a25ff1d98" || events[0].Patch.Product.Name != "Mailchimp API" || events[0].Time.Hour() != 11 ||
		len(events[0].Patch.Product.Attributes["interests"].Items()) != 2 {
		t.Errorf("%+v", events)
	}
	if s := h.Stats()[0]; s.Duplicates != 1 {
		t.Errorf("%+v", s)
	}
}

func TestMailchimpSendsNoHeader(t *testing.T) {
	c := chimp
	c.Token = config.Token{Header: "X-Code"}
	if _, problems := New([]config.Receiver{c}, Options{Accepter: &keeper{}}); len(problems) != 1 {
		t.Errorf("%v", problems)
	}
}

func FuzzMailchimp(f *testing.F) {
	f.Add("code=x", "type=subscribe&data[merges][FNAME]=A", formType)
	f.Add("code="+ourSecret, "data[a]=1&data[a][b]=2", formType)
	f.Add("code="+ourSecret+"&code=x", "", "")
	mapped := chimp
	mapped.Map = map[string]string{"key": "body?.data?.id", "op": `"updated"`, "fields.name": "body?.data?.merges?.FNAME"}
	f.Fuzz(func(t *testing.T, query, body, media string) {
		for _, c := range []config.Receiver{chimp, mapped} {
			took := probe(t, c, bare("POST", "/in", query, body, "Content-Type", media))
			values, err := url.ParseQuery(query)
			if took && (err != nil || !slices.Equal(values["code"], []string{ourSecret})) {
				t.Fatalf("taken: %q", query)
			}
			probe(t, c, bare("POST", "/in", "code="+ourSecret, body, "Content-Type", media))
			if probe(t, c, bare("GET", "/in", query, body, "Content-Type", media)) {
				t.Fatalf("a GET was taken: %q", query)
			}
		}
	})
}
