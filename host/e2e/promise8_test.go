//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Promise 8: one connector's trouble is its own. While one misbehaves, the other
// gets everything; when it behaves again, it catches up.
func TestPromise8OneConnectorsTroubleIsItsOwn(t *testing.T) {
	for _, mode := range []string{"crash", "hang", "panic", "lie", "garble", "slow", "flood", "refuse"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			sink, dir := newReceiver(t), t.TempDir()
			h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed)+unrulyIn(dir, ""))
			write(t, filepath.Join(dir, "mode"), mode)
			h.start()
			for n := 1; n <= 20; n++ {
				h.accept(product("a", n))
			}
			until(t, "the well-behaved connector has it all", func() bool { return len(sink.order("a")) == 20 })

			write(t, filepath.Join(dir, "mode"), "behave")
			h.accept(product("a", 21))
			until(t, "the unruly one has caught up", func() bool { return strings.Contains(linesOf(dir, "arrived"), "a v21\n") })
		})
	}
}

// Promise 8, of a program that is no connector, or none any more.
func TestPromise8ExecutableThatIsNoConnectorTroublesNoOther(t *testing.T) {
	for name, script := range map[string]string{
		"talks nonsense": "#!/bin/sh\nhead -c 65536 /dev/urandom\nexec sleep 1000\n",
		"says nothing":   "#!/bin/sh\nexec sleep 1000\n",
		"ends at once":   "#!/bin/sh\nexit 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, plugin := newReceiver(t), filepath.Join(t.TempDir(), "odd")
			if err := os.WriteFile(plugin, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			h := newHost(t, productReceiver+webhookTo("sink", sink.URL, "", signed)+fmt.Sprintf("\n[connectors.odd]\nplugin = %q\n", plugin))
			h.start()
			for n := 1; n <= 20; n++ {
				h.accept(product("a", n))
			}
			until(t, "the other connector has it all", func() bool { return len(sink.order("a")) == 20 })
			for _, c := range h.status().Connectors {
				if c.Name == "odd" && c.State == "ready" {
					t.Errorf("it is taken for a connector: %+v", c)
				}
			}
		})
	}
}

// Promise 8, among twenty: one's receiver hangs, one's refuses everything, one
// may write one change a second. The others get everything in order, while those
// three are still at it.
func TestPromise8TroubleAmongTwentyConnectorsIsTheirOwn(t *testing.T) {
	const products, events = 5, 20
	config := productReceiver
	sinks := map[string]*receiver{}
	add := func(name, block string) *receiver {
		sinks[name] = newReceiver(t)
		config += webhookTo(name, sinks[name].URL, block+soonAgain, signed)
		return sinks[name]
	}
	hanging, release := add("hanging", ""), make(chan struct{})
	t.Cleanup(func() { close(release) }) // before the receiver is closed
	hanging.set(func(http.ResponseWriter, *http.Request, []byte) { <-release })
	add("failing", "").set(func(w http.ResponseWriter, _ *http.Request, _ []byte) { w.WriteHeader(http.StatusInternalServerError) })
	add("slow", "rate = \"1/s\"\n")
	var well []string
	for n := range 17 {
		well = append(well, fmt.Sprint("well", n))
		add(well[n], "")
	}
	h := newHost(t, config)
	h.start()
	l := load{accepted: map[string]int{}}
	for n := 1; n <= events; n++ {
		for p := range products {
			key := fmt.Sprint("p", p)
			h.accept(product(key, n))
			l.accepted[key] = n
		}
	}
	for _, name := range well {
		l.arrived(t, sinks[name])
	}
	if got := len(sinks["slow"].all()); got >= products*events {
		t.Errorf("the one that may write 1/s has all %d already: it shows nothing", got)
	}
	for _, name := range []string{"hanging", "failing"} {
		if got := len(sinks[name].all()); got > 0 {
			t.Errorf("%s took %d: it shows nothing", name, got)
		}
	}
}
