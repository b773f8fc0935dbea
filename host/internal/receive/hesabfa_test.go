package receive

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

const hookPassword = "custom-user-password"

func hesabfaReceiver() config.Receiver {
	return config.Receiver{Name: "in", Scheme: "hesabfa", Path: "/in", Secrets: secretsOf(hookPassword)}
}

// hook is the body of the documentation, https://hesabfa.com/help/api/hook, whose
// Action is a number of the table below it.
func hook(action, objectType, ids string) call {
	return post(`{"Password":"`+hookPassword+`","Action":`+action+`,"ObjectType":"`+objectType+`","ObjectIdList":`+ids+`}`,
		"Content-Type", "application/json")
}

func TestHesabfaHintsAtProducts(t *testing.T) {
	for action, op := range map[string]sdk.EventOp{"51": sdk.Created, "52": sdk.Updated, "53": sdk.Deleted} {
		k := &keeper{}
		if w := hook(action, "Product", "[1,2,3]").do(newHandler(t, k, noon, hesabfaReceiver())); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		events := k.kept()
		if len(events) != 3 {
			t.Fatalf("%d events", len(events))
		}
		for i, e := range events {
			if want := "123"[i : i+1]; e.Key != want || e.Op != op || !e.Hint || len(e.Patch.Fields) > 0 {
				t.Errorf("action %s: %+v", action, e)
			}
		}
	}
}

func TestHesabfaSaysOtherThingsWithoutThePassword(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, hesabfaReceiver())
	for _, c := range []call{hook("122", "Invoice", "[7]"), hook("54", "Product", "[7]"), hook("32", "Contact", "[7]")} {
		if w := c.do(h); w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	events := k.kept()
	if len(events) != 3 {
		t.Fatalf("%d events", len(events))
	}
	for _, e := range events {
		if e.Op != sdk.Received || strings.Contains(string(e.Raw.Body), "assword") || !strings.Contains(string(e.Raw.Body), `"ObjectIdList":[7]`) {
			t.Errorf("%s %s", e.Op, e.Raw.Body)
		}
	}
}

func TestHesabfaIsRefused(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, hesabfaReceiver())
	for body, want := range map[string]int{
		`{"Action":52,"ObjectType":"Product","ObjectIdList":[1]}`:                                                                          401,
		`{"Password":"","Action":52,"ObjectType":"Product","ObjectIdList":[1]}`:                                                            401,
		`{"Password":["` + hookPassword + `"],"Action":52,"ObjectType":"Product","ObjectIdList":[1]}`:                                      401,
		`{"password":"` + hookPassword + `","Action":52,"ObjectType":"Product","ObjectIdList":[1]}`:                                        401,
		`{"Password":"` + hookPassword + ` ","Action":52,"ObjectType":"Product","ObjectIdList":[1]}`:                                       401,
		`{"Password":"` + hookPassword + `","Action":52,"ObjectType":"Product","ObjectIdList":[]}`:                                         400,
		`{"Password":"` + hookPassword + `","Action":52,"ObjectType":"Product"}`:                                                           400,
		`{"Password":"` + hookPassword + `","Action":52,"ObjectType":"Product","ObjectIdList":["a b"]}`:                                    400,
		`{"Password":"` + hookPassword + `","Action":[],"ObjectType":"Product","ObjectIdList":[1]}`:                                        400,
		`{"Password":"` + hookPassword + `","Action":52,"ObjectType":"Product","ObjectIdList":[1` + strings.Repeat(",1", maxEvents) + `]}`: 413,
		`[]`: 400, `null`: 401, ``: 400,
	} {
		if w := post(body, "Content-Type", "application/json").do(h); w.Code != want {
			t.Errorf("%.80s: %d, want %d: %s", body, w.Code, want, w.Body)
		}
	}
	if events := k.kept(); len(events) > 0 {
		t.Errorf("taken: %+v", events)
	}
}

func FuzzHesabfa(f *testing.F) {
	f.Add(`{"Password":"x","Action":52,"ObjectType":"Product","ObjectIdList":[1]}`, false)
	f.Add(`{"Action":53,"ObjectType":"Product","ObjectIdList":[1,2]}`, true)
	f.Add(`{"Action":"53","ObjectType":"Invoice"}`, true)
	f.Fuzz(func(t *testing.T, body string, proven bool) {
		if proven {
			it := sampleJSON(body)
			s, _ := hesabfa(hesabfaReceiver())
			s.prove(&it, noon)
			body = string(it.body)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/in", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if probe(t, hesabfaReceiver(), r) && !strings.Contains(body, "assword") {
			t.Fatalf("taken without a password: %q", body)
		}
	})
}
