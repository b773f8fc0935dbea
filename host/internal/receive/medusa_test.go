package receive

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
)

func medusaReceiver() config.Receiver {
	return config.Receiver{Name: "in", Scheme: "medusa", Path: "/in", Secrets: secretsOf("s3cret-s3cret-s3cret"), Tolerance: 5 * time.Minute}
}

func medusaCall(body string) call {
	return post(body, "Content-Type", "application/json", "X-Medusa-Signature", hex.EncodeToString(mac("s3cret-s3cret-s3cret", body)))
}

// What Medusa 2.21 tells, as its subscriber sends it.
func TestMedusa(t *testing.T) {
	const sent = `,"sent_at":"2026-05-01T12:00:00.123Z"}`
	tests := map[string]struct{ body, want string }{
		"created":             {`{"event":"product.created","data":{"id":"prod_1"}` + sent, `hint created {"key":"prod_1"} []`},
		"updated":             {`{"event":"product.updated","data":{"id":"prod_1"}` + sent, `hint updated {"key":"prod_1"} []`},
		"deleted":             {`{"event":"product.deleted","data":{"id":"prod_1"}` + sent, `deleted {"key":"prod_1"} []`},
		"a variant":           {`{"event":"product-variant.updated","data":{"id":"variant_1","product_id":"prod_1"}` + sent, `hint updated {"key":"prod_1"} []`},
		"a variant deleted":   {`{"event":"product-variant.deleted","data":{"id":"variant_1","product_id":"prod_1"}` + sent, `hint updated {"key":"prod_1"} []`},
		"nobody knows whose":  {`{"event":"product-variant.updated","data":{"id":"variant_1"}` + sent, `raw received`},
		"another event":       {`{"event":"order.placed","data":{"id":"order_1"}` + sent, `raw received`},
		"an event of no data": {`{"event":"cache.flushed"` + sent, `raw received`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			w := medusaCall(test.body).do(newHandler(t, k, noon, medusaReceiver()))
			events, want := k.kept(), digestID([]byte(test.body))+" "+test.want
			if w.Code != http.StatusOK || len(events) != 1 || told(t, events[0]) != want {
				t.Errorf("%d %s %s", w.Code, w.Body, told(t, append(events, event.Event{})[0]))
			}
		})
	}
}

func TestMedusaRefuses(t *testing.T) {
	const sent = `,"sent_at":"2026-05-01T12:00:00.123Z"}`
	tests := map[string]struct {
		call call
		want int
		says string
	}{
		"no time":             {medusaCall(`{"event":"product.updated","data":{"id":"prod_1"}}`), 400, "sent_at"},
		"a time that is none": {medusaCall(`{"event":"product.updated","data":{"id":"prod_1"},"sent_at":"now"}`), 400, "sent_at"},
		"an old one":          {medusaCall(`{"event":"product.updated","data":{"id":"prod_1"},"sent_at":"2026-05-01T11:50:00.000Z"}`), 401, "too old"},
		"one to come":         {medusaCall(`{"event":"product.updated","data":{"id":"prod_1"},"sent_at":"2026-05-01T12:10:00.000Z"}`), 401, "future"},
		"no id":               {medusaCall(`{"event":"product.updated","data":{}` + sent), 400, "must not be empty"},
		"no data":             {medusaCall(`{"event":"product.updated"` + sent), 400, "data"},
		"a form":              {medusaCall(`{"event":"product.updated","data":{"id":"prod_1"}`+sent).with("Content-Type", "text/plain"), 415, "JSON"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			w := test.call.do(newHandler(t, k, noon, medusaReceiver()))
			if w.Code != test.want || !strings.Contains(w.Body.String(), test.says) || len(k.kept()) != 0 {
				t.Errorf("%d %s, %d events", w.Code, w.Body, len(k.kept()))
			}
		})
	}
}

func FuzzMedusa(f *testing.F) {
	f.Add(`{"event":"product.updated","data":{"id":"prod_1"},"sent_at":"2026-05-01T12:00:00.123Z"}`, "application/json", "00")
	f.Add(`{"event":"product-variant.updated","data":{"id":"v","product_id":"p"},"sent_at":"2026-05-01T12:00:00Z"}`, "application/json", "")
	f.Fuzz(func(t *testing.T, body, media, offered string) {
		good := hex.EncodeToString(mac("s3cret-s3cret-s3cret", body))
		for _, signature := range []string{good, offered} {
			took := probe(t, medusaReceiver(), bare("POST", "/in", "", body, "Content-Type", media, "X-Medusa-Signature", signature))
			if took && !strings.EqualFold(signature, good) {
				t.Fatalf("taken: %q", signature)
			}
		}
	})
}

func FuzzSvix(f *testing.F) {
	f.Add("m", "1777636800", `{"type":"product.updated","data":{"key":"a"}}`, "v1,AAAA")
	f.Fuzz(func(t *testing.T, id, at, body, offered string) {
		if probe(t, svixReceiver(v1Secret), bare("POST", "/in", "", body, "Svix-Id", id, "Svix-Timestamp", at, "Svix-Signature", offered)) {
			t.Fatalf("taken: %q", offered)
		}
	})
}
