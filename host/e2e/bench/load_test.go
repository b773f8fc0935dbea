package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// All that a load sends is there, once, in order, and the sink reads it.
func TestLoadReachesTheSink(t *testing.T) {
	for name, l := range map[string]load{
		"bare":                           {run: "r", events: 600, products: 30, connections: 8, batch: 1},
		"Go's client":                    {run: "r", events: 600, products: 30, connections: 8, batch: 1, nethttp: true},
		"more connections than products": {run: "r", events: 600, products: 5, connections: 8, batch: 1},
		"at a rate":                      {run: "r", events: 600, products: 30, connections: 8, batch: 1, rate: 60_000},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(newSink())
			defer server.Close()
			l.address, l.path = server.Listener.Addr().String(), "/"
			s, err := l.send(t.Context())
			if err != nil || s.accepted != 600 {
				t.Fatalf("%d are accepted, %v", s.accepted, err)
			}
			var a arrived
			if _, err := get(t.Context(), server.URL+"/_report", &a); err != nil {
				t.Fatal(err)
			}
			if a.Distinct != 600 || a.Duplicates+a.Disorders+a.Refused != 0 || a.Max <= 0 {
				t.Errorf("the sink reports %+v", a)
			}
		})
	}
}

// A load in bulk is one JSON object a line, each of about 1 KB.
func TestLoadInBulk(t *testing.T) {
	seen := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			var e struct {
				ID      string
				Product struct {
					Key        string
					Attributes struct{ Seq int }
				}
			}
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil || len(lines.Bytes()) != eventSize {
				t.Errorf("%d bytes, %v: %s", len(lines.Bytes()), err, lines.Bytes())
			}
			if seq := e.Product.Attributes.Seq; seq != seen[e.Product.Key]+1 || e.ID != fmt.Sprintf("%s-%d", e.Product.Key, seq) {
				t.Errorf("after %d of a product: %s", seen[e.Product.Key], lines.Bytes())
			}
			seen[e.Product.Key]++
		}
	}))
	defer server.Close()
	l := load{address: server.Listener.Addr().String(), path: "/", run: "r", events: 100, products: 10, connections: 1, batch: 7}
	if s, err := l.send(t.Context()); err != nil || s.accepted != 100 || len(seen) != 10 {
		t.Errorf("%d are accepted, of %d products, %v", s.accepted, len(seen), err)
	}
}

// A sender that outlives its target sends an event until it is accepted, and no
// later one of its product before.
func TestLoadAgain(t *testing.T) {
	var requests atomic.Int64
	sink := newSink()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch requests.Add(1) % 3 {
		case 0:
			panic(http.ErrAbortHandler) // the connection breaks
		case 1:
			http.Error(w, "not now", http.StatusServiceUnavailable)
		default:
			sink.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	l := load{address: server.Listener.Addr().String(), path: "/", run: "r", events: 60, products: 6, connections: 3, batch: 1}
	if _, err := l.send(t.Context()); err == nil {
		t.Error("what is not accepted is no error")
	}
	l.run, l.again = "again", true
	if s, err := l.send(t.Context()); err != nil || s.accepted != 60 {
		t.Errorf("%d are accepted, %v", s.accepted, err)
	}
	recorder := httptest.NewRecorder()
	sink.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/_report", nil))
	var a arrived
	if err := json.Unmarshal(recorder.Body.Bytes(), &a); err != nil || a.Disorders != 0 || a.Distinct < 60 {
		t.Errorf("the sink reports %+v, %v", a, err)
	}
}

// The paths of a sink are told apart, and some refuse.
func TestSinkPaths(t *testing.T) {
	sink := newSink()
	post := func(path string, seq int) int {
		l := load{run: "r"}
		w := httptest.NewRecorder()
		sink.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(l.appendEvent(nil, 1, seq, time.Now()))))
		return w.Code
	}
	for path, want := range map[string]int{"/well/1": 200, "/well/2": 200, "/other": 200, "/fail": 500} {
		if got := post(path, 1); got != want {
			t.Errorf("%s answers %d, want %d", path, got, want)
		}
	}
	ask := func(path string) string {
		w := httptest.NewRecorder()
		sink.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return strings.TrimSpace(w.Body.String())
	}
	if all, some := ask("/_count"), ask("/_count?path=/well/"); all != "3" || some != "2" {
		t.Errorf("counts %s, of them well %s", all, some)
	}
	ask("/_reset?refuse=1")
	if first, second := post("/", 1), post("/", 1); first != 500 || second != 200 {
		t.Errorf("an event is answered with %d and then %d", first, second)
	}
}

func TestReadAnswer(t *testing.T) {
	for text, want := range map[string]int{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":             200,
		"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nA: b\r\n\r\n":     503,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n": 0,
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok":             0,
		"": 0,
	} {
		r := bufio.NewReader(strings.NewReader(text))
		if got, err := readAnswer(r); (err == nil) != (want > 0) || err == nil && got != want {
			t.Errorf("%q is read as %d, %v", text, got, err)
		}
		if want > 0 && r.Buffered() > 0 {
			t.Errorf("of %q %d bytes are left", text, r.Buffered())
		}
	}
}
