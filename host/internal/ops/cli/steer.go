package cli

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/synchost/synchost/host/internal/ops"
)

// post has the host do something with a connector.
func post[T any](a *app, command *cobra.Command, connector, what string, request any) (T, error) {
	return call[T](command.Context(), a, "POST", "/v1/connectors/"+url.PathEscape(connector)+"/"+what, nil, request)
}

// order posts what is answered with nothing but that it is done.
func (a *app) order(command *cobra.Command, connector, what string, request any, format string, args ...any) error {
	answer, err := post[struct{}](a, command, connector, what, request)
	if err != nil {
		return err
	}
	return a.show(answer, func() error {
		_, err := fmt.Fprintf(a.out, format+"\n", args...)
		return err
	})
}

func (a *app) pauseCommand() *cobra.Command {
	var reason string
	command := &cobra.Command{
		Use:   "pause CONNECTOR",
		Short: "Stop delivering through a connector; what comes for it is kept",
		Long: `Stop delivering through a connector, until resume, also across restarts of the
host. What is on its way is finished. What comes in the meantime is kept.`,
		Example: "  synchost pause shop --reason \"moving to a new server\"",
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			return a.order(command, args[0], "pause", ops.PauseRequest{Reason: reason},
				"%s is paused; what comes for it is kept. Go on with: synchost resume %s", args[0], args[0])
		},
	}
	command.Flags().StringVar(&reason, "reason", "", "is shown to whoever asks why it does not go on")
	return command
}

func (a *app) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "resume CONNECTOR",
		Short: "Go on delivering through a connector that was paused or has stopped",
		Long: `Go on delivering through a connector that was paused, or that stopped because its
platform refused it. It goes on where it stood. One whose process failed for good
needs restart.`,
		Example: "  synchost resume shop",
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			return a.order(command, args[0], "resume", nil,
				"%s goes on.", args[0])
		},
	}
}

func (a *app) restartCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restart CONNECTOR",
		Short: "End a connector's process and start it anew",
		Long: `End a connector's process and start it anew, also one that crashed too often to be
started again by itself. Nothing is lost by it.`,
		Example: "  synchost restart shop",
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			return a.order(command, args[0], "restart", nil,
				"%s is started anew. See: synchost status %s", args[0], args[0])
		},
	}
}

func (a *app) retryCommand() *cobra.Command {
	var all bool
	command := &cobra.Command{
		Use:   "retry CONNECTOR [PRODUCT...]",
		Short: "Try products that are not in step at once",
		Long: `Try products at once that are behind, dead or held at a connector: those that are
named, or all of them with --all. synchost status CONNECTOR lists them.

A product that is held may have been written already. Look at the platform first:
if it is there and the connector cannot find it, trying again makes a twin.

If one that is named is not on record at all, nothing is tried.`,
		Example: "  synchost retry shop 4711 4712\n  synchost retry shop --all",
		Args:    arguments(1, -1),
		RunE: func(command *cobra.Command, args []string) error {
			connector, keys := args[0], args[1:]
			if all == (len(keys) > 0) {
				return usageError("name the products to try again, or write --all")
			}
			answer, err := post[ops.RetryAnswer](a, command, connector, "retry", ops.RetryRequest{Keys: keys, All: all})
			if err != nil {
				return err
			}
			return a.show(answer, func() error {
				switch retried := int64(answer.Retried); {
				case retried == 0:
					fmt.Fprintf(a.out, "Nothing to try again: all of it is in step at %s, or on its way.\n", connector)
				case len(keys) > answer.Retried:
					fmt.Fprintf(a.out, "%s of %d tried again; the others are in step at %s, or on their way.\n", count(retried, "product"), len(keys), connector)
				default:
					fmt.Fprintf(a.out, "%s tried again at %s.\n", count(retried, "product"), connector)
				}
				return nil
			})
		},
	}
	command.Flags().BoolVar(&all, "all", false, "all products that are not in step")
	return command
}

func (a *app) replayCommand() *cobra.Command {
	var since string
	command := &cobra.Command{
		Use:   "replay CONNECTOR --since TIME|POSITION",
		Short: "Deliver again what happened since a time or position",
		Long: `Deliver again through a connector what was accepted since a time, or from a
position of the journal on. A connector that delivers every event sends each of
them again, with its first id. One that delivers the latest state looks at every
product that changed since then, and sends what is out of step.`,
		Example: "  synchost replay hook --since 2h\n  synchost replay hook --since \"2026-09-01 08:00\"\n  synchost replay hook --since 1207",
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			request, err := a.since(since)
			if err != nil {
				return err
			}
			answer, err := post[ops.ReplayAnswer](a, command, args[0], "replay", request)
			if err != nil {
				return err
			}
			return a.show(answer, func() error {
				if answer.Events == 0 {
					fmt.Fprintf(a.out, "Nothing was accepted since then.\n")
					return nil
				}
				fmt.Fprintf(a.out, "%s goes on from position %d again: %s up to the newest.\n", args[0], answer.Seq, count(answer.Events, "event"))
				return nil
			})
		},
	}
	command.Flags().StringVar(&since, "since", "", "a `time` such as 2h (ago), \"2026-09-01 08:00\" or RFC 3339, or a position")
	return command
}

// since reads a position, a stretch of time before now, or a point in time.
func (a *app) since(text string) (ops.ReplayRequest, error) {
	if seq, err := strconv.ParseInt(text, 10, 64); err == nil && seq > 0 {
		return ops.ReplayRequest{Seq: seq}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return ops.ReplayRequest{Time: a.now().Add(-ago)}, nil
	}
	for _, layout := range []string{time.RFC3339, timeFormat, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, a.zone); err == nil {
			return ops.ReplayRequest{Time: t}, nil
		}
	}
	return ops.ReplayRequest{}, usageError(fmt.Sprintf("--since %q is no time and no position: write 2h, \"2026-09-01 08:00\", 2026-09-01T08:00:00Z, or a position such as 1207", text))
}
