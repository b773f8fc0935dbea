package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/synchost/synchost/host/internal/store"
)

var _ store.Jobs = (*Store)(nil)

const jobColumns = "job, schedule, due, passed, started, ended, outcome, message, attempt, skipped, succeeded"

func (c *columns) job(r *store.JobRun) *columns {
	return c.text(r.Job).text(r.Schedule).time(r.Due).time(r.Passed).time(r.Started).time(r.Ended).text(string(r.Outcome)).text(r.Message).
		int(int64(r.Attempt)).int(int64(r.Skipped)).time(r.Succeeded)
}

func (v *values) job() store.JobRun {
	return store.JobRun{Job: v.text(), Schedule: v.text(), Due: v.time(), Passed: v.time(), Started: v.time(), Ended: v.time(), Outcome: store.JobOutcome(v.text()),
		Message: v.text(), Attempt: int(v.int()), Skipped: int(v.int()), Succeeded: v.time()}
}

// LastRun reads a job's last run.
func (s *Store) LastRun(ctx context.Context, job string) (store.JobRun, error) {
	rows, err := collect(ctx, s, "SELECT "+jobColumns+" FROM jobs WHERE job = ?", func(c *columns) { c.text(job) }, (*values).job)
	if err != nil || len(rows) == 0 {
		return store.JobRun{Job: job}, err
	}
	return rows[0], nil
}

// SaveRun writes a job's last run.
func (s *Store) SaveRun(ctx context.Context, r store.JobRun) error {
	return s.change(ctx, func(conn *sqlite.Conn) error {
		return run(conn, "INSERT OR REPLACE INTO jobs ("+jobColumns+") VALUES (?,?,?,?,?,?,?,?,?,?,?)", func(c *columns) { c.job(&r) })
	})
}
