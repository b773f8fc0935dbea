package cli

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synchost/synchost/host/internal/ops"
	"github.com/synchost/synchost/host/internal/ops/inspect"
	"github.com/synchost/synchost/sdk"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status [CONNECTOR]",
		Short: "How everything stands, or one connector with its products that are not in step",
		Long: `Tell how the running host stands: what came in, what each connector has still to
deliver, and what needs attention. With a connector: its process, its lane, and the
products that are not in step there.

The exit code is 4 when something needs attention.

  ECHOES  events of a destination that told our own writes back
  LAG     positions that the lane has still to pass; 0: nothing to do
  BEHIND  products that failed and are tried again by themselves
  DEAD    products that are not tried again before a newer event, or retry
  HELD    products of which nobody knows whether they were written; they wait for retry
  ON HOLD products that are left as they are until release: by an operator, or
          because somebody else writes them, too

With a connector, products on hold are listed, too, and those that somebody else
writes there as well: what we wrote, what was found, and how often in a row.`,
		Example: "  synchost status\n  synchost status shop\n  synchost status --json",
		Args:    arguments(0, 1),
		RunE: func(command *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.connectorStatus(command, args[0])
			}
			status, err := call[ops.Status](command.Context(), a, "GET", "/v1/status", nil, nil)
			if err != nil {
				return err
			}
			if err := a.show(status, func() error { return a.showStatus(&status) }); err != nil {
				return err
			}
			if len(status.Trouble) > 0 {
				return errUnhealthy
			}
			return nil
		},
	}
}

func (a *app) showStatus(s *ops.Status) error {
	fmt.Fprintf(a.out, "synchost %s, up %s, %s accepted, %s on disk\n\n",
		clean(s.Version.Version), span(a.now().Sub(s.Started)), count(s.Store.Head, "event"), size(s.Store.Size))
	if err := a.showReceivers(s.Receivers); err != nil {
		return err
	}
	if err := a.showLanes(s); err != nil {
		return err
	}
	if len(s.Trouble) == 0 {
		fmt.Fprintln(a.out, "Nothing needs attention.")
		return nil
	}
	fmt.Fprintln(a.out, "This needs attention:")
	for _, line := range s.Trouble {
		fmt.Fprintf(a.out, "  %s\n", clean(line))
	}
	return nil
}

func (a *app) showReceivers(receivers []ops.ReceiverStatus) error {
	if len(receivers) == 0 {
		return nil
	}
	t := newTable(a.out, "RECEIVER", "SCHEME", "PATH", "ACCEPTED", "DUPLICATES", "ECHOES", "REFUSED", "LAST EVENT", "LAST REFUSAL")
	for _, r := range receivers {
		t.row(r.Name, r.Scheme, r.Path, number(r.Accepted), number(r.Duplicates), number(r.Echoes), number(r.Refused), a.ago(r.LastEvent), short(r.LastRefusal, 60))
	}
	defer fmt.Fprintln(a.out)
	return t.flush()
}

func (a *app) showLanes(s *ops.Status) error {
	if len(s.Connectors) == 0 {
		return nil
	}
	lanes := map[string]ops.LaneStatus{}
	for _, l := range s.Lanes {
		lanes[l.Connector] = l
	}
	t := newTable(a.out, "CONNECTOR", "PLUGIN", "PROCESS", "LANE", "LAG", "BEHIND", "DEAD", "HELD", "ON HOLD", "DELIVERED", "FAILED", "LAST SUCCESS")
	for _, c := range s.Connectors {
		plugin := strings.TrimSpace(c.Plugin + " " + c.Version)
		l, ok := lanes[c.Name]
		if !ok {
			t.row(c.Name, plugin, c.State, "", "", "", "", "", "", "", "", "")
			continue
		}
		t.row(c.Name, plugin, c.State, a.laneState(&l), number(l.Lag), number(l.Behind), number(l.Dead), number(l.Held), number(l.OnHold),
			number(l.Delivered), number(l.Failed), a.ago(l.LastSuccess))
	}
	defer fmt.Fprintln(a.out)
	return t.flush()
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func (a *app) laneState(l *ops.LaneStatus) string {
	switch l.State {
	case ops.LaneThrottled:
		return "throttled, goes on " + a.in(l.Until)
	case ops.LaneCircuitOpen:
		return "circuit open, probe " + a.in(l.Until)
	}
	return l.State
}

// connectorView is all about one connector.
type connectorView struct {
	Process  ops.ConnectorStatus `json:"process"`
	Lane     *ops.LaneStatus     `json:"lane,omitempty"`
	Products []ops.Standing      `json:"products"`
	Linked   int64               `json:"linked"`
	Verified int64               `json:"verified"`
}

func (a *app) connectorStatus(command *cobra.Command, name string) error {
	ctx := command.Context()
	status, err := call[ops.Status](ctx, a, "GET", "/v1/status", nil, nil)
	if err != nil {
		return err
	}
	view := connectorView{Products: []ops.Standing{}}
	for _, c := range status.Connectors {
		if c.Name == name {
			view.Process = c
		}
	}
	for i := range status.Lanes {
		if status.Lanes[i].Connector == name {
			view.Lane = &status.Lanes[i]
		}
	}
	if view.Lane != nil || view.Process.Name == "" { // of an unknown one, the answer says which there are
		path := "/v1/connectors/" + url.PathEscape(name) + "/products"
		products, err := call[ops.Standings](ctx, a, "GET", path, url.Values{"limit": {"50"}}, nil)
		if err != nil {
			return err
		}
		view.Products, view.Linked, view.Verified = products.Products, products.Linked, products.Verified
	}
	return a.show(view, func() error { return a.showConnector(&view) })
}

func (a *app) showConnector(v *connectorView) error {
	c := &v.Process
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(a.out, "%-13s%s\n", name, clean(text))
		}
	}
	line("connector", c.Name)
	line("plugin", strings.TrimSpace(c.Plugin+" "+c.Version))
	line("sha256", c.SHA256)
	state := c.State
	if !c.Since.IsZero() {
		state += " since " + a.at(c.Since)
	}
	if c.PID != 0 {
		state += fmt.Sprintf(", pid %d", c.PID)
	}
	line("process", fmt.Sprintf("%s, %s", state, count(int64(c.Restarts), "restart")))
	line("", c.Reason)
	for _, text := range c.LastStderr {
		line("stderr", text)
	}
	line("can", strings.Join(c.Capabilities, ", "))
	if l := v.Lane; l != nil {
		line("deliver", l.Deliver)
		lane := a.laneState(l)
		if !l.Until.IsZero() {
			lane += ", at " + a.at(l.Until)
		}
		line("lane", lane)
		line("", l.Reason)
		line("position", fmt.Sprintf("%d of %d, %d to pass", l.Passed, l.Head, l.Lag))
		line("delivered", fmt.Sprintf("%d, last %s; %d failed, %d on their way", l.Delivered, a.ago(l.LastSuccess), l.Failed, l.InFlight))
		line("not in step", fmt.Sprintf("%d behind, %d dead, %d held, %d on hold", l.Behind, l.Dead, l.Held, l.OnHold))
		if v.Linked > 0 && l.Deliver == "latest" {
			line("verified", fmt.Sprintf("%d of %d products there were seen by a reconciliation within 24h", v.Verified, v.Linked))
		}
	}
	if len(v.Products) == 0 {
		return nil
	}
	fmt.Fprintln(a.out)
	t := newTable(a.out, "PRODUCT", "STATE", "ATTEMPTS", "NEXT TRY", "REASON")
	for _, s := range v.Products {
		next := ""
		if s.State == ops.Behind {
			next = a.in(s.Next)
		}
		reason := s.Reason
		if s.State == ops.InStep {
			reason = s.Contention
		}
		t.row(s.Key, s.State, strconv.Itoa(s.Attempts), next, short(reason, 100))
	}
	return t.flush()
}

func (a *app) eventsCommand() *cobra.Command {
	var limit int
	var after int64
	var follow bool
	query := url.Values{}
	var key, source string
	command := &cobra.Command{
		Use:   "events",
		Short: "Events that were accepted, newest last",
		Long: `List events that were accepted, newest last. With --follow, go on with those that
come, until Ctrl-C.`,
		Example: "  synchost events\n  synchost events --key 4711 --limit 100\n  synchost events --follow --json | jq .product.name",
		Args:    arguments(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			query.Set("limit", strconv.Itoa(limit))
			query.Set("key", key)
			query.Set("source", source)
			if command.Flags().Changed("after") {
				query.Set("after", strconv.FormatInt(after, 10))
			}
			if follow {
				return each(command.Context(), a, "/v1/events", query, a.eventLines())
			}
			events, err := call[ops.Events](command.Context(), a, "GET", "/v1/events", query, nil)
			if err != nil {
				return err
			}
			return a.show(events, func() error { return a.showEvents(events.Events) })
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&follow, "follow", "f", false, "go on with what comes next")
	limitFlag(command, &limit, 20, "show at most this `many`")
	flags.StringVar(&key, "key", "", "only events of this `product`")
	flags.StringVar(&source, "source", "", "only events that this `receiver` or watched connector brought")
	flags.Int64Var(&after, "after", 0, "only events behind this `position`, the oldest first")
	return command
}

// Events are written as they come, so the columns have fixed widths.
const eventLine = "%-9s  %-19s  %-16s  %-8s  %-24s  %s\n"

// eventLines writes events, under a heading.
func (a *app) eventLines() func(ops.Event) error {
	headed := false
	return func(e ops.Event) error {
		if !headed {
			headed = true
			fmt.Fprintf(a.out, eventLine, "POSITION", "ACCEPTED", "SOURCE", "OP", "PRODUCT", "CHANGED")
		}
		_, err := fmt.Fprintf(a.out, eventLine, number(e.Seq), a.at(e.Accepted), clean(e.Source), e.Op, clean(e.Key), clean(changedFields(&e)))
		return err
	}
}

func (a *app) showEvents(events []ops.Event) error {
	if len(events) == 0 {
		fmt.Fprintln(a.out, "There is no such event.")
	}
	write := a.eventLines()
	for _, e := range events {
		if err := write(e); err != nil {
			return err
		}
	}
	return nil
}

// rawRequest is a raw event in short. Not all have a type.
func rawRequest(r *sdk.Raw) string {
	return fmt.Sprintf("%s, %d bytes", strings.TrimSpace(r.Method+" "+r.ContentType), len(r.Body))
}

// changedFields says what an event changed, or why it changed nothing.
func changedFields(e *ops.Event) string {
	switch {
	case e.Raw != nil:
		return rawRequest(e.Raw)
	case e.Echo:
		return "(echo) " + strings.Join(e.Fields, " ")
	case e.There:
		return "(there) " + strings.Join(e.Fields, " ")
	case e.Hint && len(e.Fields) > 0:
		return "(hint) " + strings.Join(e.Fields, " ")
	case e.Hint:
		return "(hint)"
	case len(e.Fields) == 0:
		return "nothing"
	}
	return strings.Join(e.Fields, " ")
}

func (a *app) inspectCommand() *cobra.Command {
	var limit int
	var follow bool
	command := &cobra.Command{
		Use:   "inspect",
		Short: "Requests that the host's inspector took, as they arrived",
		Long: `Show the newest requests that the inspector took: a request bin on this machine
that connectors can be tried out with. It is there when the configuration has
enabled = true under [inspector]. With --follow, go on with those that come.`,
		Example: "  synchost inspect\n  synchost inspect --follow",
		Args:    arguments(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if follow {
				return each(command.Context(), a, "/v1/inspect", query, a.showRequest)
			}
			taken, err := call[ops.Requests](command.Context(), a, "GET", "/v1/inspect", query, nil)
			if err != nil {
				return err
			}
			return a.show(taken, func() error { return a.showRequests(taken.Requests) })
		},
	}
	command.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes next")
	limitFlag(command, &limit, 10, "show at most this `many`")
	return command
}

func (a *app) showRequests(requests []inspect.Request) error {
	if len(requests) == 0 {
		fmt.Fprintln(a.out, "The inspector has taken no request yet.")
	}
	for _, r := range requests {
		if err := a.showRequest(r); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) showRequest(r inspect.Request) error {
	var b strings.Builder
	fmt.Fprintf(&b, "--- request %d, %s, from %s ---\n", r.ID, r.Time.In(a.zone).Format(timeFormat+".000"), clean(r.Remote))
	fmt.Fprintf(&b, "%s %s %s\n", clean(r.Method), clean(r.URL), clean(r.Proto))
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\n", clean(h.Name), clean(h.Value))
	}
	b.WriteString("\n")
	switch {
	case r.BodyBase64 != nil:
		fmt.Fprintf(&b, "(%d bytes that are not text)\n", r.Size)
	case r.Body != "":
		b.WriteString(strings.TrimRight(cleanLines(r.Body), "\n") + "\n")
	}
	if r.Truncated {
		fmt.Fprintf(&b, "(cut off; %d bytes arrived)\n", r.Size)
	}
	b.WriteString("\n")
	_, err := a.out.Write([]byte(b.String()))
	return err
}

// limitFlag adds -n, --limit to a command.
func limitFlag(command *cobra.Command, limit *int, preset int, usage string) {
	*limit = preset
	command.Flags().VarP((*limitValue)(limit), "limit", "n", fmt.Sprintf("%s, up to %d", usage, ops.MaxLimit))
}

// limitValue is how many there may be.
type limitValue int

func (l *limitValue) String() string { return strconv.Itoa(int(*l)) }
func (l *limitValue) Type() string   { return "int" }

func (l *limitValue) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > ops.MaxLimit {
		return fmt.Errorf("write a whole number from 1 to %d", ops.MaxLimit)
	}
	*l = limitValue(n)
	return nil
}
