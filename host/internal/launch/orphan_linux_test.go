package launch

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

// No orphan: however the host dies, its connector processes end.
func TestNoOrphan(t *testing.T) {
	for _, plugin := range []string{"good", "silent"} {
		t.Run(plugin, func(t *testing.T) {
			s := spec(t, plugin, `{}`)
			host := exec.CommandContext(t.Context(), os.Args[0])
			host.Env = append(os.Environ(), "LAUNCH_TEST_HOST="+s.Binary)
			out, err := host.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			connector, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(connector)

			if err := host.Process.Kill(); err != nil { // -9
				t.Fatal(err)
			}
			_ = host.Wait()
			fds := []unix.PollFd{{Fd: int32(connector), Events: unix.POLLIN}}
			for {
				n, err := unix.Poll(fds, 30_000)
				if err == unix.EINTR {
					continue
				}
				if n != 1 {
					t.Errorf("the connector outlives its host: %v", err)
				}
				break
			}

			// What the dead host left is cleared away by the next one.
			if left, _ := os.ReadDir(s.RunDir); len(left) == 0 {
				t.Error("nothing was left: the sweep is not tested")
			}
			if err := sweep(s.RunDir); err != nil {
				t.Error(err)
			}
			if left, _ := os.ReadDir(s.RunDir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	s := spec(t, "good", `{}`)
	s.Connector.MemoryMax = 1 << 40
	p := run(t, s, nil)
	p.ready(t)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.Status().PID))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Max core file size": "0",
		"Max data size":      strconv.Itoa(1<<40 + dataSlack),
	} {
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, name); ok && strings.Fields(rest)[0] != want {
				t.Errorf("%s: %s, want %s", name, strings.TrimSpace(rest), want)
			}
		}
	}
}

// The death signal is sent when the thread that started the process ends. Go
// ends threads, so that must be one that stays.
func TestOutlivesTheThreadThatStartedIt(t *testing.T) {
	logs := newLogs(hclog.NewNullLogger(), hclog.NoLevel, nil)
	var l *life
	var err error
	thread := make(chan int)
	var once func()
	once = func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if unix.Gettid() == os.Getpid() {
			defer runtime.UnlockOSThread() // but for the first one, which is kept from here
			done := make(chan struct{})
			go func() { defer close(done); once() }()
			<-done
			return
		}
		l, err = start(t.Context(), spec(t, "good", `{}`), logs)
		thread <- unix.Gettid()
	}
	go once()
	task := fmt.Sprintf("/proc/self/task/%d", <-thread)
	if err != nil {
		t.Fatal(err)
	}
	defer l.end()
	for exists(task) {
		time.Sleep(time.Millisecond) // a thread's end gives no signal
	}
	if err := l.ping(t.Context(), patience); err != nil {
		t.Error(err)
	}
}
