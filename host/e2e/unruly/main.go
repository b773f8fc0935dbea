// Command unruly is a connector that misbehaves on demand, for the end-to-end
// tests: it writes each product's number to a file, unless told otherwise.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/synchost/synchost/sdk"
)

type config struct {
	Dir string `json:"dir" required:"true" doc:"folder for what arrived, and for the file \"mode\" that says how to behave"`
}

type connector struct {
	config
	env sdk.Env
}

func open(_ context.Context, env sdk.Env, c config) (sdk.Connector, error) {
	if c.mode() == "refuse" {
		return nil, errors.New("unruly: it does not open, as asked")
	}
	return &connector{c, env}, nil
}

func (c config) mode() string {
	mode, _ := os.ReadFile(filepath.Join(c.Dir, "mode"))
	return strings.TrimSpace(string(mode))
}

func (c *connector) Apply(_ context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	mode := c.mode()
	if err := appendTo(filepath.Join(c.Dir, "modes"), mode+"\n"); err != nil {
		return nil, err
	}
	switch mode {
	case "crash":
		fmt.Fprintln(os.Stderr, "unruly: about to crash")
		os.Exit(3)
	case "hang":
		select {} // not even the context ends it
	case "panic":
		panic("unruly: as asked")
	case "lie":
		return []sdk.Result{{Key: "of-no-one"}}, nil
	case "garble":
		return c.garble(changes), nil
	case "slow":
		time.Sleep(300 * time.Millisecond)
	case "flood":
		for range 100_000 {
			c.env.Log.Info("blah", "text", strings.Repeat("x", 100))
		}
	}
	var results []sdk.Result
	for _, change := range changes {
		line := fmt.Sprintf("%s %s\n", change.Key, change.Product.Name)
		if err := appendTo(filepath.Join(c.Dir, "arrived"), line); err != nil {
			return results, err
		}
		results = append(results, sdk.Result{Key: change.Key})
	}
	return results, nil
}

// garble writes nothing, and says so in bytes that are no text, with another
// product in its place, and once more for each in between.
func (c *connector) garble(changes []sdk.Change) []sdk.Result {
	var results []sdk.Result
	for _, change := range changes {
		failed := sdk.Result{Key: change.Key, Err: errors.New("\xff\xfe\x00 no text"),
			After: &sdk.Product{Key: "of-no-one", Name: "\xc3\x28"}, Remote: sdk.Remote{ID: "\x80"}}
		results = append(results, failed, sdk.Result{Key: "of-no-one"}, failed)
	}
	return results
}

// appendTo adds a line that is there even if the process is killed next.
func appendTo(name, line string) error {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(line)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

func main() {
	sdk.Serve(sdk.Plugin[config]{
		Name: "unruly", Version: "0.0.1",
		Fields: append(sdk.FieldPaths(), "raw"),
		Limits: sdk.Limits{Batch: 8, InFlight: 2},
		Open:   open,
	})
}
