// Package schedule runs jobs at the times that their schedules name.
//
// Each time is run once. What it takes to say so after a restart is kept in the
// store before a run and after it: a time that passed while the host was down is
// made up, once however many there were, and a run that the host's end cut off is
// begun anew. A job that is still running when its next time comes misses that
// one. A clock that is set forward is noticed within a minute, and one that is set
// back repeats nothing. When times are is the business of package cron.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/synchost/synchost/host/internal/cron"
	"github.com/synchost/synchost/host/internal/store"
)

// Job is something to be run by a schedule.
type Job struct {
	Name     string // the same after a restart; no two are alike
	Group    string // of jobs of one group, one runs at a time and others wait; empty: of no group
	Spec     string // as cron.Parse takes it
	Location *time.Location
	Jitter   time.Duration // each run is put off by a part of it, which the name decides
	// Run does it. It returns soon after its context has ended. A panic is an error.
	Run func(context.Context) error
}

// Options says what a scheduler works with.
type Options struct {
	Store   store.Jobs
	Log     hclog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time // default time.Now
}

// Why a job was not triggered.
var (
	ErrNoJob   = errors.New("there is no such job")
	ErrRunning = errors.New("the job is running")
	ErrStopped = errors.New("the scheduler has stopped")
)

// Scheduler runs jobs. Its methods may be called from several goroutines.
type Scheduler struct {
	jobs    []*job
	stopped chan struct{}
}

// New makes a scheduler that does nothing before Run. It fails for a schedule
// that cannot be read and for two jobs of one name.
func New(jobs []Job, options Options) (*Scheduler, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	s := &Scheduler{stopped: make(chan struct{})}
	metrics := newMetrics(options.Metrics)
	groups := make(map[string]chan struct{})
	for _, j := range jobs {
		schedule, err := cron.Parse(j.Spec)
		if err != nil {
			return nil, fmt.Errorf("job %s: %w", j.Name, err)
		}
		if s.job(j.Name) != nil {
			return nil, fmt.Errorf("there are two jobs %s", j.Name)
		}
		turn, ok := groups[j.Group]
		if !ok || j.Group == "" {
			turn = make(chan struct{}, 1)
			groups[j.Group] = turn
		}
		s.jobs = append(s.jobs, newJob(j, schedule, turn, metrics.of(j.Name), options))
	}
	return s, nil
}

// Run runs the jobs until ctx ends, whose end is that of their contexts, and
// returns when all of them have.
func (s *Scheduler) Run(ctx context.Context) error {
	defer close(s.stopped)
	var wait sync.WaitGroup
	for _, j := range s.jobs {
		wait.Go(func() { j.loop(ctx) })
	}
	<-ctx.Done()
	wait.Wait()
	return ctx.Err()
}

// Trigger has a job run now, and returns when it has begun. Its own times stay as
// they are.
func (s *Scheduler) Trigger(ctx context.Context, name string) error {
	j := s.job(name)
	if j == nil {
		return ErrNoJob
	}
	answer := make(chan error, 1)
	select {
	case j.triggers <- answer:
	case <-s.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-answer
}

func (s *Scheduler) job(name string) *job {
	for _, j := range s.jobs {
		if j.Name == name {
			return j
		}
	}
	return nil
}

// Upcoming is how one job stands.
type Upcoming struct {
	Job      string
	Schedule string
	Location *time.Location
	At       []time.Time // when it runs next, in Location
	Running  bool
	Last     store.JobRun // the run in hand where it is running; Started is zero where there was none
}

// Next tells of every job, in the order of New, when its next n runs are.
func (s *Scheduler) Next(n int) []Upcoming {
	all := make([]Upcoming, len(s.jobs))
	for i, j := range s.jobs {
		all[i] = j.upcoming(n)
	}
	return all
}
