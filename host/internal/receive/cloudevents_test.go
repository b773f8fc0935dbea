package receive

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

func busReceiver(with ...func(*config.Receiver)) config.Receiver {
	c := config.Receiver{
		Name: "in", Scheme: "cloudevents", Path: "/in", Secrets: secretsOf("mF_9.B5f-4.1JqM"), Token: config.Token{Query: accessToken},
		Origins: []string{"eventemitter.example.com"},
	}
	for _, change := range with {
		change(&c)
	}
	return c
}

func busCall(media, body string, headers ...string) call {
	return post(body, append([]string{"Content-Type", media, "Authorization", "Bearer mF_9.B5f-4.1JqM"}, headers...)...)
}

// The examples of the specification, with the data filled in.
const (
	busEvent  = `{"specversion":"1.0","type":"com.example.someevent","source":"/mycontext/subcontext","id":"1234-1234-1234","time":"2018-04-05T03:56:24Z","datacontenttype":"application/json","data":{"sku":"B-1"}}`
	busSecond = `{"specversion":"1.0","type":"com.example.other","source":"/mycontext","id":"1234-1234-1234","data_base64":"AAE="}`
)

func busBinary(body string, headers ...string) call {
	return busCall("application/json; charset=utf-8", body, append([]string{"ce-specversion", "1.0", "ce-type", "com.example.someevent",
		"ce-time", "2018-04-05T03:56:24Z", "ce-id", "1234-1234-1234", "ce-source", "/mycontext/subcontext"}, headers...)...)
}

func TestCloudEventsInEachMode(t *testing.T) {
	for mode, c := range map[string]call{
		"structured":           busCall("application/cloudevents+json; charset=UTF-8", busEvent),
		"structured, shouting": busCall("Application/CloudEvents+JSON", busEvent),
		"binary":               busBinary(`{"sku":"B-1"}`),
		"batched":              busCall("application/cloudevents-batch+json", "["+busEvent+"]"),
	} {
		k := &keeper{}
		h := newHandler(t, k, noon, busReceiver())
		for range 2 {
			if w := c.do(h); w.Code != http.StatusAccepted || w.Body.Len() > 0 {
				t.Fatalf("%s: %d %s", mode, w.Code, w.Body)
			}
		}
		events := k.kept()
		if len(events) != 1 || events[0].ID != "/mycontext/subcontext 1234-1234-1234" || events[0].Op != sdk.Received || events[0].Time.Year() != 2018 {
			t.Fatalf("%s: %+v", mode, events)
		}
		if raw := events[0].Raw; mode == "binary" && (string(raw.Body) != `{"sku":"B-1"}` || raw.Headers["Ce-Type"] == "") ||
			mode != "binary" && (string(raw.Body) != busEvent || !strings.EqualFold(strings.Split(raw.ContentType, ";")[0], structuredEvent)) {
			t.Errorf("%s: %+v", mode, raw)
		}
	}
}

// TestAMapSeesCloudEventsAlike: however they come, the body is the event.
func TestAMapSeesCloudEventsAlike(t *testing.T) {
	mapped := busReceiver(func(c *config.Receiver) {
		c.Map = map[string]string{"key": "body.data.sku", "op": `"updated"`, "fields.name": "body.type", "time": "body.time", "fields.attributes.headers": `headers["Ce-Type"] ?? ""`}
	})
	for mode, c := range map[string]call{
		"structured": busCall(structuredEvent, busEvent), "binary": busBinary(`{"sku":"B-1"}`), "batched": busCall(batchedEvents, "["+busEvent+"]"),
	} {
		k := &keeper{}
		if w := c.do(newHandler(t, k, noon, mapped)); w.Code != http.StatusAccepted {
			t.Fatalf("%s: %d %s", mode, w.Code, w.Body)
		}
		if e := k.kept()[0]; e.ID != "/mycontext/subcontext 1234-1234-1234" || e.Key != "B-1" || e.Patch.Product.Name != "com.example.someevent" ||
			e.Time.Year() != 2018 || e.Patch.Product.Attributes["headers"].Text() != "" {
			t.Errorf("%s: %+v", mode, e)
		}
	}
}

func TestCloudEventsComeInBatches(t *testing.T) {
	k := &keeper{}
	h := newHandler(t, k, noon, busReceiver())
	if w := busCall(batchedEvents, "["+busEvent+","+busSecond+"]").do(h); w.Code != http.StatusAccepted || len(k.kept()) != 2 {
		t.Fatalf("%d %s %+v", w.Code, w.Body, k.kept())
	}
	if e := k.kept()[1]; e.ID != "/mycontext 1234-1234-1234" || string(e.Raw.Body) != busSecond {
		t.Errorf("%+v", e)
	}
	if w := busCall(batchedEvents, "[]").do(h); w.Code != http.StatusAccepted {
		t.Errorf("an empty one: %d %s", w.Code, w.Body)
	}
	k = &keeper{}
	h = newHandler(t, k, noon, busReceiver())
	for body, want := range map[string]int{
		"[" + busEvent + ",{}]": 400, "{}": 400, "[1]": 400, "[[]]": 400, "": 400, "[": 400,
		"[" + busEvent + "] []": 400,
		"[" + strings.Join(slices.Repeat([]string{`{"specversion":"1.0","type":"t","source":"s","id":"1"}`}, maxEvents+1), ",") + "]": 413,
	} {
		if w := busCall(batchedEvents, body).do(h); w.Code != want || len(k.kept()) > 0 {
			t.Errorf("%.40s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestWhatIsNoCloudEventIsRefused(t *testing.T) {
	said := func(from, to string) string { return strings.Replace(busEvent, from, to, 1) }
	for what, test := range map[string]struct {
		call call
		want int
	}{
		"another format":         {busCall("application/cloudevents+avro", busEvent), 415},
		"another batch":          {busCall("application/cloudevents-batch+avro", busEvent), 415},
		"no format":              {busCall("application/cloudevents", busEvent), 415},
		"another charset":        {busCall("application/cloudevents+json; charset=utf-16", busEvent), 415},
		"plain JSON":             {busCall("application/json", busEvent), 415},
		"no type":                {busCall("", busEvent), 415},
		"not JSON":               {busCall(structuredEvent, "x"), 400},
		"two":                    {busCall(structuredEvent, busEvent+busEvent), 400},
		"a batch as one":         {busCall(structuredEvent, "["+busEvent+"]"), 400},
		"invalid UTF-8":          {busCall(structuredEvent, said("B-1", "\xff")), 400},
		"no version":             {busCall(structuredEvent, said(`"specversion":"1.0",`, "")), 400},
		"an old version":         {busCall(structuredEvent, said(`"1.0"`, `"0.3"`)), 400},
		"no id":                  {busCall(structuredEvent, said(`"id":"1234-1234-1234"`, `"id":""`)), 400},
		"a number as id":         {busCall(structuredEvent, said(`"id":"1234-1234-1234"`, `"id":1`)), 400},
		"no source":              {busCall(structuredEvent, said(`"source":"/mycontext/subcontext"`, `"source":null`)), 400},
		"a source of two words":  {busCall(structuredEvent, said("/mycontext/", "/my context/")), 400},
		"a control in the id":    {busCall(structuredEvent, said("1234-1234-1234", `1\u0000`)), 400},
		"no kind":                {busCall(structuredEvent, said(`"type":"com.example.someevent"`, `"type":""`)), 400},
		"no time":                {busCall(structuredEvent, said("2018-04-05T03:56:24Z", "yesterday")), 400},
		"binary without id":      {busBinary("{}").with("ce-id"), 415},
		"binary of two ids":      {busBinary("{}").with("ce-id", "1", "2"), 400},
		"binary with a type":     {busBinary("{}", "ce-datacontenttype", "text/plain"), 400},
		"binary with data":       {busBinary("{}", "ce-data", "x"), 400},
		"binary, overlong":       {busBinary("{}", "ce-subject", "%C0%A0"), 400},
		"binary, half an escape": {busBinary("{}", "ce-subject", "%e"), 400},
		"binary, not ASCII":      {busBinary("{}", "ce-subject", "é"), 400},
		"binary, bad JSON":       {busBinary("{"), 400},
		"binary, bad version":    {busBinary("{}").with("ce-specversion", "2.0"), 400},
	} {
		k := &keeper{}
		if w := test.call.do(newHandler(t, k, noon, busReceiver())); w.Code != test.want || len(k.kept()) > 0 {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
}

// TestAttributesInHeaders: the examples of the specification, and their quoted form.
func TestAttributesInHeaders(t *testing.T) {
	for header, want := range map[string]string{
		"Euro%20%E2%82%AC%20%F0%9F%98%80":   "Euro € 😀",
		"Euro%20%e2%82%ac":                  "Euro €",
		`"Euro%20\"\\%E2%82%AC"`:            `Euro "\€`,
		"a+b":                               "a+b",
		"%2520":                             "%20",
		`"`:                                 `"`,
		"https://example.com/a?b=c&d#%65nd": "https://example.com/a?b=c&d#end",
	} {
		got, err := attribute(header)
		if err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", header, got, err, want)
		}
	}
	k := &keeper{}
	mapped := busReceiver(func(c *config.Receiver) { c.Map = map[string]string{"key": "body.subject"} })
	for _, data := range []call{busCall("text/plain", "hello"), busCall("image/png", "\x89PNG"), busCall("", "")} {
		for name, values := range busBinary("", "ce-subject", "%E2%82%AC").header {
			if strings.HasPrefix(name, "Ce-") {
				data = data.with(name, values...)
			}
		}
		if w := data.with("Ce-Id", fmt.Sprint(len(k.kept()))).do(newHandler(t, k, noon, mapped)); w.Code != http.StatusAccepted {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	var bodies []string
	for _, e := range k.kept() {
		var form struct{ Data, DataBase64 string }
		if err := json.Unmarshal([]byte(strings.Replace(string(e.Raw.Body), "data_base64", "dataBase64", 1)), &form); err != nil || e.Key != "€" {
			t.Errorf("%s: %v", e.Raw.Body, err)
		}
		bodies = append(bodies, form.Data+"|"+form.DataBase64)
	}
	if !slices.Equal(bodies, []string{"hello|", "|iVBORw==", "|"}) {
		t.Errorf("%q", bodies)
	}
}

func TestTheAccessTokenOfCloudEvents(t *testing.T) {
	const secret = "mF_9.B5f-4.1JqM"
	inQuery := busCall(structuredEvent, busEvent).with("Authorization")
	inQuery.target = "/in?a=b&access_token=" + secret
	for what, test := range map[string]struct {
		header, query string
		want          int
	}{
		"in the header": {"Bearer " + secret, "", 202}, "in the query": {"", "access_token=" + secret, 202}, "in both": {"Bearer " + secret, "access_token=" + secret, 400},
		"nowhere": {"", "", 401}, "wrong in the query": {"", "access_token=x", 401}, "twice": {"", "access_token=" + secret + "&access_token=" + secret, 400},
		"another scheme": {"Basic " + secret, "", 401}, "empty": {"", "access_token=", 401}, "no good query": {"", "access_token=" + secret + "&%zz", 400},
		"empty header": {" ", "access_token=" + secret, 400},
	} {
		c := busCall(structuredEvent, busEvent).with("Authorization")
		if test.header != "" {
			c = c.with("Authorization", strings.TrimSpace(test.header))
		}
		c.target = "/in?" + test.query
		k := &keeper{}
		if w := c.do(newHandler(t, k, noon, busReceiver())); w.Code != test.want {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	k := &keeper{}
	if w := inQuery.do(newHandler(t, k, noon, busReceiver())); w.Code != http.StatusAccepted || k.kept()[0].Raw.Query != "a=b" {
		t.Errorf("%d %s %+v", w.Code, w.Body, k.kept())
	}
}

func TestPermissionToSendCloudEvents(t *testing.T) {
	ask := func(origin ...string) call {
		c := call{method: http.MethodOptions, target: "/in"}
		return c.with("WebHook-Request-Origin", origin...).with("WebHook-Request-Rate", "120").
			with("WebHook-Request-Callback", "https://127.0.0.1:1/confirm?id=12345&key=x")
	}
	rate := func(n int, per time.Duration) func(*config.Receiver) {
		return func(c *config.Receiver) { c.Rate = config.Rate{Count: n, Per: per} }
	}
	for what, test := range map[string]struct {
		receiver config.Receiver
		call     call
		want     int
		rate     string
	}{
		"no limit":         {busReceiver(), ask("eventemitter.example.com"), 200, "*"},
		"in another case":  {busReceiver(), ask("EventEmitter.Example.com"), 200, "*"},
		"by the second":    {busReceiver(rate(2, time.Second)), ask("eventemitter.example.com"), 200, "120"},
		"by the minute":    {busReceiver(rate(100, time.Minute)), ask("eventemitter.example.com"), 200, "100"},
		"by the hour":      {busReceiver(rate(10, time.Hour)), ask("eventemitter.example.com"), 200, "1"},
		"another origin":   {busReceiver(), ask("eventemitter.example.com.evil.example"), 403, ""},
		"all":              {busReceiver(), ask("*"), 403, ""},
		"none":             {busReceiver(), ask(), 400, ""},
		"two":              {busReceiver(), ask("eventemitter.example.com", "evil.example"), 400, ""},
		"two in one":       {busReceiver(), ask("eventemitter.example.com, evil.example"), 403, ""},
		"nobody may":       {busReceiver(func(c *config.Receiver) { c.Origins = nil }), ask("eventemitter.example.com"), 403, ""},
		"a secret is none": {busReceiver(), ask("eventemitter.example.com").with("Authorization", "Bearer x"), 200, "*"},
	} {
		k, f := &keeper{}, &fakePaypal{}
		h, problems := New([]config.Receiver{test.receiver}, Options{Accepter: k, Now: atNoon, Outside: f.outside()})
		w := test.call.do(h)
		allowed := w.Header().Get("WebHook-Allowed-Origin")
		if len(problems) > 0 || w.Code != test.want || w.Header().Get("WebHook-Allowed-Rate") != test.rate || (allowed != "") != (test.want == 200) {
			t.Errorf("%s: %d %s %v", what, w.Code, w.Body, w.Header())
		}
		if test.want == 200 && (!strings.EqualFold(allowed, "eventemitter.example.com") || w.Header().Get("Allow") != "POST" || w.Body.Len() > 0) {
			t.Errorf("%s: %v %s", what, w.Header(), w.Body)
		}
		if len(k.kept()) > 0 || len(f.calls) > 0 {
			t.Errorf("%s: it did something: %v %v", what, k.kept(), f.calls)
		}
	}
	silent := busReceiver(func(c *config.Receiver) { c.Secrets = nil })
	h, _ := New([]config.Receiver{silent}, Options{Accepter: &keeper{}})
	if w := ask("eventemitter.example.com").do(h); w.Code/100 == 2 || w.Header().Get("WebHook-Allowed-Origin") != "" {
		t.Errorf("without a secret: %d %v", w.Code, w.Header())
	}
}

func TestCloudEventsOverTheRateAreToldWhenToComeAgain(t *testing.T) {
	c := busReceiver()
	c.Rate = config.Rate{Count: 1, Per: time.Minute}
	h := newHandler(t, &keeper{}, noon, c)
	busCall(structuredEvent, busEvent).do(h)
	if w := busCall(structuredEvent, busEvent).do(h); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "60" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// TestOurOwnCloudEventsAreProducts: what our webhook connector sends, and nobody
// else's that only looks alike.
func TestOurOwnCloudEventsAreProducts(t *testing.T) {
	said := func(kind, data string) string {
		return `{"specversion":"1.0","id":"1","source":"https://shop.example","subject":"42","type":"` + kind + `","time":"2026-08-01T12:30:00Z","data":` + data + `}`
	}
	for _, test := range []struct {
		body string
		op   sdk.EventOp
		name string
	}{
		{said("product.updated", `{"event":{"fields":["name"]},"product":{"key":"42","name":"Bag"}}`), sdk.Updated, "Bag"},
		{said("product.deleted", `{"event":{},"product":{"key":"42"}}`), sdk.Deleted, ""},
		{said("product.updated", `{"key":"42","name":"Bag"}`), sdk.Received, ""},
		{said("product.updated", `{"event":{},"product":{"nmae":"Bag"}}`), sdk.Received, ""},
		{said("com.example.someevent", `{"event":{},"product":{"key":"42"}}`), sdk.Received, ""},
	} {
		k := &keeper{}
		if w := busCall(structuredEvent, test.body).do(newHandler(t, k, noon, busReceiver())); w.Code != http.StatusAccepted {
			t.Fatalf("%s: %d %s", test.body, w.Code, w.Body)
		}
		if e := k.kept()[0]; e.Op != test.op || e.Patch.Product.Name != test.name || e.ID != "https://shop.example 1" || test.op != sdk.Received && e.Key != "42" {
			t.Errorf("%s: %+v", test.body, e)
		}
	}
}

func FuzzCloudEvents(f *testing.F) {
	f.Add("Bearer mF_9.B5f-4.1JqM", "", structuredEvent, busEvent, "1", "/s", "%E2%82%AC")
	f.Add("", "access_token=mF_9.B5f-4.1JqM", batchedEvents, "["+busEvent+","+busSecond+"]", "", "", "")
	f.Add("Bearer mF_9.B5f-4.1JqM", "", "text/plain", "x", "1", "/s", `"\`)
	f.Add("Bearer x", "access_token=mF_9.B5f-4.1JqM", "application/json", "{}", "1", "/s", "%C0%A0")
	mapped := busReceiver(func(c *config.Receiver) {
		c.Map = map[string]string{"key": "body.subject", "fields.name": "body.data?.sku"}
	})
	f.Fuzz(func(t *testing.T, authorization, query, media, body, id, source, subject string) {
		for _, c := range []config.Receiver{busReceiver(), mapped} {
			took := probe(t, c, bare("POST", "/in", query, body, "Authorization", authorization, "Content-Type", media,
				"Ce-Specversion", "1.0", "Ce-Type", "t", "Ce-Id", id, "Ce-Source", source, "Ce-Subject", subject))
			scheme, secret, _ := strings.Cut(authorization, " ")
			bearer := strings.EqualFold(scheme, "bearer") && strings.TrimLeft(secret, " ") == "mF_9.B5f-4.1JqM"
			if took && !bearer && (authorization != "" || !strings.Contains(query, "mF_9.B5f-4.1JqM") && !strings.Contains(query, "%")) {
				t.Fatalf("taken: %q %q", authorization, query)
			}
		}
	})
}
