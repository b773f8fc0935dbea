package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The inspector's page in a real browser: it shows what arrived, and whatever
// arrived stays text.
func TestInspectorPageInABrowser(t *testing.T) {
	need(t, "chromium")
	address := freeAddress(t)
	inspector := "http://" + address
	h := newHost(t, "\n[inspector]\nenabled = true\nlisten = \""+address+"\"\n"+productReceiver+
		webhookTo("hook", inspector+"/hook", "", signed))
	h.start()
	h.accept(`{"key":"42","name":"<script>document.title='owned'</script><b id=bold>کیف</b>"}`)
	if _, err := ask(http.MethodPut, inspector+"/<img src=x onerror=document.title='owned'>", "<script>document.title='owned'</script>", "X-Evil", "<i id=italic>"); err != nil {
		t.Fatal(err)
	}
	until(t, "both requests are there", func() bool {
		a, err := ask(http.MethodGet, inspector+"/_requests", "")
		return err == nil && strings.Contains(a.body, `"id":2`)
	})

	page, console := browse(t, inspector+"/?paused")
	for _, want := range []string{
		"<title>synchost inspector</title>", "Webhook-Signature", "کیف", "/hook",
		"&lt;script&gt;document.title='owned'&lt;/script&gt;", "&lt;i id=italic&gt;",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, never := range []string{"<b id", "<i id", "<img", "<script"} {
		if strings.Contains(page, never) {
			t.Errorf("what arrived became part of the page: %s", never)
		}
	}
	// The browser says there what the page's policy does not let through, its own style for one.
	if strings.Contains(console, "Content Security Policy") {
		t.Errorf("the page breaks its own policy:\n%s", console)
	}
	if t.Failed() {
		t.Logf("the page:\n%s", page)
	}
}

// browse is a page as the browser has it after loading, and what the browser says of it.
func browse(t *testing.T, url string) (page, console string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--enable-logging=stderr", "--user-data-dir="+tempDir(t), "--dump-dom", url)
	cmd.Env = append(os.Environ(), "HOME="+tempDir(t))
	var out, said lines
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, said.String())
	}
	return out.String(), said.String()
}
