package main

import (
	"strings"
	"testing"
	"time"

	"github.com/synchost/synchost/sdk"
)

// What is written by hand is what encoding/json makes of the same members.
func FuzzEnvelopeIsWrittenAsEncodingJSONDoes(f *testing.F) {
	f.Add("7", "crm", "updated", "name,prices", int64(1785587400), true)
	f.Add("<a href=\"x\">\n\u2028 کیف & \\", "", "", "", int64(1), false)
	f.Fuzz(func(t *testing.T, id, source, op, fields string, at int64, hint bool) {
		change := update(id)
		*change.Event = sdk.Event{ID: id, Source: source, Op: sdk.EventOp(op), Time: time.Unix(at/1e3, at%1e3).UTC(), Hint: hint}
		if fields != "" {
			change.Event.Fields = strings.Split(fields, ",")
		}
		s := newScope(&change, time.Now())
		type event struct {
			ID     string      `json:"id"`
			Source string      `json:"source,omitempty"`
			Op     sdk.EventOp `json:"op"`
			Time   time.Time   `json:"time"`
			Hint   bool        `json:"hint,omitempty"`
			Fields []string    `json:"fields,omitempty"`
		}
		type data struct {
			Event   event        `json:"event"`
			Product *sdk.Product `json:"product"`
		}
		want, failure := marshal(struct {
			Type      string    `json:"type"`
			Timestamp time.Time `json:"timestamp"`
			Data      data      `json:"data"`
		}{eventType(s), s.Event.Time, data{event{id, source, s.Event.Op, s.Event.Time, hint, s.Event.Fields}, &s.Product}})
		got, _, err := envelope{}.body(s)
		if string(got) != string(want) || (err == nil) != (failure == nil) {
			t.Errorf("got  %s, %v\nwant %s, %v", got, err, want, failure)
		}
	})
}
