package ops

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/store"
)

func (a *api) why(r *http.Request) (any, error) {
	key, connector := r.URL.Query().Get("key"), r.URL.Query().Get("connector")
	if key == "" {
		return nil, refuse(http.StatusBadRequest, "name a product: key=…")
	}
	limit, err := number(r, "limit", 1000, MaxLimit)
	if err != nil {
		return nil, err
	}
	lanes := a.Lanes()
	if connector != "" {
		lane, err := a.lane(connector)
		if err != nil {
			return nil, err
		}
		lanes = []Lane{lane}
	}
	return a.explain(r.Context(), key, connector, lanes, int(limit))
}

// explain gathers what is on record of a product.
func (a *api) explain(ctx context.Context, key, connector string, lanes []Lane, limit int) (Why, error) {
	why := Why{Key: key, Timeline: []Moment{}, Connectors: []Standing{}}
	rows, err := a.Store.Products(ctx, []string{key})
	if err != nil {
		return why, err
	}
	if len(rows) > 0 {
		why.Product, why.Seq, why.Deleted = &rows[0].Product, rows[0].Seq, rows[0].Deleted
	}
	events, err := a.find(ctx, eventQuery{key: key, limit: limit + 1})
	if err != nil {
		return why, err
	}
	rowsOfDeliveries, err := a.Store.Deliveries(ctx, store.DeliveryQuery{Connector: connector, Key: key, Newest: true, Limit: limit + 1})
	if err != nil {
		return why, err
	}
	deliveries := make([]Delivery, len(rowsOfDeliveries))
	for i := range rowsOfDeliveries {
		deliveries[i] = newDelivery(&rowsOfDeliveries[i])
	}
	timeline := merge(events.Events, deliveries)
	why.Earlier = len(timeline) > limit
	why.Timeline = newest(timeline, limit, limit)
	for _, lane := range lanes {
		if lane.Status().State == LaneReadsOnly {
			continue // a source
		}
		standing, err := a.standing(ctx, lane, &why, events.Events, deliveries)
		if err != nil {
			return why, err
		}
		why.Connectors = append(why.Connectors, standing)
	}
	if why.Unheard() {
		why.Near, err = a.nearest(ctx, key, time.Now().Add(nearTime))
	}
	return why, err
}

// merge joins events and deliveries, each in its own order, by time. A delivery
// never comes before the event it delivers, whatever the clock did.
func merge(events []Event, deliveries []Delivery) []Moment {
	// They were recorded in the order of their ends.
	slices.SortStableFunc(deliveries, func(a, b Delivery) int { return a.At.Compare(b.At) })
	moments := make([]Moment, 0, len(events)+len(deliveries))
	for len(events)+len(deliveries) > 0 {
		if len(deliveries) == 0 || len(events) > 0 &&
			(events[0].Seq <= deliveries[0].Seq || !events[0].Accepted.After(deliveries[0].At)) {
			moments = append(moments, Moment{Event: &events[0]})
			events = events[1:]
			continue
		}
		moments = append(moments, Moment{Delivery: &deliveries[0]})
		deliveries = deliveries[1:]
	}
	return moments
}

// standing says where the product of why stands at one connector.
func (a *api) standing(ctx context.Context, lane Lane, why *Why, events []Event, deliveries []Delivery) (Standing, error) {
	links, err := a.Store.Links(ctx, lane.Name(), []string{why.Key})
	if err != nil {
		return Standing{}, err
	}
	row, err := a.Store.Lane(ctx, lane.Name())
	if err != nil {
		return Standing{}, err
	}
	status := lane.Status()
	s := Standing{Connector: lane.Name(), Key: why.Key, State: NothingToDo}
	if len(links) > 0 {
		s = newStanding(&links[0])
	}
	if status.State != LaneRunning {
		s.Lane, s.LaneReason = status.State, status.Reason
	}
	wanted := why.Seq
	if status.Deliver == "every" && len(events) > 0 {
		wanted = events[len(events)-1].Seq
	}
	_, open := slices.BinarySearch(row.Open, wanted)
	switch {
	case s.State == Behind || s.State == Dead || s.State == Held || s.State == OnHold:
	case wanted > row.Cursor || open:
		s.State, s.Seq = OnItsWay, wanted
	default:
		s.settle(deliveries)
	}
	return s, nil
}

// settle tells, of a product of which nothing is left to do, what was decided last.
func (s *Standing) settle(deliveries []Delivery) {
	for _, d := range slices.Backward(deliveries) {
		if d.Connector != s.Connector {
			continue
		}
		switch d.Outcome {
		case store.Done, store.Unchanged:
			s.State, s.Seq = InStep, max(s.Seq, d.Seq)
		case store.Skipped:
			s.State, s.Seq, s.Reason = NothingToDo, d.Seq, d.Message
		}
		return
	}
}

func newStanding(l *store.Link) Standing {
	s := Standing{
		Connector: l.Connector, Key: l.Key, State: InStep, Reason: l.Reason,
		Seq: l.Seq, Attempts: l.Attempts, RemoteID: l.Remote.ID,
	}
	if l.Contended != nil {
		s.Contention = l.Contended.Text()
	}
	switch l.State {
	case store.Due:
		s.State, s.Next = Behind, l.Next
	case store.Dead:
		s.State = Dead
	case store.Held:
		s.State = Held
	case store.OnHold:
		s.State = OnHold
	}
	return s
}

// farFuture is after every retry time.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// standings lists what is not in step at a connector: first what waits for somebody.
func (a *api) standings(r *http.Request) (any, error) {
	lane, err := a.lane(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	limit, err := number(r, "limit", 20, MaxLimit)
	if err != nil {
		return nil, err
	}
	answer := Standings{Products: []Standing{}}
	for _, state := range []store.State{store.Held, store.Dead, store.OnHold, store.Due} {
		links, err := a.Store.Behind(r.Context(), lane.Name(), state, farFuture, int(limit)-len(answer.Products))
		if err != nil {
			return nil, err
		}
		for i := range links {
			answer.Products = append(answer.Products, newStanding(&links[i]))
		}
	}
	if answer.Verified, answer.Linked, err = a.Store.Verified(r.Context(), lane.Name(), time.Now().Add(-coverage)); err != nil {
		return nil, err
	}
	contended, err := a.Store.Contended(r.Context(), lane.Name(), int(limit)-len(answer.Products))
	for i := range contended {
		if contended[i].State == store.InStep { // the others are told of already
			answer.Products = append(answer.Products, newStanding(&contended[i]))
		}
	}
	return answer, err
}

// coverage is within which a product that was seen at its platform counts as verified.
const coverage = 24 * time.Hour
