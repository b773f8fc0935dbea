// Command bench measures the whole job on this machine and prints a table of
// ratios: events in over HTTP, one POST out for each, beside bare POSTs of the
// same events in the same run. Everything it talks to is on loopback, each part
// is a process of its own, and every load is bounded.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"
)

func main() {
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func start() error {
	bin := flag.String("bin", "bin", "folder of the built host and its connectors")
	events := flag.Int("n", 60_000, "events of a flat-out run")
	connections := flag.Int("c", 64, "connections")
	products := flag.Int("products", 1000, "products")
	rounds := flag.Int("rounds", 3, "how often raw and host are measured, in turn")
	keep := flag.String("keep", "", "folder for the host's data, kept afterwards, for profiling; empty: a temporary one")
	sinkAt := flag.String("sink", "", "only be the receiver, at this address (used by bench itself)")
	flag.Parse()
	if *sinkAt != "" {
		listener, err := net.Listen("tcp", *sinkAt) //nolint:noctx // for the life of the process
		if err != nil {
			return err
		}
		return serveSink(listener)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	dir := *keep
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "synchost-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	b := &bench{dir: dir, bin: *bin, load: load{events: *events, connections: *connections, products: *products, batch: 1}}
	defer b.stop()
	if err := b.start(ctx); err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "run\traw/s\taccepted/s\tratio\tdelivered/s\tratio\torder\ttwice\t")
	for round := range *rounds {
		raw, err := b.raw(ctx, fmt.Sprint("r", round))
		if err != nil {
			return err
		}
		sent, got, err := b.through(ctx, fmt.Sprint("h", round), b.load)
		if err != nil {
			return err
		}
		delivered := float64(got.Distinct) / got.Seconds
		fmt.Fprintf(table, "%d\t%.0f\t%.0f\t%.3f\t%.0f\t%.3f\t%d\t%d\t\n", round+1, raw, sent.perSecond(), sent.perSecond()/raw,
			delivered, delivered/raw, got.Violations, got.Duplicates)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return b.others(ctx)
}

// others are single runs beside the flat-out ones.
func (b *bench) others(ctx context.Context) error {
	bulk := b.load
	bulk.events, bulk.batch, bulk.connections = 5*b.load.events, 500, 4
	sent, got, err := b.through(ctx, "b", bulk)
	if err != nil {
		return err
	}
	fmt.Printf("\nNDJSON in bulk: %.0f accepted/s, %.0f delivered/s, order %d, twice %d\n", sent.perSecond(), float64(got.Distinct)/got.Seconds, got.Violations, got.Duplicates)
	slow := b.load
	slow.events, slow.rate = 13_000, 1300
	_, got, err = b.through(ctx, "l", slow)
	if err != nil {
		return err
	}
	fmt.Printf("at 1300/s: p50 %.2f ms, p99 %.2f ms, max %.2f ms from sent to received\n", got.P50, got.P99, got.Max)
	return nil
}

// bench is the receiver and the host, each a process.
type bench struct {
	load
	dir, bin  string
	sinkAt    string
	hostAt    string
	processes []*exec.Cmd
}

const secret = "bench-secret-of-32-characters-at-least"

func (b *bench) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if b.sinkAt, err = freeAddress(); err == nil {
		b.hostAt, err = freeAddress()
	}
	if err != nil {
		return err
	}
	if err := b.spawn(self, nil, "-sink", b.sinkAt); err != nil {
		return err
	}
	bin, err := filepath.Abs(b.bin)
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "connectors.toml")
	config := fmt.Sprintf(`[host]
listen = %q
data_dir = "data"
connectors_dir = %q
log_level = "warn"

[receivers.load]
scheme = "product"
path = "/in"
secret = { env = "BENCH_SECRET" }

[connectors.sink]
plugin = "webhook"
[connectors.sink.config]
url = %q
secret = { env = "BENCH_SIGNING" }
allow_networks = ["127.0.0.0/8"]
`, b.hostAt, filepath.Join(bin, "connectors"), "http://"+b.sinkAt+"/")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	env := append(os.Environ(), "BENCH_SECRET="+secret, "BENCH_SIGNING=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err := b.spawn(filepath.Join(bin, "synchost"), env, "run", "--config", file); err != nil {
		return err
	}
	if err := b.await(ctx, "http://"+b.sinkAt+"/_report"); err != nil {
		return err
	}
	return b.await(ctx, "http://"+b.hostAt+"/readyz")
}

func (b *bench) spawn(name string, env []string, args ...string) error {
	cmd := exec.Command(name, args...) //nolint:noctx // stopped by stop
	cmd.Stderr, cmd.Env = os.Stderr, env
	if err := cmd.Start(); err != nil {
		return err
	}
	b.processes = append(b.processes, cmd)
	return nil
}

func (b *bench) stop() {
	for _, cmd := range b.processes {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
}

func (b *bench) await(ctx context.Context, url string) error {
	var last error
	for range 100 {
		var status int
		if status, last = get(ctx, url, nil); last == nil && status == http.StatusOK {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("%s does not answer: %w", url, last)
}

// raw sends the events straight to the receiver, with Go's own client.
func (b *bench) raw(ctx context.Context, run string) (float64, error) {
	if err := b.resetSink(ctx); err != nil {
		return 0, err
	}
	l := b.load
	l.address, l.path, l.run, l.nethttp = b.sinkAt, "/", run, true
	sent, err := l.send(ctx)
	return sent.perSecond(), err
}

// through sends the events through the host, and waits until all have arrived.
func (b *bench) through(ctx context.Context, run string, l load) (sentReport, sinkReport, error) {
	if err := b.resetSink(ctx); err != nil {
		return sentReport{}, sinkReport{}, err
	}
	l.address, l.path, l.token, l.run = b.hostAt, "/in", secret, run
	sent, err := l.send(ctx)
	if err != nil {
		return sent, sinkReport{}, err
	}
	var got sinkReport
	for range 1200 {
		if _, err := get(ctx, "http://"+b.sinkAt+"/_report", &got); err != nil {
			return sent, got, err
		}
		if got.Distinct >= sent.accepted {
			return sent, got, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return sent, got, fmt.Errorf("of %d accepted events %d arrived within a minute (%d refused)", sent.accepted, got.Distinct, sent.refused)
}

func (b *bench) resetSink(ctx context.Context) error {
	_, err := get(ctx, "http://"+b.sinkAt+"/_reset", nil)
	return err
}

// get reads a JSON answer into value, if it is not nil.
func get(ctx context.Context, url string, value any) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if value != nil {
		err = json.NewDecoder(response.Body).Decode(value)
	}
	return response.StatusCode, err
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return "127.0.0.1:" + strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}
