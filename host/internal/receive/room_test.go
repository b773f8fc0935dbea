package receive

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRequestsTogetherAreBounded: strangers who begin bodies and never end them take
// no more memory than there is room for, and give it back.
func TestRequestsTogetherAreBounded(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, api)
	h.room.most = 2*maxHeader + 4096
	send := func(body io.Reader) int {
		c := apiCall("application/json", "")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/in/products", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header, r.ContentLength = c.header, -1
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
			t.Error("it does not say when to come back")
		}
		return w.Code
	}
	large := `{"key":"1","description":"` + strings.Repeat("x", 6000+2*maxHeader) + `"}`
	if status := send(strings.NewReader(large)); status != http.StatusAccepted {
		t.Errorf("one that is alone is answered %d", status)
	}
	stalled, begun := io.Pipe()
	answered := make(chan int)
	go func() { answered <- send(stalled) }()
	for written := 0; written < 2000; written += 100 {
		if _, err := io.WriteString(begun, strings.Repeat(" ", 100)); err != nil {
			t.Fatal(err)
		}
	}
	if status := send(strings.NewReader(large)); status != http.StatusServiceUnavailable {
		t.Errorf("one beside another is answered %d", status)
	}
	if status := send(strings.NewReader(`{"key":"2"}`)); status != http.StatusAccepted {
		t.Errorf("a small one beside another is answered %d", status)
	}
	_, _ = io.WriteString(begun, `{"key":"3"}`)
	_ = begun.Close()
	if status := <-answered; status != http.StatusAccepted {
		t.Errorf("the other is answered %d", status)
	}
	if status := send(strings.NewReader(large)); status != http.StatusAccepted {
		t.Errorf("one that is alone again is answered %d", status)
	}
	if held := h.room.taken.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}
