package plan

import "testing"

func TestLimit(t *testing.T) {
	for name, c := range map[string]struct {
		limit          Limit
		deletes, total int
		want           bool
	}{
		"nothing is deleted":               {Limit{}, 0, 10, true},
		"no limit is none, not any number": {Limit{}, 1, 10, false},
		"up to a count":                    {Limit{Count: 20}, 20, 30, true},
		"beyond a count":                   {Limit{Count: 20}, 21, 1_000_000, false},
		"up to a share":                    {Limit{Percent: 2}, 20, 1_000, true},
		"beyond a share":                   {Limit{Percent: 2}, 21, 1_000, false},
		"a share is rounded down":          {Limit{Percent: 2}, 2, 149, true},
		"and not up":                       {Limit{Percent: 2}, 3, 149, false},
		"a share of few is one":            {Limit{Percent: 2}, 1, 20, true},
		"and not two":                      {Limit{Percent: 2}, 2, 20, false},
		"a share of one":                   {Limit{Percent: 2}, 1, 1, true},
		"a share of nothing":               {Limit{Percent: 2}, 2, 0, false},
		"half a percent":                   {Limit{Percent: 0.5}, 5, 1_000, true},
		"a share that has no exact binary": {Limit{Percent: 0.7}, 7, 1_000, true},
		"all":                              {Limit{Percent: 100}, 500, 500, true},
		"both: the count is smaller":       {Limit{Count: 5, Percent: 50}, 6, 100, false},
		"both: the share is smaller":       {Limit{Count: 5, Percent: 2}, 3, 100, false},
		"both hold":                        {Limit{Count: 5, Percent: 2}, 2, 100, true},
	} {
		if got := c.limit.Allows(c.deletes, c.total); got != c.want {
			t.Errorf("%s: %+v allows %d of %d: %t", name, c.limit, c.deletes, c.total, got)
		}
	}
}
