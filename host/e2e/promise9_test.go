//go:build unix

package e2e

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Promise 9: a secret is never shown, not even when the platform shows it to us.
func TestPromise9SecretIsNeverShown(t *testing.T) {
	sink, inspector := newReceiver(t), freeAddress(t)
	const options = signed + "\n[connectors.%s.config.auth]\nbearer = { env = \"E2E_TOKEN\" }"
	h := newHost(t, "log_level = \"trace\"\n[inspector]\nenabled = true\nlisten = \""+inspector+"\"\n"+productReceiver+
		webhookTo("sink", sink.URL, soonAgain, fmt.Sprintf(options, "sink"))+
		webhookTo("look", "http://"+inspector+"/hook", "", fmt.Sprintf(options, "look")))
	// A platform that tells in its refusal what it was sent.
	var told atomic.Bool
	sink.set(func(w http.ResponseWriter, r *http.Request, body []byte) {
		if told.CompareAndSwap(false, true) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, "signed with %s: %s\n", signing, body)
			_ = r.Header.Write(w)
		}
	})
	h.start()
	h.accept(product("a", 1))
	until(t, "it has arrived", func() bool {
		return len(sink.all()) == 1 && strings.Contains(h.api("/v1/inspect"), "/hook")
	})
	shown := map[string]string{}
	for _, args := range [][]string{
		{"status"}, {"status", "sink"}, {"status", "--json"}, {"why", "a"}, {"why", "a", "--json"}, {"events", "--json"},
		{"inspect"}, {"inspect", "--json"}, {"check"}, {"validate"}, {"retry", "sink", "none"},
	} {
		shown["synchost "+strings.Join(args, " ")], _ = h.cli(args...)
	}
	pid := h.connectorPID("sink")
	shown["the command line in ps"] = proc(t, pid, "cmdline") + proc(t, h.cmd.Process.Pid, "cmdline")
	shown["the environment of the connector"] = proc(t, pid, "environ")
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/in/products", "/nowhere"} {
		a, err := h.ask(http.MethodGet, path, "")
		if err != nil || a.body == "" {
			t.Fatalf("GET %s: %q, %v", path, a.body, err)
		}
		shown[path] = a.body
	}
	for _, path := range []string{"/v1/status", "/v1/events", "/v1/why?key=a", "/v1/connectors/sink/products", "/v1/inspect", "/v1/version", "/v1/nothing"} {
		shown[path] = h.api(path)
	}
	shown["the log"] = h.log.String()
	if !strings.Contains(shown["synchost why a"], "signed with ***") {
		t.Errorf("the refusal is not on record:\n%s", shown["synchost why a"])
	}
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(filepath.Join(h.dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			shown[path] = read(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range shown {
		for _, secret := range []string{token, signing, strings.TrimPrefix(signing, "whsec_")} {
			if strings.Contains(text, secret) {
				t.Errorf("a secret is shown in %s:\n%.5000s", where, text)
			}
		}
	}
}

// api is the control API's answer, as it is.
func (h *host) api(path string) string {
	h.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(h.dir, "data", "synchost.sock"))
	}}}
	response, err := client.Get("http://synchost" + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || len(body) == 0 {
		h.t.Fatalf("GET %s: %q, %v", path, body, err)
	}
	return string(body)
}
