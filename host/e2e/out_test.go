package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// bag is a product that a style can lose something of.
const bag = `{"id":"e-1","op":"upsert","time":"2026-08-01T12:30:00Z","product":{"key":"42","code":"K 100&a=b","name":"کیف \"چرم\"",` +
	`"prices":[{"amount":"10.50","currency":"EUR"}],"attributes":{"colour":"red & <blue>"}}}`

// What one host's webhooks send, another's receivers take: each style goes to
// the receiver that checks it.
func TestEveryWayOutReachesOurOwnReceivers(t *testing.T) {
	there := newHost(t, everyWayIn+`
[receivers.custom]
scheme = "hmac"
path = "/in/custom"
secret = { env = "E2E_TOKEN" }
signature = { header = "X-Signed", algorithm = "sha512", encoding = "base64", signed = "{header:X-Time}.{path}.{body}", timestamp = "X-Time" }
methods = ["PUT"]
map = { key = "body.sku", "fields.name" = "body.title" }

[receivers.hub]
scheme = "hmac"
path = "/in/hub"
secret = { env = "E2E_TOKEN" }
signature = { header = "X-Hub-Signature-256", prefix = "sha256=" }
map = { key = "body.data.product.key", "fields.name" = "body.data.product.name" }

[receivers.basic]
scheme = "token"
path = "/in/basic"
secret = { env = "E2E_BASIC" }
token = { header = "X-Api-Key" }
map = { items = "body", key = "item.data.product.key", "fields.name" = "item.data.product.name" }

[receivers.bus]
scheme = "cloudevents"
path = "/in/bus"
secret = { env = "E2E_TOKEN" }
origins = ["synchost"]
rate = "100/s"
`)
	there.env = append(there.env, "E2E_BASIC=key-0123456789-0123456789-0123456789")
	keysOf(there)
	there.start()

	to := "http://" + there.address
	here := newHost(t, productReceiver+
		webhookTo("v1", to+"/in/standard", "", signed)+
		webhookTo("v1a", to+"/in/standard?to=v1a", "", `secret = { env = "E2E_PRIVATE" }`)+
		webhookTo("github", to+"/in/hub", "", "style = \"github\"\nsecret = { env = \"E2E_TOKEN\" }")+
		webhookTo("payamgostar", to+`/in/crm?code={{secret "code"}}`, "", "style = \"payamgostar\"\ntemplate_secrets = { code = { env = \"E2E_TOKEN\" } }")+
		webhookTo("bus", to+"/in/bus", "", "style = \"cloudevents\"\nauth = { bearer = { env = \"E2E_TOKEN\" } }")+
		webhookTo("bus2", to+"/in/bus", "", "style = \"cloudevents\"\ncloudevents.mode = \"structured\"\nauth = { bearer = { env = \"E2E_TOKEN\" } }")+
		webhookTo("custom", to+"/in/custom", "", `style = "custom"
method = "PUT"
body = '{"sku":{{json .Key}},"title":{{json .Product.Name}}}'
secret = { env = "E2E_TOKEN" }
signature = { header = "X-Signed", algorithm = "sha512", encoding = "base64", signed = "{header:X-Time}.{path}.{body}", timestamp = "X-Time" }`)+
		webhookTo("batch", to+"/in/basic", "", "style = \"custom\"\nbatch = \"array\"\nauth = { header = { name = \"X-Api-Key\", value = { env = \"E2E_BASIC\" } } }"))
	here.env = append(here.env, "E2E_BASIC=key-0123456789-0123456789-0123456789")
	keysOf(here)
	here.start()
	here.accept(bag)

	want := map[string]string{
		"standard": "42 updated", "hub": "42 updated", "crm": "42 updated", "custom": "42 updated", "basic": "42 updated", "bus": "42 updated",
	}
	got := map[string]string{}
	until(t, "all styles have arrived", func() bool {
		for _, e := range there.events() {
			got[e.Source] = e.Key + " " + e.Op
		}
		twice := func(name string) bool { return there.receiver(name).Accepted+there.receiver(name).Duplicates == 2 }
		return len(got) == len(want) && twice("standard") && twice("bus")
	})
	for source, words := range want {
		if got[source] != words {
			t.Errorf("%s took %q, want %q", source, got[source], words)
		}
	}
	for _, e := range there.events() {
		if p := e.Product; p.Name != `کیف "چرم"` {
			t.Errorf("%s took the name as %q", e.Source, p.Name)
		}
	}
	// Nothing was refused on the way.
	for _, r := range there.status().Receivers {
		if r.Refused > 0 {
			t.Errorf("%s refused %d", r.Name, r.Refused)
		}
	}
}

// journalled is an event as "synchost events --json" tells it.
type journalled struct {
	Seq             int64
	Source, Op, Key string
	Hint            bool
	Product         struct{ Key, Code, Name string }
}

func (h *host) events() []journalled {
	h.t.Helper()
	out, code := h.cli("events", "--json", "--limit", "1000")
	var answer struct{ Events []journalled }
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 {
		h.t.Fatalf("synchost events (exit %d): %v\n%s", code, err, out)
	}
	return answer.Events
}

// The bytes are those that the CRM itself sends.
func TestPayamgostarIsByteForByte(t *testing.T) {
	listener := listen(t)
	defer listener.Close()
	arrived := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var request strings.Builder
		for in := bufio.NewReader(conn); ; {
			line, err := in.ReadString('\n')
			request.WriteString(line)
			if err != nil || line == "\r\n" {
				break
			}
		}
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		arrived <- request.String()
	}()
	to := listener.Addr().String()
	h := newHost(t, productReceiver+webhookTo("crm", "http://"+to+"/webhook", "", `style = "payamgostar"`))
	h.start()
	h.accept(bag)
	want := "GET /webhook?Event=1&Product=42&Product+Type=K+100%26a%3Db&Product+Name=%DA%A9%DB%8C%D9%81+%22%DA%86%D8%B1%D9%85%22 HTTP/1.1\r\n" +
		"Host: " + to + "\r\nConnection: Keep-Alive\r\n\r\n"
	if got := <-arrived; got != want {
		t.Errorf("arrived as\n%q, want\n%q", got, want)
	}
}

// CloudEvents are sent to whoever allows it in the handshake, and not before.
func TestCloudEvents(t *testing.T) {
	for _, mode := range []string{"binary", "structured"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var methods []string
			sink := newReceiver(t)
			sink.set(func(w http.ResponseWriter, r *http.Request, _ []byte) {
				mu.Lock()
				defer mu.Unlock()
				methods = append(methods, r.Method)
				if r.Method == http.MethodOptions {
					w.Header().Set("WebHook-Allowed-Origin", r.Header.Get("WebHook-Request-Origin"))
					w.Header().Set("WebHook-Allowed-Rate", "6000")
				}
			})
			h := newHost(t, productReceiver+webhookTo("bus", sink.URL, "",
				fmt.Sprintf("style = \"cloudevents\"\ncloudevents = { mode = %q, source = \"https://shop.example\", origin = \"shop.example\" }", mode)))
			h.start()
			h.accept(bag)
			until(t, "it has arrived", func() bool { return len(sink.all()) == 2 })
			mu.Lock()
			defer mu.Unlock()
			if want := []string{"OPTIONS", "POST"}; !slices.Equal(methods, want) {
				t.Errorf("the requests are %q, want %q", methods, want)
			}
			if origin := sink.all()[0].header.Get("WebHook-Request-Origin"); origin != "shop.example" {
				t.Errorf("the handshake comes from %q", origin)
			}
			checkCloudEvent(t, mode, sink.all()[1])
		})
	}
}

func checkCloudEvent(t *testing.T, mode string, got taken) {
	t.Helper()
	var data struct {
		Product struct {
			Key        string
			Attributes struct{ Colour string }
		}
	}
	attributes := map[string]any{}
	payload := got.body
	if mode == "structured" {
		var whole struct{ Data json.RawMessage }
		if err := json.Unmarshal(got.body, &attributes); err != nil {
			t.Fatalf("%v: %s", err, got.body)
		}
		if err := json.Unmarshal(got.body, &whole); err != nil {
			t.Fatal(err)
		}
		payload = whole.Data
	} else {
		for name := range got.header {
			if attribute, ok := strings.CutPrefix(name, "Ce-"); ok {
				attributes[strings.ToLower(attribute)] = got.header.Get(name)
			}
		}
		attributes["datacontenttype"] = got.header.Get("Content-Type")
	}
	for name, want := range map[string]string{
		"specversion": "1.0", "source": "https://shop.example", "type": "product.updated", "subject": "42",
		"time": "2026-08-01T12:30:00Z", "datacontenttype": "application/json",
	} {
		if attributes[name] != want {
			t.Errorf("attribute %s is %v, want %q", name, attributes[name], want)
		}
	}
	if id, _ := attributes["id"].(string); id == "" {
		t.Error("the event has no id")
	}
	if err := json.Unmarshal(payload, &data); err != nil || data.Product.Key != "42" || data.Product.Attributes.Colour != "red & <blue>" {
		t.Errorf("the data is %s (%v)", payload, err)
	}
}

// An endpoint that does not allow it gets nothing, and the operator is told.
func TestCloudEventsWithoutPermission(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, productReceiver+webhookTo("bus", sink.URL, "", `style = "cloudevents"`))
	h.start()
	h.accept(bag)
	until(t, "the refusal is on record", func() bool {
		out, _ := h.cli("why", "42", "bus")
		return strings.Contains(strings.ToLower(out), "webhook-allowed-origin")
	})
	for _, one := range sink.all() {
		if one.method != http.MethodOptions {
			t.Errorf("%s was sent without permission", one.method)
		}
	}
}
