package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
)

// adnanh/webhook, as Debian ships it, is a receiver that nobody here wrote: it
// checks an HMAC-SHA256 over the body and runs a command, which keeps what came.
func TestDeliversToDebiansWebhook(t *testing.T) {
	program, err := exec.LookPath("webhook")
	if err != nil {
		needed(t, "the program webhook is not here: apt-get install webhook (adnanh/webhook)")
	}
	if help, _ := exec.CommandContext(t.Context(), program, "-help").CombinedOutput(); !bytes.Contains(help, []byte("-hooks")) {
		needed(t, "the program webhook is another one than adnanh/webhook: apt-get install webhook")
	}
	const secret = "s3cret-of-the-receiver"
	address, deliveries := startDebiansWebhook(t, program, secret)
	signed := func(secret, header string) *sdk.Client {
		return opened(t, options{
			"url": address, "style": "custom", "secret": secret,
			"signature": options{"header": header, "prefix": "sha256="},
			"headers":   options{"X-Event-Id": "{{.ID}}"},
		})
	}

	good := done(t, signed(secret, "X-Signature-256"), update("7"))
	if good.Exchange.Response != "ok" {
		t.Errorf("it answered %q", good.Exchange.Response)
	}
	// It takes a wrong signature for trouble of its own: 500, which is tried
	// again until the schedule ends. No signature is 401, which stops us.
	if result := apply(t, signed("wrong", "X-Signature-256"), update("8"))["8"]; result.Exchange.Status != 500 || sdk.KindOf(result.Err) != sdk.Temporary {
		t.Errorf("a wrong signature: %d, %v", result.Exchange.Status, result.Err)
	}
	if result := apply(t, signed(secret, "X-Other"), update("9"))["9"]; result.Exchange.Status != 401 || sdk.KindOf(result.Err) != sdk.Denied {
		t.Errorf("no signature: %d, %v", result.Exchange.Status, result.Err)
	}

	lines, err := os.ReadFile(deliveries)
	if err != nil {
		t.Fatal(err)
	}
	id, body, _ := strings.Cut(strings.TrimSpace(string(lines)), " ")
	var message struct {
		Type string
		Data struct{ Product sdk.Product }
	}
	if err := json.Unmarshal([]byte(body), &message); err != nil {
		t.Fatalf("%v: %s", err, lines)
	}
	if id != "crm_7" || message.Type != "product.updated" || message.Data.Product.Name != "کیف چرم" {
		t.Errorf("it kept %s", lines)
	}
}

// startDebiansWebhook gives the hook's address and the file that keeps
// deliveries.
func startDebiansWebhook(t *testing.T, program, secret string) (address, deliveries string) {
	t.Helper()
	dir := t.TempDir()
	deliveries = filepath.Join(dir, "deliveries.log")
	record := filepath.Join(dir, "record.sh")
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s %%s\\n' \"$1\" \"$2\" >>'%s'\nprintf ok\n", deliveries)
	if err := os.WriteFile(record, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	source := func(name string) map[string]string { return map[string]string{"source": "header", "name": name} }
	hooks, err := json.Marshal([]map[string]any{{
		"id": "products", "execute-command": record, "include-command-output-in-response": false,
		"response-message":                         "ok",
		"pass-arguments-to-command":                []any{source("X-Event-Id"), map[string]string{"source": "entire-payload"}},
		"trigger-rule-mismatch-http-response-code": 401,
		"trigger-rule": map[string]any{"match": map[string]any{
			"type": "payload-hmac-sha256", "secret": secret, "parameter": source("X-Signature-256")}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "hooks.json")
	if err := os.WriteFile(file, hooks, 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	server := exec.CommandContext(t.Context(), program, "-hooks", file, "-ip", "127.0.0.1", "-port", port)
	var said bytes.Buffer
	server.Stderr, server.Stdout = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			t.Logf("the receiver said: %s", said.String())
		}
	})
	awaitServer(t, "http://127.0.0.1:"+port+"/")
	return "http://127.0.0.1:" + port + "/hooks/products", deliveries
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// awaitServer returns when something answers there.
func awaitServer(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing answers at %s: %v", address, err)
		}
	}
}
