package sdktest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk/sdktest"
)

// recorder is a test that notes its errors instead of failing.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func send(t *testing.T, method, url, body string, header ...string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(r) // a Client would repeat some of them
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return answer, string(text), err
}

func TestPlatformChecksWhatItGets(t *testing.T) {
	notes := &recorder{TB: t}
	p := sdktest.NewPlatform(notes,
		sdktest.Route{
			Pattern: "POST /products",
			Header:  map[string]string{"Authorization": "Bearer x"}, Query: map[string]string{"v": "2"},
			Body:   map[string]any{"sku": "a", "stock": 7},
			Status: 201, Answer: map[string]any{"id": 1}, AnswerHeader: map[string]string{"ETag": "e1"},
		},
		sdktest.Route{Pattern: "PUT /text", Body: "exact", Answer: "plain"},
		sdktest.Route{Pattern: "GET /items/{id}", Handle: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.PathValue("id"))
		}},
	)
	answer, body, err := send(t, "POST", p.URL+"/products?v=2&more=1", `{"stock": 7, "sku":"a"}`, "Authorization", "Bearer x")
	if err != nil || answer.StatusCode != 201 || body != `{"id":1}` || answer.Header.Get("ETag") != "e1" || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%v %q %v", answer, body, err)
	}
	if _, body, err := send(t, "PUT", p.URL+"/text", "exact"); err != nil || body != "plain" {
		t.Errorf("%q %v", body, err)
	}
	if _, body, err := send(t, "GET", p.URL+"/items/77", ""); err != nil || body != "77" {
		t.Errorf("%q %v", body, err)
	}
	if notes.errors != nil {
		t.Fatalf("good requests were refused: %v", notes.errors)
	}
	for want, try := range map[string]func() (*http.Response, string, error){
		"header Authorization": func() (*http.Response, string, error) { return send(t, "POST", p.URL+"/products?v=2", "{}") },
		"parameter v": func() (*http.Response, string, error) {
			return send(t, "POST", p.URL+"/products?v=1", "{}", "Authorization", "Bearer x")
		},
		`body is {"sku":"b"}`: func() (*http.Response, string, error) {
			return send(t, "POST", p.URL+"/products?v=2", `{"sku":"b"}`, "Authorization", "Bearer x")
		},
		`body is "other"`:     func() (*http.Response, string, error) { return send(t, "PUT", p.URL+"/text", "other") },
		"no route expects it": func() (*http.Response, string, error) { return send(t, "GET", p.URL+"/nowhere", "") },
	} {
		notes.errors = nil
		answer, _, err := try()
		if err != nil || answer.StatusCode != 400 || len(notes.errors) != 1 || !strings.Contains(notes.errors[0], want) {
			t.Errorf("%s: %v %v %v", want, answer, err, notes.errors)
		}
	}
	requests := p.Requests()
	if len(requests) != 8 || requests[0].Method != "POST" || requests[0].Path != "/products" || requests[0].Query != "v=2&more=1" || string(requests[1].Body) != "exact" {
		t.Errorf("recorded %+v", requests)
	}
}

func TestPlatformMisbehaves(t *testing.T) {
	var writes atomic.Int32
	p := sdktest.NewPlatform(t,
		sdktest.Route{Pattern: "POST /write", Handle: func(w http.ResponseWriter, _ *http.Request) {
			writes.Add(1)
			_, _ = io.WriteString(w, `{"ok":true}`)
		}},
		sdktest.Route{Pattern: "GET /read", Answer: `{"ok":true}`},
	)
	write := func(m sdktest.Misbehaviour, carriedOut int32) (*http.Response, string, error) {
		t.Helper()
		before := writes.Load()
		p.Next(m)
		answer, body, err := send(t, "POST", p.URL+"/write", "{}")
		if writes.Load()-before != carriedOut {
			t.Errorf("%v: carried out %d times", m, writes.Load()-before)
		}
		return answer, body, err
	}
	if answer, _, err := write(sdktest.TooMany(1500*time.Millisecond), 0); err != nil || answer.StatusCode != 429 || answer.Header.Get("Retry-After") != "2" {
		t.Errorf("too many: %v, %v", answer, err)
	}
	if answer, _, err := write(sdktest.TooMany(0), 0); err != nil || answer.StatusCode != 429 || answer.Header["Retry-After"] != nil {
		t.Errorf("too many, no hint: %v, %v", answer, err)
	}
	if answer, body, err := write(sdktest.ServerError(503), 0); err != nil || answer.StatusCode != 503 || !strings.Contains(body, "<html>") {
		t.Errorf("server error: %v, %v", answer, err)
	}
	if _, _, err := write(sdktest.LostAnswer(), 1); err == nil {
		t.Error("lost answer: it came")
	}
	if _, body, err := write(sdktest.Slow(time.Millisecond), 1); err != nil || body != `{"ok":true}` {
		t.Errorf("slow: %q, %v", body, err)
	}
	if answer, body, err := write(sdktest.Garbage(), 1); err != nil || answer.StatusCode != 200 || strings.HasPrefix(body, "{") {
		t.Errorf("garbage: %q, %v", body, err)
	}
	if answer, body, err := write(sdktest.HalfAnswer(), 1); answer == nil || !errors.Is(err, io.ErrUnexpectedEOF) || body != `{"ok"` {
		t.Errorf("half an answer: %q, %v", body, err)
	}
	p.Every(sdktest.LostAnswer())
	if _, body, err := send(t, "GET", p.URL+"/read", ""); err != nil || body != `{"ok":true}` {
		t.Errorf("a read beside lost answers: %q, %v", body, err)
	}
	for range 2 {
		if _, _, err := send(t, "POST", p.URL+"/write", ""); err == nil {
			t.Error("Every ended by itself")
		}
	}
	p.Behave()
	if _, body, err := send(t, "POST", p.URL+"/write", ""); err != nil || body != `{"ok":true}` {
		t.Errorf("after Behave: %q, %v", body, err)
	}
	if last := p.Requests(); last[0].Fault != "too many requests" || last[len(last)-1].Fault != "" {
		t.Errorf("recorded faults %q and %q", last[0].Fault, last[len(last)-1].Fault)
	}
}

func TestPlatformThatHangsLetsTheTestEnd(t *testing.T) {
	p := sdktest.NewPlatform(t, sdktest.Route{Pattern: "GET /"})
	p.Next(sdktest.Hang())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", p.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := http.DefaultTransport.RoundTrip(r); !errors.Is(err, context.DeadlineExceeded) {
		if err == nil {
			_ = answer.Body.Close()
		}
		t.Errorf("it answered: %v", err)
	}
}
