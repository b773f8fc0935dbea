package cron

import (
	"strings"
	"testing"
	"time"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	place, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return place
}

// TestNext: times of the day are due once each, whatever the clocks do. All times
// are written as the clocks of the place show them, with what they are ahead.
func TestNext(t *testing.T) {
	const layout = "2006-01-02 15:04 -0700"
	for _, test := range []struct {
		name, schedule, place, after string
		due                          []string
	}{
		{"on an ordinary day", "30 2 * * *", "UTC", "2026-06-01 00:00 +0000",
			[]string{"2026-06-01 02:30 +0000", "2026-06-02 02:30 +0000"}},
		{"where after is due itself", "30 2 * * *", "UTC", "2026-06-01 02:30 +0000",
			[]string{"2026-06-02 02:30 +0000"}},
		{"by weekday or day of the month, where both are named", "0 0 13 * fri", "UTC", "2026-06-10 00:00 +0000",
			[]string{"2026-06-12 00:00 +0000", "2026-06-13 00:00 +0000", "2026-06-19 00:00 +0000"}},
		{"on the day that leap years have", "0 0 29 2 *", "UTC", "2026-01-01 00:00 +0000",
			[]string{"2028-02-29 00:00 +0000", "2032-02-29 00:00 +0000"}},

		{"Berlin, spring: a skipped time is due when the clocks have gone forward", "30 2 * * *", "Europe/Berlin", "2026-03-28 00:00 +0100",
			[]string{"2026-03-28 02:30 +0100", "2026-03-29 03:00 +0200", "2026-03-30 02:30 +0200"}},
		{"Berlin, spring: all skipped times, and the one at the end of the gap, are due once", "0,20,40 2,3 * * *", "Europe/Berlin", "2026-03-29 00:00 +0100",
			[]string{"2026-03-29 03:00 +0200", "2026-03-29 03:20 +0200", "2026-03-29 03:40 +0200", "2026-03-30 02:00 +0200"}},
		{"Berlin, spring: asked within the second before", "30 2 * * *", "Europe/Berlin", "2026-03-29 01:59 +0100",
			[]string{"2026-03-29 03:00 +0200"}},
		{"Berlin, autumn: a repeated time is due the first time", "30 2 * * *", "Europe/Berlin", "2026-10-24 12:00 +0200",
			[]string{"2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"}},
		{"Berlin, autumn: asked between the two", "30 2 * * *", "Europe/Berlin", "2026-10-25 02:10 +0100",
			[]string{"2026-10-26 02:30 +0100"}},
		{"Berlin, autumn: the end of the repeated hour is no part of it", "0 2,3 * * *", "Europe/Berlin", "2026-10-25 02:10 +0100",
			[]string{"2026-10-25 03:00 +0100", "2026-10-26 02:00 +0100"}},
		{"Berlin, autumn: every second hour", "0 */2 * * *", "Europe/Berlin", "2026-10-25 00:30 +0200",
			[]string{"2026-10-25 02:00 +0200", "2026-10-25 04:00 +0100"}},

		{"New York, spring", "30 2 * * *", "America/New_York", "2026-03-07 12:00 -0500",
			[]string{"2026-03-08 03:00 -0400", "2026-03-09 02:30 -0400"}},
		{"New York, autumn", "30 1 * * *", "America/New_York", "2026-10-31 12:00 -0400",
			[]string{"2026-11-01 01:30 -0400", "2026-11-02 01:30 -0500"}},

		{"Lord Howe, spring: half an hour is skipped", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00 +1030",
			[]string{"2026-10-04 02:30 +1100", "2026-10-05 02:15 +1100"}},
		{"Lord Howe, autumn: half an hour is repeated", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04 12:00 +1100",
			[]string{"2026-04-05 01:45 +1100", "2026-04-06 01:45 +1030"}},
		{"Lord Howe, autumn: what stands before it is not", "15 1 * * *", "Australia/Lord_Howe", "2026-04-05 01:45 +1030",
			[]string{"2026-04-06 01:15 +1030"}},

		{"Tehran, 2022: midnight is skipped", "0 0 * * *", "Asia/Tehran", "2022-03-21 12:00 +0330",
			[]string{"2022-03-22 01:00 +0430", "2022-03-23 00:00 +0430"}},
		{"Tehran, 2022: the hour before midnight is repeated", "30 23 * * *", "Asia/Tehran", "2022-09-21 12:00 +0430",
			[]string{"2022-09-21 23:30 +0430", "2022-09-22 23:30 +0330"}},
		{"Tehran, since then without changes", "30 2 * * *", "Asia/Tehran", "2026-03-21 12:00 +0330",
			[]string{"2026-03-22 02:30 +0330", "2026-03-23 02:30 +0330"}},
		{"Samoa, 2011: a whole day is skipped", "0 12 * * *", "Pacific/Apia", "2011-12-29 12:00 -1000",
			[]string{"2011-12-31 00:00 +1400", "2011-12-31 12:00 +1400"}},

		{"every hour, spring: goes on by the hour", "30 * * * *", "Europe/Berlin", "2026-03-29 01:00 +0100",
			[]string{"2026-03-29 01:30 +0100", "2026-03-29 03:30 +0200", "2026-03-29 04:30 +0200"}},
		{"every hour, autumn: goes on by the hour", "30 * * * *", "Europe/Berlin", "2026-10-25 01:00 +0200",
			[]string{"2026-10-25 01:30 +0200", "2026-10-25 02:30 +0200", "2026-10-25 02:30 +0100", "2026-10-25 03:30 +0100"}},
		{"every hour, autumn: asked within the repeated hour", "30 * * * *", "Europe/Berlin", "2026-10-25 02:10 +0100",
			[]string{"2026-10-25 02:30 +0100", "2026-10-25 03:30 +0100"}},
		{"every half hour, Lord Howe, autumn", "*/30 * * * *", "Australia/Lord_Howe", "2026-04-05 01:15 +1100",
			[]string{"2026-04-05 01:30 +1100", "2026-04-05 01:30 +1030", "2026-04-05 02:00 +1030"}},
		{"at the end of a leap year", "30 2 * * *", "Europe/Berlin", "2040-12-31 00:30 +0100",
			[]string{"2040-12-31 02:30 +0100", "2041-01-01 02:30 +0100", "2041-01-02 02:30 +0100"}},
		{"every hour at the end of a leap year", "30 * * * *", "Australia/Lord_Howe", "2040-12-31 22:45 +1100",
			[]string{"2040-12-31 23:30 +1100", "2041-01-01 00:30 +1100"}},
		{"an interval does not mind clocks", "@every 45m", "Europe/Berlin", "2026-10-25 01:50 +0200",
			[]string{"2026-10-25 02:00 +0200", "2026-10-25 02:45 +0200", "2026-10-25 02:30 +0100"}},
		{"a word", "@daily", "America/New_York", "2026-11-01 12:00 -0500", []string{"2026-11-02 00:00 -0500"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := Parse(test.schedule)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(layout, test.after)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range test.due {
				at = s.Next(at, zone(t, test.place))
				if got := at.Format(layout); got != want {
					t.Fatalf("next is %s, want %s", got, want)
				}
			}
		})
	}
}

// TestEveryTimeOfTheDayIsDueOnce goes through the years in which the clocks of
// each place change, and counts.
func TestEveryTimeOfTheDayIsDueOnce(t *testing.T) {
	for _, place := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran"} {
		for _, schedule := range []string{"30 2 * * *", "30 1 * * *", "45 1 * * *", "0 0 * * *", "30 23 * * *", "59 2 * * *", "0 3 * * *"} {
			s, err := Parse(schedule)
			if err != nil {
				t.Fatal(err)
			}
			from := time.Date(2020, 1, 1, 12, 0, 0, 0, zone(t, place))
			days := map[string]bool{}
			for at := s.Next(from, from.Location()); at.Year() < 2025; at = s.Next(at, from.Location()) {
				day := at.Format(time.DateOnly)
				if days[day] {
					t.Errorf("%s in %s is due twice on %s", schedule, place, day)
				}
				days[day] = true
			}
			to := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
			for day := time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC); day.Before(to); day = day.AddDate(0, 0, 1) {
				if !days[day.Format(time.DateOnly)] {
					t.Errorf("%s in %s is not due on %s", schedule, place, day.Format(time.DateOnly))
				}
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "is empty: want minute, hour",
		"   ":                            "is no schedule: want minute, hour",
		"TZ=UTC":                         "names a time zone: set timezone in [host]",
		"CRON_TZ=UTC * * * * *":          "names a time zone: set timezone in [host]",
		" TZ=UTC * * * * *":              "is no schedule",
		"* * * *":                        "is no schedule",
		"0 0 3 * * *":                    "is no schedule",
		"@reboot":                        "is no schedule",
		"@every":                         "is no schedule",
		"@every 0s":                      "is no interval: want whole seconds",
		"@every 1500ms":                  "is no interval: want whole seconds",
		"@every -5m":                     "is no interval: want whole seconds",
		"@every 99999999999h":            "is no interval: want whole seconds",
		"0 0 30 2 *":                     "is never due",
		"0 0 31 2,4,6,9,11 *":            "is never due",
		", * * * *":                      `"," is no minute`,
		"1,,2 * * * *":                   `"1,,2" is no minute`,
		"*-5 * * * *":                    `"*-5" is no minute`,
		"60 * * * *":                     `"60" is no minute, of which there are 0 to 59`,
		"0 24 * * *":                     `"24" is no hour, of which there are 0 to 23`,
		"0 0 0 * *":                      `"0" is no day of the month, of which there are 1 to 31`,
		"0 0 * foo *":                    `"foo" is no month`,
		"0 0 * * 7":                      `"7" is no day of the week, of which there are 0 (Sunday) to 6`,
		"0 5-3 * * *":                    `"5-3" is no hour`,
		"*/0 * * * *":                    `"*/0" is no minute`,
		"*/90 * * * *":                   `"*/90" is no minute: a step is no interval`,
		"0 0 */99999999999999999 * *":    `"*/99999999999999999" is no day of the month: a step`,
		"0 0 */99999999999999999999 * *": `"*/99999999999999999999" is no day of the month`,
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): %v, want %q", text, err, want)
		}
	}
}

func TestZeroScheduleIsNeverDue(t *testing.T) {
	if at := (Schedule{}).Next(time.Now(), time.UTC); !at.IsZero() {
		t.Errorf("it is due at %s", at)
	}
}

// FuzzParse: whatever the text, Parse does not panic, and what it accepts is due
// after the time that is asked about, again and again, in each place.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"30 2 * * *", "*/15 * * * mon-fri", "@every 90m", "@daily", "TZ=UTC", "0 0 30 2 *", ",,, * * * *", "0 0 29 2 ?"} {
		f.Add(text, int64(1_774_745_940), "Europe/Berlin")
		f.Add(text, int64(1_775_314_800), "Australia/Lord_Howe")
		f.Add(text, int64(-5_000_000_000), "Asia/Tehran")
	}
	f.Fuzz(func(t *testing.T, text string, unix int64, place string) {
		s, err := Parse(text)
		if err != nil {
			if strings.ContainsRune(err.Error(), '\n') {
				t.Errorf("the message has lines: %q", err)
			}
			return
		}
		where, err := time.LoadLocation(place)
		if err != nil {
			where = time.UTC
		}
		at := time.Unix(unix%8_000_000_000, 0)
		for range 5 {
			next := s.Next(at, where)
			if next.IsZero() {
				return // the 29th of February around a year that has none
			}
			if !next.After(at) {
				t.Fatalf("%q is due at %s after %s", text, next, at)
			}
			at = next
		}
	})
}
