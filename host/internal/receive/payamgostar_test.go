package receive

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/sdk"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

var crm = config.Receiver{
	Name: "crm", Scheme: "payamgostar", Path: "/in/crm", Secrets: secretsOf("s3cret"), Token: config.Token{Query: "code"},
}

func TestPayamgostar(t *testing.T) {
	hint := func(op sdk.EventOp, key string, p sdk.Product, fields ...string) event.Event {
		p.Key = key
		return event.Event{Source: "crm", Op: op, Key: key, Time: noon, Hint: true, Patch: event.Patch{Product: p, Fields: fields}}
	}
	bag := sdk.Product{Code: "K-100", Name: "کیف چرم"}
	bare := sdk.Product{}
	const id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
	tests := map[string]event.Event{
		"Event=2&Product=12&ProductType=K-100&ProductName=%DA%A9%DB%8C%D9%81+%DA%86%D8%B1%D9%85":          hint(sdk.Created, "12", bag, "code", "name"),
		"Event=1&Product=12&Product+Type=K-100&Product%20Name=%DA%A9%DB%8C%D9%81+%DA%86%D8%B1%D9%85":      hint(sdk.Updated, "12", bag, "code", "name"),
		"EVENT=update&product=12&product_code=K-100&PRODUCT_NAME=%DA%A9%DB%8C%D9%81%20%DA%86%D8%B1%D9%85": hint(sdk.Updated, "12", bag, "code", "name"),
		"event=1&product=12&Product%2BType=K-100":                                                         hint(sdk.Updated, "12", sdk.Product{Code: "K-100"}, "code"),
		"Event=0&Product=12":                     hint(sdk.Deleted, "12", bare),
		"event=DELETE&product=12":                hint(sdk.Deleted, "12", bare),
		"event=Insert&id=12":                     hint(sdk.Created, "12", bare),
		"event=create&id=12&unknown=1&unknown=2": hint(sdk.Created, "12", bare),
		"event=1&id=12&ProductName=":             hint(sdk.Updated, "12", bare, "name"),
		"event=Update&id=" + id + "&type=Product&subtype=%D9%BE%DB%8C%D8%B4+x": hint(sdk.Updated, id,
			sdk.Product{Attributes: map[string]sdk.Value{"type": sdk.String("Product"), "subtype": sdk.String("پیش x")}},
			"attributes.type", "attributes.subtype"),
	}
	for query, want := range tests {
		t.Run(query, func(t *testing.T) {
			k := &keeper{}
			w := call{method: "GET", target: "/in/crm?code=s3cret&" + query}.do(newHandler(t, k, noon, crm))
			if w.Code != http.StatusOK || w.Body.Len() > 0 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if diff := cmp.Diff([]event.Event{want}, k.kept(), cmpopts.IgnoreFields(event.Event{}, "ID")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPayamgostarNeverGuesses(t *testing.T) {
	for _, query := range []string{
		"", "Event=1", "Product=12", "Event=3&Product=12", "Event=&Product=12", "Event=%2B1&Product=12", "Event=01&Product=12",
		"Event=Deleted&Product=12", "Event=1&Product=", "Event=0&Event=1&Product=12", "Event=1&event=1&Product=12",
		"Event=1&Product=12&id=12", "Event=1&Product=12&ProductType=a&ProductCode=a", "Event=1&Product=12&Product+Type=a&Product_Type=a",
		"Event=1&Product=%FF", "Event=1&Product=12&ProductName=%FF", "Event=1&Product=a%00b", "Event=1&Product=%zz", "Event=1;Product=12",
		"Event=1&Product=" + strings.Repeat("k", 256),
	} {
		t.Run(query, func(t *testing.T) {
			k := &keeper{}
			h := newHandler(t, k, noon, crm)
			// In the path the secret does not stand in the way of a broken query.
			w := call{method: "GET", target: "/in/crm?code=s3cret&" + query}.do(h)
			if w.Code != http.StatusBadRequest || len(k.kept()) > 0 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// A repeat cannot be told from a second change, so none is dropped; it does no
// harm, since both are hints, whatever they say.
func TestPayamgostarRepeatIsAnotherHint(t *testing.T) {
	for _, op := range []string{"0", "1", "2"} {
		k := &keeper{}
		h := newHandler(t, k, noon, crm)
		for range 2 {
			call{method: "GET", target: "/in/crm?code=s3cret&Product=12&ProductName=Bag&Event=" + op}.do(h)
		}
		got := k.kept()
		if len(got) != 2 || got[0].ID == got[1].ID || !got[0].Hint || !got[1].Hint {
			t.Fatalf("events %+v, want two hints", got)
		}
		if diff := cmp.Diff(got[0], got[1], cmpopts.IgnoreFields(event.Event{}, "ID")); diff != "" {
			t.Errorf("the repeat differs:\n%s", diff)
		}
	}
}

func TestPayamgostarHeadHasNoEffect(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, crm)
	if w := (call{method: "HEAD", target: "/in/crm?code=s3cret&Event=1&Product=12"}).do(h); w.Code != http.StatusOK || len(k.kept()) > 0 {
		t.Errorf("HEAD: %d, events %v", w.Code, k.kept())
	}
	w := call{method: "POST", target: "/in/crm?code=s3cret&Event=1&Product=12"}.do(h)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET" || len(k.kept()) > 0 {
		t.Errorf("POST: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestPayamgostarSecret(t *testing.T) {
	inPath := crm
	inPath.Path, inPath.Token = "/in/{secret}/crm", config.Token{}
	for _, test := range []struct {
		receiver config.Receiver
		target   string
		want     int
	}{
		{crm, "/in/crm?code=s3cret&", 200},
		{crm, "/in/crm?code=s3cre&", 401},
		{crm, "/in/crm?code=s3crett&", 401},
		{crm, "/in/crm?code=&", 401},
		{crm, "/in/crm?", 401},
		{crm, "/in/crm?Code=s3cret&", 401},
		{crm, "/in/crm?code=s3cret&code=s3cret&", 400},
		{inPath, "/in/s3cret/crm?", 200},
		{inPath, "/in/s3cre%74/crm?", 200},
		{inPath, "/in/S3cret/crm?", 404},
		{inPath, "/in//crm?", 404},
		{inPath, "/in/s3cret/crm/?", 404},
		{inPath, "/in/s3cret%2Fcrm?", 404},
		{inPath, "/in/a/s3cret/crm?", 404},
	} {
		k := &keeper{}
		w := call{method: "GET", target: test.target + "Event=1&Product=12"}.do(newHandler(t, k, noon, test.receiver))
		if w.Code != test.want || (len(k.kept()) == 1) != (test.want == 200) {
			t.Errorf("%s: %d %s", test.target, w.Code, w.Body)
		}
	}
}
