package ops

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/store"
)

func (a *api) status(r *http.Request) (any, error) {
	ctx := r.Context()
	head, err := a.Store.Head(ctx)
	if err != nil {
		return nil, err
	}
	status := Status{
		Version: a.Version, Started: a.Started,
		Store:      StoreStatus{Head: head, Size: a.Store.Size()},
		Receivers:  append([]ReceiverStatus{}, a.Receivers()...),
		Connectors: append([]ConnectorStatus{}, a.Connectors()...),
		Lanes:      []LaneStatus{},
	}
	if err := a.Writable(); err != nil {
		status.Store.Reason = err.Error()
	}
	var fights []string
	for _, lane := range a.Lanes() {
		one, err := laneStatus(ctx, a.Store, lane, head)
		if err != nil {
			return nil, err
		}
		status.Lanes = append(status.Lanes, one)
		contended, err := a.Store.Contended(ctx, one.Connector, MaxLimit)
		if err != nil {
			return nil, err
		}
		fights = append(fights, contentionTrouble(one.Connector, contended)...)
	}
	plans, err := a.Store.Plans(ctx, "", 100)
	if err != nil {
		return nil, err
	}
	status.Trouble = slices.Concat(trouble(&status), fights, planTrouble(&status, plans), jobTrouble(a.Scheduler.Next(0)))
	if status.Trouble == nil {
		status.Trouble = []string{}
	}
	return status, nil
}

// planTrouble is what of the connectors' newest plans, given the newest first, waits
// for somebody.
func planTrouble(s *Status, plans []store.Plan) []string {
	list := []string{}
	newest := map[string]*store.Plan{}
	for i := range plans {
		if p := &plans[i]; newest[p.Connector] == nil && p.Product == "" {
			newest[p.Connector] = p
		}
	}
	for i := range s.Lanes {
		l := &s.Lanes[i]
		awaits := l.State == LanePaused && l.Reason == store.AwaitsPlan
		switch p := newest[l.Connector]; {
		case p == nil && awaits:
			list = append(list, fmt.Sprintf("%s: nothing is delivered before its first plan was looked at. Make it: synchost plan %s", l.Connector, l.Connector))
		case p == nil:
		case p.State == store.PlanOpen && p.First, p.State == store.PlanAsks:
			verb := "apply"
			if p.State == store.PlanAsks {
				verb = "approve"
			}
			list = append(list, fmt.Sprintf("%s: plan %d waits for somebody%s. See: synchost show %d. Do it: synchost %s %d", l.Connector, p.ID, because(p.Reason), p.ID, verb, p.ID))
		case p.State == store.PlanFailed:
			list = append(list, fmt.Sprintf("%s: its platform could not be compared%s. It is tried again as scheduled, or with: synchost plan %s", l.Connector, because(p.Reason), l.Connector))
		case awaits && p.State == store.PlanApplied:
			list = append(list, fmt.Sprintf("%s: nothing is delivered before its first plan was applied whole. Make a plan of what is left: synchost plan %s", l.Connector, l.Connector))
		}
	}
	return list
}

// contentionTrouble tells of the links that are left alone, since somebody else
// writes them, too.
func contentionTrouble(connector string, links []store.Link) []string {
	var left int64
	for i := range links {
		if links[i].State == store.OnHold && links[i].Contended != nil {
			left++
		}
	}
	if left == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s fought over, and left alone. See which, and why: synchost status %s. When that is settled: synchost release %s PRODUCT",
		connector, products(left), connector, connector)}
}

// trouble is what needs somebody's attention, with the remedy. What will mend
// itself, and what an operator did on purpose, is none.
func trouble(s *Status) []string {
	list := []string{}
	tell := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if s.Store.Reason != "" {
		tell("No events are taken: %s.", s.Store.Reason)
	}
	for i := range s.Connectors {
		if c := &s.Connectors[i]; c.State == ConnectorFailed {
			tell("%s: its process failed for good%s. When that is mended: synchost restart %s", c.Name, because(c.Reason), c.Name)
		}
	}
	for i := range s.Lanes {
		l := &s.Lanes[i]
		switch l.State {
		case LaneStopped:
			tell("%s: stopped%s. When that is mended: synchost resume %s", l.Connector, because(l.Reason), l.Connector)
		case LaneCircuitOpen:
			tell("%s: circuit open%s. It goes on by itself when its platform does.", l.Connector, because(l.Reason))
		case LaneTroubled:
			tell("%s: troubled%s.", l.Connector, because(l.Reason))
		}
		if l.Dead > 0 {
			tell("%s: %s given up. See which: synchost status %s. Try them again: synchost retry %s --all", l.Connector, products(l.Dead), l.Connector, l.Connector)
		}
		if l.Held > 0 {
			tell("%s: %s held: nobody knows whether they were written. Look at the platform, then: synchost retry %s PRODUCT", l.Connector, products(l.Held), l.Connector)
		}
	}
	return list
}

func products(n int64) string {
	if n == 1 {
		return "1 product is"
	}
	return fmt.Sprintf("%d products are", n)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + strings.TrimRight(reason, ".")
}
