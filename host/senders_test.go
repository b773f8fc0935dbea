package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/synchost/synchost/host/internal/config"
)

//go:generate go test -run ^TestTableOfSenders$ . -args -update

// TestTableOfSenders holds the table of README.md to config.Schemes, and each
// scheme to a section of docs/receivers.md that has a block to copy.
func TestTableOfSenders(t *testing.T) {
	const page = "README.md"
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	place := regexp.MustCompile(`(?s)(<!-- senders:[^\n]*-->\n).*(<!-- /senders -->)`)
	if !place.Match(got) {
		t.Fatalf("%s has no place for the table of senders", page)
	}
	want := place.ReplaceAllString(string(got), "${1}"+strings.ReplaceAll(senders(), "$", "$$")+"${2}")
	switch {
	case want == string(got):
	case *update:
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table of senders in %s is not that of config.Schemes: run make generate", page)
	}

	receivers, err := os.ReadFile("docs/receivers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range config.Schemes {
		_, section, found := strings.Cut(string(receivers), "\n## "+s.Name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !found || !strings.Contains(section, "```toml\n") || !strings.Contains(section, `scheme = "`+s.Name+`"`) {
			t.Errorf("docs/receivers.md has no section %s with a block to copy", s.Name)
		}
	}
}

// senders is the table.
func senders() string {
	var b strings.Builder
	b.WriteString("| scheme | sender | what is verified | handshake | brings | a repeat is known by | where the URL and the secret go | contract |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range config.Schemes {
		contract := "ours"
		if s.Contract != "" {
			contract = fmt.Sprintf("[%s](%s)", s.Checked, s.Contract)
		}
		fmt.Fprintf(&b, "| [`%s`](docs/receivers.md#%s) | %s | %s | %s | %s | %s | %s | %s |\n",
			s.Name, s.Name, cell(s.Sender), cell(s.Proof), cell(s.Handshake), cell(s.Brings), cell(s.Repeat), cell(s.Setup), contract)
	}
	return b.String()
}

func cell(text string) string {
	if text == "" {
		return "none"
	}
	return strings.ReplaceAll(text, "|", `\|`)
}
