// Package cron reads schedules and says when they are due, on the clocks of any
// place: the grammar is that of robfig/cron, its traps are closed.
package cron

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	robfig "github.com/robfig/cron/v3"
)

// Schedule tells when something is due. The zero Schedule never is.
type Schedule struct {
	text  string
	wall  robfig.Schedule // times of the wall clock, as if they were UTC; nil: none
	every time.Duration   // rather than wall: whole multiples of it
	named bool            // wall names hours, rather than to be due in all of them
}

// String is the schedule as it was written.
func (s Schedule) String() string { return s.text }

const (
	descriptorForm = `@every [0-9hms.]+|@(yearly|annually|monthly|weekly|daily|midnight|hourly)`
	partForm       = `(\*|\?|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?`
	fieldForm      = partForm + `(,` + partForm + `)*`

	// Form is how schedules are written, for who describes it elsewhere; what it
	// matches may still name an hour 25.
	Form = `^(` + descriptorForm + `|` + fieldForm + `( +` + fieldForm + `){4})$`
)

var (
	form  = regexp.MustCompile(Form)
	field = regexp.MustCompile(`^` + fieldForm + `$`)
	step  = regexp.MustCompile(`/([0-9]+)`)
)

const want = `want minute, hour, day of the month, month and day of the week, such as "30 2 * * *", or one of @hourly, @daily, @weekly, @monthly, @yearly, @every 15m`

// fields are the parts of a schedule, each with the values it may have.
var fields = []struct {
	name, all string
	values    int
}{
	{"minute", "0 to 59", 60},
	{"hour", "0 to 23", 24},
	{"day of the month", "1 to 31", 31},
	{"month", "1 to 12 and jan to dec", 12},
	{"day of the week", "0 (Sunday) to 6 and sun to sat", 7},
}

// Parse reads a schedule of five fields, or one that begins with @. One that
// would never be due within five years is refused, and so is what the parser
// underneath takes for something else than was written.
func Parse(text string) (Schedule, error) {
	switch {
	case strings.HasPrefix(text, "TZ="), strings.HasPrefix(text, "CRON_TZ="):
		return Schedule{}, fmt.Errorf("%q names a time zone: set timezone in [host] instead", text)
	case strings.HasPrefix(text, "@every "):
		return parseEvery(text)
	case !form.MatchString(text):
		return Schedule{}, misspelt(text)
	}
	if !strings.HasPrefix(text, "@") {
		for i, written := range strings.Fields(text) {
			if err := checkField(i, written); err != nil {
				return Schedule{}, err
			}
		}
	}
	parsed, err := robfig.ParseStandard(text)
	if err != nil {
		return Schedule{}, fmt.Errorf("%q is no schedule: %w", text, err)
	}
	wall := *parsed.(*robfig.SpecSchedule)
	wall.Location = time.UTC
	const hours = 1<<24 - 1
	s := Schedule{text: text, wall: &wall, named: wall.Hour&hours != hours}
	if s.Next(time.Now(), time.UTC).IsZero() {
		return Schedule{}, fmt.Errorf("%q is never due: there is no such day in the next five years", text)
	}
	return s, nil
}

// checkField finds what is wrong with one field by itself, so that it can be named.
func checkField(i int, written string) error {
	alone := []string{"*", "*", "*", "*", "*"}
	alone[i] = written
	if _, err := robfig.ParseStandard(strings.Join(alone, " ")); err != nil {
		return fmt.Errorf("%q is no %s, of which there are %s: %w", written, fields[i].name, fields[i].all, err)
	}
	for _, match := range step.FindAllStringSubmatch(written, -1) {
		if n, err := strconv.Atoi(match[1]); err != nil || n > fields[i].values {
			return fmt.Errorf("%q is no %s: a step is no interval, it begins anew after the last of the %d values",
				written, fields[i].name, fields[i].values)
		}
	}
	return nil
}

// parseEvery reads an interval. It is counted from a fixed time rather than from
// the start of the host, so that restarts do not put it off.
func parseEvery(text string) (Schedule, error) {
	every, err := time.ParseDuration(strings.TrimPrefix(text, "@every "))
	if err != nil || every < time.Second || every%time.Second != 0 {
		return Schedule{}, fmt.Errorf(`%q is no interval: want whole seconds, such as "@every 15m"`, text)
	}
	return Schedule{text: text, every: every}, nil
}

func misspelt(text string) error {
	written := strings.Fields(text)
	if len(written) == len(fields) {
		for i, f := range written {
			if !field.MatchString(f) {
				return fmt.Errorf("%q is no %s: want values, ranges and steps, such as 5, 1-5, */10 or 0,30", f, fields[i].name)
			}
		}
	}
	if text == "" {
		return errors.New("is empty: " + want)
	}
	return fmt.Errorf("%q is no schedule: %s", text, want)
}

// Next is the first time after a given one at which s is due on the clocks of a
// place; zero if there is none within five years.
//
// Where the clocks go forward, the times they skip are due at that moment, all of
// them once; where they go back, the times they repeat are due the first time
// only. A schedule of every hour is no such time of day: it goes on by the hour,
// skips what is skipped and repeats what is repeated.
func (s Schedule) Next(after time.Time, place *time.Location) time.Time {
	switch {
	case s.every > 0:
		return after.Truncate(s.every).Add(s.every).In(place)
	case s.wall == nil:
		return time.Time{}
	}
	t := after.In(place)
	clock := onClock(t)
	if s.named {
		if shown := shownUntil(t); clock.Before(shown) {
			clock = shown.Add(-time.Second)
		}
	}
	due := s.wall.Next(clock)
	for !due.IsZero() {
		// Until the clocks change next, they are ahead of UTC by the same.
		_, ahead := t.Zone()
		at := due.Add(-time.Duration(ahead) * time.Second).In(place)
		change := nextChange(t)
		if change.IsZero() || at.Before(change) {
			return at
		}
		t = change
		clock = onClock(t)
		switch {
		case !s.named:
			due = s.wall.Next(clock.Add(-time.Second))
		case due.Before(clock): // skipped
			return t
		}
	}
	return time.Time{}
}

// nextChange is a time after t before which the clocks do not change; zero: they
// never do again.
func nextChange(t time.Time) time.Time {
	_, change := t.ZoneBounds()
	if !change.IsZero() && !change.After(t) {
		// So it is on the last day of leap years, for which the library takes
		// the year to be over.
		return t.Add(24 * time.Hour)
	}
	return change
}

// onClock is what the clocks show, as if it were UTC.
func onClock(t time.Time) time.Time {
	_, ahead := t.Zone()
	return t.UTC().Add(time.Duration(ahead) * time.Second)
}

// shownUntil is the time up to which the clocks had gone when they last changed.
func shownUntil(t time.Time) time.Time {
	change, _ := t.ZoneBounds()
	if change.IsZero() {
		return time.Time{}
	}
	return onClock(change.Add(-time.Second)).Add(time.Second)
}
