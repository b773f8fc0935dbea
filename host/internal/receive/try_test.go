package receive

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/store"
)

func TestATrialGoesWhereverTheSenderWould(t *testing.T) {
	strange := secretsOf("a/b c?d%2fe#ü+&")
	for name, c := range map[string]config.Receiver{
		"the secret in the path": {Path: "/in/{secret}/x", Methods: []string{"POST"}},
		"in the query":           {Path: "/in", Methods: []string{"POST"}, Token: config.Token{Query: "code"}},
		"another method":         {Path: "/in", Methods: []string{"PUT", "PATCH"}, Token: config.Token{Query: "code"}},
		"from one address only":  {Path: "/in", Token: config.Token{Query: "code"}, Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
	} {
		c.Name, c.Scheme, c.Secrets = "in", "token", strange
		tried, err := newHandler(t, &keeper{}, noon, c).Try(t.Context(), "in", Trial{})
		if err != nil || tried.Status != http.StatusOK || len(tried.Events) != 1 {
			t.Errorf("%s: %+v %v", name, tried, err)
		}
	}
}

func TestATrialTellsWhatBecameOfIt(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, api)
	body := []byte(`[{"key":"1","id":"a"},{"key":"2"}]`)
	for _, duplicate := range []bool{false, true} {
		tried, err := h.Try(t.Context(), "api", Trial{Body: body, ContentType: "application/json", Keep: true})
		if err != nil || len(tried.Events) != 2 || len(tried.Receipts) != 2 || tried.Events[0].ID != "a" || tried.Receipts[0].Duplicate != duplicate {
			t.Errorf("%+v %v", tried, err)
		}
	}
	if s := h.Stats()[0]; s.Accepted != 3 || s.Duplicates != 1 {
		t.Errorf("what was kept counts as what the sender sends: %+v", s)
	}
	k.err = store.ErrFull
	for keep, want := range map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusAccepted} {
		tried, err := h.Try(t.Context(), "api", Trial{Keep: keep})
		if err != nil || tried.Status != want || keep && len(tried.Events) > 0 {
			t.Errorf("when the disk is full, keep %v: %+v %v", keep, tried, err)
		}
	}
	tried, err := h.Try(t.Context(), "api", Trial{Body: []byte(`{"kye":"1"}`)})
	if err != nil || tried.Status != http.StatusBadRequest || !strings.Contains(tried.Answer, "kye") || h.Stats()[0].Refused != 1 {
		t.Errorf("a bad body: %+v %v", tried, err)
	}
}

// TestATrialOfWhatSignsNoBodyHasNone, since with one it would be refused.
func TestATrialOfWhatSignsNoBodyHasNone(t *testing.T) {
	c := hmacReceiver("s3cret", config.Signature{Header: "X-Signature", Signed: "{path}?{query}"})
	tried, err := newHandler(t, &keeper{}, noon, c).Try(t.Context(), c.Name, Trial{})
	if err != nil || tried.Status != http.StatusOK || len(tried.Events) != 1 || tried.Events[0].Raw.Query == "" {
		t.Errorf("%+v %v", tried, err)
	}
	if _, media, _ := Sends(c); media != "" {
		t.Errorf("a body of type %s", media)
	}
}

// TestARefusedTrialIsToldAsOne: its address is made up, and nobody is to look for a
// sender there.
func TestARefusedTrialIsToldAsOne(t *testing.T) {
	var log strings.Builder
	c := config.Receiver{
		Name: "in", Scheme: "token", Path: "/in", Token: config.Token{Query: "code"}, Secrets: secretsOf("s"),
		Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Map: map[string]string{"key": "body.id.x"},
	}
	h, problems := New([]config.Receiver{c}, Options{
		Accepter: &keeper{}, Now: atNoon, Log: hclog.New(&hclog.LoggerOptions{Output: &log}),
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	tried, err := h.Try(t.Context(), "in", Trial{Body: []byte(`{"id":7}`), Keep: true})
	if err != nil || tried.Status != http.StatusBadRequest || !strings.Contains(log.String(), `from="receivers test"`) || strings.Contains(log.String(), "192.0.2") {
		t.Errorf("%+v %v %s", tried, err, &log)
	}
	if s := h.Stats()[0]; s.Refused != 1 || !strings.HasSuffix(s.LastReason, " (receivers test)") {
		t.Errorf("%+v", s)
	}
}

func TestWhatCannotBeTried(t *testing.T) {
	public := config.Receiver{Name: "in", Scheme: "standard-webhooks", Path: "/in", Secrets: secretsOf("whpk_" + strings.Repeat("A", 43) + "=")}
	h := newHandler(t, &keeper{}, noon, public)
	for name, want := range map[string]error{"in": ErrNoKey, "out": ErrNoReceiver} {
		if _, err := h.Try(t.Context(), name, Trial{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

func TestSends(t *testing.T) {
	for _, c := range []struct {
		receiver config.Receiver
		want     bool
	}{
		{config.Receiver{Scheme: "standard-webhooks", Secrets: secretsOf("whpk_" + strings.Repeat("A", 43) + "=")}, true},
		{config.Receiver{Scheme: "svix", Secrets: secretsOf("whpk_"+strings.Repeat("A", 43)+"=", "whsec_AAAA")}, false},
		{config.Receiver{Scheme: "standard-webhooks", Secrets: secretsOf("")}, false}, // of a secret that is not here nothing is known
		{config.Receiver{Scheme: "none"}, false},
	} {
		if _, _, got := Sends(c.receiver); got != c.want {
			t.Errorf("%+v: %v", c.receiver, got)
		}
	}
	for name := range schemes { // whose secrets are not here
		if _, _, got := Sends(config.Receiver{Scheme: name}); got != (name == "paypal") {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, p := range provenReceivers() {
		methods, media, untriable := Sends(p.receiver)
		if hasBody := p.call(t, noon).body != ""; hasBody != (media != "") || untriable != (p.receiver.Scheme == "paypal") {
			t.Errorf("%s: %v %q %v", p.receiver.Scheme, methods, media, untriable)
		}
	}
}
