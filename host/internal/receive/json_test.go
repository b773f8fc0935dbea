package receive

import (
	"net/http"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
)

// TestANameHasOneMeaning: what a plugin of the shop adds under the same name in
// capital letters is something else, and what is there twice is not understood: it is refused, or travels as it came.
func TestANameHasOneMeaning(t *testing.T) {
	for scheme, bodies := range map[string][2]string{
		"woocommerce": {`{"id":7,"ID":8,"sku":"A","SKU":"B","NAME":"none"}`, `{"id":7,"sku":"A","sku":"B"}`},
		"shopify":     {`{"id":7,"ID":8,"title":"A","Title":"B"}`, `{"id":7,"id":8}`},
		"akeneo": {`{"events":[{"action":"product.updated","event_id":"e","Event_Id":"f","data":{"resource":{"identifier":"7","IDENTIFIER":"8"}}}]}`,
			`{"events":[{"action":"product.updated","event_id":"e","event_id":"f","data":{"resource":{"identifier":"7"}}}]}`},
		"stripe": {`{"id":"e","ID":"f","object":"event","type":"product.updated","data":{"object":{"id":"7","Id":"8","name":"A"}}}`,
			`{"id":"e","object":"event","type":"product.updated","data":{"object":{"id":"7","id":"8"}}}`},
		"medusa": {`{"event":"product.updated","data":{"id":"7","ID":"8"},"sent_at":"2026-05-01T12:00:00Z","Sent_At":"x"}`,
			`{"event":"product.updated","data":{"id":"7","id":"8"},"sent_at":"2026-05-01T12:00:00Z"}`},
		"standard-webhooks": {`{"type":"product.updated","Type":"other","data":{"key":"7"},"DATA":{"key":"8"}}`,
			`{"type":"product.updated","data":{"key":"7","key":"8"}}`},
		"hesabfa": {`{"Action":52,"action":53,"ObjectType":"Product","ObjectIdList":[7],"objectidlist":[8]}`, ""},
	} {
		c := config.Receiver{Name: "in", Scheme: scheme, Path: "/in", Secrets: secretsOf("whsec_AAAA"), Tolerance: 300e9}
		for i, body := range bodies {
			if body == "" {
				continue
			}
			tried, err := newHandler(t, &keeper{}, noon, c).Try(t.Context(), "in", Trial{Body: []byte(body)})
			switch {
			case err != nil:
				t.Fatal(err)
			case i == 0 && (tried.Status/100 != 2 || len(tried.Events) != 1 || tried.Events[0].Key != "7" || tried.Events[0].Patch.Product.Code == "B" || tried.Events[0].Patch.Product.Name == "B"):
				t.Errorf("%s: %d %s %+v", scheme, tried.Status, tried.Answer, tried.Events)
			case i == 1 && tried.Status != http.StatusBadRequest && (len(tried.Events) != 1 || tried.Events[0].Raw == nil):
				t.Errorf("%s, twice: %d %+v", scheme, tried.Status, tried.Events)
			}
		}
	}
}

// Half of a letter, as of a text that somebody cut, is no reason to refuse a product.
func TestHalfALetterIsTaken(t *testing.T) {
	body := []byte(`{"id":7,"name":"Bag \ud83d","sku":"A"}`)
	for _, m := range []map[string]string{nil, {"key": "body.id", "fields.name": "body.name"}} {
		c := config.Receiver{Name: "in", Scheme: "woocommerce", Path: "/in", Secrets: secretsOf("whsec_AAAA"), Map: m}
		tried, err := newHandler(t, &keeper{}, noon, c).Try(t.Context(), "in", Trial{Body: body})
		if err != nil {
			t.Fatal(err)
		}
		if len(tried.Events) != 1 || tried.Events[0].Patch.Product.Name != "Bag \ufffd" {
			t.Errorf("with map %v: %d %s %+v", m, tried.Status, tried.Answer, tried.Events)
		}
	}
}
