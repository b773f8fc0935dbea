package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/sdk"
)

// What a connector is asked and cannot do is told with its place before anything
// runs; what is not known of it yet is not.
func TestWhatAConnectorCannotDo(t *testing.T) {
	able := []sdk.Capability{sdk.CanCheck, sdk.CanList, sdk.CanFind}
	lists := []sdk.Capability{sdk.CanList}
	checks := []sdk.Capability{sdk.CanCheck}
	raw := []string{"name", sdk.RawField}
	of := []config.Receiver{{Name: "news", Of: "shop"}, {Name: "other", Of: "erp", Source: "erp"}}
	source := []config.Receiver{{Name: "hints", Source: "shop"}}
	for _, c := range []struct {
		what      string
		connector config.Connector
		told      sdk.Opened
		receivers []config.Receiver
		want      string // empty: nothing
	}{
		{"all is well", config.Connector{Watch: "@hourly", Reconcile: "@daily"}, sdk.Opened{Capabilities: able}, append(of, source...), ""},
		{"nothing is known", config.Connector{Watch: "@hourly", Reconcile: "@daily"}, sdk.Opened{}, append(of, source...), ""},
		{"watched, and cannot list", config.Connector{Watch: "@hourly"}, sdk.Opened{Capabilities: checks}, nil,
			"connectors.shop.watch: this connector cannot list its products, so there is nothing to watch: remove watch, or take a connector that can"},
		{"reconciled, and cannot list", config.Connector{Reconcile: "@daily"}, sdk.Opened{Capabilities: checks}, nil,
			"connectors.shop.reconcile: this connector cannot list its products, so there is nothing to compare: remove reconcile, or take a connector that can"},
		{"reconciled, and every event is delivered", config.Connector{Reconcile: "@daily", Deliver: "every"}, sdk.Opened{}, nil,
			`connectors.shop.reconcile: this connector delivers every event, and so nothing is known of its platform that could be compared: set deliver = "latest", or remove reconcile`},
		{"likewise by default", config.Connector{Reconcile: "@daily"}, sdk.Opened{Capabilities: able, Fields: raw}, nil,
			`connectors.shop.reconcile: this connector delivers every event, and so nothing is known of its platform that could be compared: set deliver = "latest", or remove reconcile`},
		{"it carries raw events and the latest is delivered", config.Connector{Reconcile: "@daily", Deliver: "latest"}, sdk.Opened{Capabilities: able, Fields: raw}, nil, ""},
		{"hints, and cannot find", config.Connector{}, sdk.Opened{Capabilities: lists}, source,
			"receivers.hints.source: connectors.shop cannot be asked for single products, and so it completes no event: name one that can, or remove source"},
		{"of one that delivers every event", config.Connector{Deliver: "every"}, sdk.Opened{Capabilities: able}, of,
			`warning: receivers.news.of: connectors.shop delivers every event, and so what is changed there is not looked at: set deliver = "latest" there if it is to be`},
		{"of one that cannot find", config.Connector{}, sdk.Opened{Capabilities: lists}, of,
			`warning: receivers.news.of: connectors.shop cannot be asked for single products: what is changed there is not looked at; set reconcile there, such as "30 2 * * *"`},
		{"of one that cannot find and is reconciled", config.Connector{Reconcile: "@daily"}, sdk.Opened{Capabilities: lists}, of,
			"warning: receivers.news.of: connectors.shop cannot be asked for single products: what is changed there waits for its next reconciliation; let reconcile be often enough"},
		{"of one that can do neither", config.Connector{}, sdk.Opened{Capabilities: checks}, of,
			"warning: receivers.news.of: connectors.shop can neither be asked for single products nor list them: what is changed there is not looked at; take a connector that can if it is to be"},
	} {
		c.connector.Name, c.connector.Place.Field = "shop", "connectors.shop"
		for i := range c.receivers {
			c.receivers[i].Place.Field = "receivers." + c.receivers[i].Name
		}
		problems, warnings := ability{c.connector, c.told}.check(c.receivers)
		var got []string
		for _, p := range problems {
			got = append(got, p.Field+": "+p.Message)
		}
		for _, p := range warnings {
			got = append(got, "warning: "+p.Field+": "+p.Message)
		}
		var want []string
		if c.want != "" {
			want = []string{c.want}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
}
