package e2e

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// example is a file of host/examples, what its sender sends, and the calls that
// come of it.
type example struct {
	receiver, connector string
	env                 []string
	standIn             func(config string) string                    // optional: another receiver, where this test cannot send as the sender does
	hello               func(*testing.T, *host)                       // optional: how the sender makes sure of the receiver
	sign                func(id, body string, good bool) []string     // the headers of a request, in pairs; a wrong signature where it is not good
	path                func(good bool) string                        // optional: where the proof is no header
	refused             int                                           // what a wrong proof is answered with
	ignored             []sent                                        // what brings no call
	good                []sent                                        // two that bring a call each
	want                func(t *testing.T, got taken, n int) []string // the lines of call n
}

// sent is a request of a sender.
type sent struct {
	id, body string
	key      string   // of the event, for `synchost why`
	headers  []string // beside those that prove it
	method   string   // default POST
}

// senderSecret is the one secret of all senders here.
const senderSecret = signing

var hosts = regexp.MustCompile(`(?m)^(url = ")https://[^/"]+`)

// exampleHost is a host with an example's file. It is as it stands, but that the
// host listens elsewhere, and that the addresses outside are a server of this test,
// which is on this machine and must be allowed therefore.
func exampleHost(t *testing.T, file, sink string) *host {
	t.Helper()
	address := freeAddress(t)
	text := read(t, filepath.Join(repository, "host", "examples", file))
	text = strings.Replace(text, "127.0.0.1:8470", address, 1)
	if n := len(hosts.FindAllString(text, -1)); n != 1 {
		t.Fatalf("%s has %d addresses outside", file, n)
	}
	text = hosts.ReplaceAllString(text, "allow_networks = [\"127.0.0.0/8\"]\n${1}"+sink)
	return hostIn(t, tempDir(t), address, text)
}

func (e *example) send(t *testing.T, h *host, s sent, good bool) int {
	t.Helper()
	method, path := s.method, "/in/"+e.receiver
	if method == "" {
		method = http.MethodPost
	}
	if e.path != nil {
		path = e.path(good)
	}
	headers := slices.Clone(s.headers)
	if e.sign != nil {
		headers = append(headers, e.sign(s.id, s.body, good)...)
	}
	a, err := h.ask(method, path, s.body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a.status
}

// Each example does what its first line says.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(repository, "host", "examples", "*.toml"))
	if err != nil || len(files) != len(examples) {
		t.Fatalf("there are the files %q (%v)", files, err)
	}
	readme := read(t, filepath.Join(repository, "host", "README.md"))
	for file, e := range examples {
		t.Run(strings.TrimSuffix(file, ".toml"), func(t *testing.T) {
			if !strings.Contains(readme, "(examples/"+file+")") {
				t.Errorf("host/README.md does not tell of %s", file)
			}
			sink := newReceiver(t)
			h := exampleHost(t, file, sink.URL)
			h.env = append(h.env, e.env...)
			if out, code := h.cli("validate"); code != 0 {
				t.Fatalf("validate (exit %d):\n%s", code, out)
			}
			h.start()
			if e.standIn != nil {
				for _, s := range e.good {
					if status := e.send(t, h, s, true); status != e.refused {
						t.Errorf("what anybody else sends is answered with %d", status)
					}
				}
				if err := h.stop(); err != nil {
					t.Fatal(err)
				}
				write(t, h.file(), e.standIn(read(t, h.file())))
				h.start()
			}
			e.try(t, h, sink)
		})
	}
}

func (e *example) try(t *testing.T, h *host, sink *receiver) {
	if e.hello != nil {
		e.hello(t, h)
	}
	for _, s := range slices.Concat(e.good, e.ignored) {
		if status := e.send(t, h, s, false); status != e.refused {
			t.Errorf("without a proof, %s is answered with %d", s.id, status)
		}
	}
	again := 0
	for n, s := range slices.Concat(e.ignored, e.good) {
		if status := e.send(t, h, s, true); status != http.StatusOK {
			t.Errorf("%s is answered with %d", s.id, status)
		}
		if s.id != "" {
			again++
			if status := e.send(t, h, s, true); status != http.StatusOK {
				t.Errorf("%s again is answered with %d", s.id, status)
			}
		}
		// Each good one is there before the next is sent, so that the order of the calls is known.
		until(t, "it is delivered", func() bool { return len(sink.all()) > n-len(e.ignored) })
	}
	all := len(e.ignored) + len(e.good)
	if r := h.receiver(e.receiver); int(r.Accepted) != all || int(r.Duplicates) != again || int(r.Refused) != all {
		t.Errorf("%+v, want %d accepted, %d duplicates and %d refused", r, all, again, all)
	}
	until(t, "all is decided and delivered", func() bool {
		l := h.lane(e.connector)
		return int(l.Delivered) == len(e.good) && l.Lag == 0 && l.Behind == 0
	})
	calls := sink.all()
	if len(calls) != len(e.good) {
		t.Fatalf("%d calls, want %d", len(calls), len(e.good))
	}
	var got, want []string
	for i, call := range calls {
		got = append(got, onTheWire(call))
		want = append(want, strings.Join(e.want(t, call, i), "\n"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the calls are\n%s\n\nwant\n%s", strings.Join(got, "\n\n"), strings.Join(want, "\n\n"))
	}
	for _, s := range e.ignored {
		if s.key == "" {
			continue
		}
		if out, _ := h.cli("why", s.key); !strings.Contains(out, "filtered") {
			t.Errorf("why %s does not tell that it is filtered:\n%s", s.key, out)
		}
	}
}

// onTheWire is a call without what each call has.
func onTheWire(call taken) string {
	lines := []string{call.method + " " + call.url}
	for _, name := range slices.Sorted(maps.Keys(call.header)) {
		if name != "User-Agent" && name != "Accept-Encoding" && name != "Content-Length" {
			lines = append(lines, name+": "+strings.Join(call.header[name], ", "))
		}
	}
	return strings.Join(append(lines, "", string(call.body)), "\n")
}

// hexMAC is the HMAC of a body as many senders write it; not that of the body where
// it is to be wrong.
func hexMAC(text string, good bool) string {
	if !good {
		text += " "
	}
	return hex.EncodeToString(mac([]byte(senderSecret), text))
}

func jsonBody(more ...string) []string {
	return append([]string{"Content-Type", "application/json"}, more...)
}

var examples = map[string]*example{
	"new-user-to-crm.toml":         newUser(),
	"payment-to-invoice.toml":      payment(),
	"paypal-to-invoice.toml":       paypal(),
	"push-to-build.toml":           push(),
	"comment-to-notification.toml": comment(),
	"catch-and-forward.toml":       caught(),
}

// What Clerk sends: https://clerk.com/docs/integrations/webhooks, read 2026-11;
// shortened here.
func newUser() *example {
	user := func(kind, id, name, address string) string {
		return fmt.Sprintf(`{"data":{"birthday":"","created_at":1654012591514,"email_addresses":[%s],"external_id":"567772",`+
			`"first_name":%s,"id":%q,"last_name":"Example","object":"user"},"object":"event","type":%q}`, address, name, id, kind)
	}
	address := func(text string) string {
		return `{"email_address":"` + text + `","id":"idn_29w83yL7CwVlJXylYLxcslromF1","object":"email_address","verification":{"status":"verified","strategy":"ticket"}}`
	}
	return &example{
		receiver: "users", connector: "crm", refused: http.StatusUnauthorized,
		env: []string{"CLERK_SECRET=" + senderSecret, "HUBSPOT_TOKEN=pat-eu1-0123456789abcdef"},
		sign: func(id, body string, good bool) []string {
			at := unix(time.Now())
			signed := body
			if !good {
				signed += " "
			}
			return []string{"svix-id", id, "svix-timestamp", at, "svix-signature", signV1(id, at, signed), "Content-Type", "application/json"}
		},
		ignored: []sent{
			{id: "msg_1", key: "user_1", body: user("user.updated", "user_1", `"Example"`, address("example@example.org"))},
			{id: "msg_2", key: "user_2", body: user("user.created", "user_2", `"Example"`, "")},
		},
		good: []sent{
			{id: "msg_3", body: user("user.created", "user_29w83sxmDNGwOuEthce5gg56FcC", `"Ex\"ample"`, address("example@example.org"))},
			{id: "msg_4", body: user("user.created", "user_29w83sxmDNGwOuEthce5gg56FcD", "null", address("other@example.org"))},
		},
		want: func(_ *testing.T, got taken, n int) []string {
			email, name := "example@example.org", `Ex\"ample`
			if n == 1 {
				email, name = "other@example.org", ""
			}
			return []string{"POST /crm/objects/2026-03/contacts/batch/upsert",
				"Authorization: Bearer pat-eu1-0123456789abcdef", "Content-Type: application/json", "",
				`{"inputs": [{"idProperty": "email", "id": "` + email + `", "properties": {`,
				`  "email": "` + email + `",`, `  "firstname": "` + name + `",`, `  "lastname": "Example"`, `}}]}`}
		},
	}
}

// What Stripe sends: https://docs.stripe.com/api/events/object and
// https://docs.stripe.com/webhooks#verify-manually, read 2026-11; shortened here.
func payment() *example {
	intent := func(event, kind, intent, metadata string, amount int) sent {
		return sent{id: event, key: "INV-1001", body: fmt.Sprintf(`{
  "id": %q,
  "object": "event",
  "created": 1680064028,
  "data": {
    "object": {
      "id": %q,
      "object": "payment_intent",
      "amount": 2000,
      "amount_received": %d,
      "currency": "usd",
      "metadata": %s
    }
  },
  "livemode": false,
  "type": %q
}`, event, intent, amount, metadata, kind), headers: []string{"Content-Type", "application/json; charset=utf-8"}}
	}
	const invoice, succeeded = `{"invoice": "INV-1001"}`, "payment_intent.succeeded"
	ofNone := intent("evt_2", succeeded, "pi_2", `{}`, 2000)
	ofNone.key = "" // none that it could be known by
	return &example{
		receiver: "payments", connector: "accounting", refused: http.StatusUnauthorized,
		env: []string{"STRIPE_SECRET=" + senderSecret, "ACCOUNTING_SECRET=" + token},
		sign: func(_, body string, good bool) []string {
			at := unix(time.Now())
			return []string{"Stripe-Signature", "t=" + at + ",v1=" + hexMAC(at+"."+body, good) + ",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"}
		},
		ignored: []sent{
			intent("evt_1", "payment_intent.payment_failed", "pi_1", invoice, 0),
			ofNone,
		},
		good: []sent{
			intent("evt_3", succeeded, "pi_3", invoice, 1999),
			intent("evt_4", succeeded, "pi_4", invoice, 1),
		},
		want: func(_ *testing.T, got taken, n int) []string {
			id, amount := []string{"3", "4"}[n], []string{"19.99", "0.01"}[n]
			return []string{"POST /invoices/INV-1001/paid", "Content-Type: application/json", "Idempotency-Key: payments:evt_" + id,
				"X-Signature-256: sha256=" + hex.EncodeToString(mac([]byte(token), string(got.body))), "",
				`{`, `  "amount": "` + amount + `",`, `  "currency": "USD",`, `  "reference": "pi_` + id + `",`, `  "paid_at": 1680064028`, `}`}
		},
	}
}

// What PayPal sends, and says when it is asked: https://developer.paypal.com/api/rest/webhooks/event-names/
// and https://developer.paypal.com/api/rest/webhooks/rest/, read 2026-11; shortened
// here. Only PayPal has the key that it signs with, and only PayPal can be asked: the
// rest of the example is tried with a receiver to which this test can prove itself.
func paypal() *example {
	capture := func(id, kind, capture, value, invoice string) sent {
		return sent{id: id, key: "INV-1001", headers: jsonBody(), body: fmt.Sprintf(`{"id":%q,"event_version":"1.0","create_time":"2019-02-14T21:50:07.940Z",`+
			`"resource_type":"capture","event_type":%q,"resource":{"amount":{"currency_code":"USD","value":%q},"id":%q,"status":"COMPLETED"%s}}`, id, kind, value, capture, invoice)}
	}
	const invoice, completed = `,"invoice_id":"INV-1001"`, "PAYMENT.CAPTURE.COMPLETED"
	ofNone := capture("WH-2", completed, "2", "2.51", "")
	ofNone.key = "" // none that it could be known by
	return &example{
		receiver: "payments", connector: "accounting", refused: http.StatusUnauthorized,
		env: []string{"PAYPAL_SECRET=" + senderSecret, "ACCOUNTING_SECRET=" + token},
		standIn: func(config string) string {
			config = regexp.MustCompile(`(?m)^(webhook_id|postback) = .*\n`).ReplaceAllString(config, "")
			return strings.Replace(config, `scheme = "paypal"`, "scheme = \"hmac\"\nsignature = { header = \"X-Signature\" }\nsecret = { env = \"E2E_SIGNING\" }\nmap.id = \"body.id\"", 1)
		},
		sign: func(_, body string, good bool) []string { return []string{"X-Signature", hexMAC(body, good)} },
		ignored: []sent{
			capture("WH-1", "PAYMENT.CAPTURE.DENIED", "1", "2.51", invoice),
			ofNone,
		},
		good: []sent{
			capture("WH-3", completed, "27M47624FP291604U", "2.51", invoice),
			capture("WH-4", completed, "27M47624FP291605U", "1000.00", invoice),
		},
		want: func(_ *testing.T, got taken, n int) []string {
			id, amount := []string{"3", "4"}[n], []string{"2.51", "1000.00"}[n]
			return []string{"POST /invoices/INV-1001/paid", "Content-Type: application/json", "Idempotency-Key: payments:WH-" + id,
				"X-Signature-256: sha256=" + hex.EncodeToString(mac([]byte(token), string(got.body))), "",
				`{`, `  "amount": "` + amount + `",`, `  "currency": "USD",`, `  "reference": "27M47624FP29160` + strconv.Itoa(n+4) + `U",`,
				`  "paid_at": "2019-02-14T21:50:07.940Z"`, `}`}
		},
	}
}

// What GitHub sends: https://docs.github.com/en/webhooks/webhook-events-and-payloads#push,
// read 2026-11; shortened here.
func push() *example {
	push := func(ref, after, deleted string) string {
		return fmt.Sprintf(`{"ref":%q,"before":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","after":%q,"created":false,"deleted":%s,"forced":false,`+
			`"repository":{"id":186853002,"name":"Hello-World","full_name":"Codertocat/Hello-World"},`+
			`"pusher":{"name":"Codertocat","email":"21031067+Codertocat@users.noreply.github.com"},"commits":[]}`, ref, after, deleted)
	}
	const one, two, none = "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c", "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", "0000000000000000000000000000000000000000"
	event := func(id, name, body string) sent {
		return sent{id: id, key: "Codertocat/Hello-World", body: body, headers: jsonBody("X-GitHub-Event", name, "X-GitHub-Delivery", id)}
	}
	return &example{
		receiver: "pushes", connector: "ci", refused: http.StatusUnauthorized,
		env: []string{"GITHUB_SECRET=" + senderSecret, "JENKINS_TOKEN=11e0123456789abcdef"},
		sign: func(_, body string, good bool) []string {
			return []string{"X-Hub-Signature-256", "sha256=" + hexMAC(body, good)}
		},
		ignored: []sent{
			event("72d3162e-cc78-11e3-81ab-4c9367dc0951", "push", push("refs/heads/next", one, "false")),
			event("72d3162e-cc78-11e3-81ab-4c9367dc0952", "push", push("refs/tags/main", one, "false")),
			event("72d3162e-cc78-11e3-81ab-4c9367dc0953", "push", push("refs/heads/main", none, "true")),
			event("72d3162e-cc78-11e3-81ab-4c9367dc0954", "star", `{"action":"created","repository":{"full_name":"Codertocat/Hello-World"}}`),
		},
		good: []sent{
			event("72d3162e-cc78-11e3-81ab-4c9367dc0955", "push", push("refs/heads/main", one, "false")),
			event("72d3162e-cc78-11e3-81ab-4c9367dc0956", "push", push("refs/heads/main", two, "false")),
		},
		want: func(_ *testing.T, _ taken, n int) []string {
			return []string{"POST /job/Hello-World/buildWithParameters",
				"Authorization: Basic c3luY2hvc3Q6MTFlMDEyMzQ1Njc4OWFiY2RlZg==", // synchost:11e0123456789abcdef
				"Content-Type: application/x-www-form-urlencoded", "",
				"COMMIT=" + []string{one, two}[n] + "&BY=Codertocat"}
		},
	}
}

// What Instagram sends: https://developers.facebook.com/docs/instagram-platform/webhooks/examples/,
// and how it makes sure of its receiver: https://developers.facebook.com/docs/graph-api/webhooks/getting-started/;
// read 2026-11.
func comment() *example {
	change := func(field, id, name, text string) string {
		return fmt.Sprintf(`{"field":%q,"value":{"from":{"id":"232323232","username":%q},"media":{"id":"123123123","media_product_type":"FEED"},"id":%q,"text":%q}}`, field, name, id, text)
	}
	entries := func(changes ...string) string {
		all := ""
		for i, c := range changes {
			change := `"changes":[` + c + `]`
			if i == 2 { // as where the login is Instagram's own
				change = c[1 : len(c)-1]
			}
			all += `,{"id":"17841405309211844","time":1569262486,` + change + `}`
		}
		return `{"object":"instagram","entry":[` + strings.TrimPrefix(all, ",") + `]}`
	}
	headers := jsonBody()
	const verify = "verify-0123456789abcdef"
	return &example{
		receiver: "comments", connector: "phone", refused: http.StatusUnauthorized,
		env: []string{"META_APP_SECRET=" + senderSecret, "META_VERIFY_TOKEN=" + verify, "NTFY_TOPIC=me-0123456789"},
		hello: func(t *testing.T, h *host) {
			a, err := h.ask("GET", "/in/comments?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="+verify, "")
			if err != nil || a.status != http.StatusOK || a.body != "1158201444" {
				t.Errorf("Meta asks and is answered %d %q, %v", a.status, a.body, err)
			}
		},
		sign: func(_, body string, good bool) []string {
			return []string{"X-Hub-Signature-256", "sha256=" + hexMAC(body, good)}
		},
		ignored: []sent{
			{id: "a mention", body: entries(change("mentions", "1", "jane", "hello")), headers: headers},
			{id: "a message", body: `{"object":"instagram","entry":[{"id":"17841405309211844","time":1569262486,"messaging":[{"message":{"mid":"m1","text":"hello"}}]}]}`, headers: headers},
		},
		good: []sent{
			{id: "a comment", body: entries(change("comments", "2", "jane", "Is it still there?")), headers: headers},
			{id: "a batch", body: entries(change("comments", "3", "joe", "Yes"), change("mentions", "4", "jim", "no"), change("comments", "5", "jane", "A & B <3")), headers: headers},
		},
		want: func(_ *testing.T, _ taken, n int) []string {
			return []string{"POST /me-0123456789", "Content-Type: text/plain; charset=utf-8", "Title: New comment", "",
				[]string{"jane: Is it still there?\n", "joe: Yes\njane: A & B <3\n"}[n]}
		},
	}
}

// Bytes that are no text arrive as they are, as does a form. There is no id to know a
// repeat by.
func caught() *example {
	bodies := []string{"\x89PNG\r\n\x1a\n\x00\xff", "a=1&b=%20"}
	kinds := []string{"image/png", "application/x-www-form-urlencoded"}
	methods := []string{"POST", "PUT"}
	return &example{
		receiver: "anything", connector: "behind", refused: http.StatusUnauthorized,
		env: []string{"CATCH_CODE=" + senderSecret},
		path: func(good bool) string {
			if !good {
				return "/in/anything?code=guess-0123456789abcdef&n=7"
			}
			return "/in/anything?code=" + senderSecret + "&n=7"
		},
		ignored: []sent{{method: "GET"}},
		good: []sent{
			{method: methods[0], body: bodies[0], headers: []string{"Content-Type", kinds[0], "X-Request-ID", "r1"}},
			{method: methods[1], body: bodies[1], headers: []string{"Content-Type", kinds[1], "X-Request-ID", "r2"}},
		},
		want: func(_ *testing.T, _ taken, n int) []string {
			return []string{methods[n] + " /hook?n=7", "Content-Type: " + kinds[n], "X-Request-Id: r" + strconv.Itoa(n+1), "", bodies[n]}
		},
	}
}
