package cli

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/synchost/synchost/host/internal/ops"
)

func (a *app) cronCommand() *cobra.Command {
	var times int
	command := &cobra.Command{
		Use:   "cron",
		Short: "What runs at certain times, when next, and how its last run ended",
		Long: `List the jobs that run at certain times, watch and reconcile of each connector: when
they run next, in the time zone of this terminal, and how the last run ended. The
schedule itself goes by the time zone beside it.`,
		Example: "  synchost cron\n  synchost cron --times 10\n  synchost cron run reconcile:shop",
		Args:    arguments(0, 0),
		RunE: func(command *cobra.Command, _ []string) error {
			query := url.Values{"times": {strconv.Itoa(times)}}
			cron, err := call[ops.Cron](command.Context(), a, "GET", "/v1/cron", query, nil)
			if err != nil {
				return err
			}
			return a.show(cron, func() error { return a.showCron(cron.Jobs) })
		},
	}
	command.Flags().IntVarP(&times, "times", "n", 2, "how `many` of each job's next times")
	command.AddCommand(a.cronRunCommand())
	return command
}

func (a *app) cronRunCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run JOB",
		Short: "Have a job run now",
		Long: `Have a job run now, and return when it has begun. Its own times stay as they are. A job
that is running is not begun again.`,
		Example: "  synchost cron run reconcile:shop",
		Args:    arguments(1, 1),
		RunE: func(command *cobra.Command, args []string) error {
			answer, err := call[struct{}](command.Context(), a, "POST", "/v1/cron", nil, ops.RunJobRequest{Job: args[0]})
			if err != nil {
				return err
			}
			return a.show(answer, func() error {
				_, err := fmt.Fprintf(a.out, "%s has begun. See how it ends: synchost cron\n", args[0])
				return err
			})
		},
	}
}

func (a *app) showCron(jobs []ops.CronJob) error {
	if len(jobs) == 0 {
		fmt.Fprintln(a.out, "Nothing runs at certain times: set watch or reconcile of a connector.")
		return nil
	}
	t := newTable(a.out, "JOB", "SCHEDULE", "ZONE", "NEXT", "THEN", "LAST RUN")
	for _, j := range jobs {
		next, then := "", ""
		if len(j.Next) > 0 {
			next = a.at(j.Next[0]) + ", " + a.in(j.Next[0])
			then = list(j.Next[1:], func(t time.Time) string { return a.at(t) })
		}
		t.row(j.Job, j.Schedule, j.Zone, next, then, a.lastRun(&j))
	}
	return t.flush()
}

// lastRun is how a job's last run ended, or how long it has been running.
func (a *app) lastRun(j *ops.CronJob) string {
	run := j.Last
	if run == nil {
		return ""
	}
	var text strings.Builder
	if j.Running {
		fmt.Fprintf(&text, "running for %s", span(a.now().Sub(run.Started)))
	} else {
		took := run.Ended.Sub(run.Started)
		fmt.Fprintf(&text, "%s %s, took ", run.Outcome, a.ago(run.Ended))
		if took < time.Second {
			fmt.Fprint(&text, took.Round(time.Millisecond))
		} else {
			text.WriteString(span(took))
		}
	}
	if run.Skipped > 0 {
		fmt.Fprintf(&text, ", %s skipped", count(int64(run.Skipped), "time"))
	}
	if run.Message != "" {
		fmt.Fprintf(&text, ": %s", short(run.Message, 80))
	}
	return text.String()
}
