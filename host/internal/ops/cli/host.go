package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/synchost/synchost/host/internal/config"
)

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Start the host and stay until it is stopped",
		Long: `Start the host: take events in, keep them, and deliver them through the
connectors of the configuration. It logs to stderr and stays in the foreground.
Ctrl-C, or SIGTERM, lets what is on its way finish, and stops it.`,
		Example: "  synchost run\n  synchost run --config /etc/synchost/connectors.toml",
		Args:    arguments(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			return a.actions.Run(command.Context(), a.file)
		},
	}
}

// problem is a config.Problem as --json writes it.
type problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

func problemList(problems config.Problems) []problem {
	list := []problem{}
	for _, p := range problems {
		list = append(list, problem{p.File, p.Line, p.Column, p.Field, p.Message})
	}
	return list
}

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Find everything that is wrong with the configuration",
		Long: `Find everything that is wrong with the configuration, in one pass, each with its
place in the file and its remedy. Each connector is started for a moment and asked
about its own options; nothing is sent to any platform.`,
		Example: "  synchost validate\n  synchost validate --json --config new.toml",
		Args:    arguments(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			warnings, err := a.actions.Validate(command.Context(), a.file)
			var problems config.Problems
			if err != nil && !errors.As(err, &problems) {
				return err
			}
			if a.json {
				if err := a.print(map[string]any{"problems": problemList(problems), "warnings": problemList(warnings)}); err != nil {
					return err
				}
				if err != nil {
					return errors.Join(errTold, err)
				}
				return nil
			}
			for _, w := range warnings {
				fmt.Fprintf(a.err, "warning: %s\n", clean(w.String()))
			}
			if err == nil {
				fmt.Fprintf(a.out, "%s is right.\n", a.file)
			}
			return err
		},
	}
}

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [CONNECTOR...]",
		Short: "Try each connector's credentials, and whether its platform is reached",
		Long: `Try the credentials of each enabled connector, or of those that are named, and
whether its platform is reached. Each is started for that on its own, so the host
need not run; nothing is written at any platform.`,
		Example: "  synchost check\n  synchost check shop",
		Args:    arguments(0, -1),
		RunE: func(command *cobra.Command, args []string) error {
			checked, err := a.actions.Check(command.Context(), a.file, args)
			if err != nil {
				return err
			}
			return a.showChecked(checked)
		},
	}
}

// checkResult is a Checked as --json writes it.
type checkResult struct {
	Connector string  `json:"connector"`
	Result    string  `json:"result"` // "ok", "failed", "no check"
	TookMS    float64 `json:"took_ms"`
	Message   string  `json:"message,omitempty"`
}

func (a *app) showChecked(checked []Checked) error {
	results := []checkResult{}
	var unhealthy error
	for _, c := range checked {
		result := checkResult{Connector: c.Connector, Result: "ok", TookMS: float64(c.Took.Microseconds()) / 1000}
		switch {
		case errors.Is(c.Err, errors.ErrUnsupported):
			result.Result, result.Message = "no check", "this connector offers none"
		case c.Err != nil:
			result.Result, result.Message = "failed", c.Err.Error()
			unhealthy = errUnhealthy
		}
		results = append(results, result)
	}
	if a.json {
		return errors.Join(a.print(map[string]any{"checks": results}), unhealthy)
	}
	if len(results) == 0 {
		fmt.Fprintln(a.out, "No connector is enabled.")
		return nil
	}
	t := newTable(a.out, "CONNECTOR", "RESULT", "TOOK", "MESSAGE")
	for i, r := range results {
		t.row(r.Connector, r.Result, checked[i].Took.Round(time.Millisecond).String(), r.Message)
	}
	return errors.Join(t.flush(), unhealthy)
}

func (a *app) configCommand() *cobra.Command {
	parent := &cobra.Command{
		Use:   "config",
		Short: "About the configuration file",
		Args:  arguments(0, 0),
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	parent.AddCommand(&cobra.Command{
		Use:   "schema",
		Short: "Write the JSON Schema of connectors.toml, for editors",
		Long: `Write the JSON Schema of connectors.toml. Editors that know TOML complete and
check the file with it.`,
		Example: "  synchost config schema > connectors.schema.json",
		Args:    arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(config.Schema())
			return err
		},
	})
	return parent
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Tell which build this is",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := a.actions.Version
			if a.json {
				return a.print(v)
			}
			fmt.Fprintf(a.out, "synchost %s, %s, %s", v.Version, v.Go, v.Platform)
			if v.Revision != "" {
				fmt.Fprintf(a.out, ", commit %.12s", v.Revision)
			}
			if v.Modified {
				fmt.Fprint(a.out, " with changes")
			}
			fmt.Fprintln(a.out)
			return nil
		},
	}
}

// show writes an answer: as JSON if that is asked for, else as people does.
func (a *app) show(answer any, people func() error) error {
	if a.json {
		return a.print(answer)
	}
	return people()
}

// print writes a value as JSON.
func (a *app) print(value any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
