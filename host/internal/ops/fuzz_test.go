package ops

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzAPI: whatever it is asked, the API answers with JSON or nothing, and knows
// what is the asker's fault.
func FuzzAPI(f *testing.F) {
	f.Add("GET", "/v1/events", "limit=3&after=0&key=7", "")
	f.Add("GET", "/v1/events", "limit=99999999999999999999", "")
	f.Add("GET", "/v1/why", "key=7&connector=shop", "")
	f.Add("GET", "/v1/connectors/shop/products", "limit=-1", "")
	f.Add("POST", "/v1/connectors/shop/retry", "", `{"keys":["7",""]}`)
	f.Add("POST", "/v1/connectors/hook/replay", "", `{"seq":-1}`)
	f.Add("POST", "/v1/connectors/shop/replay", "", `{"time":"2026-09-01T12:00:00Z"}`)
	f.Add("POST", "/v1/connectors/%2e%2e/pause", "", `{"reason":1}`)
	f.Add("GET", "/v1/inspect", "after=-1", "")
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		w := newWorld()
		w.fill()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		if truth(r.URL.Query().Get("follow")) {
			return // it would go on and on
		}
		answer := httptest.NewRecorder()
		NewAPI(w.deps).ServeHTTP(answer, r)
		switch answer.Code {
		case http.StatusNoContent:
			if answer.Body.Len() > 0 {
				t.Fatalf("nothing is told as %s", answer.Body)
			}
			return
		case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusMethodNotAllowed: // of net/http: another spelling, another method
			return
		case http.StatusInternalServerError:
			t.Fatalf("%s %s?%s %s: %s", method, path, query, body, answer.Body)
		}
		decoder := json.NewDecoder(answer.Body)
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatalf("%d is not told in JSON: %v", answer.Code, err)
		}
		if _, err := decoder.Token(); err != io.EOF {
			t.Fatalf("something follows the answer: %v", err)
		}
		told, isObject := value.(map[string]any)
		if message, _ := told["error"].(string); answer.Code >= 400 && (!isObject || message == "") {
			t.Fatalf("%d is told as %v", answer.Code, value)
		}
		if asked := len(w.shop.asked) + len(w.hook.asked); asked > 0 && (answer.Code >= 400 || method != http.MethodPost) {
			t.Fatalf("%s %s is answered %d, and was done: %q %q", method, path, answer.Code, w.shop.asked, w.hook.asked)
		}
	})
}
