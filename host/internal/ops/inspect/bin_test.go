package inspect_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/synchost/synchost/host/internal/ops/inspect"
)

// send makes a request as it would arrive on the inspector's listener.
func send(t *testing.T, bin *inspect.Bin, method, url, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	r.Host = "127.0.0.1:8471"
	r.RequestURI = url
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	bin.ServeHTTP(w, r)
	return w
}

func TestRequestsAreKeptAsTheyArrived(t *testing.T) {
	bin := inspect.New(5)
	response := send(t, bin, "PUT", "/hooks/a%20b?x=1&y=%D8%B3", `{"name":"پیراهن"}`, "Content-Type", "application/json", "X-Two", "first", "X-Two", "second")
	if response.Code != http.StatusOK {
		t.Fatalf("answered %d", response.Code)
	}
	want := []inspect.Request{{
		ID: 1, Remote: "192.0.2.1:1234", Method: "PUT", URL: "/hooks/a%20b?x=1&y=%D8%B3", Proto: "HTTP/1.1",
		Headers: []inspect.Header{{"Host", "127.0.0.1:8471"}, {"Content-Type", "application/json"}, {"X-Two", "first"}, {"X-Two", "second"}},
		Body:    `{"name":"پیراهن"}`, Size: 23,
	}}
	if diff := cmp.Diff(want, bin.Requests(0, 10), cmpopts.IgnoreFields(inspect.Request{}, "Time")); diff != "" {
		t.Error(diff)
	}
}

func TestTheNewestAreKept(t *testing.T) {
	bin := inspect.New(3)
	for i := range 8 {
		send(t, bin, "POST", "/", fmt.Sprint("body ", i+1))
	}
	for _, c := range []struct {
		after int64
		limit int
		want  []string
	}{
		{0, 10, []string{"body 6", "body 7", "body 8"}},
		{0, 2, []string{"body 7", "body 8"}},
		{7, 10, []string{"body 8"}},
		{8, 10, nil},
		{99, 10, nil},
	} {
		var got []string
		for _, r := range bin.Requests(c.after, c.limit) {
			got = append(got, r.Body)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("after %d, limit %d: %s", c.after, c.limit, diff)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	const kept = 64 << 10
	for _, c := range []struct {
		name, body string
		text       string
		binary     []byte
		truncated  bool
	}{
		{name: "as long as is kept", body: strings.Repeat("a", kept), text: strings.Repeat("a", kept)},
		{name: "longer", body: strings.Repeat("a", kept+1), text: strings.Repeat("a", kept), truncated: true},
		{name: "cut in a character", body: "a" + strings.Repeat("پ", kept), text: "a" + strings.Repeat("پ", kept/2-1), truncated: true},
		{name: "not text", body: "\xff\xfe", binary: []byte("\xff\xfe")},
		{name: "empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bin := inspect.New(1)
			send(t, bin, "POST", "/", c.body)
			got := bin.Requests(0, 1)[0]
			if got.Body != c.text || !bytes.Equal(got.BodyBase64, c.binary) || got.Truncated != c.truncated || got.Size != int64(len(c.body)) {
				t.Errorf("text of %d, binary of %d, truncated %v, size %d", len(got.Body), len(got.BodyBase64), got.Truncated, got.Size)
			}
		})
	}
}

// A secret is never shown.
func TestCredentialsAreHidden(t *testing.T) {
	bin := inspect.New(1)
	send(t, bin, "POST", "/?Event=1&code=hunter2&Access_Token=hunter2", "",
		"Authorization", "Bearer hunter2", "Proxy-Authorization", "hunter2", "Cookie", "id=hunter2",
		"X-Api-Key", "hunter2", "X-Shop-Token", "hunter2", "Client-Secret", "hunter2", "Webhook-Signature", "v1,abc=")
	text, err := json.Marshal(bin.Requests(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("hunter2")) {
		t.Errorf("a credential is shown: %s", text)
	}
	for _, want := range []string{`"Bearer ***"`, `"v1,abc="`, `/?Event=1\u0026code=***`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s is not shown: %s", want, text)
		}
	}
}

func TestPage(t *testing.T) {
	bin := inspect.New(2)
	send(t, bin, "POST", "/<script>alert(1)</script>", "<script>alert(2)</script>", "X-Evil", "<img src=x onerror=alert(3)>")
	response := send(t, bin, "GET", "/", "", "Accept", "text/html,application/xhtml+xml")
	body := response.Body.Bytes()
	for _, evil := range []string{"<script", "<img"} {
		if bytes.Contains(body, []byte(evil)) {
			t.Errorf("what was sent is not escaped: the page holds %s", evil)
		}
	}
	for _, want := range []string{"alert(1)", "alert(2)", "alert(3)", `http-equiv="refresh"`} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("the page does not show %s", want)
		}
	}
	_, style, _ := strings.Cut(string(body), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	csp := response.Header().Get("Content-Security-Policy")
	if want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.HasPrefix(csp, want) {
		t.Errorf("Content-Security-Policy is %s, want %s", csp, want)
	}
	if n := len(bin.Requests(0, 10)); n != 1 {
		t.Errorf("%d requests are kept: looking at the page must not add to them", n)
	}
	response = send(t, bin, "GET", "/?paused", "", "Accept", "text/html")
	if bytes.Contains(response.Body.Bytes(), []byte("refresh\"")) {
		t.Error("the page that is held still refreshes")
	}
}

func TestRequestsAsJSON(t *testing.T) {
	bin := inspect.New(2)
	send(t, bin, "GET", "/?Event=1&Product=7", "")
	response := send(t, bin, "GET", "/_requests", "")
	var got struct{ Requests []inspect.Request }
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if len(got.Requests) != 1 || got.Requests[0].URL != "/?Event=1&Product=7" {
		t.Errorf("got %+v", got.Requests)
	}
}

func TestOtherNamesSeeNothing(t *testing.T) {
	bin := inspect.New(2)
	send(t, bin, "POST", "/", "private")
	for _, c := range []struct {
		host string
		want int
	}{
		{"127.0.0.1:8471", 200}, {"localhost:8471", 200}, {"localhost", 200}, {"[::1]:8471", 200},
		{"evil.example", 403}, {"evil.example:8471", 403}, {"10.0.0.1:8471", 403}, {"", 403},
	} {
		for _, path := range []string{"/", "/_requests"} {
			r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
			r.Host = c.host
			r.Header.Set("Accept", "text/html")
			w := httptest.NewRecorder()
			bin.ServeHTTP(w, r)
			if w.Code != c.want || w.Code == 403 && strings.Contains(w.Body.String(), "private") {
				t.Errorf("%s under %q answered %d, want %d", path, c.host, w.Code, c.want)
			}
		}
	}
}

func TestCloudEventsHandshake(t *testing.T) {
	response := send(t, inspect.New(1), "OPTIONS", "/hook", "", "WebHook-Request-Origin", "shop.example")
	if got := response.Header().Get("WebHook-Allowed-Origin"); got != "shop.example" {
		t.Errorf("WebHook-Allowed-Origin: %q", got)
	}
}

func TestManySendersAtOnce(t *testing.T) {
	bin := inspect.New(10)
	var senders sync.WaitGroup
	for i := range 8 {
		senders.Go(func() {
			body := strings.Repeat(fmt.Sprint(i), 100+i)
			for range 100 {
				send(t, bin, "POST", "/", body)
			}
		})
	}
	reader := make(chan struct{})
	go func() {
		defer close(reader)
		for seen := int64(0); seen < 800; {
			changed := bin.Changed()
			for _, r := range bin.Requests(seen, 1000) {
				if strings.Trim(r.Body, r.Body[:1]) != "" {
					t.Errorf("a body is mixed of two: %s", r.Body)
				}
				seen = r.ID
			}
			if seen < 800 {
				<-changed
			}
		}
	}()
	senders.Wait()
	<-reader
}

func TestOnlyLoopbackAddresses(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:0", "nonsense", ""} {
		if listener, err := inspect.Listen(t.Context(), address); err == nil {
			listener.Close()
			t.Errorf("%q is listened on", address)
		} else if !strings.Contains(err.Error(), "inspector.listen") {
			t.Errorf("%q: the error does not name the option: %v", address, err)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0"} {
		listener, err := inspect.Listen(t.Context(), address)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		listener.Close()
	}
}
