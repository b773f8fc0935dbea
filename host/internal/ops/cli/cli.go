// Package cli is the command line. It is for people first: tables and sentences
// on a terminal, the control API's own JSON with --json, and an exit code that
// tells what is the matter.
//
// All verbs but run, validate, check, version and receivers url speak with the
// running host over its Unix socket, and do nothing by themselves.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/ops"
)

// Actions are what the verbs that need no running host do. Errors of type
// config.Problems are told one a line.
type Actions struct {
	Version ops.Version
	// Run is the host; it returns when ctx ends and all has stopped.
	Run func(ctx context.Context, file string) error
	// Validate finds everything that is wrong with a configuration. What is unwise
	// and no reason not to start comes apart.
	Validate func(ctx context.Context, file string) (warnings config.Problems, err error)
	// Sends says what a receiver's sender sends: by which methods, nil is any, of which
	// content type, empty: no body, and whether only the sender can sign it.
	Sends func(config.Receiver) (methods []string, contentType string, untriable bool)
	// Check tries credentials and reachability; no names: of every enabled connector.
	Check func(ctx context.Context, file string, connectors []string) ([]Checked, error)
}

// Checked is the outcome of one connector's check.
type Checked struct {
	Connector string
	Took      time.Duration
	Err       error // nil: all is well; errors.ErrUnsupported: it offers no check
}

// Main runs the command line and returns the process's exit code.
func Main(ctx context.Context, args []string, actions Actions) int {
	return run(ctx, args, &app{
		actions: actions, stdin: os.Stdin, out: os.Stdout, err: os.Stderr, now: time.Now, zone: time.Local,
	})
}

// app is one run of the command line.
type app struct {
	actions  Actions
	stdin    io.Reader
	out, err io.Writer
	now      func() time.Time
	zone     *time.Location

	// Of the global flags.
	file, socket string
	json         bool

	started bool // the arguments were good: a verb runs
}

func run(ctx context.Context, args []string, a *app) int {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	command, err := root.ExecuteContextC(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // Ctrl-C is how one leaves
	}
	if err != nil && !errors.Is(err, errTold) {
		a.tell(command, err)
	}
	return a.exitCode(err)
}

// tell writes an error for people.
func (a *app) tell(command *cobra.Command, err error) {
	var usage usageError
	fmt.Fprintln(a.err, cleanLines(err.Error()))
	if !a.started || errors.As(err, &usage) {
		fmt.Fprintf(a.err, "See: %s --help\n", command.CommandPath())
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "synchost",
		Short: "Keep products in step, from one source to every destination",
		Long: `synchost takes product changes in over HTTP, keeps them durably, and brings
every destination in step through connectors.

  synchost validate        is the configuration right?
  synchost run             start the host
  synchost status          how does everything stand?
  synchost why PRODUCT     what became of this product, and why?`,
		Args:          knownCommand,
		RunE:          func(command *cobra.Command, _ []string) error { return command.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2,
		PersistentPreRun: func(*cobra.Command, []string) {
			a.started = true
		},
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.file, "config", "c", "connectors.toml", "the configuration `file`")
	flags.StringVar(&a.socket, "socket", "", "the running host's socket `file` (default: host.socket of the configuration)")
	flags.BoolVar(&a.json, "json", false, "write JSON, for programs")
	root.AddGroup(
		&cobra.Group{ID: "host", Title: "The host:"},
		&cobra.Group{ID: "look", Title: "Look at the running host:"},
		&cobra.Group{ID: "compare", Title: "Compare a platform with what is wanted there:"},
		&cobra.Group{ID: "steer", Title: "Steer the running host:"},
	)
	root.SetHelpCommandGroupID("host")
	root.SetCompletionCommandGroupID("host")
	for group, commands := range map[string][]*cobra.Command{
		"host": {a.runCommand(), a.validateCommand(), a.checkCommand(), a.configCommand(), a.versionCommand()},
		"look": {a.statusCommand(), a.eventsCommand(), a.whyCommand(), a.receiversCommand(), a.inspectCommand(), a.cronCommand()},
		"compare": {a.planCommand(), a.plansCommand(), a.showCommand(), a.applyCommand(), a.approveCommand(), a.adoptCommand(),
			a.undoCommand(), a.holdCommand(), a.releaseCommand(), a.linkCommand(), a.unlinkCommand(), a.backfillCommand()},
		"steer": {a.pauseCommand(), a.resumeCommand(), a.retryCommand(), a.replayCommand(), a.restartCommand()},
	} {
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
		}
	}
	root.AddCommand(exitCodesTopic())
	return root
}

// knownCommand refuses what is no verb, with those that are written alike.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	message := "there is no command " + args[0]
	if alike := root.SuggestionsFor(args[0]); len(alike) > 0 {
		message += ": did you mean " + strings.Join(alike, " or ") + "?"
	}
	return usageError(message)
}

// arguments wants from least to most arguments, and says which otherwise.
func arguments(least, most int) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return usageError(fmt.Sprintf("write: %s", command.UseLine()))
		}
		return nil
	}
}
