package receive

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

var api = config.Receiver{
	Name: "api", Scheme: "product", Path: "/in/products", Secrets: secretsOf(v1Secret), Tolerance: 5 * time.Minute,
}

func apiCall(media, body string) call {
	return call{target: "/in/products", body: body}.with("Content-Type", media).with("Authorization", "Bearer "+v1Secret)
}

func TestProduct(t *testing.T) {
	tests := map[string]struct {
		media, body, answer string
		keys                []string
	}{
		"one":              {"application/json", `{"key":"a","name":"n"}`, `{"accepted":1,"duplicates":0}`, []string{"a"}},
		"with its charset": {"application/json; charset=UTF-8", `{"key":"a"}`, `{"accepted":1,"duplicates":0}`, []string{"a"}},
		"an array":         {"application/json", ` [{"key":"a"},{"key":"b","op":"delete"}]`, `{"accepted":2,"duplicates":0}`, []string{"a", "b"}},
		"an empty array":   {"application/json", `[]`, `{"accepted":0,"duplicates":0}`, nil},
		"lines":            {"application/x-ndjson", "{\"key\":\"a\"}\n\n{\"key\":\"a\",\"op\":\"delete\"}\r\n{\"key\":\"a\"}", `{"accepted":3,"duplicates":0}`, []string{"a", "a", "a"}},
		"no lines":         {"application/x-ndjson", "", `{"accepted":0,"duplicates":0}`, nil},
		"one bad line": {"application/x-ndjson", "{\"key\":\"a\"}\n{\"nmae\":1}\n{\"key\":\"a\"}\n",
			`{"accepted":2,"duplicates":0,"refused":1,"errors":[{"line":2,"error":"nmae: \"nmae\" is not a field of a product: did you mean \"name\"?"}]}`, []string{"a", "a"}},
		"the same id twice": {"application/json", `[{"id":"1","key":"a"},{"id":"1","key":"a"}]`, `{"accepted":1,"duplicates":1}`, []string{"a"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			w := apiCall(test.media, test.body).do(newHandler(t, k, noon, api))
			if w.Code != http.StatusAccepted || strings.TrimSpace(w.Body.String()) != test.answer {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			var keys []string
			for _, e := range k.kept() {
				keys = append(keys, e.Key)
				if e.ID == "" || e.Source != "api" || !e.Time.Equal(noon) {
					t.Errorf("event = %+v", e)
				}
			}
			if !slices.Equal(keys, test.keys) {
				t.Errorf("keys = %v", keys)
			}
		})
	}
}

func TestProductRefuses(t *testing.T) {
	tests := map[string]struct {
		call call
		want int
		says string
	}{
		"bad product":         {apiCall("application/json", `{"key":"a","prices":[{"amount":"x"}]}`), 400, `prices[0].amount: "x" is not a decimal`},
		"one bad of an array": {apiCall("application/json", `[{"key":"a"},{}]`), 400, `none was taken: [1]: has no "key"`},
		"long array":          {apiCall("application/json", "["+strings.Repeat(`{"key":"a"},`, maxEvents)+`{"key":"a"}]`), 400, "more than 2000"},
		"invalid UTF-8":       {apiCall("application/json", "{\"key\":\"\xff\"}"), 400, "invalid UTF-8"},
		"deep":                {apiCall("application/json", strings.Repeat("[", 100_000)), 400, "not valid JSON"},
		"nothing":             {apiCall("application/json", ""), 400, "ends too early"},
		"only bad lines":      {apiCall("application/x-ndjson", "x\ny\n"), 400, `"refused":2`},
		"form":                {apiCall("application/x-www-form-urlencoded", "key=a"), 415, "must be JSON"},
		"no type":             {apiCall("application/json", `{"key":"a"}`).with("Content-Type"), 415, "must be JSON"},
		"Latin-1":             {apiCall("application/json; charset=iso-8859-1", `{"key":"a"}`), 415, "must be JSON"},
		"compressed":          {apiCall("application/json", `{"key":"a"}`).with("Content-Encoding", "gzip"), 415, "Compressed"},
		"10 MB":               {apiCall("application/json", `{"key":"`+strings.Repeat("a", 10<<20)+`"}`), 413, "larger than"},
		"no secret":           {apiCall("application/json", `{"key":"a"}`).with("Authorization"), 401, "Authorization is missing"},
		"wrong secret":        {apiCall("application/json", `{"key":"a"}`).with("Authorization", "Bearer whsec_x"), 401, "wrong"},
		"basic":               {apiCall("application/json", `{"key":"a"}`).with("Authorization", "Basic "+v1Secret), 401, "Bearer"},
		"two secrets":         {apiCall("application/json", `{"key":"a"}`).with("Authorization", "Bearer "+v1Secret, "Bearer "+v1Secret), 400, "more than once"},
		"two keys":            {apiCall("application/json", `{"key":"a"}`).with("Idempotency-Key", "1", "2"), 400, "more than once"},
		"empty key":           {apiCall("application/json", `{"key":"a"}`).with("Idempotency-Key", ""), 400, "Idempotency-Key is empty"},
		"bad key":             {apiCall("application/json", `{"key":"a"}`).with("Idempotency-Key", "a\xff"), 400, "Idempotency-Key is not valid UTF-8"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			w := test.call.do(newHandler(t, k, noon, api))
			if w.Code != test.want || !strings.Contains(w.Body.String(), test.says) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if len(k.kept()) > 0 {
				t.Errorf("taken: %v", k.kept())
			}
			if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
		})
	}
}

func TestIdempotencyKeyMakesRepeatsDuplicates(t *testing.T) {
	for _, test := range []struct {
		media, body string
		ids         []string
	}{
		{"application/json", `{"key":"a"}`, []string{"K"}},
		{"application/json", `[{"key":"a"},{"key":"b","id":"own"}]`, []string{"K/1", "own"}},
		{"application/x-ndjson", "{\"key\":\"a\"}\nbad\n{\"key\":\"a\"}", []string{"K/1", "K/3"}},
	} {
		k := &keeper{}
		h := newHandler(t, k, noon, api)
		c := apiCall(test.media, test.body).with("Idempotency-Key", "K")
		c.do(h)
		again := c.do(h)
		var ids []string
		for _, e := range k.kept() {
			ids = append(ids, e.ID)
		}
		if !slices.Equal(ids, test.ids) {
			t.Errorf("%s: ids %q", test.body, ids)
		}
		if want := fmt.Sprintf(`{"accepted":0,"duplicates":%d`, len(ids)); again.Code != 202 || !strings.HasPrefix(again.Body.String(), want) {
			t.Errorf("%s: the second time %d %s", test.body, again.Code, again.Body)
		}
	}
}

// signedCall signs with the library of those who wrote the specification.
func signedCall(t testing.TB, secret, id string, at time.Time, media, body string) call {
	t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := hook.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return call{target: "/in/products", body: body}.with("Content-Type", media).
		with("Webhook-Id", id).with("Webhook-Timestamp", fmt.Sprint(at.Unix())).with("Webhook-Signature", "v1,AAAA "+signature)
}

func TestProductTakesSignedRequests(t *testing.T) {
	for _, media := range []string{"application/json", "application/x-ndjson"} {
		k := &keeper{}
		h := newHandler(t, k, noon, api)
		c := signedCall(t, v1Secret, "msg_1", noon, media, `{"key":"a"}`)
		if w := c.do(h); w.Code != 202 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		// Idempotency-Key is not signed: it must not make a replay look new.
		if w := c.with("Idempotency-Key", "new").do(h); !strings.Contains(w.Body.String(), `"duplicates":1`) {
			t.Errorf("replay: %d %s", w.Code, w.Body)
		}
		bad := c
		bad.body = `{"key":"b"}`
		if w := bad.do(h); w.Code != 401 {
			t.Errorf("another body: %d", w.Code)
		}
		// A signature is not made good by a token beside it.
		if w := bad.with("Authorization", "Bearer "+v1Secret).do(h); w.Code != 401 {
			t.Errorf("another body and a token: %d", w.Code)
		}
		if len(k.kept()) != 1 {
			t.Errorf("events: %v", k.kept())
		}
	}
}

func TestPlainSecretCannotSign(t *testing.T) {
	plain := api
	plain.Secrets = secretsOf("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	h := newHandler(t, &keeper{}, noon, plain)
	if w := signedCall(t, v1Secret, "msg_1", noon, "application/json", `{"key":"a"}`).do(h); w.Code != 401 || !strings.Contains(w.Body.String(), "whsec_") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestStreamKeepsTheOrderOfEachProduct: while several chunks are being kept at
// once, the events of one product never overtake each other.
func TestStreamKeepsTheOrderOfEachProduct(t *testing.T) {
	const products, rounds = 50, 400
	var mu sync.Mutex
	inside, most := 0, 0
	turn := make(chan struct{}, 1)
	k := &keeper{before: func(_ context.Context, events []event.Event) error {
		mu.Lock()
		inside++
		most = max(most, inside)
		mu.Unlock()
		turn <- struct{}{} // let the others come in meanwhile
		<-turn
		mu.Lock()
		inside--
		mu.Unlock()
		if len(events) > chunk {
			t.Errorf("a chunk of %d", len(events))
		}
		return nil
	}}
	var body strings.Builder
	for round := range rounds {
		for p := range products {
			fmt.Fprintf(&body, "{\"key\":\"p%d\",\"stock\":[{\"quantity\":%d}]}\n", p, round)
		}
	}
	w := apiCall("application/x-ndjson", body.String()).do(newHandler(t, k, noon, api))
	if w.Code != 202 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	last := map[string]int{}
	for _, e := range k.kept() {
		n := last[e.Key]
		if string(e.Patch.Product.Stock[0].Quantity) != fmt.Sprint(n) {
			t.Fatalf("%s: %s follows %d", e.Key, e.Patch.Product.Stock[0].Quantity, n-1)
		}
		last[e.Key]++
	}
	if len(k.kept()) != products*rounds || most > width {
		t.Errorf("%d events, %d calls at once", len(k.kept()), most)
	}
}

func TestStreamTellsOfBadLines(t *testing.T) {
	long := `{"key":"long","description":"` + strings.Repeat("x", 200<<10) + `"}`
	small := api
	small.MaxBody = 100 << 10
	body := `{"key":"a"}` + "\n" + long + "\n" + strings.Repeat("bad\n", 150) + `{"key":"b"}`
	k := &keeper{}
	h := newHandler(t, k, noon, small)
	w := apiCall("application/x-ndjson", body).do(h)
	var answer taken
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Accepted != 2 || answer.Refused != 151 || len(answer.Errors) != maxErrors ||
		answer.Errors[0].Line != 2 || !strings.Contains(answer.Errors[0].Error, "longer") || answer.Errors[1].Line != 3 {
		t.Errorf("answer = %+v", answer)
	}
	if s := h.Stats()[0]; s.Refused != 151 || s.Accepted != 2 {
		t.Errorf("stats = %+v", s)
	}
}

func TestStreamThatFailsIsNotAnsweredAsKept(t *testing.T) {
	k := &keeper{err: store.ErrFull}
	w := apiCall("application/x-ndjson", strings.Repeat("{\"key\":\"a\"}\n", 3000)).do(newHandler(t, k, noon, api))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "0 were kept") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// brokenBody is a body whose sender goes away.
type brokenBody struct{ io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestStreamThatBreaksOffKeepsItsWholeLines(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, api)
	c := apiCall("application/x-ndjson", "")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/in/products", brokenBody{strings.NewReader("{\"key\":\"a\"}\n{\"key\":\"b\"}")})
	if err != nil {
		t.Fatal(err)
	}
	r.Header = c.header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if events := k.kept(); w.Code != 400 || len(events) != 1 || events[0].Key != "a" {
		t.Errorf("%d %s, events %v", w.Code, w.Body, events)
	}
}

func TestPatchReachesTheStore(t *testing.T) {
	k := &keeper{}
	apiCall("application/json", `{"product":{"key":"a","name":null},"whole":true,"op":"upsert","time":"2026-01-02T03:04:05Z","id":"e"}`).do(newHandler(t, k, noon, api))
	e := k.kept()[0]
	if e.ID != "e" || e.Op != sdk.Updated || !e.Patch.Whole || !slices.Equal(e.Patch.Fields, []string{"name"}) || e.Time.Year() != 2026 || e.Time.Month() != 1 {
		t.Errorf("event = %+v", e)
	}
}

// TestASignedRequestOfAnotherTypeIsTheSame: the type is not signed, so whoever has
// seen a request could send it again as another, and what it brings is a duplicate.
func TestASignedRequestOfAnotherTypeIsTheSame(t *testing.T) {
	for _, body := range []string{
		`{"key":"1","name":"Bag"}`, "[{\"key\":\"1\"},\n{\"key\":\"2\"}\n]", "{\"product\":\n{\"key\":\"1\"}\n}", "{\"key\":\"1\"}\n{\"key\":\"2\"}\n",
	} {
		k := &keeper{}
		h := newHandler(t, k, noon, api)
		var keys standardKeys
		if err := keys.add(v1Secret); err != nil {
			t.Fatal(err)
		}
		s := sampleJSON(body)
		keys.prover()(&s, noon)
		taken := 0
		for range 2 {
			for _, media := range []string{"application/json", "application/x-ndjson"} {
				w := call{target: "/in/products", header: s.header, body: body}.with("Content-Type", media).do(h)
				if w.Code/100 == 2 {
					taken++
				}
			}
		}
		if want := 1 + strings.Count(body, "2"); len(k.kept()) != want || taken == 0 {
			t.Errorf("%q: %d events, want %d: %+v", body, len(k.kept()), want, k.kept())
		}
	}
}
