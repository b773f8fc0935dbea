package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a machine need not have time zones of its own

	"github.com/synchost/synchost/host/internal/cron"
	"github.com/synchost/synchost/sdk"
)

// How schedules and what hangs on them are written.

var cronText = text(`a schedule in quotes, such as "30 2 * * *" or "@hourly"`, schema{"pattern": cron.Form}, func(s string) (string, error) {
	parsed, err := cron.Parse(s)
	return parsed.String(), err
})

const wantZone = `a name of the IANA time zone database, such as "Europe/Berlin" or "UTC"`

var timezone = text(wantZone, schema{"pattern": `^[A-Za-z][A-Za-z0-9_+/-]*$`}, func(s string) (*time.Location, error) {
	zone, err := time.LoadLocation(s)
	if s == "" || err != nil {
		return nil, fmt.Errorf("%q is no time zone: want %s", s, wantZone)
	}
	return zone, nil
})

const wantShare = `a share in quotes, such as "2%" or "0.5%"`

var shareForm = regexp.MustCompile(`^([0-9]{1,3}(\.[0-9]{1,6})?)%$`)

var percent = text(wantShare, schema{"pattern": shareForm.String()}, func(s string) (float64, error) {
	parts := shareForm.FindStringSubmatch(s)
	if parts == nil {
		return 0, fmt.Errorf("%q is not %s", s, wantShare)
	}
	p, err := strconv.ParseFloat(parts[1], 64)
	if err != nil || p > 100 {
		return 0, fmt.Errorf("%q is more than all: want %s", s, wantShare)
	}
	return p, nil
})

// share is a part of all, from 0 to 1.
var share = kind[float64]{schema: percent.schema, read: func(d *decoder, at string, raw any) (float64, bool) {
	p, ok := percent.read(d, at, raw)
	return p / 100, ok
}}

// limit is a number, or a share of all.
var limit = kind[Limit]{schema: schema{"oneOf": []schema{percent.schema, number.schema}}, read: func(d *decoder, at string, raw any) (Limit, bool) {
	if _, ok := raw.(int64); ok {
		n, ok := number.read(d, at, raw)
		return Limit{Count: n}, ok
	}
	p, ok := percent.read(d, at, raw)
	return Limit{Percent: p}, ok
}}

var number = integer(0, 1_000_000_000)

// own is a list of fields that the source owns, or a table that tells the owner
// of each.
var ownership = kind[[]OwnRule]{schema: ownSchema(), read: func(d *decoder, at string, raw any) ([]OwnRule, bool) {
	rules := []OwnRule{}
	if _, isTable := raw.(map[string]any); !isTable {
		paths, ok := list(fieldPath).read(d, at, raw)
		for _, path := range paths {
			rules = append(rules, OwnRule{Path: path, Mode: "source"})
		}
		return rules, ok
	}
	ok := d.eachName(at, "a table of fields", raw, func(at, name string, raw any) {
		if err := checkField(name); err != nil && name != everyField {
			d.problem(at, "%s", err)
			return
		}
		if mode, ok := ownMode.read(d, at, raw); ok {
			rules = append(rules, OwnRule{Path: name, Mode: mode})
		}
	})
	return rules, ok
}}

// everyField is the name for all fields that no other rule covers.
const everyField = "*"

var ownMode = choice("source", "source-until-edited", "fill-if-empty", "destination", "ignore")

func ownSchema() schema {
	return schema{"oneOf": []schema{
		list(fieldPath).schema,
		{"type": "object", "additionalProperties": schema{"anyOf": []schema{ownMode.schema, {"type": "object"}}}},
	}}
}

var fieldPath = text("the path of a product field", schema{"minLength": 1}, func(s string) (string, error) {
	return s, checkField(s)
})

func checkField(path string) error {
	if sdk.KnownField(path) || path == sdk.RawField {
		return nil
	}
	near := didYouMean(path, sdk.FieldPaths())
	if near == "" {
		near = "; there are: " + strings.Join(sdk.FieldPaths(), ", ")
	}
	return fmt.Errorf("%q is no field of a product%s", path, near)
}
