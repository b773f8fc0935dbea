package ops

import (
	"fmt"
	"net/http"
	"strings"
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
	for _, lane := range a.Lanes() {
		one, err := laneStatus(ctx, a.Store, lane, head)
		if err != nil {
			return nil, err
		}
		status.Lanes = append(status.Lanes, one)
	}
	status.Trouble = append(trouble(&status), jobTrouble(a.Scheduler.Next(0))...)
	return status, nil
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
