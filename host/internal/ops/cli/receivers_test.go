package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/ops"
	"github.com/synchost/synchost/sdk"
)

func TestReceivers(t *testing.T) {
	answer := ops.Receivers{Since: noon, Receivers: []ops.ReceiverStatus{
		{Name: "pim", Scheme: "product", Path: "/in/products", URL: "https://sync.example/in/products", Accepted: 1000, Duplicates: 42, Refused: 2,
			LastEvent: noon.Add(50 * time.Minute), LastRefused: noon.Add(20 * time.Minute), LastRefusal: "The signature is wrong.\x1b[2J"},
		{Name: "crm", Scheme: "payamgostar", Path: "/in/crm", URL: "http://127.0.0.1:8470/in/crm?code={secret}"},
	}}
	host := &fakeHost{answers: map[string]any{"GET /v1/receivers": answer}}
	got := host.run(t, "receivers")
	golden(t, "receivers/list.txt", got.out)
	if got.code != exitDone || got.err != "" {
		t.Errorf("%+v", got)
	}
	var again ops.Receivers
	if err := json.Unmarshal([]byte(host.run(t, "receivers", "--json").out), &again); err != nil || !cmp.Equal(answer, again) {
		t.Errorf("as JSON: %v %+v", err, again)
	}
	if got := (&fakeHost{answers: map[string]any{"GET /v1/receivers": ops.Receivers{}}}).run(t, "receivers"); !strings.HasPrefix(got.out, "There is no receiver") {
		t.Errorf("without receivers: %+v", got)
	}
}

// tried is what a trial of each kind brought.
var tried = map[string]ops.Tried{
	"product": {Status: 202, Answer: "{\"accepted\":1,\"duplicates\":0}\n", Events: []ops.TriedEvent{
		{ID: "a", Op: sdk.Updated, Key: "42", Fields: []string{"attributes.*", "name", "prices", "tags"}, Whole: true,
			Product: &sdk.Product{Key: "42", Name: "Bag\x1b", Prices: []sdk.Price{{Amount: "10.50", Currency: "EUR"}}}},
	}},
	"hint": {Status: 200, Events: []ops.TriedEvent{{ID: "a", Op: sdk.Deleted, Key: "42", Hint: true}}},
	"raw": {Status: 200, Events: []ops.TriedEvent{
		{ID: "a", Op: sdk.Received, Key: "a", Raw: &sdk.Raw{Method: "POST", ContentType: "application/json", Body: []byte("{}")}},
	}},
	"nothing": {Status: 200, Remedy: "Try the map with a body of its own.", Events: []ops.TriedEvent{}},
	"kept": {Status: 200, Kept: true, Events: []ops.TriedEvent{
		{ID: "a", Op: sdk.Created, Key: "42", Seq: 8}, {ID: "b", Op: sdk.Created, Key: "43", Seq: 3, Duplicate: true},
	}},
	"again": {Status: 200, Kept: true, Events: []ops.TriedEvent{
		{ID: "a", Op: sdk.Received, Key: "a", Raw: &sdk.Raw{Method: "GET"}, Seq: 8, Duplicate: true},
	}},
	"refused": {Status: 400, Answer: "The map does not fit.\nkey: body.id is nothing\n", Remedy: "Mend the body, or the receiver's map."},
}

func TestReceiversTest(t *testing.T) {
	body := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(body, []byte("good"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, answer := range tried {
		host := &fakeHost{answers: map[string]any{"POST /v1/receivers/crm/test": answer}}
		got := host.run(t, "receivers", "test", "crm")
		golden(t, "receivers/test-"+name+".txt", got.out+got.err)
		if (got.code == exitDone) != (answer.Status < 300) || (got.err == "") != (got.code == exitDone) || got.code > exitFailed {
			t.Errorf("%s: %+v", name, got)
		}
		got = host.run(t, "receivers", "test", "crm", "--body", body, "--type", "text/plain", "--keep", "--json")
		var again ops.Tried
		if err := json.Unmarshal([]byte(got.out), &again); err != nil || again.Status != answer.Status || (got.code == exitDone) != (answer.Status < 300) || got.err != "" {
			t.Errorf("%s as JSON: %v %+v", name, err, got)
		}
		want := []string{"POST /v1/receivers/crm/test {}", `POST /v1/receivers/crm/test {"body":"Z29vZA==","content_type":"text/plain","keep":true}`}
		if diff := cmp.Diff(want, host.asked); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	host := &fakeHost{answers: map[string]any{"POST /v1/receivers/crm/test": tried["nothing"]}}
	if got := host.run(t, "receivers", "test", "crm", "--keep"); !strings.Contains(got.out, "There is nothing to keep.") || strings.Contains(got.out, "--keep") {
		t.Errorf("nothing to keep: %+v", got)
	}
	host = &fakeHost{answers: map[string]any{"POST /v1/receivers/bank/test": ops.Error{Error: "only its sender has the key"}}}
	if got := host.run(t, "receivers", "test", "bank"); got != (output{exitFailed, "", "only its sender has the key\n"}) {
		t.Errorf("what cannot be tried: %+v", got)
	}
	for typed, want := range map[string]string{"typed": "dHlwZWQ=", "": ""} { // empty is not none
		host = &fakeHost{answers: map[string]any{"POST /v1/receivers/crm/test": tried["hint"]}, typed: typed}
		got := host.run(t, "receivers", "test", "crm", "--body", "-")
		if diff := cmp.Diff([]string{`POST /v1/receivers/crm/test {"body":"` + want + `"}`}, host.asked); diff != "" || got.code != exitDone {
			t.Errorf("from standard input: %+v %s", got, diff)
		}
	}
	if got := host.run(t, "receivers", "test", "crm", "--body", body+"-none"); got.code != exitUsage || !strings.Contains(got.err, "cannot be read") {
		t.Errorf("without the file: %+v", got)
	}
}

const addressed = `
[host]
public_url = "https://sync.example/hooks/"
[receivers.crm]
scheme = "payamgostar"
path = "/in/crm"
secret = { env = "CRM_SECRET" }
[receivers.path]
scheme = "token"
path = "/in/{secret}/x"
secret = [{ file = "x.secret" }, { env = "CRM_SECRET" }]
[receivers.own]
scheme = "catch"
path = "/in/own"
url = "https://elsewhere.example/own?a=b"
secret = { env = "CRM_SECRET" }
token = { query = "key" }
[receivers.signed]
scheme = "hmac"
path = "/in/signed"
secret = { env = "CRM_SECRET" }
signature.header = "X-Sign"
[receivers.bearer]
scheme = "token"
path = "/in/bearer"
secret = { env = "CRM_SECRET" }
methods = ["PUT", "POST"]
[receivers.meta]
scheme = "meta"
path = "/in/meta"
secret = { env = "CRM_SECRET" }
verify_token = { file = "x.secret" }
[receivers.open]
scheme = "catch"
path = "/in/open"
allow = ["127.0.0.1"]
[receivers.bank]
scheme = "paypal"
path = "/in/bank"
webhook_id = "4JH86294D6297924G"
[receivers.later]
scheme = "product"
path = "/in/later"
secret = { file = "later.secret", generate = true }
`

// secretTexts are in the configuration's secrets.
var secretTexts = map[string]string{"CRM_SECRET": "crm/secret 0123456789+", "x.secret": "file-secret-0123456789"}

// urls writes a configuration and its secrets into a folder, and gives what asks
// there for receivers' URLs.
func urls(t *testing.T, text string) (dir string, ask func(args ...string) output) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv("CRM_SECRET", secretTexts["CRM_SECRET"])
	for name, text := range map[string]string{"c.toml": text, "x.secret": secretTexts["x.secret"]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, func(args ...string) output {
		return execute(t.Context(), senders, append([]string{"receivers", "url", "-c", filepath.Join(dir, "c.toml")}, args...)...)
	}
}

// senders says of receivers what they are sent.
var senders = Actions{Sends: func(r config.Receiver) ([]string, string, bool) {
	switch r.Scheme {
	case "payamgostar":
		return []string{"GET"}, "", false
	case "product":
		return []string{"POST"}, "application/json", false
	}
	return r.Methods, "application/json", r.Scheme == "paypal"
}}

func TestReceiversURL(t *testing.T) {
	dir, ask := urls(t, addressed)
	for _, name := range []string{"crm", "path", "own", "signed", "bearer", "meta", "open", "bank", "later"} {
		got := ask(name)
		if got.code != exitDone || got.err != "" {
			t.Errorf("%s: %+v", name, got)
		}
		all := got.out + ask(name, "--json").out
		for _, secret := range secretTexts {
			if strings.Contains(all, secret[:10]) {
				t.Errorf("%s: the secret is shown: %s", name, all)
			}
		}
		golden(t, "receivers/url-"+name+".txt", strings.ReplaceAll(got.out, dir, "$DIR"))
	}
	for name, want := range map[string]string{
		"crm":    "https://sync.example/hooks/in/crm?code=crm%2Fsecret%200123456789%2B\n",
		"path":   "https://sync.example/hooks/in/file-secret-0123456789/x\n",
		"own":    "https://elsewhere.example/own?a=b&key=crm%2Fsecret%200123456789%2B\n",
		"signed": "https://sync.example/hooks/in/signed\n",
		"meta":   "https://sync.example/hooks/in/meta\n",
		"open":   "https://sync.example/hooks/in/open\n",
	} {
		got := ask(name, "--reveal")
		if first, rest, _ := strings.Cut(got.out, "\n"); first+"\n" != want || name != "open" && !strings.Contains(rest, "0123456789") {
			t.Errorf("%s revealed: %s", name, got.out)
		}
		var s settings
		got = ask(name, "--reveal", "--json")
		if err := json.Unmarshal([]byte(got.out), &s); err != nil || s.URL+"\n" != want || !s.Told {
			t.Errorf("%s as JSON: %v %s", name, err, got.out)
		}
	}
	if got := ask("later", "--reveal"); got.code != exitFailed || !strings.Contains(got.err, "the host makes it when it starts") {
		t.Errorf("a secret that is not made yet: %+v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "later.secret")); err == nil {
		t.Error("to tell of a secret has made it")
	}
}

func TestReceiversURLThatIsNotTold(t *testing.T) {
	_, ask := urls(t, strings.Replace(addressed, "public_url", "listen = \":9000\" #", 1))
	got := ask("signed")
	if !strings.HasPrefix(got.out, "http://127.0.0.1:9000/in/signed\n") || !strings.HasPrefix(got.err, "warning: ") || !strings.Contains(got.err, "public_url") {
		t.Errorf("%+v", got)
	}
}

// Whoever asks for the URL need not have the secrets, nor a configuration that is
// right everywhere.
func TestReceiversURLWithoutTheSecret(t *testing.T) {
	_, ask := urls(t, addressed+"[receivers.bad]\nscheme = \"token\"\npath = \"in\"\nsecret = \"crm/secret 0123456789+\"\n[connectors.none]\n")
	if err := os.Unsetenv("CRM_SECRET"); err != nil {
		t.Fatal(err)
	}
	got := ask("crm")
	if got.code != exitDone || !strings.HasPrefix(got.out, "https://sync.example/hooks/in/crm?code=<CRM_SECRET>\n") {
		t.Errorf("%+v", got)
	}
	got = ask("crm", "--reveal")
	if got.code != exitUsage || !strings.Contains(got.err, "CRM_SECRET is not set") || got.out != "" {
		t.Errorf("to be revealed: %+v", got)
	}
	if got := ask("meta"); got.code != exitDone {
		t.Errorf("%+v", got)
	}
	got = ask("bad")
	if got.code != exitUsage || !strings.Contains(got.err, "receivers.bad.path") || strings.Contains(got.err, "crm/secret") || strings.Contains(got.err, "connectors.none") {
		t.Errorf("a bad receiver: %+v", got)
	}
	got = ask("nobody")
	if got.code != exitFailed || !strings.Contains(got.err, "there is crm, path, own") {
		t.Errorf("an unknown receiver: %+v", got)
	}
}
