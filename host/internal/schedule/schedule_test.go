package schedule

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/synchost/synchost/host/internal/store"
)

func TestAJobRunsAtItsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		_, stop := w.start(w.nightly())
		time.Sleep(72 * time.Hour)
		w.ranAt("11 02:30:00", "12 02:30:00", "13 02:30:00")
		stop()
		w.counted("nightly", map[string]int{"ok": 3})
		if err := testutil.GatherAndCompare(w.registry, strings.NewReader(`
# HELP synchost_schedule_last_success_timestamp_seconds When a run of the job last ended well; absent until one has.
# TYPE synchost_schedule_last_success_timestamp_seconds gauge
synchost_schedule_last_success_timestamp_seconds{job="nightly"} 1.7813178e+09
`), "synchost_schedule_last_success_timestamp_seconds"); err != nil {
			t.Error(err)
		}
	})
}

func TestEachTimeIsRunOnceWhenTheClocksChange(t *testing.T) {
	for _, test := range []struct {
		place, spec string
		from        time.Time
		want        []string
	}{
		{"Europe/Berlin", "30 2 * * *", time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), []string{"29 03:00 +0200", "30 02:30 +0200"}},
		{"Europe/Berlin", "30 2 * * *", time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC), []string{"25 02:30 +0200", "26 02:30 +0100"}},
		{"America/New_York", "30 1 * * *", time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC), []string{"01 01:30 -0400", "02 01:30 -0500"}},
		{"Australia/Lord_Howe", "45 1 * * *", time.Date(2026, 4, 4, 4, 0, 0, 0, time.UTC), []string{"05 01:45 +1100", "06 01:45 +1030"}},
		{"Asia/Tehran", "0 0 * * *", time.Date(2022, 3, 21, 12, 0, 0, 0, time.UTC), []string{"22 01:00 +0430", "23 00:00 +0430"}},
		{"UTC", "30 2 * * *", time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), []string{"29 02:30 +0000", "30 02:30 +0000"}},
	} {
		t.Run(test.place+" "+test.from.Format("January"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				place, err := time.LoadLocation(test.place)
				if err != nil {
					t.Fatal(err)
				}
				w := newWorld(t, test.from)
				_, stop := w.start(Job{Name: "nightly", Spec: test.spec, Location: place, Run: w.run})
				time.Sleep(48 * time.Hour)
				stop()
				var got []string
				for _, at := range w.ran {
					got = append(got, at.In(place).Format("02 15:04 -0700"))
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("it ran (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestWhatIsMissedIsMadeUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		_, stop := w.start(w.nightly()) // it is known from here on, and has not run yet
		stop()
		time.Sleep(70 * time.Hour) // three times pass
		_, stop = w.start(w.nightly())
		w.ranAt("13 10:00:00")
		w.counted("nightly", map[string]int{"ok": 1})
		time.Sleep(24 * time.Hour)
		w.ranAt("14 02:30:00")
		stop()

		time.Sleep(time.Hour) // none does
		_, stop = w.start(w.nightly())
		w.ranAt()
		stop()

		// A new schedule is no reason to run, although one of its times has passed.
		changed := w.nightly()
		changed.Spec = "0 9 * * *"
		_, stop = w.start(changed)
		w.ranAt()
		time.Sleep(24 * time.Hour)
		w.ranAt("15 09:00:00")
		stop()
	})
}

func TestAJobDoesNotOverlapItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		_, stop := w.start(Job{Name: "slow", Spec: "@hourly", Location: time.UTC, Run: func(ctx context.Context) error {
			defer time.Sleep(150 * time.Minute)
			return w.run(ctx)
		}})
		time.Sleep(8 * time.Hour)
		w.ranAt("10 13:00:00", "10 16:00:00", "10 19:00:00")
		w.counted("slow", map[string]int{"ok": 2, "skipped": 5})
		if last := w.store.runs["slow"]; last.Skipped != 0 || !strings.Contains(w.log.String(), "skipped: it is still running") {
			t.Errorf("what is told of skipped times: %+v\n%s", last, &w.log)
		}
		stop()
		if last := w.store.runs["slow"]; last.Skipped != 1 {
			t.Errorf("the run that skipped a time says %d", last.Skipped)
		}
	})
}

func TestTimesThatTheClockJumpsOverAreOneSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		s, stop := w.start(Job{Name: "slow", Spec: "@hourly", Location: time.UTC, Run: func(ctx context.Context) error {
			defer time.Sleep(10 * time.Minute)
			return w.run(ctx)
		}})
		if err := s.Trigger(t.Context(), "slow"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it has begun
		w.set(noon.AddDate(0, 0, 7))
		time.Sleep(5 * time.Minute)
		w.ranAt("10 12:00:00")
		w.counted("slow", map[string]int{"skipped": 1})
		stop()
	})
}

func TestJobsOfAGroupTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		running, most := 0, 0
		var mu sync.Mutex
		run := func(ctx context.Context) error {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(10 * time.Minute)
			mu.Lock()
			running--
			mu.Unlock()
			return w.run(ctx)
		}
		_, stop := w.start(
			Job{Name: "watch", Group: "shop", Spec: "@hourly", Location: time.UTC, Run: run},
			Job{Name: "reconcile", Group: "shop", Spec: "@hourly", Location: time.UTC, Run: run},
			Job{Name: "other", Spec: "5 * * * *", Location: time.UTC, Run: w.run},
			Job{Name: "another", Spec: "@hourly", Location: time.UTC, Run: func(context.Context) error { time.Sleep(time.Hour); return nil }})
		time.Sleep(90 * time.Minute)
		w.ranAt("10 12:05:00", "10 13:05:00", "10 13:10:00", "10 13:20:00")
		stop()
		if most != 1 {
			t.Errorf("%d of a group ran at once", most)
		}
	})
}

func TestAPanicIsAFailedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		_, stop := w.start(Job{Name: "broken", Spec: "@hourly", Location: time.UTC, Run: func(ctx context.Context) error {
			_ = w.run(ctx)
			panic("no such page")
		}}, w.nightly())
		time.Sleep(2 * time.Hour)
		w.ranAt("10 13:00:00", "10 14:00:00")
		stop()
		w.counted("broken", map[string]int{"failed": 2})
		if last := w.store.runs["broken"]; last.Outcome != store.JobFailed || last.Message != "it panicked: no such page" || !last.Succeeded.IsZero() {
			t.Errorf("the run is kept as %+v", last)
		}
	})
}

func TestAFailedRunWaitsForItsNextTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		_, stop := w.start(w.nightly())
		time.Sleep(24 * time.Hour)
		stop()
		w.ranAt("11 02:30:00")
		job := w.nightly()
		job.Run = func(ctx context.Context) error {
			_ = w.run(ctx)
			return errors.New("the listing broke off")
		}
		_, stop = w.start(job)
		time.Sleep(24 * time.Hour)
		stop()
		_, stop = w.start(job)
		time.Sleep(time.Hour)
		stop()
		w.ranAt("12 02:30:00")
		succeeded := time.Date(2026, 6, 11, 2, 30, 0, 0, time.UTC)
		if last := w.store.runs["nightly"]; last.Outcome != store.JobFailed || last.Message != "the listing broke off" || !last.Succeeded.Equal(succeeded) {
			t.Errorf("the run is kept as %+v", last)
		}
	})
}

func TestAClockThatIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		s, stop := w.start(w.nightly())
		at := func(clock string) time.Time {
			t.Helper()
			set, err := time.Parse("2006-01-02 15:04:05", "2026-06-"+clock)
			if err != nil {
				t.Fatal(err)
			}
			return set
		}

		w.set(at("13 09:00:00")) // forward over three times, which are noticed and made up once
		time.Sleep(time.Minute)
		w.ranAt("13 09:01:00")

		w.set(at("14 02:00:00"))
		time.Sleep(31 * time.Minute)
		w.ranAt("14 02:30:00")
		w.set(at("14 01:00:00")) // back over a time, which is not repeated
		time.Sleep(time.Hour)
		if err := s.Trigger(t.Context(), "nightly"); err != nil { // nor by this
			t.Error(err)
		}
		w.ranAt("14 02:00:00")
		time.Sleep(23 * time.Hour)
		w.ranAt()
		time.Sleep(2 * time.Hour)
		w.ranAt("15 02:30:00")

		// A clock that was years ahead puts nothing off by years.
		w.set(noon.AddDate(10, 0, 0))
		time.Sleep(time.Minute)
		w.ranAt("10 12:01:00")
		w.set(at("20 02:00:00"))
		time.Sleep(time.Hour)
		w.ranAt("20 02:30:00")
		stop()
	})
}

func TestStoppingWaitsForRunsAndTheyAreBegunAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		job := w.nightly()
		job.Run = func(ctx context.Context) error {
			_ = w.run(ctx)
			<-ctx.Done()
			time.Sleep(3 * time.Second) // to put things in order
			return ctx.Err()
		}
		_, stop := w.start(job)
		time.Sleep(15 * time.Hour)
		begun := w.now()
		stop()
		if took := w.now().Sub(begun); took != 3*time.Second {
			t.Errorf("stopping took %s", took)
		}
		if last := w.store.runs["nightly"]; last.Outcome != store.JobInterrupted || last.Ended.IsZero() {
			t.Errorf("the run is kept as %+v", last)
		}
		w.ranAt("11 02:30:00")
		for range 3 { // at most twice
			_, stop = w.start(job)
			stop()
		}
		w.ranAt("11 03:00:03", "11 03:00:06")
		_, stop = w.start(job)
		time.Sleep(24 * time.Hour)
		w.ranAt("12 02:30:00")
		stop()
	})
}

func TestARunThatACrashCutOffIsSeenAndBegunAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		_, stop := w.start(w.nightly())
		time.Sleep(24 * time.Hour)
		stop()
		w.ranAt("11 02:30:00")

		// What a host that died leaves: a run that has begun.
		begun := w.store.runs["nightly"]
		begun.Started, begun.Ended, begun.Outcome, begun.Attempt = w.now(), time.Time{}, "", 1
		w.store.runs["nightly"] = begun
		var seen store.JobRun
		again := w.nightly()
		again.Run = func(ctx context.Context) error {
			seen = w.store.runs["nightly"]
			return w.run(ctx)
		}
		_, stop = w.start(again)
		w.ranAt("11 12:00:00")
		if seen.Attempt != 2 || !seen.Due.Equal(begun.Due) {
			t.Errorf("it is begun anew as %+v", seen)
		}
		w.counted("nightly", map[string]int{"ok": 1, "interrupted": 1})
		stop()

		begun.Attempt = attempts // it brings the host down each time
		w.store.runs["nightly"] = begun
		_, stop = w.start(w.nightly())
		w.ranAt()
		if last := w.store.runs["nightly"]; last.Outcome != store.JobInterrupted || last.Message != "the host died while it ran" {
			t.Errorf("it is kept as %+v", last)
		}
		stop()
	})
}

func TestTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		job := w.nightly()
		job.Run = func(ctx context.Context) error {
			defer time.Sleep(time.Minute)
			return w.run(ctx)
		}
		s, stop := w.start(job)
		for _, test := range []struct {
			job  string
			want error
		}{{"daily", ErrNoJob}, {"nightly", nil}, {"nightly", ErrRunning}} {
			if err := s.Trigger(t.Context(), test.job); !errors.Is(err, test.want) {
				t.Errorf("Trigger(%s): %v, want %v", test.job, err, test.want)
			}
		}
		w.ranAt("10 12:00:00")
		time.Sleep(15 * time.Hour)
		w.ranAt("11 02:30:00")
		full := errors.New("the disk is full")
		w.store.fail(full)
		if err := s.Trigger(t.Context(), "nightly"); !errors.Is(err, full) {
			t.Errorf("a run that cannot be written down: %v", err)
		}
		w.ranAt()
		stop()
		if err := s.Trigger(t.Context(), "nightly"); !errors.Is(err, ErrStopped) {
			t.Errorf("Trigger after the end: %v", err)
		}
	})
}

func TestNothingRunsThatCannotBeWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		w.store.fail(errors.New("the disk is full"))
		_, stop := w.start(w.nightly())
		time.Sleep(30 * time.Second)
		w.store.fail(nil)
		time.Sleep(14 * time.Hour)
		w.store.fail(errors.New("the disk is full"))
		time.Sleep(30*time.Minute + 10*time.Second) // 02:30:40
		w.ranAt()
		w.store.fail(nil)
		time.Sleep(time.Hour)
		w.ranAt("11 02:31:00")
		stop()
	})
}

func TestJitterIsTheSameEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		var jobs []Job
		for _, name := range []string{"shop", "crm", "ledger"} {
			jobs = append(jobs, Job{Name: name, Spec: "30 2 * * *", Location: time.UTC, Jitter: time.Hour, Run: w.run})
		}
		var days [][]string
		for range 2 {
			_, stop := w.start(jobs...)
			time.Sleep(24 * time.Hour)
			stop()
			var clock []string
			for _, at := range w.times() {
				clock = append(clock, strings.Fields(at)[1])
			}
			slices.Sort(clock)
			days = append(days, clock)
		}
		if len(slices.Compact(slices.Clone(days[0]))) != 3 || days[0][0] < "02:30:00" || days[0][2] >= "03:30:00" {
			t.Errorf("it ran at %v", days[0])
		}
		if diff := cmp.Diff(days[0], days[1]); diff != "" {
			t.Errorf("after a restart it runs at other times:\n%s", diff)
		}

		// A restart between a time and the run that is put off neither repeats nor loses it.
		put := offset("shop", time.Hour)
		if put < 2*time.Second {
			t.Fatalf("shop is put off by %s: choose another name", put)
		}
		w.set(time.Date(2026, 6, 20, 2, 29, 0, 0, time.UTC))
		_, stop := w.start(jobs[0])
		w.times() // what the clock jumped over
		time.Sleep(time.Minute + put/2)
		stop()
		w.ranAt()
		_, stop = w.start(jobs[0])
		time.Sleep(put/2 + 2*time.Second)
		stop()
		_, stop = w.start(jobs[0])
		time.Sleep(time.Hour)
		stop()
		if times := w.times(); len(times) != 1 {
			t.Errorf("it ran at %v, want once", times)
		}
	})
}

func TestJitterThatIsLongerThanAnIntervalLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		_, stop := w.start(Job{Name: "shop", Spec: "* * * * *", Location: time.UTC, Jitter: time.Hour, Run: w.run})
		put := offset("shop", time.Hour)
		if put < 5*time.Minute {
			t.Fatalf("shop is put off by %s: choose another name", put)
		}
		time.Sleep(put + 10*time.Minute)
		synctest.Wait()
		if ran := len(w.times()); ran != 10 {
			t.Errorf("it ran %d times in the ten minutes since its first time", ran)
		}
		stop()
	})
}

func TestNextTellsOfEveryJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noon)
		release := make(chan struct{})
		slow := Job{Name: "slow", Spec: "@hourly", Location: time.UTC, Run: func(context.Context) error { <-release; return nil }}
		s, stop := w.start(w.nightly(), slow)
		time.Sleep(61 * time.Minute)
		next := s.Next(2)
		want := []time.Time{time.Date(2026, 6, 11, 2, 30, 0, 0, time.UTC), time.Date(2026, 6, 12, 2, 30, 0, 0, time.UTC)}
		if n := next[0]; n.Job != "nightly" || n.Schedule != "30 2 * * *" || n.Running || !n.Last.Started.IsZero() || !slices.EqualFunc(n.At, want, time.Time.Equal) {
			t.Errorf("Next tells of nightly: %+v", n)
		}
		if n := next[1]; n.Job != "slow" || !n.Running || !n.Last.Due.Equal(noon.Add(time.Hour)) || !n.At[0].Equal(noon.Add(2*time.Hour)) {
			t.Errorf("Next tells of slow: %+v", n)
		}
		close(release)
		stop()
	})
}

func TestNewRefuses(t *testing.T) {
	for want, jobs := range map[string][]Job{
		"job a: \"nonsense\" is no schedule": {{Name: "a", Spec: "nonsense"}},
		"there are two jobs a":               {{Name: "a", Spec: "@daily"}, {Name: "a", Spec: "@daily"}},
	} {
		_, err := New(jobs, Options{Store: &memory{}, Log: hclog.NewNullLogger(), Metrics: prometheus.NewRegistry()})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want %q", err, want)
		}
	}
}
