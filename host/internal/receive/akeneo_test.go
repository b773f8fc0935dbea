package receive

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

// The secret of Akeneo's documentation. Its signature is of a body that is not
// shown whole.
const akeneoSecret = "3ha6eonoa9icsckw8kccos084w0c0000g08g40oo4kww0gc8w4"

func akeneoReceiver(secrets ...string) config.Receiver {
	if len(secrets) == 0 {
		secrets = []string{akeneoSecret}
	}
	return config.Receiver{Name: "in", Scheme: "akeneo", Path: "/in", Secrets: secretsOf(secrets...), Tolerance: 5 * time.Minute}
}

// akeneoCall is a message of the Events API, signed.
func akeneoCall(events ...string) call {
	body := `{"events":[` + strings.Join(events, ",") + `]}`
	at := fmt.Sprint(noon.Unix())
	return post(body, "Content-Type", "application/json", "X-Akeneo-Request-Timestamp", at,
		"X-Akeneo-Request-Signature", hex.EncodeToString(mac(akeneoSecret, at+"."+body)))
}

// akeneoPlatformCall is one of the Event Platform.
func akeneoPlatformCall(body string) call {
	return post(body, "Content-Type", "application/json", "X-AKENEO-SIGNATURE-ALGORITHM", "HmacSHA256",
		"X-AKENEO-SIGNATURE-PRIMARY", hex.EncodeToString(mac(akeneoSecret, body)))
}

const (
	akeneoUpdated = `{"action":"product.updated","event_id":"e1","event_datetime":"2020-10-20T09:13:59+00:00","author":"peter","author_type":"ui",
		"pim_source":"https://demo.akeneo.com","data":{"resource":{"uuid":"1fd20ad8","identifier":"1111111304","family":"accessories","parent":null,"groups":[],
		"categories":["sunglasses","supplier_zaro"],"enabled":true,"values":{
		"collection":[{"locale":null,"scope":null,"data":["winter_2020"]}],
		"ean":[{"locale":null,"scope":null,"data":"1234567890316"}],
		"name":[{"locale":null,"scope":null,"data":"Sunglasses"}],
		"weight":[{"locale":null,"scope":null,"data":{"amount":"800.0000","unit":"GRAM"}}],
		"price":[{"locale":null,"scope":null,"data":[{"amount":"10.00","currency":"EUR"}]}],
		"huge":[{"locale":null,"scope":null,"data":1e99}],
		"description":[{"locale":"en_US","scope":"ecommerce","data":"Brown"},{"locale":"de_DE","scope":"ecommerce","data":"Braun"}]},
		"created":"2020-10-20T08:30:28+00:00","updated":"2020-10-20T09:13:59+00:00","associations":{},"quantified_associations":[]}}}`
	akeneoRemoved = `{"action":"product.removed","event_id":"e2","event_datetime":"2020-10-20T09:13:59+00:00","data":{"resource":{"identifier":"1111111304","uuid":"cb02315b"}}}`
	akeneoModel   = `{"action":"product_model.updated","event_id":"e3","event_datetime":"2020-10-20T09:13:59+00:00","data":{"resource":{"code":"sunglasses"}}}`
)

func TestAkeneo(t *testing.T) {
	k := &keeper{}
	if w := akeneoCall(akeneoUpdated, akeneoRemoved, akeneoModel).do(newHandler(t, k, noon, akeneoReceiver())); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	events := k.kept()
	if len(events) != 3 {
		t.Fatalf("%+v", events)
	}
	e, p := events[0], events[0].Patch.Product
	if e.ID != "e1" || e.Key != "1fd20ad8" || e.Op != sdk.Updated || e.Hint || e.Time.Year() != 2020 ||
		p.Code != "1111111304" || p.Name != "Sunglasses" || p.Description != "" || p.Status != sdk.Active || !slices.Equal(p.Categories, []string{"sunglasses", "supplier_zaro"}) {
		t.Errorf("%+v", e)
	}
	want := map[string]string{
		"collection": `["winter_2020"]`, "ean": `"1234567890316"`, "name": `"Sunglasses"`, "weight": `"800.0000 GRAM"`, "family": `"accessories"`,
		"description-en_US-ecommerce": `"Brown"`, "description-de_DE-ecommerce": `"Braun"`,
	}
	for name, value := range p.Attributes {
		if got := string(value.AppendJSON(nil)); got != want[name] {
			t.Errorf("%s = %s, want %s", name, got, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 || !slices.Contains(e.Patch.Fields, "attributes.*") {
		t.Errorf("missing %v, of %v", want, e.Patch.Fields)
	}
	if e := events[1]; e.ID != "e2" || e.Key != "cb02315b" || e.Op != sdk.Deleted || e.Hint || len(e.Patch.Fields) > 0 {
		t.Errorf("%+v", e)
	}
	if e := events[2]; e.ID != "e3" || e.Op != sdk.Received || string(e.Raw.Body) != akeneoModel || len(e.Raw.Headers["X-Akeneo-Request-Signature"]) > 0 {
		t.Errorf("%+v", e)
	}
}

func TestAkeneoBefore7KnowsProductsByTheirIdentifier(t *testing.T) {
	k := &keeper{}
	c := akeneoCall(`{"action":"product.created","event_id":"e","data":{"resource":{"identifier":"A-1","enabled":false}}}`)
	if w := c.do(newHandler(t, k, noon, akeneoReceiver())); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if e := k.kept()[0]; e.Key != "A-1" || e.Op != sdk.Created || e.Patch.Product.Status != sdk.Draft || !e.Time.Equal(noon) || slices.Contains(e.Patch.Fields, "attributes.*") {
		t.Errorf("%+v", e)
	}
}

// TestAkeneoEventPlatform: the examples of the documentation.
func TestAkeneoEventPlatform(t *testing.T) {
	said := func(kind, data string) string {
		return `{"specversion":"1.0","id":"018e197c-dfe2-70f8-9346-1a8e016f5fbb","source":"pim","type":"com.akeneo.pim.v1.` + kind + `",
			"subject":"0190fe8a-6213-76ce-8a9f-ba36a5ef555a","datacontenttype":"application/json","time":"2024-03-07T15:16:37Z","data":` + data + `}`
	}
	const product = `{"product":{"uuid":"3444ec1b-058e-4208-9b6c-284f47a7aa17"},"author":{"identifier":"b238e9f7","type":"api"}}`
	for kind, test := range map[string]struct {
		data string
		op   sdk.EventOp
		hint bool
	}{
		"product.created":       {product, sdk.Created, true},
		"product.updated":       {product, sdk.Updated, true},
		"product.updated.delta": {product, sdk.Updated, true},
		"product.deleted":       {product, sdk.Deleted, false},
		"product-model.updated": {`{"product_model":{"code":"a-product-model-code"}}`, sdk.Received, false},
		"family.deleted":        {`{"family":{"code":"a_family_code"}}`, sdk.Received, false},
	} {
		k := &keeper{}
		h := newHandler(t, k, noon, akeneoReceiver())
		for range 2 {
			if w := akeneoPlatformCall(said(kind, test.data)).do(h); w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", kind, w.Code, w.Body)
			}
		}
		events := k.kept()
		if len(events) != 1 || events[0].Op != test.op || events[0].Hint != test.hint || events[0].ID != "018e197c-dfe2-70f8-9346-1a8e016f5fbb" {
			t.Fatalf("%s: %+v", kind, events)
		}
		if e := events[0]; test.op != sdk.Received && (e.Key != "3444ec1b-058e-4208-9b6c-284f47a7aa17" || e.Time.Year() != 2024) {
			t.Errorf("%s: %+v", kind, e)
		}
	}
}

// TestAkeneoSignsWithTwoSecretsWhileThereAreTwo: one that is known will do.
func TestAkeneoSignsWithTwoSecretsWhileThereAreTwo(t *testing.T) {
	const body = `{"specversion":"1.0","id":"1","type":"com.akeneo.pim.v1.product.updated","data":{"product":{"uuid":"u"}}}`
	sign := func(secret string) string { return hex.EncodeToString(mac(secret, body)) }
	for what, test := range map[string]struct {
		primary, secondary []string
		want               int
	}{
		"new":                {[]string{sign("new")}, nil, 200},
		"new and old":        {[]string{sign("strange")}, []string{sign("old")}, 200},
		"neither":            {[]string{sign("strange")}, []string{sign("stranger")}, 401},
		"only the second":    {nil, []string{sign("new")}, 401},
		"first doubled":      {[]string{sign("strange"), sign("new")}, []string{sign("new")}, 400},
		"second doubled":     {[]string{sign("strange")}, []string{sign("new"), sign("new")}, 400},
		"first empty":        {[]string{""}, []string{sign("new")}, 401},
		"first not hex":      {[]string{"x"}, []string{sign("new")}, 400},
		"no Platform at all": {nil, nil, 401},
	} {
		c := post(body, "Content-Type", "application/json")
		if test.primary != nil {
			c = c.with("X-AKENEO-SIGNATURE-PRIMARY", test.primary...)
		}
		if test.secondary != nil {
			c = c.with("X-AKENEO-SIGNATURE-SECONDARY", test.secondary...)
		}
		if w := c.do(newHandler(t, &keeper{}, noon, akeneoReceiver("new", "old"))); w.Code != test.want {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
}

// TestAkeneosGenerationsAreNotMistakenForEachOther: what one has signed is not
// taken as what the other has, whatever the request says that it is.
func TestAkeneosGenerationsAreNotMistakenForEachOther(t *testing.T) {
	mapped := akeneoReceiver()
	mapped.Map = map[string]string{"key": `"x"`}
	for _, receiver := range []config.Receiver{akeneoReceiver(), mapped} {
		k := &keeper{}
		h := newHandler(t, k, noon, receiver)
		old := akeneoCall(akeneoUpdated)
		text := old.header.Get("X-Akeneo-Request-Timestamp") + "." + old.body
		for _, media := range []string{"application/json", "text/plain", ""} {
			c := post(text, "Content-Type", media, "X-AKENEO-SIGNATURE-PRIMARY", old.header.Get("X-Akeneo-Request-Signature"))
			if w := c.do(h); w.Code/100 != 4 || len(k.kept()) > 0 {
				t.Errorf("as %q: %d %s", media, w.Code, w.Body)
			}
		}
		for _, body := range []string{`{}`, `[]`, `{"id":"1"}`, `{"specversion":"1.0"}`, `{"specversion":"0.3","id":"1"}`, `{"specversion":"1.0","id":"` + strings.Repeat("i", 256) + `"}`} {
			if w := akeneoPlatformCall(body).do(h); w.Code != http.StatusBadRequest || len(k.kept()) > 0 {
				t.Errorf("%s: %d %s", body, w.Code, w.Body)
			}
		}
	}
}

func TestOneFlippedBitOfAkeneosEventPlatformIsRefused(t *testing.T) {
	const body = `{"specversion":"1.0","id":"1","type":"com.akeneo.pim.v1.product.updated","data":{"product":{"uuid":"u"}}}`
	good, k := akeneoPlatformCall(body), &keeper{}
	h := newHandler(t, k, noon, akeneoReceiver())
	flip(body, func(changed string) {
		c := good
		c.body = changed
		if w := c.do(h); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", changed, w.Code, w.Body)
		}
	})
	for _, name := range []string{akeneoPrimary, akeneoSecondary} {
		c := good.with(akeneoPrimary, hex.EncodeToString(mac("another", body))).with(name, good.header.Get(akeneoPrimary))
		if w := c.do(newHandler(t, &keeper{}, noon, akeneoReceiver())); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
		flip(c.header.Get(name), func(changed string) {
			if w := c.with(name, changed).do(h); w.Code != http.StatusUnauthorized && w.Code != http.StatusBadRequest {
				t.Errorf("%s %s: %d %s", name, changed, w.Code, w.Body)
			}
		})
	}
	if len(k.kept()) > 0 {
		t.Errorf("taken: %+v", k.kept())
	}
}

func TestAkeneoRefusesAllOfARequestOrNothing(t *testing.T) {
	many := slices.Repeat([]string{akeneoModel}, maxEvents+1)
	for what, test := range map[string]struct {
		events []string
		want   int
	}{
		"no id":        {[]string{akeneoUpdated, `{"action":"product.updated","data":{"resource":{"uuid":"u"}}}`}, 400},
		"no product":   {[]string{akeneoUpdated, `{"action":"product.updated","event_id":"e"}`}, 400},
		"no object":    {[]string{akeneoUpdated, `7`}, 400},
		"wrong types":  {[]string{`{"action":"product.updated","event_id":"e","data":{"resource":{"uuid":"u","values":[]}}}`}, 400},
		"too many":     {many, 413},
		"nothing told": {nil, 200},
	} {
		k := &keeper{}
		if w := akeneoCall(test.events...).do(newHandler(t, k, noon, akeneoReceiver())); w.Code != test.want || len(k.kept()) > 0 {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
}

func FuzzAkeneo(f *testing.F) {
	f.Add(`{"events":[`+akeneoUpdated+`,`+akeneoRemoved+`,`+akeneoModel+`]}`, "1777636800", "AAAA", false)
	f.Add(`{"specversion":"1.0","id":"1","type":"com.akeneo.pim.v1.product.deleted","data":{"product":{"uuid":"u"}}}`, "", "", true)
	f.Add(`{"events":[{"action":"product.updated","event_id":"e","data":{"resource":{"uuid":"u","values":{"a":[{"data":[1]}],"*":[{"data":true}]}}}}]}`, "1777636800", "", false)
	f.Fuzz(func(t *testing.T, body, at, offered string, platform bool) {
		header, good := "X-Akeneo-Request-Signature", hex.EncodeToString(mac(akeneoSecret, at+"."+body))
		if platform {
			header, good = "X-Akeneo-Signature-Primary", hex.EncodeToString(mac(akeneoSecret, body))
		}
		for _, signature := range []string{good, offered} {
			took := probe(t, akeneoReceiver(), bare("POST", "/in", "", body, "Content-Type", "application/json", "X-Akeneo-Request-Timestamp", at, header, signature))
			if took && !strings.EqualFold(signature, good) {
				t.Fatalf("taken: %q", signature)
			}
		}
	})
}
