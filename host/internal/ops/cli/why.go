package cli

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/synchost/synchost/host/internal/ops"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

func (a *app) whyCommand() *cobra.Command {
	var limit int
	command := &cobra.Command{
		Use:   "why PRODUCT [CONNECTOR]",
		Short: "What became of a product, and why",
		Long: `Tell the story of one product: every event, every decision, every delivery and its
answer, in order, and where the product stands now at each connector. PRODUCT is
its key: the source's id.

Requests, answers and products are shortened here; --json has them whole.`,
		Example: "  synchost why 4711\n  synchost why 4711 shop\n  synchost why 4711 --json",
		Args:    arguments(1, 2),
		RunE: func(command *cobra.Command, args []string) error {
			query := url.Values{"key": {args[0]}, "limit": {strconv.Itoa(limit)}}
			if len(args) == 2 {
				query.Set("connector", args[1])
			}
			why, err := call[ops.Why](command.Context(), a, "GET", "/v1/why", query, nil)
			if err != nil {
				return err
			}
			if err := a.show(why, func() error { return a.showWhy(&why) }); err != nil {
				return err
			}
			if why.Unheard() {
				return errTold
			}
			return nil
		},
	}
	limitFlag(command, &limit, 1000, "show at most this `many` events and deliveries, the newest")
	return command
}

// story writes a product's story: a line a fact, under a column of times.
type story struct {
	*app
	b strings.Builder
}

func (a *app) showWhy(w *ops.Why) error {
	s := story{app: a}
	s.title(w)
	if w.Unheard() {
		s.unheardOf(w)
	} else {
		s.timeline(w)
		s.now(w)
	}
	_, err := a.out.Write([]byte(s.b.String()))
	return err
}

func (s *story) line(format string, args ...any) {
	s.b.WriteString(strings.TrimRight(clean(fmt.Sprintf(format, args...)), " ") + "\n")
}

// fact is a line of the timeline; more is a further line under it.
func (s *story) fact(at time.Time, who, format string, args ...any) {
	s.line("%s  %-12s %s", at.In(s.zone).Format(timeFormat+".000"), who, fmt.Sprintf(format, args...))
}

func (s *story) more(format string, args ...any) {
	s.line("%38s %s", "", fmt.Sprintf(format, args...))
}

func (s *story) title(w *ops.Why) {
	switch p := w.Product; {
	case p == nil:
		s.line("Product %s", w.Key)
	case w.Deleted:
		s.line("Product %s %s is deleted at its source.", w.Key, naming(p))
	default:
		s.line("Product %s %s", w.Key, naming(p))
	}
	s.line("")
}

// naming is a product's name and code, as far as they are known.
func naming(p *sdk.Product) string {
	var parts []string
	if p.Name != "" {
		parts = append(parts, strconv.Quote(short(p.Name, 60)))
	}
	if p.Code != "" {
		parts = append(parts, "code "+p.Code)
	}
	return strings.Join(parts, ", ")
}

func (s *story) unheardOf(w *ops.Why) {
	s.line("Nothing is on record here of product %s.", w.Key)
	if w.Near != "" {
		s.line("Did you mean %s?", w.Near)
	}
	s.line("")
	s.line("  Products go by their key, the id at their source, to the letter; not by code or name.")
	s.line("  See which came in:             synchost events")
	s.line("  See what senders are refused:  synchost status")
	s.line("  What is older than host.keep_events is forgotten.")
}

func (s *story) timeline(w *ops.Why) {
	if w.Earlier {
		s.line("(There is more before this: see it with --limit.)")
	}
	if len(w.Timeline) == 0 {
		s.line("Its events and deliveries are older than what is kept (host.keep_events, host.keep_deliveries).")
	}
	var before *sdk.Product
	for _, m := range w.Timeline {
		if m.Event != nil {
			s.event(m.Event, before)
			if m.Event.Product != nil && !m.Event.Hint {
				before = m.Event.Product
			}
			continue
		}
		s.delivery(m.Delivery)
	}
}

func (s *story) event(e *ops.Event, before *sdk.Product) {
	what := string(e.Op)
	switch {
	case e.Echo:
		what += ", an echo of our own write,"
	case e.There:
		what += ", a change there,"
	case e.Hint:
		what += ", a hint to look again,"
	}
	s.fact(e.Accepted, fmt.Sprintf("event %d", e.Seq), "%s at %s (id %s)", what, e.Source, short(e.ID, 40))
	switch {
	case e.Raw != nil:
		s.more("%s", rawRequest(e.Raw))
	case len(e.Fields) == 0 && !e.Hint && e.Op != sdk.Deleted:
		s.more("changed nothing")
	case e.Product != nil:
		if e.Op == sdk.Created || e.Hint {
			before = nil
		}
		s.fields(e.Fields, before, e.Product)
	}
}

// mostFields is how many fields are shown of one event or delivery.
const mostFields = 12

// fields shows what a change made of fields.
func (s *story) fields(paths []string, before, after *sdk.Product) {
	width := 0
	for _, path := range paths[:min(len(paths), mostFields)] {
		width = max(width, len(path))
	}
	for i, path := range paths {
		if i == mostFields {
			s.more("and %s more", count(int64(len(paths)-i), "field"))
			return
		}
		if before == nil {
			s.more("%-*s  %s", width, path, field(after, path))
			continue
		}
		s.more("%-*s  %s → %s", width, path, field(before, path), field(after, path))
	}
}

func (s *story) delivery(d *ops.Delivery) {
	if d.Outcome == store.Skipped {
		s.fact(d.At, d.Connector, "event %d: nothing sent; %s", d.Seq, d.Message)
		return
	}
	if d.Kind == sdk.Throttled.String() && d.Outcome == store.Failed {
		s.fact(d.At, d.Connector, "%s for event %d: the platform asked for a pause; not counted as an attempt%s", d.Op, d.Seq, spent(d))
		s.exchange(d)
		return
	}
	what := d.Op
	if what == "" {
		what = "no call"
	}
	parts := []string{fmt.Sprintf("%s for event %d", what, d.Seq)}
	switch {
	case d.Attempt > 1:
		parts = append(parts, fmt.Sprintf("attempt %d", d.Attempt))
	case d.Attempt == 0 && d.Op != "" && d.Outcome != store.GivenUp:
		parts = append(parts, "not counted as an attempt")
	}
	result := outcome(d.Outcome)
	if d.Kind != "" {
		result += " (" + d.Kind + ")"
	}
	s.fact(d.At, d.Connector, "%s: %s%s", strings.Join(parts, ", "), result, spent(d))
	s.exchange(d)
}

// spent is a call's HTTP status and how long it took.
func spent(d *ops.Delivery) string {
	text := ""
	if d.Status != 0 {
		text += fmt.Sprintf(", HTTP %d", d.Status)
	}
	if d.TookMS > 0 {
		text += ", took " + took(d.TookMS)
	}
	return text
}

// exchange is what was said, one way and the other.
func (s *story) exchange(d *ops.Delivery) {
	if d.Message != "" {
		s.more("%s", short(d.Message, 300))
	}
	if request, _, _ := strings.Cut(d.Request, "\n"); request != "" {
		s.more("%s", short(request, 200))
	}
	if d.Wanted != nil {
		s.fields(d.Fields, d.Before, d.Wanted)
	} else if len(d.Fields) > 0 {
		s.more("fields: %s", strings.Join(d.Fields, " "))
	}
	if d.Outcome != store.Done && d.Outcome != store.Unchanged && d.Response != "" {
		s.more("answer: %s", short(d.Response, 200))
	}
}

func outcome(o store.Outcome) string {
	switch o {
	case store.Unchanged:
		return "it was so already"
	case store.Unknown:
		return "no answer; it may have been written or not"
	case store.GivenUp:
		return "given up"
	}
	return string(o)
}

// took is a number of milliseconds as people read it.
func took(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	if d > time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

// now says where the product stands at each connector.
func (s *story) now(w *ops.Why) {
	if len(w.Connectors) == 0 {
		return
	}
	s.line("")
	s.line("Now:")
	width := 0
	for _, c := range w.Connectors {
		width = max(width, len(c.Connector))
	}
	for i := range w.Connectors {
		c := &w.Connectors[i]
		s.line("  %-*s  %s", width, c.Connector, s.standing(c))
		if c.Contention != "" {
			s.line("  %-*s  (somebody else writes it there, too: %s)", width, "", c.Contention)
		}
		if c.Lane != "" {
			s.line("  %-*s  (this connector is not delivering: %s%s)", width, "", c.Lane, after(": ", c.LaneReason))
		}
	}
}

func (s *story) standing(c *ops.Standing) string {
	switch c.State {
	case ops.InStep:
		return "in step" + after(" with event ", nonZero(c.Seq)) + after(", known there as ", c.RemoteID)
	case ops.OnItsWay:
		return fmt.Sprintf("event %d is on its way", c.Seq)
	case ops.Behind:
		return fmt.Sprintf("behind: tried again at %s (%s), after %s%s",
			s.at(c.Next), s.in(c.Next), count(int64(c.Attempts), "failed attempt"), after(": ", c.Reason))
	case ops.Dead:
		return fmt.Sprintf("dead%s; waits for a newer event, or: synchost retry %s %s", after(": ", c.Reason), c.Connector, word(c.Key))
	case ops.Held:
		return fmt.Sprintf("held%s; look at the platform, then: synchost retry %s %s", after(": ", c.Reason), c.Connector, word(c.Key))
	}
	return c.State + after("; ", c.Reason)
}

func nonZero(n int64) string {
	if n == 0 {
		return ""
	}
	return number(n)
}

// after is text behind what leads to it; nothing where there is no text.
func after(lead, text string) string {
	if text == "" {
		return ""
	}
	return lead + text
}
