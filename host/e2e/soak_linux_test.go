package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestSoak runs a host under constant load while everything fails at random, then
// lets all be well, and checks promises 1 to 4 and 10 over everything that was
// sent: every accepted event has arrived, in order, no oftener than the faults
// explain, each destination is in the wanted state, and no process is left.
//
//	SYNCHOST_SOAK=1h SYNCHOST_SEED=7 go test -run TestSoak -timeout 0 -v ./host/e2e
//
// The seed decides what is done and in which order; at which moment of the host's
// work it strikes, the machine does. A run that fails keeps its folder: the data,
// the configuration, the host's log, and actions.log.
func TestSoak(t *testing.T) {
	text := os.Getenv("SYNCHOST_SOAK")
	if text == "" {
		t.Skip("takes as long as it is told to, and is run by itself: make soak")
	}
	lasts, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("SYNCHOST_SOAK = %q, want a duration such as 1h", text)
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SYNCHOST_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SYNCHOST_SEED = %q, want a number", text)
		}
	}
	s := newSoak(t, seed)
	limit := time.AfterFunc(lasts+10*time.Minute, func() { panic(fmt.Sprintf("seed %d: the soak does not end; see %s", seed, s.dir)) })
	defer limit.Stop()
	stop := s.load()
	s.chaos(time.Now().Add(lasts))
	s.calm()
	stop()
	s.settled()
	if err := s.host.stop(); err != nil {
		t.Errorf("the host ends with %v", err)
	}
	s.host.noneLeft()
	t.Logf("%s: all is well", s.progress())
}

type soak struct {
	t        *testing.T
	seed     uint64
	rand     *rand.Rand
	dir      string
	host     *host
	sinks    []*soakSink
	unruly   string // folder of the connector that misbehaves
	odd      bool   // whether the filter that may change lets only odd numbers pass
	small    bool   // whether the data folder is a small disk
	actions  *os.File
	kills    map[string]int
	accepted load

	// What may make the host do something again; see soakSink.take.
	disturbed, replays atomic.Int64
	violated           chan string
}

func newSoak(t *testing.T, seed uint64) *soak {
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		t.Fatal(err)
	}
	s := &soak{t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), dir: dir, unruly: filepath.Join(dir, "unruly"),
		kills: map[string]int{}, accepted: load{accepted: map[string]int{}}, violated: make(chan string, 100)}
	t.Cleanup(s.end)
	for _, name := range []string{s.unruly, filepath.Join(dir, "data")} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if s.actions, err = os.Create(filepath.Join(dir, "actions.log")); err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d, in %s", seed, dir)
	if err := syscall.Mount("tmpfs", filepath.Join(dir, "data"), "tmpfs", 0, "size=512m"); err != nil {
		t.Logf("without a full disk, since only root may mount a small one: %v", err)
	} else {
		s.small = true
	}
	for _, name := range []string{"every", "latest", "filtered"} {
		s.sinks = append(s.sinks, newSoakSink(s, name, name == "every"))
	}
	s.host = hostIn(t, dir, freeAddress(t), "")
	s.configure()
	s.host.start()
	return s
}

// end keeps what tells of a failure, and nothing else.
func (s *soak) end() {
	data := filepath.Join(s.dir, "data")
	if s.t.Failed() {
		kept := filepath.Join(s.dir, "kept")
		// Sockets are no files that could be copied.
		err := errors.Join(os.RemoveAll(filepath.Join(data, "run")), os.RemoveAll(filepath.Join(data, "synchost.sock")), os.CopyFS(kept, os.DirFS(data)), os.WriteFile(filepath.Join(s.dir, "host.log"), []byte(s.host.log.String()), 0o600))
		s.t.Logf("seed %d; data, configuration, host.log and actions.log are kept in %s (%v)", s.seed, s.dir, err)
	}
	s.actions.Close()
	if s.small {
		_ = syscall.Unmount(data, syscall.MNT_DETACH)
	}
	if !s.t.Failed() {
		os.RemoveAll(s.dir)
	}
}

func (s *soak) configure() {
	filter := ""
	if s.odd {
		filter = `filter = 'product.name matches "[13579]$"'` + "\n"
	}
	const block = "timeout = \"5s\"\n" + soonAgain
	write(s.t, s.host.file(), fmt.Sprintf("[host]\nlisten = %q\nconnectors_dir = %q\nstop_timeout = \"5s\"\nlog_level = \"warn\"\nkeep_events = \"2m\"\nkeep_deliveries = \"2m\"\n",
		s.host.address, filepath.Join(bin, "connectors"))+soakReceivers+
		webhookTo("every", s.sinks[0].URL, block, signed)+
		webhookTo("latest", s.sinks[1].URL, "deliver = \"latest\"\n"+block, signed)+
		webhookTo("filtered", s.sinks[2].URL, "deliver = \"latest\"\n"+filter+block, signed)+
		unrulyIn(s.unruly, "deliver = \"latest\"\n"))
}

// act writes down what is done next.
func (s *soak) act(format string, args ...any) {
	fmt.Fprintf(s.actions, "%s %s\n", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

func (s *soak) violates(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.act("VIOLATED: %s", text)
	select {
	case s.violated <- text:
	default: // there are enough
	}
}

// holds ends the test when a promise was broken.
func (s *soak) holds() {
	s.t.Helper()
	select {
	case text := <-s.violated:
		s.t.Fatalf("seed %d: %s", s.seed, text)
	default:
	}
}

func (s *soak) progress() string {
	taken, repeats := 0, 0
	for _, sink := range s.sinks {
		a, b := sink.totals()
		taken, repeats = taken+a, repeats+b
	}
	return fmt.Sprintf("%d accepted, %d arrived, %d of them repeats; killed %v", s.accepted.total(), taken, repeats, s.kills)
}

// chaos does one thing after the other, until the time is over.
func (s *soak) chaos(until time.Time) {
	told := time.Now()
	for time.Now().Before(until) {
		action := s.pick()
		action()
		s.disturbed.Add(1)
		time.Sleep(time.Duration(s.rand.Int64N(int64(time.Second))))
		s.holds()
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			s.t.Logf("%s to go: %s", time.Until(until).Round(time.Second), s.progress())
		}
	}
}

// pick draws what is done next, the usual oftener.
func (s *soak) pick() func() {
	actions := []struct {
		weight int
		do     func()
	}{
		{8, s.killHost}, {2, s.killStarting}, {2, s.stopHost}, {2, s.changeFilter},
		{5, s.killConnector}, {2, s.stopConnector}, {10, s.trouble}, {3, s.misbehave},
		{3, s.pause}, {2, s.replay}, {4, s.retry}, {2, s.restart}, {2, s.fullDisk},
	}
	total := 0
	for _, a := range actions {
		total += a.weight
	}
	n := s.rand.IntN(total)
	for _, a := range actions {
		if n -= a.weight; n < 0 {
			return a.do
		}
	}
	panic("not reached")
}

// kill kills the host. What is sent again because of it comes after this.
func (s *soak) kill() {
	s.kills["host"]++
	s.host.kill()
	s.disturbed.Add(1)
}

func (s *soak) killHost() {
	s.act("kill the host")
	s.kill()
	if s.rand.IntN(2) == 0 {
		s.host.noneLeft()
	}
	s.host.start()
}

func (s *soak) killStarting() {
	for range 1 + s.rand.IntN(3) {
		s.act("kill the host while it starts")
		s.kill()
		s.host.launch()
		time.Sleep(time.Duration(s.rand.Int64N(int64(200 * time.Millisecond))))
	}
	s.killHost()
}

func (s *soak) stopHost() {
	s.act("stop the host")
	var exit *exec.ExitError
	if err := s.host.stop(); err != nil && !errors.As(err, &exit) { // it says so when it had to kill a connector
		s.t.Fatal(err)
	}
	s.host.noneLeft()
	s.host.start()
}

func (s *soak) changeFilter() {
	s.odd = !s.odd
	s.act("only odd numbers: %v", s.odd)
	s.configure()
	s.killHost()
}

// process is a connector that runs, by chance; 0: it does not run now.
func (s *soak) process() (name string, pid int) {
	connectors := s.host.status().Connectors
	c := connectors[s.rand.IntN(len(connectors))]
	if c.State == "failed" { // it was killed too often: that is what restart is for
		s.command("restart", c.Name)
	}
	return c.Name, c.PID
}

func (s *soak) killConnector() {
	if name, pid := s.process(); pid != 0 {
		s.act("kill %s", name)
		s.kills[name]++
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
}

func (s *soak) stopConnector() {
	name, pid := s.process()
	if pid == 0 {
		return
	}
	s.act("SIGSTOP to %s", name)
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	s.disturbed.Add(1)
	if s.rand.IntN(2) == 0 {
		time.Sleep(time.Duration(s.rand.Int64N(int64(3 * time.Second))))
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

func (s *soak) trouble() {
	sink := s.sinks[s.rand.IntN(len(s.sinks))]
	mode := soakModes[s.rand.IntN(len(soakModes))]
	s.act("%s: %s", sink.name, mode)
	sink.setMode(mode)
}

func (s *soak) misbehave() {
	modes := []string{"behave", "behave", "behave", "crash", "hang", "panic", "lie", "garble", "slow"}
	mode := modes[s.rand.IntN(len(modes))]
	s.act("unruly: %s", mode)
	write(s.t, filepath.Join(s.unruly, "mode"), mode)
}

// command has an operator do something, and bears that it may not succeed.
func (s *soak) command(args ...string) {
	out, code := s.host.cli(args...)
	s.act("synchost %s: exit %d, %s", strings.Join(args, " "), code, strings.TrimSpace(out))
}

func (s *soak) connector() string {
	return []string{"every", "latest", "filtered", "unruly"}[s.rand.IntN(4)]
}

func (s *soak) pause() {
	name := s.connector()
	s.command("pause", name)
	time.Sleep(time.Duration(s.rand.Int64N(int64(2 * time.Second))))
	if s.rand.IntN(3) == 0 {
		s.killHost()
	}
	s.command("resume", name)
}

func (s *soak) replay() {
	s.replays.Add(1)
	s.command("replay", s.connector(), "--since", fmt.Sprint(1+s.rand.IntN(30), "s"))
}

func (s *soak) retry() {
	name := s.connector()
	s.command("resume", name) // it may have been denied
	s.command("retry", name, "--all")
}

func (s *soak) restart() { s.command("restart", s.connector()) }

func (s *soak) fullDisk() {
	if !s.small {
		return
	}
	s.act("the disk is full")
	ballast := filepath.Join(s.dir, "data", "ballast")
	fill(s.t, ballast)
	time.Sleep(time.Duration(s.rand.Int64N(int64(2 * time.Second))))
	if s.rand.IntN(3) == 0 {
		s.act("kill the host on a full disk")
		s.kill()
	}
	if err := os.Remove(ballast); err != nil {
		s.t.Fatal(err)
	}
	if s.host.cmd == nil {
		s.host.start()
	}
	s.act("the disk has room")
}

// calm ends all faults.
func (s *soak) calm() {
	s.act("calm")
	for _, sink := range s.sinks {
		sink.setMode("well")
	}
	write(s.t, filepath.Join(s.unruly, "mode"), "behave")
	s.odd = false
	s.configure()
	s.killHost()
	for _, name := range []string{"every", "latest", "filtered", "unruly"} {
		s.command("resume", name)
		s.command("retry", name, "--all")
	}
}

// settled waits until all has arrived, and looks whether it is as it should be.
func (s *soak) settled() {
	s.t.Helper()
	s.act("settle")
	lanes := []string{"every", "latest", "filtered", "unruly"}
	within(s.t, 4*patience, "all lanes have done all", func() bool {
		s.holds()
		for _, name := range lanes {
			if l := s.host.lane(name); l.State != "running" || l.Lag+l.Behind+l.Dead+l.Held > 0 {
				return false
			}
		}
		return true
	})
	s.holds()
	for key, want := range s.accepted.accepted {
		for _, sink := range s.sinks {
			if got := sink.last(key); got != want {
				s.t.Errorf("seed %d: promise 1 or 3: %s has %s as of %d, want %d", s.seed, sink.name, key, got, want)
			}
		}
	}
	last := map[string]int{}
	for line := range strings.Lines(linesOf(s.unruly, "arrived")) {
		key, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.Atoi(strings.TrimPrefix(name, "v"))
		if n < last[key] {
			s.t.Errorf("seed %d: promise 2: unruly got %s as of %d after %d", s.seed, key, n, last[key])
		}
		last[key] = n
	}
	for key, want := range s.accepted.accepted {
		if last[key] != want {
			s.t.Errorf("seed %d: promise 3: unruly has %s as of %d, want %d", s.seed, key, last[key], want)
		}
	}
}

// load starts the senders; stop has each end with an event that is accepted.
func (s *soak) load() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	gone, giveUp := context.WithCancel(context.Background())
	s.t.Cleanup(giveUp)
	var senders sync.WaitGroup
	for _, scheme := range soakSchemes {
		for p := range 5 {
			key := fmt.Sprint(scheme.name, p)
			chance := rand.New(rand.NewPCG(s.seed, uint64(p)))
			senders.Go(func() {
				for n := 1; ctx.Err() == nil; n += scheme.step {
					for !scheme.send(s.host, key, n) {
						if gone.Err() != nil {
							return
						}
						time.Sleep(20 * time.Millisecond) // the same again
					}
					s.accepted.mu.Lock()
					s.accepted.accepted[key] = n + scheme.step - 1
					s.accepted.mu.Unlock()
					time.Sleep(time.Duration(chance.Int64N(int64(200 * time.Millisecond))))
				}
			})
		}
	}
	return func() {
		cancel()
		ended := make(chan struct{})
		go func() { senders.Wait(); close(ended) }()
		until(s.t, "all senders have ended", func() bool {
			select {
			case <-ended:
				return true
			default:
				return false
			}
		})
	}
}

const soakReceivers = productReceiver + `
[receivers.standard]
scheme = "standard-webhooks"
path = "/in/standard"
secret = { env = "E2E_SIGNING" }

[receivers.signed]
scheme = "hmac"
path = "/in/signed"
secret = { env = "E2E_TOKEN" }
signature = { header = "X-Signature", signed = "{body}" }
map = { id = "body.event", key = "body.of", "fields.name" = "body.name", "fields.attributes.n" = "body.n" }

[receivers.simple]
scheme = "token"
path = "/in/simple"
secret = { env = "E2E_TOKEN" }
map = { id = "body.event", key = "body.of", "fields.name" = "body.name", "fields.attributes.n" = "body.n" }
`

// soakSchemes send event n of a product, or step events from n on, and say
// whether all were accepted. What is sent again has the id that it had.
var soakSchemes = []struct {
	name string
	step int
	send func(h *host, key string, n int) bool
}{
	{"products", 1, func(h *host, key string, n int) bool {
		return took(h.ask("POST", "/in/products", product(key, n), bearer()...))
	}},
	{"lines", 5, func(h *host, key string, n int) bool {
		var body strings.Builder
		for i := range 5 {
			fmt.Fprintln(&body, product(key, n+i))
		}
		a, err := h.ask("POST", "/in/products", body.String(), "Authorization", "Bearer "+token, "Content-Type", "application/x-ndjson")
		return took(a, err) && !strings.Contains(a.body, "errors")
	}},
	{"standard", 1, func(h *host, key string, n int) bool {
		id, now := fmt.Sprint(key, "-", n), time.Now()
		body := fmt.Sprintf(`{"type":"product.updated","timestamp":"2026-08-01T12:30:00Z","data":{"key":%q,"name":"v%d","attributes":{"n":%d}}}`, key, n, n)
		return took(h.ask("POST", "/in/standard", body, standard(id, now, signV1(id, unix(now), body))...))
	}},
	{"signed", 1, func(h *host, key string, n int) bool {
		body := soakBody(key, n)
		return took(h.ask("POST", "/in/signed", body, "Content-Type", "application/json", "X-Signature", fmt.Sprintf("%x", mac([]byte(token), body))))
	}},
	{"simple", 1, func(h *host, key string, n int) bool {
		return took(h.ask("POST", "/in/simple", soakBody(key, n), bearer()...))
	}},
}

func soakBody(key string, n int) string {
	return fmt.Sprintf(`{"event":"%s-%d","of":%q,"name":"v%d","n":%d}`, key, n, key, n, n)
}

func took(a answer, err error) bool { return err == nil && a.status/100 == 2 }
