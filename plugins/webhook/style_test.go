package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/synchost/synchost/sdk"
)

// Each style's request as it arrives, whole.
func TestStylesOnTheWire(t *testing.T) {
	const data = `{"event":{"id":"7","source":"crm","op":"updated","time":"2026-08-01T12:30:00Z","fields":["name","prices"]},` +
		`"product":{"key":"7","code":"K-100","name":"کیف چرم","prices":[{"amount":"12.50","currency":"EUR"}],` +
		`"attributes":{"colour":"red & <blue>","size":42}}}`
	const envelope = `{"type":"product.updated","timestamp":"2026-08-01T12:30:00Z","data":` + data + `}`
	tests := []struct {
		name    string
		options options
		change  sdk.Change
		want    string
	}{
		{"standard-webhooks", options{"secret": hmacSecret}, update("7"), `POST /hook?x=1 HTTP/1.1
Host: HOST
Content-Length: N
Content-Type: application/json
User-Agent: synchost-webhook/0.1.0
Webhook-Id: crm_7
Webhook-Signature: SIGNATURE
Webhook-Timestamp: SECONDS

` + envelope},
		{"github", options{"style": "github", "secret": "s3cret"}, update("7"), `POST /hook?x=1 HTTP/1.1
Host: HOST
Content-Length: N
Content-Type: application/json
User-Agent: synchost-webhook/0.1.0
X-Github-Delivery: crm_7
X-Github-Event: product
X-Hub-Signature-256: SIGNATURE

` + envelope},
		{"cloudevents binary", options{"style": "cloudevents", "cloudevents": options{"handshake": false}}, update("7"), `POST /hook?x=1 HTTP/1.1
Host: HOST
Ce-Id: crm_7
Ce-Source: /crm
Ce-Specversion: 1.0
Ce-Subject: 7
Ce-Time: 2026-08-01T12:30:00Z
Ce-Type: product.updated
Content-Length: N
Content-Type: application/json
User-Agent: synchost-webhook/0.1.0

` + data},
		{"cloudevents structured", options{"style": "cloudevents", "cloudevents": options{"handshake": false, "mode": "structured", "source": "https://shop.example"}}, update("7"), `POST /hook?x=1 HTTP/1.1
Host: HOST
Content-Length: N
Content-Type: application/cloudevents+json
User-Agent: synchost-webhook/0.1.0

{"specversion":"1.0","id":"crm_7","source":"https://shop.example","type":"product.updated","subject":"7","time":"2026-08-01T12:30:00Z","datacontenttype":"application/json","data":` + data + `}`},
		{"payamgostar", options{"style": "payamgostar"}, update("7"), `GET /hook?x=1&Event=1&Product=7&Product+Type=K-100&Product+Name=%DA%A9%DB%8C%D9%81+%DA%86%D8%B1%D9%85 HTTP/1.1
Host: HOST
Connection: Keep-Alive

`},
		{"custom", options{"style": "custom", "method": "PUT",
			"headers": options{"content-type": "text/plain", "X-Key": "{{.Key}} {{.Op}}"},
			"body":    `{{.Product.Name | upper}} {{(index .Product.Prices 0).Amount}} {{.Attribute "colour"}}{{.Attribute "none" | default "-"}} {{.Event.Time.Format "2006"}}`},
			update("7"), `PUT /hook?x=1 HTTP/1.1
Host: HOST
Content-Length: N
Content-Type: text/plain
User-Agent: synchost-webhook/0.1.0
X-Key: 7 updated

کیف چرم 12.50 red & <blue>- 2026`},
		{"raw event", options{"style": "custom"}, forward("9", "text/csv", "a;b"), `POST /hook?x=1&a=1&b=x+y HTTP/1.1
Host: HOST
Content-Length: N
Content-Type: text/csv
User-Agent: synchost-webhook/0.1.0

a;b`},
		{"raw event, structured", options{"style": "cloudevents", "cloudevents": options{"handshake": false, "mode": "structured"}}, forward("9", "text/csv", "a;b"), `POST /hook?x=1&a=1&b=x+y HTTP/1.1
Host: HOST
Content-Length: N
Content-Type: application/cloudevents+json
User-Agent: synchost-webhook/0.1.0

{"specversion":"1.0","id":"catch_9","source":"/catch","type":"event.received","subject":"9","time":"2026-08-01T12:30:00Z","datacontenttype":"text/csv","data_base64":"YTti"}`},
		{"raw event with a template", options{"style": "custom", "body": `{{.Event.Raw.Method}} {{printf "%s" .Event.Raw.Body}} {{base64 .Event.Raw.Body}}`},
			forward("9", "text/csv", "a;b"), `POST /hook?x=1&a=1&b=x+y HTTP/1.1
Host: HOST
Content-Length: N
Content-Type: application/json
User-Agent: synchost-webhook/0.1.0

PUT a;b YTti`},
		{"raw event made into another call", options{"style": "custom", "method": `{{.Event.Raw.Method}}`, "headers": options{"X-State": "{{.Body.state | upper}}"},
			"body": `{"id":{{json .Body.id}},"sum":{{cents .Body.sum}},"who":{{index .Body "who" | default "-" | json}},"of":[{{range $i, $l := .Body.lines}}{{if $i}},{{end}}{{json $l.name}}{{end}}]}`},
			forward("9", "application/json; charset=utf-8", `{"id":12345678901234567890,"sum":1999,"state":"paid","lines":[{"name":"a\"b"},{"name":"<c>"}]}`),
			`PUT /hook?x=1&a=1&b=x+y HTTP/1.1
Host: HOST
Content-Length: N
Content-Type: application/json
User-Agent: synchost-webhook/0.1.0
X-State: PAID

{"id":12345678901234567890,"sum":19.99,"who":"-","of":["a\"b","<c>"]}`},
	}
	changing := []struct{ pattern, name string }{
		{`(?m)^(Webhook-Signature|X-Hub-Signature-256): .*$`, "$1: SIGNATURE"},
		{`(?m)^Webhook-Timestamp: \d{10}$`, "Webhook-Timestamp: SECONDS"},
		{`(?m)^Content-Length: \d+$`, "Content-Length: N"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSink(t, nil)
			test.options["url"] = s.URL + "/hook?x=1"
			done(t, opened(t, test.options), test.change)
			got := s.normal(s.one(t))
			for _, c := range changing {
				got = regexp.MustCompile(c.pattern).ReplaceAllString(got, c.name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The CRM's own request is a line, a host and a connection header; so is ours,
// byte for byte.
func TestPayamgostarByteForByte(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	got := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var lines strings.Builder
		for scan := bufio.NewReader(conn); !strings.HasSuffix(lines.String(), "\r\n\r\n"); {
			line, err := scan.ReadString('\n')
			if err != nil {
				return
			}
			lines.WriteString(line)
		}
		got <- lines.String()
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	}()
	c := update("12")
	c.Event.Op, c.Product.Code = sdk.Created, "K 100&a=b"
	done(t, opened(t, options{"style": "payamgostar", "url": "http://" + listener.Addr().String() + "/crm"}), c)
	want := "GET /crm?Event=2&Product=12&Product+Type=K+100%26a%3Db&Product+Name=%DA%A9%DB%8C%D9%81+%DA%86%D8%B1%D9%85 HTTP/1.1\r\n" +
		"Host: " + listener.Addr().String() + "\r\nConnection: Keep-Alive\r\n\r\n"
	if diff := cmp.Diff(want, <-got); diff != "" {
		t.Error(diff)
	}
}

func TestPayamgostarTellsWhatHappened(t *testing.T) {
	s := newSink(t, nil)
	client := opened(t, options{"style": "payamgostar", "url": s.URL})
	tests := []struct {
		change sdk.Change
		want   string
	}{
		{with(update("1"), func(c *sdk.Change) { c.Event.Op = sdk.Deleted; c.Op = sdk.Archive }), "0"},
		{update("2"), "1"},
		{with(update("3"), func(c *sdk.Change) { c.Event.Op = sdk.Created }), "2"},
		{with(update("4"), func(c *sdk.Change) { c.Event = nil }), "1"},
		{with(update("5"), func(c *sdk.Change) { c.Event = nil; c.Op = sdk.Purge }), "0"},
	}
	for i, test := range tests {
		done(t, client, test.change)
		if got := s.got()[i].URL.Query().Get("Event"); got != test.want {
			t.Errorf("%s: Event %q, want %q", test.change.Key, got, test.want)
		}
	}
	result := apply(t, client, forward("6", "text/plain", "x"))["6"]
	if sdk.KindOf(result.Err) != sdk.Rejected || len(s.got()) != len(tests) {
		t.Errorf("an event of no product: %v", result.Err)
	}
}

func with(c sdk.Change, edit func(*sdk.Change)) sdk.Change {
	edit(&c)
	return c
}

// The id of a delivery is that of the change on every attempt; its time is that
// of the attempt.
func TestIDIsTheSameOnEveryAttempt(t *testing.T) {
	status := http.StatusInternalServerError
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	client := opened(t, options{"url": s.URL, "secret": hmacSecret})
	if result := apply(t, client, update("7"))["7"]; result.Err == nil {
		t.Fatal("500 is taken for success")
	}
	status = http.StatusNoContent
	done(t, client, update("7"))
	first, second := s.got()[0], s.got()[1]
	if first.Header.Get("Webhook-Id") != "crm_7" || second.Header.Get("Webhook-Id") != "crm_7" || string(first.body) != string(second.body) {
		t.Errorf("%q then %q", first.dump, second.dump)
	}
}

func TestBatchesGoInOneBody(t *testing.T) {
	tests := []struct {
		name        string
		options     options
		contentType string
		items       func(t *testing.T, body []byte) []string // key of each
	}{
		{"array", options{"batch": "array", "secret": hmacSecret}, "application/json", arrayKeys},
		{"ndjson", options{"batch": "ndjson", "style": "custom"}, "application/x-ndjson", func(t *testing.T, body []byte) []string {
			lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
			return arrayKeys(t, []byte("["+strings.Join(lines, ",")+"]"))
		}},
		{"cloudevents", options{"batch": "array", "style": "cloudevents", "cloudevents": options{"mode": "structured", "handshake": false}},
			"application/cloudevents-batch+json", arrayKeys},
		{"template", options{"batch": "ndjson", "style": "custom", "body": "{\"data\":\n {\"product\": {{json .Product}} } }"}, "application/x-ndjson",
			func(t *testing.T, body []byte) []string {
				return arrayKeys(t, []byte("["+strings.ReplaceAll(strings.TrimSpace(string(body)), "\n", ",")+"]"))
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSink(t, nil)
			test.options["url"] = s.URL
			results := apply(t, opened(t, test.options), update("1"), update("2"), update("3"))
			r := s.one(t)
			if got := test.items(t, r.body); strings.Join(got, " ") != "1 2 3" || r.Header.Get("Content-Type") != test.contentType {
				t.Errorf("%q as %q", got, r.Header.Get("Content-Type"))
			}
			for key, result := range results {
				if result.Err != nil || result.Exchange.Status != 200 || !strings.HasPrefix(result.Exchange.Request, "POST "+s.URL) {
					t.Errorf("%s: %+v", key, result)
				}
			}
		})
	}
}

func arrayKeys(t *testing.T, body []byte) []string {
	t.Helper()
	var items []struct {
		Data struct{ Product struct{ Key string } }
	}
	if err := json.Unmarshal(body, &items); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var keys []string
	for _, item := range items {
		keys = append(keys, item.Data.Product.Key)
	}
	return keys
}

// A batch is delivered or not as a whole, under an id of its own that does not
// change; what cannot go into it does not hold it up.
func TestBatchIsAllOrNothing(t *testing.T) {
	status := http.StatusServiceUnavailable
	s := newSink(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	client := opened(t, options{"url": s.URL, "batch": "array", "secret": hmacSecret,
		"body": `{{if eq .Key "bad"}}nonsense{{else}}{"k":{{json .Key}}}{{end}}`})
	changes := []sdk.Change{update("1"), update("bad"), update("2")}
	for key, result := range apply(t, client, changes...) {
		if want := sdk.Temporary; key == "bad" {
			if sdk.KindOf(result.Err) != sdk.Rejected || !strings.Contains(result.Err.Error(), "valid JSON") {
				t.Errorf("bad: %v", result.Err)
			}
		} else if result.Err == nil || sdk.KindOf(result.Err) != want {
			t.Errorf("%s: %v", key, result.Err)
		}
	}
	status = http.StatusOK
	results := apply(t, client, append(changes, forward("raw", "text/plain", "as it came"))...)
	if results["1"].Err != nil || results["2"].Err != nil || results["raw"].Err != nil {
		t.Errorf("%+v", results)
	}
	got := s.got()
	if len(got) != 3 || string(got[1].body) != `[{"k":"1"},{"k":"2"}]` || string(got[0].body) != string(got[1].body) {
		t.Fatalf("%d requests: %q", len(got), got[1].body)
	}
	if id := got[0].Header.Get("Webhook-Id"); id != got[1].Header.Get("Webhook-Id") || !strings.HasPrefix(id, "batch_") {
		t.Errorf("ids %q and %q", id, got[1].Header.Get("Webhook-Id"))
	}
}
