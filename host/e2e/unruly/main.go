// Command unruly is a connector that misbehaves on demand, for the end-to-end
// tests: it writes each product's number to a file, unless told otherwise.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
	return &connector{c, env}, nil
}

func (c *connector) Apply(_ context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	mode, _ := os.ReadFile(filepath.Join(c.Dir, "mode"))
	switch strings.TrimSpace(string(mode)) {
	case "crash":
		fmt.Fprintln(os.Stderr, "unruly: about to crash")
		os.Exit(3)
	case "hang":
		select {} // not even the context ends it
	case "panic":
		panic("unruly: as asked")
	case "lie":
		return []sdk.Result{{Key: "of-no-one"}}, nil
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
