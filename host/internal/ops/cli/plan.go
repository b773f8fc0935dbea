package cli

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/synchost/synchost/host/internal/ops"
)

// group is a kind of what a plan does, as people look for it.
type group struct {
	name, sign string
	kinds      []string
}

var groups = []group{
	{"create", "+", []string{"missing"}},
	{"update", "~", []string{"drift"}},
	{"archive", "-", []string{"extra", "tombstone-late"}},
	{"adopt", "=", []string{"adopt"}},
	{"conflict", "!", []string{"duplicate", "ambiguous", "contended", "failed", "unreadable"}},
	{"left alone", ".", []string{"edited", "not-owned", "filtered", "foreign"}},
}

const signs = "+ create, ~ update, - archive or delete, = adopt, ! conflict, . left alone"

func groupOf(kind string) group {
	for _, g := range groups {
		if slices.Contains(g.kinds, kind) {
			return g
		}
	}
	return group{kind, "?", []string{kind}}
}

// kinds are those that --only names, by group or by themselves.
func kinds(only []string) ([]string, error) {
	var list []string
	for _, name := range only {
		at := slices.IndexFunc(groups, func(g group) bool { return g.name == name || slices.Contains(g.kinds, name) })
		switch {
		case at < 0:
			return nil, usageError(fmt.Sprintf("--only %s: there are create, update, archive, adopt, conflict, \"left alone\", and the kinds that synchost show lists", name))
		case groups[at].name == name:
			list = append(list, groups[at].kinds...)
		default:
			list = append(list, name)
		}
	}
	return list, nil
}

const onlyUsage = "only these: create, update, archive, adopt, conflict, or a `kind`; may be given more than once"

func (a *app) planCommand() *cobra.Command {
	var product string
	command := &cobra.Command{
		Use:   "plan CONNECTOR",
		Short: "Compare a platform with what is wanted there, and write nothing",
		Long: `Go through all that a connector's platform has, compare it with the catalog, and
keep what differs as a plan: per product and field, old and new, and why. Nothing is
written. What is to be done is done by apply.

` + signs + `

A listing that is interrupted goes on where it was when it is asked for again.`,
		Example: "  synchost plan shop\n  synchost plan shop --product 4711\n  synchost plan shop --json",
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			done := a.showProgress(command.Context(), args[0])
			plan, err := post[ops.Plan](a, command, args[0], "plans", ops.PlanRequest{Product: product})
			done()
			if err != nil {
				return err
			}
			return a.show(plan, func() error { return a.showPlan(command.Context(), &plan, nil, 20) })
		},
	}
	command.Flags().StringVar(&product, "product", "", "only the product of this `key`")
	return command
}

// showProgress tells on a terminal how far a connector's plan has come, until the
// function it returns is called.
func (a *app) showProgress(ctx context.Context, connector string) (done func()) {
	terminal, ok := a.err.(*os.File)
	if !ok || a.json {
		return func() {}
	}
	if info, err := terminal.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				fmt.Fprint(terminal, "\r\x1b[K")
				return
			}
			p, err := call[ops.PlanProgress](ctx, a, "GET", "/v1/connectors/"+url.PathEscape(connector)+"/progress", nil, nil)
			if err == nil {
				fmt.Fprintf(terminal, "\r\x1b[K%s", a.progressText(&p))
			}
		}
	}()
	return func() { cancel(); <-ended }
}

func (a *app) progressText(p *ops.PlanProgress) string {
	if p.Doing == "" {
		return ""
	}
	text := fmt.Sprintf("%s: %s", p.Doing, number(p.Done))
	if p.Of <= p.Done || p.Done == 0 {
		return text
	}
	text += fmt.Sprintf(" of about %s (%d %%)", number(p.Of), 100*p.Done/p.Of)
	if took := a.now().Sub(p.Started); !p.Started.IsZero() && took > time.Second {
		text += ", about " + span(time.Duration(float64(took)/float64(p.Done)*float64(p.Of-p.Done))) + " to go"
	}
	return text
}

func (a *app) plansCommand() *cobra.Command {
	var limit int
	command := &cobra.Command{
		Use:     "plans [CONNECTOR]",
		Short:   "The newest plans, and what became of them",
		Long:    "List the newest plans, and what became of them. synchost show tells what one says.\n\n" + signs,
		Example: "  synchost plans\n  synchost plans shop",
		Args:    arguments(0, 1),
		RunE: func(command *cobra.Command, args []string) error {
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if len(args) == 1 {
				query.Set("connector", args[0])
			}
			answer, err := call[ops.Plans](command.Context(), a, "GET", "/v1/plans", query, nil)
			if err != nil {
				return err
			}
			return a.show(answer, func() error {
				if len(answer.Plans) == 0 {
					fmt.Fprintln(a.out, "There are no plans yet. Make one with: synchost plan CONNECTOR")
					return nil
				}
				t := newTable(a.out, "PLAN", "CONNECTOR", "MADE", "STATE", "WHAT", "WHY")
				for i := range answer.Plans {
					p := &answer.Plans[i]
					t.row(planName(p), p.Connector, a.ago(p.Made), p.State, totals(p.Totals), short(p.Reason, 80))
				}
				return t.flush()
			})
		},
	}
	command.Flags().IntVar(&limit, "limit", 20, "at most this many")
	return command
}

// planName is a plan's number with its hash: who names it so means what it says.
func planName(p *ops.Plan) string {
	if p.Hash == "" {
		return number(p.ID)
	}
	return fmt.Sprintf("%d-%s", p.ID, p.Hash)
}

// readPlanName is the number and the hash, if it was written, of a plan.
func readPlanName(text string) (id int64, hash string, err error) {
	first, hash, _ := strings.Cut(text, "-")
	if id, err = strconv.ParseInt(first, 10, 64); err != nil {
		return 0, "", usageError(fmt.Sprintf("%q is no plan: write its number, or number and hash, as synchost plans lists them", text))
	}
	return id, hash, nil
}

func totals(list []ops.PlanTotal) string {
	var parts []string
	for _, g := range groups {
		var n int64
		for _, t := range list {
			if groupOf(t.Kind).name == g.name {
				n += t.Count
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", g.sign, n))
		}
	}
	if len(parts) == 0 {
		return "all in step"
	}
	return strings.Join(parts, "  ")
}

func (a *app) showCommand() *cobra.Command {
	var only []string
	var limit int
	command := &cobra.Command{
		Use:     "show PLAN",
		Short:   "What a plan says of each product, field by field",
		Long:    "Tell what a plan says of each product: which fields, old and new, and why.\n\n" + signs,
		Example: "  synchost show 3\n  synchost show 3 --only archive --only conflict",
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			plan, err := a.getPlan(command.Context(), args[0])
			if err != nil {
				return err
			}
			list, err := kinds(only)
			if err != nil {
				return err
			}
			if a.json {
				return a.eachItem(command.Context(), plan.ID, list, limit, func(items []ops.PlanItem) error {
					return a.show(ops.PlanItems{Items: items}, nil)
				})
			}
			return a.showPlan(command.Context(), &plan, list, limit)
		},
	}
	command.Flags().StringSliceVar(&only, "only", nil, onlyUsage)
	command.Flags().IntVar(&limit, "limit", 1000, "at most this many products")
	return command
}

func (a *app) getPlan(ctx context.Context, name string) (ops.Plan, error) {
	id, hash, err := readPlanName(name)
	if err != nil {
		return ops.Plan{}, err
	}
	plan, err := call[ops.Plan](ctx, a, "GET", fmt.Sprintf("/v1/plans/%d", id), nil, nil)
	if err == nil && hash != "" && hash != plan.Hash {
		err = fmt.Errorf("plan %d says something else by now: it is %s", id, planName(&plan))
	}
	return plan, err
}

// eachItem calls do with a plan's items, some at a time, up to limit.
func (a *app) eachItem(ctx context.Context, plan int64, kinds []string, limit int, do func([]ops.PlanItem) error) error {
	query := url.Values{"kind": kinds}
	for limit > 0 {
		query.Set("limit", strconv.Itoa(min(limit, 500)))
		answer, err := call[ops.PlanItems](ctx, a, "GET", fmt.Sprintf("/v1/plans/%d/items", plan), query, nil)
		if err != nil || len(answer.Items) == 0 {
			return err
		}
		if err := do(answer.Items); err != nil {
			return err
		}
		limit -= len(answer.Items)
		last := answer.Items[len(answer.Items)-1]
		query.Set("after", last.Key)
		query.Set("after_remote", last.Remote)
	}
	return nil
}

func (a *app) showPlan(ctx context.Context, p *ops.Plan, kinds []string, limit int) error {
	fmt.Fprintf(a.out, "Plan %s of %s: %s", planName(p), clean(p.Connector), p.State)
	if p.Reason != "" {
		fmt.Fprintf(a.out, ": %s", clean(p.Reason))
	}
	fmt.Fprintf(a.out, "\n%s\n", totals(p.Totals))
	var shown, all int64
	for _, t := range p.Totals {
		if len(kinds) == 0 || slices.Contains(kinds, t.Kind) {
			all += t.Count
		}
	}
	err := a.eachItem(ctx, p.ID, kinds, limit, func(items []ops.PlanItem) error {
		for i := range items {
			a.showItem(&items[i])
		}
		shown += int64(len(items))
		return nil
	})
	if err != nil {
		return err
	}
	if shown < all {
		fmt.Fprintf(a.out, "\nand %s more: synchost show %d --limit %d\n", count(all-shown, "product"), p.ID, all)
	}
	if p.State == "open" || p.State == "asks" {
		verb := map[string]string{"open": "apply", "asks": "approve"}[p.State]
		fmt.Fprintf(a.out, "\nDo it with: synchost %s %s\n", verb, planName(p))
	}
	return nil
}

func (a *app) showItem(i *ops.PlanItem) {
	name := i.Key
	if name == "" {
		name = i.Remote + " there"
	}
	fmt.Fprintf(a.out, "\n%s %s", groupOf(i.Kind).sign, clean(name))
	for _, text := range []string{i.Code, i.Name} {
		if text != "" {
			fmt.Fprintf(a.out, "  %s", clean(short(text, 60)))
		}
	}
	fmt.Fprintf(a.out, "  (%s", i.Kind)
	if i.Op == "purge" {
		fmt.Fprint(a.out, ", is deleted there")
	}
	if i.Key != "" && i.Remote != "" {
		fmt.Fprintf(a.out, ", there %s", clean(i.Remote))
	}
	fmt.Fprintln(a.out, ")")
	if i.Why != "" {
		fmt.Fprintf(a.out, "    %s\n", clean(i.Why))
	}
	for _, f := range i.Fields {
		sign := "."
		if f.Written {
			sign = "~"
		}
		fmt.Fprintf(a.out, "    %s %s: %s → %s  (%s)\n", sign, clean(f.Path), literal(f.There), literal(f.Wanted), clean(f.Why))
	}
	if i.State != "" {
		fmt.Fprintf(a.out, "    %s", i.State)
		if i.Reason != "" {
			fmt.Fprintf(a.out, ": %s", clean(i.Reason))
		}
		fmt.Fprintln(a.out)
	}
}

func literal(l ops.Literal) string {
	if len(l) == 0 {
		return "nothing"
	}
	return clean(short(string(l), 120))
}

func (a *app) applyCommand() *cobra.Command {
	return a.applying("apply", "Do what a plan says", false,
		`Do what a plan says, as far as it still holds: each product is looked at once more,
and one that has changed since, there or at its source, is left as it is. With the
plan's hash in its name, as synchost plans and synchost show write it, exactly what
was shown is done, or nothing.

Nothing is delivered to a new connector before its first plan was applied whole: of one
that was applied in part, make a plan of what is left, and apply that.`)
}

func (a *app) approveCommand() *cobra.Command {
	return a.applying("approve", "Do what a plan says that takes more off sale than max_deletes allows", true,
		`Do what a plan says that waits to be approved, since it would take more products off
sale than max_deletes allows. Look at it first: synchost show PLAN --only archive`)
}

func (a *app) applying(verb, what string, approve bool, long string) *cobra.Command {
	var only []string
	command := &cobra.Command{
		Use: verb + " PLAN", Short: what, Long: long,
		Example: fmt.Sprintf("  synchost %s 3-1f0c5a2b77de\n  synchost %s 3 --only adopt", verb, verb),
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			plan, err := a.getPlan(command.Context(), args[0])
			if err != nil {
				return err
			}
			list, err := kinds(only)
			if err != nil {
				return err
			}
			return a.applyPlan(command.Context(), &plan, ops.ApplyRequest{Hash: plan.Hash, Only: list, Approve: approve})
		},
	}
	command.Flags().StringSliceVar(&only, "only", nil, onlyUsage)
	return command
}

func (a *app) applyPlan(ctx context.Context, plan *ops.Plan, request ops.ApplyRequest) error {
	done := a.showProgress(ctx, plan.Connector)
	answer, err := call[ops.Applied](ctx, a, "POST", fmt.Sprintf("/v1/plans/%d/apply", plan.ID), nil, request)
	done()
	if err != nil {
		return err
	}
	return a.show(answer, func() error {
		if answer.Waits == "" {
			fmt.Fprintf(a.out, "%s brought in step at %s now.\n", count(answer.Marked, "product"), plan.Connector)
		} else {
			fmt.Fprintf(a.out, "%s marked, and nothing is written at %s yet: %s\n", count(answer.Marked, "product"), plan.Connector, clean(answer.Waits))
		}
		if answer.Refused > 0 {
			fmt.Fprintf(a.out, "%s left as it is, since it has changed meanwhile: synchost show %d\n", count(answer.Refused, "product"), plan.ID)
		}
		return nil
	})
}

func (a *app) adoptCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "adopt CONNECTOR",
		Short: "Take over products that a platform has already, by their codes",
		Long: `Take over the products that a platform has already and that are ours by their codes,
as the connector's newest plan says, and nothing else of that plan. Codes are compared
as match in the configuration says; what is not clear is left alone.

Of a connector's first plan this is a part: nothing else is delivered before a plan was
applied whole.`,
		Example: "  synchost plan shop\n  synchost adopt shop",
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			ctx := command.Context()
			plans, err := call[ops.Plans](ctx, a, "GET", "/v1/plans", url.Values{"connector": {args[0]}, "limit": {"1"}}, nil)
			if err != nil {
				return err
			}
			if len(plans.Plans) == 0 {
				return fmt.Errorf("there is no plan of %s yet: make one with synchost plan %s, and look at it", args[0], args[0])
			}
			plan := &plans.Plans[0]
			return a.applyPlan(ctx, plan, ops.ApplyRequest{Hash: plan.Hash, Only: []string{"adopt"}})
		},
	}
}
