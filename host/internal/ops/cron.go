package ops

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/synchost/synchost/host/internal/schedule"
	"github.com/synchost/synchost/host/internal/store"
)

// Scheduler runs what is due at certain times.
type Scheduler interface {
	// Next tells of every job, and when its next n runs are.
	Next(n int) []schedule.Upcoming
	// Trigger has a job run now.
	Trigger(ctx context.Context, job string) error
}

// Cron is what runs at certain times.
type Cron struct {
	Jobs []CronJob `json:"jobs" doc:"the one that is due first comes first"`
}

// CronJob is one job with its times.
type CronJob struct {
	Job         string      `json:"job"`
	Schedule    string      `json:"schedule" doc:"five fields as of cron, or a word that begins with @"`
	Zone        string      `json:"zone" doc:"time zone of the schedule"`
	Next        []time.Time `json:"next" doc:"when it runs next, with its jitter"`
	Running     bool        `json:"running,omitempty"`
	Last        *CronRun    `json:"last,omitempty" doc:"the last run, or the one in hand"`
	LastSuccess time.Time   `json:"last_success,omitzero" doc:"end of the last run that ended well"`
}

// CronRun is one run of a job.
type CronRun struct {
	Due     time.Time `json:"due,omitzero" doc:"when it was to begin; absent: when an operator said so"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	Outcome string    `json:"outcome,omitempty" enum:"ok,failed,interrupted"`
	Message string    `json:"message,omitempty" doc:"why it did not end well"`
	Attempt int       `json:"attempt" doc:"from 1: it is begun anew where the host ended"`
	Skipped int       `json:"skipped,omitempty" doc:"times that came while it was running, and were let pass"`
}

// RunJobRequest names a job.
type RunJobRequest struct {
	Job string `json:"job"`
}

func (a *api) cron(r *http.Request) (any, error) {
	n, err := number(r, "times", 3, 100)
	if err != nil {
		return nil, err
	}
	answer := Cron{Jobs: []CronJob{}}
	for _, u := range a.Scheduler.Next(int(n)) {
		answer.Jobs = append(answer.Jobs, jobView(&u))
	}
	slices.SortStableFunc(answer.Jobs, func(a, b CronJob) int { return firstOf(a).Compare(firstOf(b)) })
	return answer, nil
}

// firstOf is when a job is due next; far away where it never is.
func firstOf(j CronJob) time.Time {
	if len(j.Next) == 0 {
		return time.Unix(1<<40, 0)
	}
	return j.Next[0]
}

func jobView(u *schedule.Upcoming) CronJob {
	view := CronJob{
		Job: u.Job, Schedule: u.Schedule, Zone: u.Location.String(), Next: append([]time.Time{}, u.At...), Running: u.Running,
		LastSuccess: u.Last.Succeeded,
	}
	if last := u.Last; !last.Started.IsZero() {
		view.Last = &CronRun{
			Due: last.Due, Started: last.Started, Ended: last.Ended, Outcome: string(last.Outcome), Message: last.Message,
			Attempt: last.Attempt, Skipped: last.Skipped,
		}
	}
	return view
}

func (a *api) runJob(r *http.Request) (any, error) {
	request, err := body[RunJobRequest](r)
	if err != nil {
		return nil, err
	}
	err = a.Scheduler.Trigger(r.Context(), request.Job)
	switch {
	case errors.Is(err, schedule.ErrNoJob):
		var names []string
		for _, u := range a.Scheduler.Next(0) {
			names = append(names, u.Job)
		}
		if len(names) == 0 {
			return nil, refuse(http.StatusNotFound, "there is no job %s, nor any other: set watch or reconcile of a connector", request.Job)
		}
		return nil, refuse(http.StatusNotFound, "there is no job %s: there is %s", request.Job, strings.Join(names, ", "))
	case errors.Is(err, schedule.ErrRunning):
		return nil, refuse(http.StatusConflict, "%s is running: see synchost cron", request.Job)
	case errors.Is(err, schedule.ErrStopped):
		return nil, refuse(http.StatusServiceUnavailable, "%w", errStopping)
	}
	return nil, err
}

// jobTrouble is what of the jobs needs somebody's attention.
func jobTrouble(jobs []schedule.Upcoming) []string {
	var list []string
	for _, u := range jobs {
		if u.Last.Outcome == store.JobFailed {
			list = append(list, fmt.Sprintf("%s: its last run failed%s. When that is mended, it runs at its next time, or: synchost cron run %s", u.Job, because(u.Last.Message), u.Job))
		}
	}
	return list
}
