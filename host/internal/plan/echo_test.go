package plan_test

import (
	"testing"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/plan"
	"github.com/synchost/synchost/sdk"
)

func TestHear(t *testing.T) {
	entry := &event.Entry{Key: "p", Product: sdk.Product{Key: "p", Name: "Tea", Code: "T1", Status: sdk.Active}, Known: []string{"code", "name", "status"}}
	linked := plan.Known{Remote: sdk.Remote{ID: "17"}, Base: &sdk.Product{Key: "p", Name: "Tea", Code: "T1", Status: sdk.Active}}
	archived := linked
	archived.Archived = true
	cleaned := linked
	cleaned.Base, cleaned.Sent = &sdk.Product{Name: "tea"}, &sdk.Product{Name: "Tea"}
	unknown := linked
	unknown.Unknown = true
	gone := &event.Entry{Key: "p", Deleted: true, Product: entry.Product}
	told := func(p sdk.Product, fields ...string) plan.Told { return plan.Told{Product: p, Fields: fields} }
	ours := plan.NewOwnership(map[string]plan.Mode{"name": plan.Source})
	all := append(sdk.FieldPaths(), "attributes.*")
	for _, test := range []struct {
		name  string
		entry *event.Entry
		known plan.Known
		told  plan.Told
		own   plan.Ownership
		want  plan.Echo
	}{
		{"the name as it was written", entry, linked, told(sdk.Product{Name: "Tea"}, "name"), plan.Ownership{}, plan.OwnWrite},
		{"another name", entry, linked, told(sdk.Product{Name: "Best tea"}, "name"), plan.Ownership{}, plan.TheirChange},
		{"one field of two is another", entry, linked, told(sdk.Product{Name: "Tea", Code: "X"}, "name", "code"), plan.Ownership{}, plan.TheirChange},
		{"the name is cleared", entry, linked, told(sdk.Product{}, "name"), plan.Ownership{}, plan.TheirChange},
		{"the name as the platform cleaned it", entry, cleaned, told(sdk.Product{Name: "tea"}, "name"), plan.Ownership{}, plan.OwnWrite},
		{"the name as it was sent", entry, cleaned, told(sdk.Product{Name: "Tea"}, "name"), plan.Ownership{}, plan.OwnWrite},
		{"a field that the source never spoke of", entry, linked, told(sdk.Product{Brand: "B"}, "brand"), plan.Ownership{}, plan.NoMatter},
		{"a field that is not ours", entry, linked, told(sdk.Product{Code: "X"}, "code"), ours, plan.NoMatter},
		{"all of it, some of which is not ours", entry, linked, told(sdk.Product{Name: "Tea", Code: "X", Brand: "B"}, all...), ours, plan.OwnWrite},
		{"only that something changed", entry, linked, told(sdk.Product{}), plan.Ownership{}, plan.TheirChange},
		{"it is gone", entry, linked, plan.Told{Gone: true}, plan.Ownership{}, plan.TheirChange},
		{"it is gone, which we did", gone, archived, plan.Told{Gone: true}, plan.Ownership{}, plan.OwnWrite},
		{"it is off sale, which we did", gone, archived, told(sdk.Product{Name: "Tea", Status: sdk.Archived}, "name", "status"), plan.Ownership{}, plan.OwnWrite},
		{"it is off sale, which we did not", entry, linked, told(sdk.Product{Status: sdk.Archived}, "status"), plan.Ownership{}, plan.TheirChange},
		{"it is on sale again", gone, archived, told(sdk.Product{Status: sdk.Active}, "status"), plan.Ownership{}, plan.TheirChange},
		{"after a write without an answer", entry, unknown, told(sdk.Product{Name: "Tea"}, "name"), plan.Ownership{}, plan.TheirChange},
		{"linked, and never looked at", entry, plan.Known{Remote: linked.Remote}, told(sdk.Product{Name: "Tea"}, "name"), plan.Ownership{}, plan.TheirChange},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := plan.Hear(test.entry, test.known, test.told, &plan.Policy{Own: test.own, Carried: all})
			if err != nil || got != test.want {
				t.Errorf("it is heard as %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestWhatADestinationTellsGoesNowhere(t *testing.T) {
	policy := &plan.Policy{Every: true, Carried: append(sdk.FieldPaths(), sdk.RawField)}
	e := event.Entry{Key: "p", Op: sdk.Updated, Hint: true, Product: sdk.Product{Key: "p", Name: "by hand"}, Fields: []string{"name"}}
	if d, err := plan.Decide(&e, plan.Known{}, policy); err != nil || d.Op != sdk.Upsert {
		t.Fatalf("a hint goes to those that want to know: %+v, %v", d, err)
	}
	e.There = true
	if d, err := plan.Decide(&e, plan.Known{}, policy); err != nil || d.Op != 0 || d.Reason != plan.ToldThere {
		t.Errorf("%+v, %v", d, err)
	}
	e.Echo = true
	if d, err := plan.Decide(&e, plan.Known{}, policy); err != nil || d.Op != 0 || d.Reason != plan.EchoOfOurs {
		t.Errorf("%+v, %v", d, err)
	}
}
