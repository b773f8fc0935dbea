package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

var deliveryTests = []test{
	{"a delivery comes back as it was written", func(t *testing.T, f *fixture) {
		before, wanted := socks.Clone(), full("").Patch.Product
		all := []store.Delivery{
			{
				Connector: "shop", Key: "a", Seq: 1 << 40, ChangeID: "c1", Op: "upsert", Fields: []string{"name", "attributes.two\nlines, a\\"},
				Attempt: 3, At: start, Took: 1234567, Outcome: store.Failed, Kind: "throttled", Message: "slow down",
				Exchange: sdk.Exchange{Request: "POST https://shop.example/\n{}", Response: "<busy>", Status: 429},
				Before:   &before, Wanted: &wanted,
			},
			{Connector: "shop", Key: "a", Seq: 2, Outcome: store.Skipped, Message: "filtered", At: start.Add(time.Second)},
		}
		f.record(t, store.Record{Connector: "shop", Deliveries: all})
		got := from(f.Deliveries(t.Context(), store.DeliveryQuery{Limit: 10})).must(t)
		if len(got) != 2 || got[0].ID <= 0 || got[1].ID <= got[0].ID {
			t.Fatalf("deliveries are not numbered in their order: %+v", got)
		}
		all[0].ID, all[1].ID = got[0].ID, got[1].ID
		same(t, "the deliveries", got, all)
	}},
	{"deliveries are selected", func(t *testing.T, f *fixture) {
		keys := []string{"a", "b", "c"}
		at := positions(f.accept(t, named("1", "a", ""), named("2", "b", ""), named("3", "c", "")))
		for i := range 12 {
			d := store.Delivery{Connector: []string{"shop", "crm"}[i%2], Key: keys[i%3], Seq: at[i%3], ChangeID: fmt.Sprint(i), At: start.Add(time.Duration(i) * time.Minute)}
			f.record(t, store.Record{Connector: d.Connector, Deliveries: []store.Delivery{d}})
		}
		third := from(f.Deliveries(t.Context(), store.DeliveryQuery{Limit: 3})).must(t)[2].ID
		for _, c := range []struct {
			name  string
			query store.DeliveryQuery
			want  []string
		}{
			{"the oldest", store.DeliveryQuery{Limit: 3}, []string{"0", "1", "2"}},
			{"the newest, still ascending", store.DeliveryQuery{Limit: 3, Newest: true}, []string{"9", "10", "11"}},
			{"behind an id", store.DeliveryQuery{Limit: 2, After: third}, []string{"3", "4"}},
			{"the newest behind an id", store.DeliveryQuery{Limit: 100, After: third, Newest: true}, []string{"3", "4", "5", "6", "7", "8", "9", "10", "11"}},
			{"a connector's", store.DeliveryQuery{Limit: 3, Connector: "crm"}, []string{"1", "3", "5"}},
			{"a connector's newest", store.DeliveryQuery{Limit: 2, Connector: "shop", Newest: true}, []string{"8", "10"}},
			{"a product's", store.DeliveryQuery{Limit: 10, Key: "b"}, []string{"1", "4", "7", "10"}},
			{"a product's at a connector", store.DeliveryQuery{Limit: 10, Key: "b", Connector: "crm"}, []string{"1", "7"}},
			{"a product's newest at a connector behind an id", store.DeliveryQuery{Limit: 1, Key: "b", Connector: "crm", After: third, Newest: true}, []string{"7"}},
			{"some products'", store.DeliveryQuery{Limit: 5, Keys: []string{"b", "c"}}, []string{"1", "2", "4", "5", "7"}},
			{"some products' at a connector, up to an id", store.DeliveryQuery{Limit: 10, Keys: []string{"a", "b"}, Connector: "shop", After: third, UpTo: third + 4}, []string{"4", "6"}},
			{"since a time", store.DeliveryQuery{Limit: 2, Since: start.Add(9 * time.Minute)}, []string{"9", "10"}},
			{"since a time, behind an id", store.DeliveryQuery{Limit: 2, Since: start.Add(time.Minute), After: third}, []string{"3", "4"}},
			{"nobody's", store.DeliveryQuery{Limit: 10, Connector: "erp"}, nil},
			{"none", store.DeliveryQuery{}, nil},
		} {
			var got []string
			for _, d := range from(f.Deliveries(t.Context(), c.query)).must(t) {
				got = append(got, d.ChangeID)
			}
			same(t, c.name, got, c.want)
		}
	}},
}
