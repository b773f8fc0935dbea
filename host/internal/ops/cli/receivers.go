package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synchost/synchost/host/internal/ops"
)

func (a *app) receiversCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "receivers",
		Short: "The ways in, and what they took and refused; test one, or get its URL",
		Long: `List the receivers: the URL that each has for its sender, and what it took and
refused since the host started. {secret} in a URL stands for the secret; url tells
which, and where at the sender all of it goes.

  DUPLICATES  events that were there already, and are not kept again
  ECHOES      events of a destination that told our own writes back
  REFUSED     requests that were not proven or not understood: nothing of them is kept`,
		Example: "  synchost receivers\n  synchost receivers url crm\n  synchost receivers test crm",
		Args:    arguments(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			receivers, err := call[ops.Receivers](command.Context(), a, "GET", "/v1/receivers", nil, nil)
			if err != nil {
				return err
			}
			return a.show(receivers, func() error { return a.listReceivers(&receivers) })
		},
	}
	command.AddCommand(a.receiverTestCommand(), a.receiverURLCommand())
	return command
}

func (a *app) listReceivers(r *ops.Receivers) error {
	if len(r.Receivers) == 0 {
		fmt.Fprintln(a.out, "There is no receiver: write one under [receivers.NAME] into the configuration.")
		return nil
	}
	fmt.Fprintf(a.out, "Since the host started, %s:\n\n", a.ago(r.Since))
	t := newTable(a.out, "RECEIVER", "SCHEME", "URL", "LAST EVENT", "ACCEPTED", "DUPLICATES", "ECHOES", "REFUSED", "LAST REFUSAL")
	for _, one := range r.Receivers {
		refusal := ""
		if one.LastRefusal != "" {
			refusal = a.ago(one.LastRefused) + ": " + short(one.LastRefusal, 100)
		}
		t.row(one.Name, one.Scheme, one.URL, a.ago(one.LastEvent), number(one.Accepted), number(one.Duplicates), number(one.Echoes), number(one.Refused), refusal)
	}
	return t.flush()
}

func (a *app) receiverTestCommand() *cobra.Command {
	var file string
	var request ops.TrialRequest
	command := &cobra.Command{
		Use:   "test RECEIVER",
		Short: "Lead a correctly signed sample through a receiver, and see what comes of it",
		Long: `Have the running host make a request as the receiver's sender would, signed with the
receiver's own secret, and lead it through the receiver: what the sender would be
answered, and which events it would bring. Nothing is kept and nothing is delivered,
unless --keep is given.

It shows that secret and map are right on this side. What the filters of connectors
let through, --keep shows, and synchost why. Whether the sender reaches the host, and
has the same secret, only a request of its own can show: see synchost receivers.

The exit code is 1 when the receiver refuses it.`,
		Example: "  synchost receivers test crm\n  synchost receivers test shop --body order.json --type application/json\n  curl -s https://shop.example/order | synchost receivers test shop --body -",
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			if file != "" {
				body, err := a.readFile(file)
				if err != nil {
					return usageError(fmt.Sprintf("the body cannot be read: %s", err))
				}
				request.Body = append([]byte{}, body...) // empty is not none
			}
			tried, err := call[ops.Tried](command.Context(), a, "POST", "/v1/receivers/"+url.PathEscape(args[0])+"/test", nil, request)
			if err != nil {
				return err
			}
			if err := a.show(tried, func() error { return a.showTried(args[0], &tried, request.Keep) }); err != nil {
				return err
			}
			return refused(args[0], &tried, a.json)
		},
	}
	flags := command.Flags()
	flags.StringVar(&file, "body", "", "send what is in this `file` instead of the sample; - is standard input")
	flags.StringVar(&request.ContentType, "type", "", "the content `type` of the body (default: that of the sample)")
	flags.BoolVar(&request.Keep, "keep", false, "keep the events and deliver them, as if the sender had sent them")
	return command
}

// readFile reads a file, or standard input, which is called "-".
func (a *app) readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(a.stdin)
	}
	return os.ReadFile(name)
}

// refused is the error of a trial that was refused.
func refused(name string, t *ops.Tried, told bool) error {
	switch {
	case t.Status < 300:
		return nil
	case told:
		return errTold
	}
	return fmt.Errorf("%s refuses it with %s: %s\n%s", name, statusText(t.Status), strings.TrimSpace(t.Answer), t.Remedy)
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

func (a *app) showTried(name string, t *ops.Tried, keep bool) error {
	if t.Status < 300 {
		fmt.Fprintf(a.out, "%s takes it: the sender is answered %s\n", name, statusText(t.Status))
		if answer := strings.TrimSpace(t.Answer); answer != "" {
			fmt.Fprintf(a.out, "%s\n", indented(answer))
		}
		if len(t.Events) == 0 {
			fmt.Fprintln(a.out, "\nIt brings no event.")
		} else {
			fmt.Fprintf(a.out, "\nIt brings %s.\n", count(int64(len(t.Events)), "event"))
		}
	}
	for i := range t.Events {
		a.showTriedEvent(&t.Events[i])
	}
	isNew := func(e ops.TriedEvent) bool { return !e.Duplicate }
	switch {
	case t.Kept && slices.ContainsFunc(t.Events, isNew):
		fmt.Fprintf(a.out, "\nKept. See: synchost events --source %s\n", name)
	case t.Kept:
		fmt.Fprintln(a.out, "\nNothing new was kept: the sender's id says that it has come before.")
	case t.Status < 300:
		if t.Remedy != "" {
			fmt.Fprintf(a.out, "\n%s\n", clean(t.Remedy))
		}
		if keep {
			fmt.Fprintln(a.out, "\nThere is nothing to keep.")
		} else {
			fmt.Fprintln(a.out, "\nNothing was kept, and nothing is delivered: it was a test. To have both: --keep")
		}
	}
	return nil
}

func (a *app) showTriedEvent(e *ops.TriedEvent) {
	what := string(e.Op) + " " + e.Key
	if e.Hint {
		what += ", a hint: only that something changed"
	}
	if e.Raw != nil {
		what += ", a raw event: " + rawRequest(e.Raw)
	}
	if e.Whole {
		what += ", whole: fields that it does not name are cleared"
	}
	if e.Duplicate {
		what += fmt.Sprintf("; it is there already, at position %d, and was not kept again", e.Seq)
	} else if e.Seq > 0 {
		what += fmt.Sprintf("; position %d", e.Seq)
	}
	fmt.Fprintf(a.out, "  %s\n", clean(what))
	if e.Product == nil {
		return
	}
	width := 0
	for _, path := range e.Fields {
		width = max(width, len(clean(path)))
	}
	for _, path := range e.Fields {
		value := field(e.Product, path)
		if path == "attributes.*" {
			value = "(all others are cleared)"
		}
		fmt.Fprintf(a.out, "    %-*s  %s\n", width, clean(path), value)
	}
}

// indented is text from outside, each line a bit to the right.
func indented(text string) string {
	return "  " + strings.ReplaceAll(cleanLines(text), "\n", "\n  ")
}
