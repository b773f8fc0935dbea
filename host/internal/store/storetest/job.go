package storetest

import (
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/store"
)

var jobTests = []test{
	{"a job that was never saved has no run", func(t *testing.T, f *fixture) {
		same(t, "the run", from(f.jobs(t).LastRun(t.Context(), "nightly")).must(t), store.JobRun{Job: "nightly"})
	}},
	{"a run comes back as it was written, and the last one stays", func(t *testing.T, f *fixture) {
		other := store.JobRun{Job: "other", Due: start}
		must(t, f.jobs(t).SaveRun(t.Context(), other))
		for _, r := range []store.JobRun{
			{Job: "nightly", Schedule: "30 2 * * * UTC", Passed: start},
			{Job: "nightly", Schedule: "30 2 * * * UTC", Due: start, Passed: start.Add(time.Second), Started: start.Add(time.Second), Attempt: 2},
			{Job: "nightly", Due: start, Started: start.Add(time.Second), Ended: start.Add(time.Minute), Outcome: store.JobFailed,
				Message: "the listing broke off", Attempt: 1, Skipped: 3, Succeeded: start.Add(-time.Hour)},
		} {
			must(t, f.jobs(t).SaveRun(t.Context(), r))
			same(t, "the run", from(f.jobs(t).LastRun(t.Context(), "nightly")).must(t), r)
		}
		same(t, "the other's", from(f.jobs(t).LastRun(t.Context(), "other")).must(t), other)
	}},
}

// jobs is the part of the store that jobs remember their runs in.
func (f *fixture) jobs(t *testing.T) store.Jobs {
	t.Helper()
	jobs, ok := f.Store.(store.Jobs)
	if !ok {
		t.Fatalf("%T keeps no runs of jobs", f.Store)
	}
	return jobs
}
