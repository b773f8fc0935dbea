package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// receiver is somebody's webhook endpoint, which keeps what it took.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request, body []byte) // nil: 200
	took   []taken
}

type taken struct {
	method, url string
	header      http.Header
	body        []byte
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		answer := r.answer
		r.mu.Unlock()
		status := http.StatusOK
		if answer != nil {
			recorder := httptest.NewRecorder()
			answer(recorder, request, body)
			for name, values := range recorder.Header() {
				w.Header()[name] = values
			}
			status = recorder.Code
		}
		if status == http.StatusOK {
			r.mu.Lock()
			r.took = append(r.took, taken{request.Method, request.URL.String(), request.Header, body})
			r.mu.Unlock()
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) set(answer func(http.ResponseWriter, *http.Request, []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) all() []taken {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]taken(nil), r.took...)
}

// order is the numbers that arrived of each product, repeats left out.
func (r *receiver) order(t *testing.T) map[string][]int {
	t.Helper()
	order, seen := map[string][]int{}, map[string]bool{}
	for _, one := range r.all() {
		var message struct {
			Data struct {
				Product struct {
					Key        string
					Attributes struct{ N int }
				}
			}
		}
		if err := json.Unmarshal(one.body, &message); err != nil {
			t.Fatalf("%v: %s", err, one.body)
		}
		p := message.Data.Product
		if id := fmt.Sprint(p.Key, " ", p.Attributes.N); !seen[id] {
			seen[id] = true
			order[p.Key] = append(order[p.Key], p.Attributes.N)
		}
	}
	return order
}
