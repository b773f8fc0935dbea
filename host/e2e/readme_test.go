//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// repository is the root of the working tree.
const repository = "../.."

// What the configuration file in the repository says of itself is true: it works
// as it stands. Only the ports are others.
func TestOwnConfigurationWorks(t *testing.T) {
	h, inspector := ownHost(t, tempDir(t), read(t, filepath.Join(repository, "connectors.toml")))
	if out, code := h.cli("validate"); code != 0 {
		t.Fatalf("validate (exit %d):\n%s", code, out)
	}
	h.start()
	secret := func(name string) string { return strings.TrimSpace(read(t, filepath.Join(h.dir, "data", name))) }

	// A GET as payamgostar sends it.
	a, err := h.ask("GET", "/in/payamgostar?code="+secret("payamgostar.secret")+"&Event=1&Product=42&ProductName=Bag", "")
	if err != nil || a.status != 200 {
		t.Fatalf("%d %s, %v", a.status, a.body, err)
	}
	var requests struct {
		Requests []struct{ Method, URL, Body string }
	}
	until(t, "it is in the inspector", func() bool {
		a, err := ask("GET", "http://"+inspector+"/_requests", "")
		if err != nil || json.Unmarshal([]byte(a.body), &requests) != nil {
			t.Fatalf("%v\n%s", err, a.body)
		}
		return len(requests.Requests) == 1
	})
	if got := inWords(t, []byte(requests.Requests[0].Body)); got != "payamgostar updated hint 42  Bag " {
		t.Errorf("the inspector took %s", got)
	}
	until(t, "it is in the product's story", func() bool {
		why, code := h.cli("why", "42")
		return code == 0 && strings.Contains(why, "payamgostar") && strings.Contains(why, "hook") && strings.Contains(why, "200")
	})
	if out, code := h.cli("status"); code != 0 || !strings.Contains(out, "Nothing needs attention.") {
		t.Errorf("status (exit %d):\n%s", code, out)
	}
}

// ownHost is a host with the repository's configuration, at other ports.
func ownHost(t *testing.T, dir, config string) (h *host, inspector string) {
	t.Helper()
	address, inspector := freeAddress(t), freeAddress(t)
	return hostIn(t, dir, address, atPorts(config, address, inspector)), inspector
}

// atPorts is text with other addresses than those of the repository's configuration.
func atPorts(text, address, inspector string) string {
	return strings.NewReplacer("127.0.0.1:8470", address, "127.0.0.1:8471", inspector).Replace(text)
}

// The commands of README.md do what it says, word by word but for the ports, and
// with a clone of this repository as it is committed.
func TestREADME(t *testing.T) {
	need(t, "git", "make", "sh", "curl", "openssl")
	commands := blocks(t, read(t, filepath.Join(repository, "README.md")), "Five minutes")
	shell := newShell(t)

	clone, rest, _ := strings.Cut(commands[0], "\n")
	shell.run(clone)
	shell.dir = filepath.Join(shell.dir, "synchost")
	h, inspector := ownHost(t, shell.dir, read(t, filepath.Join(shell.dir, "connectors.toml")))
	var followed *lines
	var said []string
	for _, command := range append([]string{rest}, commands[1:]...) {
		switch {
		case command == "make run":
			shell.background(command)
			within(t, 10*time.Minute, "the host is built and runs", func() bool {
				a, err := h.ask("GET", "/readyz", "")
				return err == nil && a.status == 200
			})
		case strings.Contains(command, "--follow"):
			followed = shell.background(command)
		default:
			said = append(said, shell.run(atPorts(command, h.address, inspector)))
		}
	}
	until(t, "all of it is in the second terminal", func() bool {
		out := followed.String()
		return strings.Count(strings.ToLower(out), "webhook-signature:") == 3 && strings.Contains(out, `"key":"42"`) && strings.Contains(out, `"key":"43"`)
	})
	story := said[len(said)-1]
	for _, word := range []string{"payamgostar", "products", "hook", "Bag"} {
		if !strings.Contains(story, word) {
			t.Errorf("the story of product 42 does not tell of %s:\n%s", word, story)
		}
	}
}

// blocks are the indented blocks of a section.
func blocks(t *testing.T, text, section string) []string {
	t.Helper()
	_, text, found := strings.Cut(text, "\n## "+section+"\n")
	if !found {
		t.Fatalf("there is no section %s", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var all []string
	for _, block := range regexp.MustCompile(`(?m)(^    .*\n)+`).FindAllString(text, -1) {
		all = append(all, strings.TrimSpace(regexp.MustCompile(`(?m)^    `).ReplaceAllString(block, "")))
	}
	return all
}

// shell runs commands as a person would, in a folder of their own.
type shell struct {
	t   *testing.T
	dir string
	env []string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("this is no git repository: there is nothing to clone")
	}
	s := bareShell(t)
	s.env = append(s.env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url."+root+".insteadOf", "GIT_CONFIG_VALUE_0=https://github.com/synchost/synchost")
	return s
}

// bareShell is a shell in an empty folder, in which curl fails when it is refused.
func bareShell(t *testing.T) *shell {
	t.Helper()
	home := tempDir(t)
	write(t, filepath.Join(home, ".curlrc"), "fail-with-body\nsilent\nshow-error\n")
	return &shell{t: t, dir: tempDir(t), env: append(os.Environ(), "CURL_HOME="+home)}
}

func (s *shell) command(ctx context.Context, text string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-ec", text)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

func (s *shell) run(text string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	out, err := s.command(ctx, text).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s\n%v\n%s", text, err, out)
	}
	return string(out)
}

// background runs a command until the test ends.
func (s *shell) background(text string) *lines {
	s.t.Helper()
	out := &lines{}
	cmd := s.command(context.Background(), text)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		_ = cmd.Wait()
		if s.t.Failed() {
			s.t.Logf("%s said:\n%s", text, out)
		}
	})
	return out
}

// Every command that the operator's pages name is there, and the metrics that they
// name are those that there are.
func TestOperatorPages(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(repository, "host", "docs", "*.md"))
	if err != nil || len(pages) < 5 {
		t.Fatalf("there are the pages %q (%v)", pages, err)
	}
	text := read(t, filepath.Join(repository, "host", "README.md"))
	for _, page := range pages {
		text += read(t, page)
	}
	h, _ := adopted(t, 3, webhookTo("hook", newReceiver(t).URL, "", signed)+`
[receivers.news]
scheme = "token"
path = "/in/news"
secret = { env = "E2E_TOKEN" }
of = "shop"
map = { key = "body.id", "fields.name" = "body.name" }
`) // which has all there is to measure
	h.reconcile()
	known := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)(?:`|^    )synchost ([a-z]+)").FindAllStringSubmatch(text, -1) {
		if verb := match[1]; !known[verb] {
			known[verb] = true
			if out, code := h.cli(verb, "--help"); code != 0 {
				t.Errorf("synchost %s --help (exit %d):\n%s", verb, code, out)
			}
		}
	}
	help, _ := h.cli("--help")
	for _, match := range regexp.MustCompile("(?m)^  ([a-z]+) {2,}[A-Z]").FindAllStringSubmatch(help, -1) {
		if verb := match[1]; !known[verb] && verb != "help" && verb != "completion" {
			t.Errorf("the pages do not tell of synchost %s", verb)
		}
	}

	if _, err := h.send(`{"key":"42","name":"Bag"}`); err != nil {
		t.Fatal(err)
	}
	until(t, "it is delivered", func() bool { return h.lane("hook").Delivered == 4 && h.lane("shop").Delivered == 1 })
	metrics, err := h.ask("GET", "/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	told, there := map[string]bool{}, map[string]bool{}
	for _, match := range regexp.MustCompile("`(synchost_[a-z_]+)").FindAllStringSubmatch(text, -1) {
		told[match[1]] = true
	}
	for _, match := range regexp.MustCompile(`(?m)^# TYPE (synchost_\S+)`).FindAllStringSubmatch(metrics.body, -1) {
		there[match[1]] = true
	}
	for name := range told {
		if !there[name] {
			t.Errorf("the pages tell of %s, which there is not", name)
		}
	}
	for name := range there {
		if !told[name] {
			t.Errorf("the pages do not tell of %s", name)
		}
	}
}

// The receivers that docs/receivers.md configures take what its commands send, and
// answer what it says.
func TestReceiversPage(t *testing.T) {
	need(t, "sh", "curl", "openssl")
	page := read(t, filepath.Join(repository, "host", "docs", "receivers.md"))
	fenced := regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(page, -1)
	config := ""
	for _, block := range fenced {
		if block[1] == "toml" {
			config += block[2]
		}
	}
	h := newHost(t, config)
	shell := bareShell(t)
	for _, name := range regexp.MustCompile(`env = "([A-Z_]+)"`).FindAllStringSubmatch(config, -1) {
		h.env = append(h.env, name[1]+"="+signing)
		shell.env = append(shell.env, name[1]+"="+signing)
	}
	h.start()
	sent, compared := 0, 0
	said := ""
	for _, block := range fenced {
		switch block[1] {
		case "sh":
			sent++
			said = shell.run(atPorts(block[2], h.address, ""))
		case "json":
			compared++
			if strings.TrimSpace(said) != strings.TrimSpace(block[2]) {
				t.Errorf("the page says %s and the receiver %s", block[2], said)
			}
		}
	}
	if sent < 6 || compared < 3 {
		t.Errorf("the page has %d commands and %d answers", sent, compared)
	}
	events, _ := h.cli("events", "--json")
	for _, source := range []string{"products", "payamgostar", "signed", "simple", "anything", "github", "mailchimp"} {
		if !strings.Contains(events, `"source": "`+source+`"`) {
			t.Errorf("nothing came in by %s:\n%s", source, events)
		}
	}
}
