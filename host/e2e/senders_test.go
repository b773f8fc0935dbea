package e2e

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A newcomer copies the block of a sender, asks for the URL, and tries a sample:
// that is done here with every block of the page.
func TestEverySenderIsConnectedAsThePageSays(t *testing.T) {
	page := read(t, filepath.Join(repository, "host", "docs", "receivers.md"))
	text := ""
	for _, block := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(page, -1) {
		text += block[1]
	}
	h := newHost(t, text)
	for _, name := range regexp.MustCompile(`env = "([A-Z_]+)"`).FindAllStringSubmatch(text, -1) {
		h.env = append(h.env, name[1]+"="+signing)
	}
	h.start()
	receivers := regexp.MustCompile(`(?m)^\[receivers\.(\S+)\]\nscheme = "(\S+)"`).FindAllStringSubmatch(text, -1)
	for _, r := range receivers {
		name, scheme := r[1], r[2]
		shown, code := h.cli("receivers", "url", name)
		if code != 0 || strings.Contains(shown, signing) {
			t.Errorf("receivers url %s: exit %d, %s", name, code, shown)
		}
		revealed := h.must("receivers", "url", name, "--reveal")
		url, _, _ := strings.Cut(revealed[strings.Index(revealed, "http"):], "\n") // behind a warning, perhaps
		if strings.Contains(url, h.address) {                                      // the block tells no other
			if answer, err := ask(http.MethodHead, url, ""); err != nil || answer.status == http.StatusNotFound {
				t.Errorf("at %s, which receivers url %s says, there is nobody: %v", url, name, err)
			}
		}
		out, code := h.cli("receivers", "test", name)
		switch {
		case scheme == "paypal":
			if code != 1 || !strings.Contains(out, "only its sender has") {
				t.Errorf("receivers test %s: exit %d, %s", name, code, out)
			}
		case code == 1 && strings.Contains(out, "--body FILE"): // the page's map is for another body
		case code != 0 || !strings.Contains(out, "Nothing was kept"):
			t.Errorf("receivers test %s: exit %d, %s", name, code, out)
		}
		if strings.Contains(out, signing) {
			t.Errorf("receivers test %s shows the secret: %s", name, out)
		}
	}
	if events := h.must("events"); !strings.Contains(events, "There is no such event") {
		t.Errorf("trials were kept: %s", events)
	}
	h.must("receivers", "test", "products", "--keep")
	listed := regexp.MustCompile(`(?m)^products +product +\S+ +\S+ ago +1 +0 +0 +1 +\S+ ago: This receiver takes POST only`)
	if events, list := h.must("events"), h.must("receivers"); !strings.Contains(events, "products") || !listed.MatchString(list) {
		t.Errorf("what was to be kept: %s\n%s", events, list)
	}
}
