package deliver

import "time"

// State says what a lane is doing.
type State string

// The states of a lane. Paused and Stopped are kept across restarts.
const (
	Delivering  State = "running"
	Waiting     State = "waiting"      // for the connector process
	Throttled   State = "throttled"    // the platform asked for a pause
	CircuitOpen State = "circuit open" // nothing gets through; probing
	Paused      State = "paused"       // by an operator
	Stopped     State = "stopped"      // the platform refuses us, or said stop
	Troubled    State = "troubled"     // the store fails
	ReadsOnly   State = "reads only"   // the connector is a source: there is nothing to deliver to
)

// Status is how a lane stands.
type Status struct {
	Connector   string
	Deliver     Mode // empty until the connector has said what it carries
	State       State
	Reason      string
	Until       time.Time // end of a throttle, or the next probe
	Cursor      int64     // read up to here
	Passed      int64     // everything up to here is done or behind
	InFlight    int       // changes that the connector has now
	Delivered   int64     // since the start
	Failed      int64     // attempts, since the start
	LastSuccess time.Time
	NextRetry   time.Time // of the product that is due first; zero: none is behind
}

// Status is how the lane stands now.
func (l *Lane) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

func (l *Lane) setState(state State, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.State, l.status.Reason, l.status.Until, l.status.NextRetry = state, reason, time.Time{}, time.Time{}
	l.status.Cursor, l.status.Passed = l.row.Cursor, l.row.Passed()
}

func (l *Lane) update(fn func(*Status)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn(&l.status)
}
