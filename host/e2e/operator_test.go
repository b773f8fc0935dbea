//go:build unix

package e2e

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// must runs a verb that has to end well.
func (h *host) must(args ...string) string {
	h.t.Helper()
	out, code := h.cli(args...)
	if code != 0 {
		h.t.Fatalf("synchost %q (exit %d):\n%s", args, code, out)
	}
	return out
}

func (h *host) lane(name string) (found struct {
	Connector, State, Reason           string
	Lag, Behind, Dead, Held, Delivered int64
}) {
	h.t.Helper()
	for _, l := range h.status().Lanes {
		if l.Connector == name {
			return l
		}
	}
	h.t.Fatalf("there is no lane %s", name)
	return
}

func TestPauseKeepsTheBacklogAcrossRestarts(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed))
	h.start()
	h.must("pause", "sink", "--reason", "stocktaking")
	h.accept(product("a", 1))
	h.kill()
	h.start()
	h.accept(product("a", 2))
	if l := h.lane("sink"); l.State != "paused" || l.Reason != "stocktaking" || l.Lag != 2 {
		t.Errorf("the paused lane is %+v", l)
	}
	h.connectorPID("sink")
	if out := h.must("status", "sink"); !strings.Contains(out, "paused") || !strings.Contains(out, "stocktaking") {
		t.Errorf("status sink does not say that it is paused, and why:\n%s", out)
	} else if !strings.Contains(out, "can          check\n") {
		t.Errorf("status sink does not say what the connector can do:\n%s", out)
	}
	if len(sink.all()) > 0 {
		t.Fatal("something was delivered by a paused lane")
	}
	h.must("resume", "sink")
	until(t, "the backlog has arrived", func() bool { return len(sink.order("a")) == 2 })
}

func TestRetryBringsDeadLettersBack(t *testing.T) {
	sink := newReceiver(t)
	sink.set(func(w http.ResponseWriter, _ *http.Request, _ []byte) { w.WriteHeader(http.StatusBadRequest) })
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, `retry = ["10ms"]`, signed))
	h.start()
	h.accept(product("a", 1))
	h.accept(product("b", 1))
	until(t, "both are dead letters", func() bool { return h.lane("sink").Dead == 2 })
	if out, code := h.cli("status"); code != 4 {
		t.Errorf("status of a host with dead letters ends with exit code %d:\n%s", code, out)
	}
	if out := h.must("status", "sink"); !strings.Contains(out, "400") {
		t.Errorf("status sink does not say why they died:\n%s", out)
	}
	sink.set(nil)
	if out, code := h.cli("retry", "sink", "A-1"); code != 1 || !strings.Contains(out, "nothing is on record here of product A-1") {
		t.Errorf("retry of a product that is not there (exit %d):\n%s", code, out)
	}
	h.must("retry", "sink", "a")
	until(t, "the first has arrived", func() bool { return len(sink.order("a")) == 1 })
	if len(sink.order("b")) > 0 {
		t.Error("what was not named was retried")
	}
	h.must("retry", "sink", "--all")
	until(t, "the second has arrived", func() bool { return len(sink.order("b")) == 1 && h.lane("sink").Dead == 0 })
}

func TestReplayDeliversAgainWithTheSameIDs(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed))
	h.start()
	for n := 1; n <= 3; n++ {
		h.accept(product("a", n))
	}
	until(t, "all have arrived", func() bool { return len(sink.all()) == 3 })
	h.must("replay", "sink", "--since", "2")
	until(t, "two have come again", func() bool { return len(sink.all()) == 5 })
	h.must("replay", "sink", "--since", "1h")
	until(t, "all have come again", func() bool { return len(sink.all()) == 8 })
	all := sink.all()
	for i, earlier := range []int{1, 2, 0, 1, 2} {
		if got, want := all[3+i].header.Get("webhook-id"), all[earlier].header.Get("webhook-id"); got != want {
			t.Errorf("delivery %d has the id %s, want %s as before", 3+i, got, want)
		}
	}
}

func TestCheckTriesConnectors(t *testing.T) {
	h := newHost(t, productReceiver+
		webhookTo("up", newReceiver(t).URL, "", signed)+
		webhookTo("down", "http://"+freeAddress(t), "", signed)+
		webhookTo("off", "http://"+freeAddress(t), "enabled = false", signed))
	// The host need not run for it.
	h.must("check", "up")
	out, code := h.cli("check")
	if code != 4 || !strings.Contains(out, "refused") || strings.Contains(out, "off") {
		t.Errorf("check (exit %d):\n%s", code, out)
	}
}

func TestRestartStartsAnotherProcess(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed))
	h.start()
	pid := h.connectorPID("sink")
	h.must("restart", "sink")
	until(t, "another process runs", func() bool {
		for _, c := range h.status().Connectors {
			if c.State == "ready" && c.PID != pid {
				return true
			}
		}
		return false
	})
	h.accept(product("a", 1))
	until(t, "it delivers", func() bool { return len(sink.all()) == 1 })
}

func TestFollowTellsWhatComes(t *testing.T) {
	h := newHost(t, "\n[inspector]\nenabled = true\nlisten = \""+freeAddress(t)+"\"\n"+productReceiver)
	h.start()
	h.accept(product("before", 1))
	out := &lines{}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "synchost"), "events", "--follow", "--json", "--config", h.file())
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "it shows what was there", func() bool { return strings.Contains(out.String(), `"before"`) })
	h.accept(product("after", 1))
	until(t, "it shows what came", func() bool { return strings.Contains(out.String(), `"after"`) })
	var event journalled
	if err := json.NewDecoder(strings.NewReader(out.String())).Decode(&event); err != nil || event.Key != "before" {
		t.Errorf("its first line is no event of product before: %v\n%s", err, out)
	}
	// It ends when the host does, and says so.
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Errorf("it ends well although the host is gone:\n%s", out)
	}
}

func TestExitCodes(t *testing.T) {
	h := newHost(t, productReceiver+webhookTo("hook", newReceiver(t).URL, "", signed))
	exits := func(want int, args ...string) {
		t.Helper()
		if out, code := h.cli(args...); code != want {
			t.Errorf("synchost %q ends with exit code %d, want %d:\n%s", args, code, want, out)
		}
	}
	exits(0, "version")
	exits(0, "config", "schema")
	exits(0, "validate")
	for _, args := range [][]string{{"status"}, {"events"}, {"why", "a"}, {"inspect"}, {"pause", "hook"}, {"retry", "hook", "--all"}, {"events", "--follow"}} {
		exits(3, args...)
	}
	exits(2, "stauts")
	exits(2, "replay", "hook", "--since", "yesterday")
	h.start()
	exits(0, "status")
	exits(1, "why", "nobody-knows-it")
	exits(1, "pause", "nobody")
	exits(2, "retry", "hook")
}

// A second host on the same data is refused, and does the first no harm.
func TestSecondHostIsRefused(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed))
	h.start()
	second := hostIn(t, h.dir, freeAddress(t), strings.Replace(read(t, h.file()), h.address, freeAddress(t), 1))
	out, code := second.cli("run")
	if code != 1 || !strings.Contains(out, "another synchost uses this data folder") {
		t.Errorf("the second host (exit %d) says:\n%s", code, out)
	}
	h.accept(product("a", 1))
	until(t, "the first delivers", func() bool { return len(sink.all()) == 1 })
	if out := h.must("status"); !strings.Contains(out, h.address) && !strings.Contains(out, "1 event accepted") {
		t.Errorf("status:\n%s", out)
	}
}

// A changed filter has the lane of the latest state decide again, and what is
// unchanged costs no call.
func TestChangedFilterCostsNoCallForWhatIsUnchanged(t *testing.T) {
	sink := newReceiver(t)
	const filter = `filter = 'product.name != "v1"'`
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "deliver = \"latest\"\n"+filter, signed))
	h.start()
	for n := 1; n <= 3; n++ {
		h.accept(product("p"+strconv.Itoa(n), n))
	}
	until(t, "the two that pass have arrived", func() bool { return len(sink.all()) == 2 && h.lane("sink").Lag == 0 })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	write(t, h.file(), strings.Replace(read(t, h.file()), filter, "", 1))
	h.start()
	until(t, "the one that was left out has arrived", func() bool { return len(sink.order("p1")) == 1 && h.lane("sink").Lag == 0 })
	if n := len(sink.all()); n != 3 {
		t.Errorf("%d calls in all, want 3", n)
	}
}

// The story of a product is told whole.
func TestWhyTellsTheStory(t *testing.T) {
	sink := newReceiver(t)
	h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed))
	h.start()
	if _, err := h.send(product("a", 1)); err != nil {
		t.Fatal(err)
	}
	until(t, "it has arrived", func() bool { return len(sink.all()) == 1 })
	var why struct {
		Timeline   []json.RawMessage
		Connectors []json.RawMessage
	}
	until(t, "it is on record", func() bool {
		out, _ := h.cli("why", "a", "--json")
		return json.Unmarshal([]byte(out), &why) == nil && len(why.Timeline) >= 2
	})
	text, code := h.cli("why", "a", "sink")
	if code != 0 || !strings.Contains(text, "products") || !strings.Contains(text, "200") {
		t.Errorf("synchost why a sink (exit %d):\n%s", code, text)
	}
	if err := h.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
}
