package store

import (
	"context"
	"time"
)

// Jobs is what scheduled jobs remember of their runs.
type Jobs interface {
	// LastRun reads a job's last run; of a job that was never saved, its name only.
	LastRun(ctx context.Context, job string) (JobRun, error)
	// SaveRun writes a job's last run. It returns when it is on disk.
	SaveRun(ctx context.Context, r JobRun) error
}

// JobRun is one run of a scheduled job.
type JobRun struct {
	Job       string
	Schedule  string     // by which its times are told
	Due       time.Time  // when it was to begin; zero: when an operator said so
	Passed    time.Time  // its times up to here are done with
	Started   time.Time  // zero: it has not run yet
	Ended     time.Time  // zero: it is running, or the host died meanwhile
	Outcome   JobOutcome // once it has ended
	Message   string     // of what failed
	Attempt   int        // from 1: it is begun anew where the host ended
	Skipped   int        // times that came while it was running
	Succeeded time.Time  // when a run of this job last ended well
}

// JobOutcome says how a run ended.
type JobOutcome string

// The outcomes of a run.
const (
	JobOK          JobOutcome = "ok"
	JobFailed      JobOutcome = "failed"
	JobInterrupted JobOutcome = "interrupted" // the host ended
)
