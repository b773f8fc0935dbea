package e2e

import (
	"context"
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
	open   map[string]int // by product: requests that are not answered
	both   []string       // products that had two of them
}

type taken struct {
	method, url string
	header      http.Header
	body        []byte
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{came: map[string][]int{}, open: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		p := productOf(body)
		answer := r.begin(p.Key)
		// A request whose sender has gone is open no more.
		end := sync.OnceFunc(func() { r.end(p.Key) })
		defer end()
		defer context.AfterFunc(request.Context(), end)()
		recorder := httptest.NewRecorder()
		if answer != nil {
			answer(recorder, request, body)
			maps.Copy(w.Header(), recorder.Header())
		}
		if recorder.Code == http.StatusOK {
			r.take(taken{request.Method, request.URL.String(), request.Header, body})
		}
		w.WriteHeader(recorder.Code)
		_, _ = recorder.Body.WriteTo(w)
	}))
	t.Cleanup(r.Close)
	return r
}

// numbered is what the tests look at in a product.
type numbered struct {
	Key        string
	Attributes struct{ N int }
}

func productOf(body []byte) numbered {
	var message struct{ Data struct{ Product numbered } }
	_ = json.Unmarshal(body, &message) // other styles have no numbers
	return message.Data.Product
}

func (r *receiver) begin(key string) (answer func(http.ResponseWriter, *http.Request, []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[key]++; r.open[key] > 1 && key != "" {
		r.both = append(r.both, key)
	}
	return r.answer
}

func (r *receiver) end(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[key]--
}

// oneAtATime checks that there were never two requests for one product at once.
func (r *receiver) oneAtATime(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.both) > 0 {
		t.Errorf("two calls in flight at once for %v", r.both)
	}
}

func (r *receiver) take(one taken) {
	p := productOf(one.body)
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
