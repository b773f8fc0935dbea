package e2e

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// receiver is somebody's webhook endpoint, which keeps what it took.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request, body []byte) // nil: 200
	took   []taken
	came   map[string][]int
}

type taken struct {
	method, url string
	header      http.Header
	body        []byte
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{came: map[string][]int{}}
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
			maps.Copy(w.Header(), recorder.Header())
			status = recorder.Code
		}
		if status == http.StatusOK {
			r.take(taken{request.Method, request.URL.String(), request.Header, body})
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(one taken) {
	var message struct {
		Data struct {
			Product struct {
				Key        string
				Attributes struct{ N int }
			}
		}
	}
	_ = json.Unmarshal(one.body, &message) // other styles have no numbers
	p := message.Data.Product
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took = append(r.took, one)
	if came := r.came[p.Key]; len(came) == 0 || came[len(came)-1] != p.Attributes.N {
		r.came[p.Key] = append(came, p.Attributes.N)
	}
}

func (r *receiver) set(answer func(http.ResponseWriter, *http.Request, []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) all() []taken {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.took)
}

// order is the numbers of a product's events as they arrived. The same one again
// and again is told once: whoever is told at least once has to bear that.
func (r *receiver) order(key string) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.came[key])
}
