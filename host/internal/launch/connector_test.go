//go:build unix

package launch

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

// The test binary is also every connector that the tests start: it is run under
// the name of what it is to be.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(sdk.Handshake.MagicCookieKey) != "":
		beConnector(filepath.Base(os.Args[0]))
	case os.Getenv("LAUNCH_TEST_HOST") != "":
		beHost(os.Getenv("LAUNCH_TEST_HOST"))
	default:
		os.Setenv("GORACE", "atexit_sleep_ms=0") // under -race, each connector takes a second more to end
		os.Exit(m.Run())
	}
}

func beConnector(name string) {
	switch name {
	case "crashing":
		fmt.Fprintln(os.Stderr, "no such luck: hunter22")
		os.Exit(3)
	case "garbage":
		fmt.Println("Welcome! hunter22")
		time.Sleep(time.Hour)
	case "endless":
		for {
			fmt.Print("no line ends here ")
		}
	case "newer":
		fmt.Println("1|2|unix|/nowhere|grpc|")
		time.Sleep(time.Hour)
	case "remote":
		fmt.Println("1|1|tcp|192.0.2.1:80|grpc|")
		time.Sleep(time.Hour)
	case "outside":
		fmt.Println("1|1|unix|/tmp/elsewhere|grpc|")
		time.Sleep(time.Hour)
	case "silent":
		time.Sleep(time.Hour)
	case "misnamed":
		name = "other"
	}
	sdk.Serve(sdk.Plugin[options]{Name: name, Version: "1.2.3", Open: open, Limits: sdk.Limits{InFlight: 8}})
}

type options struct {
	URL   string     `json:"url"`
	Open  string     `json:"open"`
	Token sdk.Secret `json:"token"`
}

func open(_ context.Context, env sdk.Env, o options) (sdk.Connector, error) {
	switch o.Open {
	case "reject":
		return nil, sdk.Reject("url", fmt.Errorf("%q is no address, says %s", o.URL, o.Token.Reveal()))
	case "deny":
		return nil, sdk.Deny(errors.New("401"))
	case "later":
		return nil, sdk.Throttle(time.Hour, errors.New("the platform is down"))
	case "flood":
		go func() {
			for line := []byte(strings.Repeat("x", 90) + "\n"); ; {
				if _, err := os.Stderr.Write(line); err != nil {
					return
				}
			}
		}()
	case "leak":
		env.Log.Warn("token is "+o.Token.Reveal(), "token", o.Token.Reveal(), "url", "https://shop/?t="+o.Token.Reveal())
		fmt.Fprintln(os.Stderr, "raw "+o.Token.Reveal())
	}
	return connector{env.Log}, nil
}

type connector struct{ log hclog.Logger }

// Apply does what the key of the first change says.
func (c connector) Apply(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	what, argument, _ := strings.Cut(changes[0].Key, " ")
	result := sdk.Result{Key: changes[0].Key, Remote: sdk.Remote{ID: strconv.Itoa(os.Getpid())}}
	switch what {
	case "exit":
		fmt.Fprintln(os.Stderr, "out of luck")
		os.Exit(4)
	case "speak":
		fmt.Println("to stdout")
		fmt.Fprintln(os.Stderr, "to stderr")
		log.Print("to the log")
		os.Exit(4)
	case "panic":
		go deep(20)
		<-ctx.Done()
	case "freeze":
		if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
			return nil, err
		}
		time.Sleep(time.Hour)
	case "deaf":
		c.log.Info("entered")
		time.Sleep(time.Hour)
	case "wait":
		c.log.Info("entered")
		for { // until the file is there
			if _, err := os.Stat(argument); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
	case "env":
		for _, one := range os.Environ() {
			name, _, _ := strings.Cut(one, "=")
			result.Exchange.Request += name + " "
		}
	case "fail":
		result.Err = fmt.Errorf("no entry with %s", argument)
		result.Exchange.Request = "GET https://shop/?t=" + argument + "\n\n" + argument
	case "spawn":
		child := exec.Command("/bin/sleep", "3600")
		if err := child.Start(); err != nil {
			return nil, err
		}
		result.Remote.ID = strconv.Itoa(child.Process.Pid)
	case "log":
		c.log.Debug("quiet")
		c.log.Error("loud", "count", 3, "map", map[string]int{"a": 1})
	case "levels":
		for level := hclog.Trace; level <= hclog.Error; level++ {
			c.log.Log(level, "said at "+level.String())
		}
	case "print":
		fmt.Println("said " + argument)
	}
	return []sdk.Result{result}, nil
}

func (connector) Check(context.Context) error { return nil }

// deep panics far down a stack.
func deep(n int) {
	if n == 0 {
		panic("of despair")
	}
	deep(n - 1)
}

// beHost is a host in a process of its own. It runs the connector at binary and
// tells its process id.
func beHost(binary string) {
	name := filepath.Base(binary)
	p := New(Spec{
		Connector: config.Connector{Name: "shop", Plugin: name, Enabled: true},
		Binary:    binary,
		RunDir:    filepath.Join(filepath.Dir(binary), "run"),
	}, hclog.NewNullLogger(), nil)
	go func() { _ = p.Run(context.Background()) }()
	if name == "silent" { // it never gets ready
		for p.Status().PID == 0 && p.Status().State == Starting {
			if pid := childOf(name); pid != "" {
				fmt.Println(pid)
				break
			}
			time.Sleep(time.Millisecond)
		}
	} else if _, err := p.Client(context.Background()); err == nil {
		fmt.Println(p.Status().PID)
	}
	time.Sleep(time.Hour)
}

// childOf is our child of that executable. There may be others: the
// first time that Go starts one, it tries with one that does nothing.
func childOf(executable string) string {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, name := range files {
		text, _ := os.ReadFile(name)
		for _, pid := range strings.Fields(string(text)) {
			if path, err := os.Readlink("/proc/" + pid + "/exe"); err == nil && filepath.Base(path) == executable {
				return pid
			}
		}
	}
	return ""
}
