package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/synchost/synchost/host/internal/config"
)

// The exit codes. exitCode is the one place that decides on them.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitNotRunning = 3
	exitUnhealthy  = 4
)

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `The exit codes of every verb:

  0  done
  1  it failed; why, and verbs that name products: nothing is on record of one of
     them, and nothing was done; receivers test: the receiver refused it
  2  wrong usage, or a bad configuration
  3  the host is not running, or not reached
  4  status: something needs attention; check: a connector's check failed`,
	}
}

// usageError is a mistake in the arguments that only a verb can see.
type usageError string

func (e usageError) Error() string { return string(e) }

// notRunningError says that no host answers.
type notRunningError string

func (e notRunningError) Error() string { return string(e) }

var (
	// errTold ends with a failure about which all is said already.
	errTold = errors.New("told already")
	// errUnhealthy is errTold about what is not well.
	errUnhealthy = unhealthyError{}
)

type unhealthyError struct{}

func (unhealthyError) Error() string { return "something needs attention" }
func (unhealthyError) Unwrap() error { return errTold }

func (a *app) exitCode(err error) int {
	var (
		problems   config.Problems
		usage      usageError
		notRunning notRunningError
	)
	switch {
	case err == nil:
		return exitDone
	case !a.started, errors.As(err, &usage), errors.As(err, &problems):
		return exitUsage
	case errors.As(err, &notRunning):
		return exitNotRunning
	case errors.Is(err, errUnhealthy):
		return exitUnhealthy
	}
	return exitFailed
}
