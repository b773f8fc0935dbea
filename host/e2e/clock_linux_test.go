package e2e

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Promise 3, and with it 1 and 2: a clock that jumps, forwards or back, while the
// host runs or between two of its lives, loses nothing, and delays nothing for
// longer than the schedule of retries does.
//
// The binaries are real, and so are the jumps: they are built with a package time
// whose Now is off by what a file says. As in a system whose clock is set, nothing
// else is: timers and durations go by the monotonic clock.
func TestPromise3ConvergesThoughTheClockJumps(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for name, jumps := range map[string]struct{ before, after time.Duration }{
		"a year back":    {year, 0},
		"a year forward": {-year, 0},
		"an hour back":   {time.Hour, 0},
	} {
		for _, restarted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s restarted=%v", name, restarted), func(t *testing.T) {
				t.Parallel()
				every, latest := newReceiver(t), newReceiver(t)
				h := newHost(t, productReceiver+
					webhookTo("every", every.URL, soonAgain, signed)+
					webhookTo("latest", latest.URL, soonAgain+"deliver = \"latest\"", signed))
				clock := h.wrongClock()
				clock(jumps.before)
				h.start()
				down := func(w http.ResponseWriter, _ *http.Request, body []byte) {
					if productOf(body).Key == "a" {
						w.WriteHeader(http.StatusInternalServerError)
					}
				}
				every.set(down)
				latest.set(down)
				l := load{accepted: map[string]int{}}
				send := func(key string) {
					l.accepted[key]++
					h.accept(product(key, l.accepted[key]))
				}
				send("a")
				send("b")
				until(t, "a has failed, and is to be tried again", func() bool {
					return h.lane("every").Behind == 1 && h.lane("latest").Behind == 1
				})
				if restarted {
					h.kill()
				}
				clock(jumps.after)
				if restarted {
					h.start()
				}
				every.set(nil)
				latest.set(nil)
				send("b")
				send("c")
				l.arrived(t, every)
				l.converged(t, latest)
			})
		}
	}

	t.Run("under load", func(t *testing.T) {
		t.Parallel()
		sink := newReceiver(t)
		h := newHost(t, productReceiver+webhookTo("sink", sink.URL, soonAgain, signed))
		clock := h.wrongClock()
		h.start()
		sink.set(func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			if rand.IntN(20) == 0 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var l load
		wait := l.run(ctx, h, 8)
		for jump := range 8 {
			want := len(sink.all()) + 100
			until(t, "the load goes on", func() bool { return len(sink.all()) >= want })
			if jump%3 == 2 {
				h.kill()
			}
			clock(rand.N(4*year) - 2*year)
			if jump%3 == 2 {
				h.start()
			}
		}
		stop()
		wait()
		sink.set(nil)
		l.arrived(t, sink)
	})
}

// wrongClock has the host, and its connectors, go by a clock that is off by what
// the function says.
func (h *host) wrongClock() (off func(time.Duration)) {
	h.t.Helper()
	dir, err := clockBinaries()
	if err != nil {
		h.t.Fatal(err)
	}
	h.bin = dir
	name := filepath.Join(h.dir, "clock")
	file, err := os.Create(name)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { file.Close() })
	off = func(d time.Duration) {
		if _, err := file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(d)), 0); err != nil {
			h.t.Fatal(err)
		}
	}
	off(0)
	h.env = append(h.env, "E2E_CLOCK="+name)
	text := strings.ReplaceAll(read(h.t, h.file()), "plugin = \"webhook\"", "plugin = \"webhook\"\nenv = [\"E2E_CLOCK\"]")
	write(h.t, h.file(), strings.ReplaceAll(text, filepath.Join(bin, "connectors"), filepath.Join(dir, "connectors")))
	return off
}

// clockBinaries builds the host and the webhook connector with another package
// time, once. It takes minutes where the build cache is empty.
var clockBinaries = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	const now = "sec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(text), now) != 1 {
		return "", fmt.Errorf("%s is not as expected: find where Now asks for the time, and mend this test", original)
	}
	dir := filepath.Join(bin, "clock")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	changed, added, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "off.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{
		original: changed, filepath.Join(filepath.Dir(original), "off.go"): added,
	}})
	if err != nil {
		return "", err
	}
	for name, content := range map[string]string{
		changed: strings.Replace(string(text), now, now+"\tsec, nsec = off(sec, nsec)\n", 1),
		added:   clockSource, overlay: string(replace),
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			return "", err
		}
	}
	if err := build(filepath.Join(dir, "synchost"), "github.com/synchost/synchost/host", "-overlay", overlay); err != nil {
		return "", err
	}
	return dir, build(filepath.Join(dir, "connectors", "webhook"), "github.com/synchost/synchost/plugins/webhook", "-overlay", overlay)
})

// clockSource maps the file that E2E_CLOCK names into memory: nanoseconds by
// which the clock is off.
const clockSource = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var offBy = func() *atomic.Int64 {
	name, _ := syscall.Getenv("E2E_CLOCK")
	file, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return new(atomic.Int64)
	}
	page, err := syscall.Mmap(file, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*atomic.Int64)(unsafe.Pointer(&page[0]))
}()

func off(sec int64, nsec int32) (int64, int32) {
	return sec + offBy.Load()/1e9, nsec
}
`
