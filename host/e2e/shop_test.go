//go:build unix

package e2e

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the page about reconciliation has an operator do does what it says: its
// commands are run in their order, and answer as is written there.
func TestReconciliationPage(t *testing.T) {
	need(t, "sh", "sqlite3", "awk", "diff")
	page := read(t, filepath.Join(repository, "host", "docs", "reconciliation.md"))
	const section = "\n## A shop, from the first plan to undo\n"
	_, page, found := strings.Cut(page, section)
	if !found {
		t.Fatalf("there is no section %s", section)
	}
	page, _, _ = strings.Cut(page, "\n## ")
	shell := bareShell(t)
	shell.env = append(shell.env, "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	var h *host
	asked, compared := "", 0
	for _, block := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(page, -1) {
		switch text := block[2]; block[1] {
		case "toml":
			address := freeAddress(t)
			h = hostIn(t, shell.dir, address, "[host]\nlisten = \""+address+"\"\n"+text)
		case "sh":
			if asked != "" {
				shell.run(asked)
			}
			if asked = strings.TrimSpace(text); asked == "synchost run" {
				shell.background("exec " + asked)
				asked = ""
				until(t, "the host is ready", func() bool {
					a, err := h.ask(http.MethodGet, "/readyz", "")
					return err == nil && a.status == http.StatusOK
				})
			}
		case "text":
			compared++
			shell.says(asked, text)
			asked = ""
		default:
			t.Errorf("what is a block of %s?", block[1])
		}
	}
	if asked != "" || compared < 15 {
		t.Errorf("the page has %d answers, and none to %q", compared, asked)
	}
}

// looks are commands that may be given again until they answer what is waited for.
var looks = regexp.MustCompile(`^(synchost (status|show|why)|sqlite3 \S+ "SELECT)`)

// says holds what a command says to what is written of it, where … stands for
// whatever is left out; neither blanks nor the hash of a plan count.
func (s *shell) says(command, want string) {
	s.t.Helper()
	pattern := regexp.QuoteMeta(plain(want))
	pattern = strings.NewReplacer("\n…\n", "\n(?s:.*)", "…", ".*").Replace("\n" + pattern + "\n")
	as := regexp.MustCompile(`^` + pattern + `$`)
	if !looks.MatchString(command) {
		if got := s.run(command); !as.MatchString("\n" + plain(got) + "\n") {
			s.t.Fatalf("%s\nsays\n%s\nand the page\n%s", command, got, want)
		}
		return
	}
	var got string
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("%s\nsaid last\n%s", command, got)
		}
	})
	until(s.t, command+" says\n"+want, func() bool {
		out, err := s.command(s.t.Context(), command).CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			s.t.Fatal(err)
		}
		got = string(out)
		return as.MatchString("\n" + plain(got) + "\n")
	})
}

var (
	blanks   = regexp.MustCompile(`[ \t]+`)
	planHash = regexp.MustCompile(`\b([0-9]+)-[0-9a-f]{12}\b`)
)

func plain(text string) string {
	return planHash.ReplaceAllString(blanks.ReplaceAllString(strings.TrimSpace(text), " "), "$1-hash")
}
