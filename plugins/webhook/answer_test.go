package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
	"github.com/synchost/synchost/sdk/sdktest"
)

func TestAnswersDecideWhatComesNext(t *testing.T) {
	tests := []struct {
		status int
		header map[string]string
		want   sdk.Kind // nothing for success
		after  time.Duration
		says   string
	}{
		{status: 200}, {status: 201}, {status: 202}, {status: 204}, {status: 299},
		{status: 301, header: map[string]string{"Location": "https://new.example/hook"}, want: sdk.Temporary, says: "https://new.example/hook"},
		{status: 302, want: sdk.Temporary}, {status: 308, want: sdk.Temporary},
		{status: 400, want: sdk.Temporary}, {status: 404, want: sdk.Temporary}, {status: 405, want: sdk.Temporary},
		{status: 408, want: sdk.Temporary}, {status: 409, want: sdk.Temporary}, {status: 413, want: sdk.Temporary}, {status: 422, want: sdk.Temporary},
		{status: 401, want: sdk.Denied, says: "401"}, {status: 403, want: sdk.Denied, says: "403"},
		{status: 410, want: sdk.Denied, says: "wants no more deliveries"},
		{status: 429, want: sdk.Throttled},
		{status: 429, header: map[string]string{"Retry-After": "30"}, want: sdk.Throttled, after: 30 * time.Second},
		{status: 429, header: map[string]string{"RateLimit": `"a";r=0;t=12`}, want: sdk.Throttled, after: 12 * time.Second},
		{status: 500, want: sdk.Temporary}, {status: 502, want: sdk.Temporary}, {status: 503, want: sdk.Temporary}, {status: 504, want: sdk.Temporary},
		{status: 500, header: map[string]string{"Retry-After": "9"}, want: sdk.Temporary, after: 9 * time.Second},
		{status: 502, header: map[string]string{"Retry-After": "9"}, want: sdk.Throttled, after: 9 * time.Second},
		{status: 503, header: map[string]string{"Retry-After": "9"}, want: sdk.Throttled, after: 9 * time.Second},
		{status: 504, header: map[string]string{"Retry-After": "9"}, want: sdk.Throttled, after: 9 * time.Second},
	}
	var current int
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range tests[current].header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(tests[current].status)
	})
	client := opened(t, options{"url": s.URL, "style": "custom"})
	for i, test := range tests {
		current = i
		result := apply(t, client, update("7"))["7"]
		if result.Exchange.Status != test.status {
			t.Errorf("%d: the record says %d", test.status, result.Exchange.Status)
		}
		if test.status < 300 {
			if result.Err != nil {
				t.Errorf("%d: %v", test.status, result.Err)
			}
			continue
		}
		var e *sdk.Error
		if !errors.As(result.Err, &e) || e.Kind != test.want || e.After != test.after || !strings.Contains(e.Error(), test.says) {
			t.Errorf("%d %v: %#v %v", test.status, test.header, e, result.Err)
		}
	}
}

// Where each product has an endpoint of its own, one that refuses says nothing
// about the others.
func TestOneOfManyEndpointsDoesNotStopTheConnector(t *testing.T) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.WriteHeader(status)
	})
	client := opened(t, options{"url": s.URL + "/{{.Key}}", "style": "custom"})
	for key, want := range map[string]sdk.Kind{"410": sdk.Rejected, "403": sdk.Rejected, "401": sdk.Denied, "404": sdk.Temporary} {
		if result := apply(t, client, update(key))[key]; result.Err == nil || sdk.KindOf(result.Err) != want {
			t.Errorf("%s: %v, want %s", key, result.Err, want)
		}
	}
}

// A product that lacks what the template asks for fails alone.
func TestTemplateThatFailsRejectsOneProduct(t *testing.T) {
	s := newSink(t, nil)
	client := opened(t, options{"url": s.URL, "style": "custom",
		"headers": options{"X-Colour": "{{.Product.Attributes.colour}}"}, "body": "{{(index .Product.Prices 0).Amount}}"})
	bare := update("bare")
	bare.Product = sdk.Product{Key: "bare"}
	broken := update("broken")
	broken.Product.Attributes = map[string]sdk.Value{"colour": sdk.String("a\r\nX-Evil: 1")}
	noColour := update("plain")
	noColour.Product.Attributes = nil
	results := apply(t, client, update("7"), bare, broken, noColour)
	for key, field := range map[string]string{"bare": "body", "broken": "headers.X-Colour", "plain": "headers.X-Colour"} {
		var e *sdk.Error
		if !errors.As(results[key].Err, &e) || e.Kind != sdk.Rejected || e.Field != field {
			t.Errorf("%s: %#v", key, e)
		}
	}
	if results["7"].Err != nil || string(s.one(t).body) != "12.50" {
		t.Errorf("7: %v", results["7"].Err)
	}
}

// Trouble on the way is never taken for success, and never takes longer than it
// may.
func TestLyingEndpoints(t *testing.T) {
	accept := sdktest.Route{Pattern: "POST /hook", Answer: "ok"}
	for _, trouble := range []sdktest.Misbehaviour{
		sdktest.Hang(), sdktest.HalfAnswer(), sdktest.LostAnswer(), sdktest.ServerError(500),
	} {
		t.Run(trouble.String(), func(t *testing.T) {
			p := sdktest.NewPlatform(t, accept)
			client := opened(t, options{"url": p.URL + "/hook", "style": "custom", "timeout": "200ms"})
			p.Every(trouble)
			result := apply(t, client, update("7"))["7"]
			if result.Err == nil || sdk.KindOf(result.Err) != sdk.Temporary {
				t.Errorf("told as %v", result.Err)
			}
			if !strings.Contains(result.Exchange.Request, "/hook") {
				t.Errorf("the record does not tell what was sent: %q", result.Exchange.Request)
			}
			p.Behave()
			done(t, client, update("7"))
		})
	}
}

// A 2xx is a 2xx, whatever is written beside it.
func TestGarbageBesideSuccess(t *testing.T) {
	p := sdktest.NewPlatform(t, sdktest.Route{Pattern: "POST /hook"})
	p.Every(sdktest.Garbage())
	done(t, opened(t, options{"url": p.URL + "/hook", "style": "custom"}), update("7"))
}

func TestSlowDripAndEndlessAnswers(t *testing.T) {
	release := make(chan struct{})
	s := newSink(t, func(w http.ResponseWriter, r *http.Request) {
		flush := http.NewResponseController(w).Flush
		if r.URL.Path == "/endless" {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
					return
				}
			}
			return
		}
		_ = flush()
		<-release
	})
	t.Cleanup(func() { close(release) })
	drip := opened(t, options{"url": s.URL + "/drip", "style": "custom", "timeout": "200ms"})
	if result := apply(t, drip, update("7"))["7"]; result.Err == nil || !strings.Contains(result.Err.Error(), "within 200ms") {
		t.Errorf("drip: %v", result.Err)
	}
	// The receiver has said 200; how much it goes on to say is its affair.
	result := done(t, opened(t, options{"url": s.URL + "/endless", "style": "custom"}), update("7"))
	if len(result.Exchange.Response) > 2048 {
		t.Errorf("%d bytes are kept", len(result.Exchange.Response))
	}
}

func TestRedirectLoopsAreNotEntered(t *testing.T) {
	s := newSink(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
	})
	result := apply(t, opened(t, options{"url": s.URL + "/hook", "style": "custom"}), update("7"))["7"]
	if result.Err == nil || len(s.got()) != 1 {
		t.Errorf("%d requests, %v", len(s.got()), result.Err)
	}
}

func TestPrivateAddressesAreRefusedUnlessListed(t *testing.T) {
	s := newSink(t, nil)
	address := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	tests := []struct {
		name, url string
		want      sdk.Kind
	}{
		{"fixed", address, sdk.Denied},
		{"of a product", address + "/{{.Key}}", sdk.Rejected},
	}
	for _, test := range tests {
		client := sdktest.Open(t, plugin, options{"url": test.url, "style": "custom", "allow_networks": []string{"10.0.0.0/8"}})
		err := apply(t, client, update("7"))["7"].Err
		if sdk.KindOf(err) != test.want || !strings.Contains(err.Error(), "loopback") || !strings.Contains(err.Error(), "allow_networks") {
			t.Errorf("%s: %v", test.name, err)
		}
		if err := client.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "allow_networks") {
			t.Errorf("%s: Check says %v", test.name, err)
		}
	}
	if len(s.got()) != 0 {
		t.Error("something was sent")
	}
	done(t, opened(t, options{"url": address, "style": "custom"}), update("7"))
}

func TestCheckConnectsAndSendsNothing(t *testing.T) {
	s := newSink(t, nil)
	for _, u := range []string{s.URL, s.URL + "/{{.Key}}", "http://{{.Key}}.example/"} {
		if err := opened(t, options{"url": u, "style": "custom"}).Check(t.Context()); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	if len(s.got()) != 0 {
		t.Error("something was sent")
	}
	client := opened(t, options{"url": s.URL, "style": "custom"})
	s.Close()
	if err := client.Check(t.Context()); err == nil {
		t.Error("a closed port passes")
	}
}

// Whatever an endpoint repeats, no secret reaches a record or an error.
func TestSecretsAreNotInRecords(t *testing.T) {
	status := http.StatusOK
	s := newSink(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintln(w, r.URL, r.Header)
	})
	const signing, code, password = "signing-secret-1", "path/secret 2", "pass-word-3"
	client := opened(t, options{
		"style": "custom", "url": s.URL + `/{{secret "code" | path}}?k={{secret "code" | query}}`,
		"body": `{{secret "code"}} {{secret "code" | json}}`, "headers": options{"X-Code": `{{secret "code"}}`},
		"secret": signing, "signature": options{"header": "X-Mark"},
		"template_secrets": options{"code": code},
		"auth":             options{"basic": options{"user": "me", "password": password}},
	})
	basic := base64.StdEncoding.EncodeToString([]byte("me:" + password))
	for _, status = range []int{200, 400, 401, 302} {
		result := apply(t, client, update("7"))["7"]
		shown := fmt.Sprint(result)
		if result.Err != nil {
			shown += result.Err.Error()
		}
		for _, text := range []string{signing, code, "path%2Fsecret", "path/secret+2", password, basic} {
			if strings.Contains(shown, text) {
				t.Errorf("%d: %q is in %s", status, text, shown)
			}
		}
		if !strings.Contains(shown, "Basic ***") || !strings.Contains(shown, "X-Code") {
			t.Errorf("%d: the record is not what the endpoint said: %s", status, shown)
		}
	}
}

// Results that are there are returned when the call's time is up.
func TestEndOfTimeKeepsWhatIsDone(t *testing.T) {
	release := make(chan struct{})
	s := newSink(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
	})
	t.Cleanup(func() { close(release) })
	client := opened(t, options{"url": s.URL + "/{{.Key}}", "style": "custom"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	results := applyWithin(ctx, t, client, update("slow"), update("quick"))
	if results["quick"].Err != nil || results["slow"].Err == nil {
		t.Errorf("%+v", results)
	}
}
