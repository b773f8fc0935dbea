package main

import (
	"fmt"
	"slices"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/deliver"
	"github.com/synchost/synchost/sdk"
)

// ability is what a connector can do, as far as that is known before it is opened:
// one that tells no capabilities, or no fields, may have any. What it turns out to
// be unable to do later, its first run tells.
type ability struct {
	config.Connector
	told sdk.Opened
}

// check holds what the configuration asks of the connector, in its own block and in
// those of receivers, against what it can do.
func (a ability) check(receivers []config.Receiver) (problems, warnings config.Problems) {
	wrong := func(key, format string, args ...any) {
		problems = append(problems, a.Place.Problem(key, fmt.Sprintf(format, args...)))
	}
	if a.Watch != "" && a.cannot(sdk.CanList) {
		wrong("watch", "this connector cannot list its products, so there is nothing to watch: remove watch, or take a connector that can")
	}
	switch {
	case a.Reconcile == "":
	case a.deliversEvery():
		wrong("reconcile", `this connector delivers every event, and so nothing is known of its platform that could be compared: set deliver = "latest", or remove reconcile`)
	case a.cannot(sdk.CanList):
		wrong("reconcile", "this connector cannot list its products, so there is nothing to compare: remove reconcile, or take a connector that can")
	}
	for _, r := range receivers {
		if r.Source == a.Name && a.cannot(sdk.CanFind) {
			problems = append(problems, r.Place.Problem("source", fmt.Sprintf(
				"connectors.%s cannot be asked for single products, and so it completes no event: name one that can, or remove source", a.Name)))
		}
		if r.Of == a.Name {
			if blind := a.blind(); blind != "" {
				warnings = append(warnings, r.Place.Problem("of", fmt.Sprintf("connectors.%s %s", a.Name, blind)))
			}
		}
	}
	return problems, warnings
}

// blind says why nobody looks at once at what somebody changed at the platform, and
// what to do; empty: it is looked at.
func (a ability) blind() string {
	switch {
	case a.deliversEvery():
		return `delivers every event, and so what is changed there is not looked at: set deliver = "latest" there if it is to be`
	case !a.cannot(sdk.CanFind):
		return ""
	case a.Reconcile != "":
		return "cannot be asked for single products: what is changed there waits for its next reconciliation; let reconcile be often enough"
	case a.cannot(sdk.CanList):
		return "can neither be asked for single products nor list them: what is changed there is not looked at; take a connector that can if it is to be"
	}
	return `cannot be asked for single products: what is changed there is not looked at; set reconcile there, such as "30 2 * * *"`
}

// cannot says whether the connector is known to lack a capability.
func (a ability) cannot(what sdk.Capability) bool {
	return len(a.told.Capabilities) > 0 && !slices.Contains(a.told.Capabilities, what)
}

// deliversEvery says whether its lane is known to be one of every event.
func (a ability) deliversEvery() bool {
	return a.Deliver == string(deliver.Every) || a.Deliver == "" && slices.Contains(a.told.Fields, sdk.RawField)
}
