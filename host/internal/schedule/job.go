package schedule

import (
	"context"
	"fmt"
	"hash/fnv"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/synchost/synchost/host/internal/cron"
	"github.com/synchost/synchost/host/internal/store"
)

const (
	// glance is how long the clock is trusted to go on as it does.
	glance = time.Minute
	// wrong is how far behind the last run a clock may be for having been set back.
	// If it is more, it was wrong before, and what it said then counts no more.
	wrong = 24 * time.Hour
	// attempts is how often a run is begun that the host's end cuts off: a run that
	// is itself what brings the host down does not do so for ever.
	attempts = 3
	// saveWithin bounds the write after a run, which the end of the host does not stop.
	saveWithin = 5 * time.Second
)

// job is a Job with its clock.
type job struct {
	Job
	Options
	log      hclog.Logger
	metrics  jobMetrics
	schedule cron.Schedule
	offset   time.Duration // of each run behind its time
	turn     chan struct{} // is full while one of the group runs
	triggers chan chan<- error
	ended    chan error // of the run in hand

	mu      sync.Mutex
	last    store.JobRun // written by loop only
	running bool         // likewise
}

func newJob(j Job, schedule cron.Schedule, turn chan struct{}, metrics jobMetrics, options Options) *job {
	if j.Location == nil {
		j.Location = time.Local
	}
	return &job{
		Job: j, Options: options, log: options.Log.With("job", j.Name), metrics: metrics, schedule: schedule,
		offset: offset(j.Name, j.Jitter), turn: turn, triggers: make(chan chan<- error), ended: make(chan error, 1),
	}
}

// offset is a part of jitter that is the same for a name each time, so that no
// restart brings a run forward or puts it off.
func offset(name string, jitter time.Duration) time.Duration {
	if jitter <= 0 {
		return 0
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	return time.Duration(hash.Sum64() % uint64(jitter)).Truncate(time.Second)
}

// now is the time on the clock, however long the process has been running.
func (j *job) now() time.Time { return j.Now().Round(0) }

// loop runs the job at its times until ctx ends.
func (j *job) loop(ctx context.Context) {
	for !j.load(ctx) {
		if !sleep(ctx, glance) {
			return
		}
	}
	again := j.last.Outcome == store.JobInterrupted && j.last.Attempt < attempts
	for {
		now := j.now()
		if j.last.Passed.After(now.Add(wrong)) {
			j.pass(now)
		}
		due := j.schedule.Next(j.last.Passed, j.Location)
		wait := glance
		if at := due.Add(j.offset); !due.IsZero() && at.Sub(now) < wait {
			wait = at.Sub(now)
		}
		switch {
		case again:
			wait = j.begin(ctx, j.last.Due, j.last.Attempt+1)
			again = !j.running
		case wait <= 0 && j.running:
			j.skip(due, now)
			continue
		case wait <= 0:
			wait = j.begin(ctx, due, 1)
		}
		select {
		case <-ctx.Done():
			if j.running {
				j.end(ctx, <-j.ended)
			}
			return
		case err := <-j.ended:
			j.end(ctx, err)
		case answer := <-j.triggers:
			answer <- j.trigger(ctx)
		case <-time.After(wait):
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// load reads the last run. A job that is new, or has a new schedule, has missed
// nothing until now.
func (j *job) load(ctx context.Context) bool {
	last, err := j.Store.LastRun(ctx, j.Name)
	if err != nil {
		j.log.Error("cannot read when it last ran; will try again", "in", glance, "error", err)
		return false
	}
	schedule := j.schedule.String() + " " + j.Location.String()
	fresh := last.Schedule != schedule
	if fresh {
		last.Schedule, last.Passed = schedule, j.now()
	}
	died := !last.Started.IsZero() && last.Ended.IsZero()
	if died {
		last.Outcome, last.Ended, last.Message = store.JobInterrupted, j.now(), "the host died while it ran"
		j.log.Warn("interrupted", "started", last.Started, "error", last.Message)
	}
	if fresh || died {
		if err := j.Store.SaveRun(ctx, last); err != nil {
			j.log.Error("cannot write when it last ran; will try again", "in", glance, "error", err)
			return false
		}
	}
	if died {
		j.metrics.interrupted.Inc()
	}
	j.set(last, false)
	j.metrics.succeeded(last.Succeeded)
	return true
}

// set is what others see of the job.
func (j *job) set(last store.JobRun, running bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last, j.running = last, running
}

// pass is done with the times up to t.
func (j *job) pass(t time.Time) {
	last := j.last
	last.Passed = t
	j.set(last, j.running)
}

// passed is up to where times are done with once one is run, or skipped: that
// time, and all that were missed before now.
func (j *job) passed(due, now time.Time) time.Time {
	if missed := now.Add(-j.offset); missed.After(due) {
		return missed
	}
	return due
}

// skip lets a time pass at which the job is still running.
func (j *job) skip(due, now time.Time) {
	j.log.Warn("skipped: it is still running", "due", due, "started", j.last.Started)
	j.metrics.skipped.Inc()
	last := j.last
	last.Skipped++
	last.Passed = j.passed(due, now)
	j.set(last, true)
}

// begin starts a run once it is on disk that it does; due is zero where an
// operator wants it. It returns how long to look at nothing else.
func (j *job) begin(ctx context.Context, due time.Time, attempt int) (wait time.Duration) {
	if err := j.start(ctx, due, attempt); err != nil {
		j.log.Error("not run: that cannot be written down; will try again", "in", glance, "error", err)
		return glance
	}
	return 0
}

func (j *job) start(ctx context.Context, due time.Time, attempt int) error {
	now := j.now()
	run := store.JobRun{
		Job: j.Name, Schedule: j.last.Schedule, Due: due, Passed: j.last.Passed, Started: now,
		Attempt: attempt, Succeeded: j.last.Succeeded,
	}
	if passed := j.passed(due, now); passed.After(run.Passed) {
		run.Passed = passed
	}
	if err := j.Store.SaveRun(ctx, run); err != nil {
		return err
	}
	j.log.Debug("begins", "due", due, "attempt", attempt)
	j.set(run, true)
	go func() {
		select {
		case j.turn <- struct{}{}:
			err := j.call(ctx)
			<-j.turn
			j.ended <- err
		case <-ctx.Done():
			j.ended <- ctx.Err()
		}
	}()
	return nil
}

// call is Run, of which a panic is an error.
func (j *job) call(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			j.log.Error("panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	return j.Run(ctx)
}

// end writes down how the run in hand ended.
func (j *job) end(ctx context.Context, err error) {
	run := j.last
	run.Ended = j.now()
	took := run.Ended.Sub(run.Started).Round(time.Millisecond)
	switch {
	case err == nil:
		run.Outcome, run.Succeeded = store.JobOK, run.Ended
		j.log.Debug("done", "took", took)
		j.metrics.ok.Inc()
		j.metrics.succeeded(run.Succeeded)
	case ctx.Err() != nil:
		run.Outcome, run.Message = store.JobInterrupted, "the host stopped while it ran"
		j.log.Info("interrupted: the host stops", "took", took)
		j.metrics.interrupted.Inc()
	default:
		run.Outcome, run.Message = store.JobFailed, err.Error()
		j.log.Error("failed", "took", took, "error", err)
		j.metrics.failed.Inc()
	}
	j.set(run, false)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	if err := j.Store.SaveRun(ctx, run); err != nil {
		j.log.Error("cannot write how it ended", "error", err)
	}
}

// trigger runs the job because an operator wants it.
func (j *job) trigger(ctx context.Context) error {
	if j.running {
		return ErrRunning
	}
	return j.start(ctx, time.Time{}, 1)
}

func (j *job) upcoming(n int) Upcoming {
	j.mu.Lock()
	last, running := j.last, j.running
	j.mu.Unlock()
	after := last.Passed
	if after.IsZero() { // nothing is loaded yet
		after = j.now()
	}
	u := Upcoming{Job: j.Name, Schedule: j.schedule.String(), Location: j.Location, Running: running, Last: last}
	for range n {
		if after = j.schedule.Next(after, j.Location); after.IsZero() {
			break
		}
		u.At = append(u.At, after.Add(j.offset))
	}
	return u
}
