package ops

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/ops/inspect"
	"github.com/synchost/synchost/host/internal/store"
	"github.com/synchost/synchost/sdk"
)

// The types of the control API's requests and answers. Their json, enum and doc
// tags are what openapi.json is made of.

// Version says which build answers.
type Version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty" doc:"commit it was built from"`
	Modified bool   `json:"modified,omitempty" doc:"built from a tree with changes that are not committed"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Status is the whole host at a glance.
type Status struct {
	Version    Version           `json:"version"`
	Started    time.Time         `json:"started"`
	Store      StoreStatus       `json:"store"`
	Receivers  []ReceiverStatus  `json:"receivers"`
	Connectors []ConnectorStatus `json:"connectors" doc:"the connectors' processes"`
	Lanes      []LaneStatus      `json:"lanes" doc:"what the connectors have to deliver"`
	Trouble    []string          `json:"trouble" doc:"what needs somebody's attention, a sentence each; empty: healthy"`
}

// StoreStatus is how the store stands.
type StoreStatus struct {
	Head   int64  `json:"head" doc:"position of the newest event"`
	Size   int64  `json:"size" doc:"bytes on disk"`
	Reason string `json:"reason,omitempty" doc:"why it takes no events now"`
}

// LaneStatus is how a lane stands.
type LaneStatus struct {
	Connector   string    `json:"connector"`
	Deliver     string    `json:"deliver" enum:"latest,every"`
	State       string    `json:"state" enum:"running,waiting,throttled,circuit open,paused,stopped,troubled,reads only"`
	Reason      string    `json:"reason,omitempty" doc:"why it does not run"`
	Until       time.Time `json:"until,omitzero" doc:"end of a throttle, or the next probe of an open circuit"`
	Cursor      int64     `json:"cursor" doc:"position it has read up to"`
	Passed      int64     `json:"passed" doc:"position up to which everything is done, or its product is behind"`
	Head        int64     `json:"head" doc:"position of the newest event"`
	Lag         int64     `json:"lag" doc:"positions it has still to pass; 0: nothing to do"`
	Behind      int64     `json:"behind" doc:"products that will be tried again"`
	Dead        int64     `json:"dead" doc:"products that wait for a newer event or for retry"`
	Held        int64     `json:"held" doc:"products of which nobody knows whether they were written; they wait for retry"`
	OnHold      int64     `json:"on_hold" doc:"products that are left as they are, by an operator or because they are fought over; they wait for release"`
	InFlight    int       `json:"in_flight" doc:"changes that the connector has now"`
	Delivered   int64     `json:"delivered" doc:"since the host started"`
	Failed      int64     `json:"failed" doc:"attempts since the host started"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	NextRetry   time.Time `json:"next_retry,omitzero" doc:"of the product that is due first"`
}

// The states of a lane.
const (
	LaneRunning     = "running"
	LaneWaiting     = "waiting" // for the connector's process
	LaneThrottled   = "throttled"
	LaneCircuitOpen = "circuit open"
	LanePaused      = "paused"
	LaneStopped     = "stopped"
	LaneTroubled    = "troubled" // the store fails
	LaneReadsOnly   = "reads only"
)

// ConnectorStatus is how a connector's process stands.
type ConnectorStatus struct {
	Name         string    `json:"name"`
	Plugin       string    `json:"plugin"`
	Version      string    `json:"version,omitempty"`
	State        string    `json:"state" enum:"starting,ready,restarting,failed,stopped,disabled"`
	Reason       string    `json:"reason,omitempty" doc:"why it is not ready"`
	PID          int       `json:"pid,omitempty"`
	SHA256       string    `json:"sha256,omitempty" doc:"of the binary that runs"`
	Restarts     int       `json:"restarts"`
	Since        time.Time `json:"since,omitzero" doc:"when it came into this state"`
	Capabilities []string  `json:"capabilities,omitempty" doc:"what it can do beside Apply"`
	LastStderr   []string  `json:"last_stderr,omitempty" doc:"last lines that it wrote before it failed"`
}

// The states of a connector.
const (
	ConnectorStarting   = "starting"
	ConnectorReady      = "ready"
	ConnectorRestarting = "restarting" // waits before it is started again
	ConnectorFailed     = "failed"     // will not be started again by itself
	ConnectorStopped    = "stopped"
	ConnectorDisabled   = "disabled"
)

// Event is an accepted event.
type Event struct {
	Seq      int64        `json:"seq" doc:"position in the journal"`
	Accepted time.Time    `json:"accepted"`
	Source   string       `json:"source" doc:"receiver or watched connector that brought it"`
	ID       string       `json:"id" doc:"the source's own id, or one that the host made"`
	Op       sdk.EventOp  `json:"op" enum:"created,updated,deleted,received"`
	Key      string       `json:"key" doc:"of the product"`
	Time     time.Time    `json:"time" doc:"when it happened, by the source's clock where it tells"`
	Fields   []string     `json:"fields,omitempty" doc:"field paths that it changed; of a hint, those it mentions"`
	Hint     bool         `json:"hint,omitempty" doc:"the sender said only that something changed"`
	There    bool         `json:"there,omitempty" doc:"a destination tells it, of what is there: a hint that goes nowhere"`
	Echo     bool         `json:"echo,omitempty" doc:"our own write, told back by the destination"`
	Product  *sdk.Product `json:"product,omitempty" doc:"as of this event"`
	Raw      *sdk.Raw     `json:"raw,omitempty" doc:"the request as it came, of an event of no product"`
}

func newEvent(e *event.Entry) Event {
	wire := Event{
		Seq: e.Seq, Accepted: e.Accepted, Source: e.Source, ID: e.ID, Op: e.Op, Key: e.Key,
		Time: e.Time, Fields: e.Fields, Hint: e.Hint, There: e.There, Echo: e.Echo, Raw: e.Raw,
	}
	if e.Raw == nil {
		wire.Product = &e.Product
	}
	return wire
}

// Events is a part of the journal.
type Events struct {
	Events []Event `json:"events" doc:"newest last"`
	Next   int64   `json:"next" doc:"position to ask for what comes after these"`
}

// Delivery is one attempt, or the decision to make none.
type Delivery struct {
	ID        int64         `json:"id"`
	Connector string        `json:"connector"`
	Seq       int64         `json:"seq" doc:"position it delivered"`
	ChangeID  string        `json:"change_id,omitempty" doc:"idempotency key, the same on every attempt"`
	Op        string        `json:"op,omitempty" doc:"what was asked of the connector; empty: no call was made"`
	Fields    []string      `json:"fields,omitempty" doc:"field paths that were sent"`
	Attempt   int           `json:"attempt"`
	At        time.Time     `json:"at"`
	TookMS    float64       `json:"took_ms"`
	Outcome   store.Outcome `json:"outcome" enum:"done,unchanged,failed,unknown,dead,skipped"`
	Kind      string        `json:"kind,omitempty" doc:"of the failure"`
	Message   string        `json:"message,omitempty" doc:"of the failure, or why no call was made"`
	Request   string        `json:"request,omitempty"`
	Response  string        `json:"response,omitempty"`
	Status    int           `json:"status,omitempty" doc:"HTTP status of the answer"`
	Before    *sdk.Product  `json:"before,omitempty" doc:"the platform's fields before"`
	Wanted    *sdk.Product  `json:"wanted,omitempty" doc:"the fields that were sent"`
}

func newDelivery(d *store.Delivery) Delivery {
	return Delivery{
		ID: d.ID, Connector: d.Connector, Seq: d.Seq, ChangeID: d.ChangeID, Op: d.Op, Fields: d.Fields,
		Attempt: d.Attempt, At: d.At, TookMS: float64(d.Took.Microseconds()) / 1000,
		Outcome: d.Outcome, Kind: d.Kind, Message: d.Message,
		Request: d.Exchange.Request, Response: d.Exchange.Response, Status: d.Exchange.Status,
		Before: d.Before, Wanted: d.Wanted,
	}
}

// Why is all that is on record of one product.
type Why struct {
	Key        string       `json:"key"`
	Near       string       `json:"near,omitempty" doc:"the key that may be meant, where nothing is on record of this one"`
	Product    *sdk.Product `json:"product,omitempty" doc:"as it is known now; none: no event told anything of it"`
	Seq        int64        `json:"seq,omitempty" doc:"position of its last change"`
	Deleted    bool         `json:"deleted,omitempty" doc:"it is gone at its source"`
	Earlier    bool         `json:"earlier,omitempty" doc:"there is more before the timeline's beginning: ask for more with limit"`
	Timeline   []Moment     `json:"timeline" doc:"in the order in which it happened"`
	Connectors []Standing   `json:"connectors" doc:"where the product stands now"`
}

// Unheard says whether nothing is on record of the product.
func (w *Why) Unheard() bool {
	return w.Product == nil && len(w.Timeline) == 0 &&
		!slices.ContainsFunc(w.Connectors, func(s Standing) bool { return s.State != NothingToDo })
}

// Moment is one event or one delivery.
type Moment struct {
	Event    *Event    `json:"event,omitempty"`
	Delivery *Delivery `json:"delivery,omitempty"`
}

// Standing is where a product stands at a connector.
type Standing struct {
	Connector  string    `json:"connector"`
	Key        string    `json:"key"`
	State      string    `json:"state" enum:"in step,nothing to do,on its way,behind,dead,held,on hold"`
	Reason     string    `json:"reason,omitempty"`
	Seq        int64     `json:"seq,omitempty" doc:"position it speaks of"`
	Attempts   int       `json:"attempts,omitempty" doc:"failed ones since the last success"`
	Next       time.Time `json:"next,omitzero" doc:"when it is tried again"`
	RemoteID   string    `json:"remote_id,omitempty" doc:"the platform's id of it"`
	Contention string    `json:"contention,omitempty" doc:"somebody else writes it there, too: the field, what we wrote, what was found, and how often in a row; or how often it was written for one change"`
	Lane       string    `json:"lane,omitempty" doc:"the lane's state, where it does not run"`
	LaneReason string    `json:"lane_reason,omitempty"`
}

// The states of a product at a connector.
const (
	InStep      = "in step"
	NothingToDo = "nothing to do"
	OnItsWay    = "on its way"
	Behind      = "behind"
	Dead        = "dead"
	Held        = "held"
	OnHold      = "on hold"
)

// Standings are products that are not in step, or are contended, at a connector.
type Standings struct {
	Products []Standing `json:"products" doc:"those that wait for somebody first"`
	Linked   int64      `json:"linked" doc:"products that are there from us"`
	Verified int64      `json:"verified" doc:"of these, those that a reconciliation has seen there within 24 hours"`
}

// PauseRequest asks for a lane to stop.
type PauseRequest struct {
	Reason string `json:"reason,omitempty" doc:"is shown to whoever asks why the lane does not go on"`
}

// RetryRequest asks for products to be tried at once.
type RetryRequest struct {
	Keys []string `json:"keys,omitempty" doc:"of the products"`
	All  bool     `json:"all,omitempty" doc:"all that are not in step"`
}

// RetryAnswer says what a retry did.
type RetryAnswer struct {
	Retried int `json:"retried" doc:"products that are tried again now"`
}

// ReplayRequest asks for what happened since then to be delivered again. One of
// the two is given.
type ReplayRequest struct {
	Seq  int64     `json:"seq,omitempty" doc:"from this position on"`
	Time time.Time `json:"time,omitzero" doc:"from the first event that was accepted then or later"`
}

// ReplayAnswer says what a replay did.
type ReplayAnswer struct {
	Seq    int64 `json:"seq" doc:"position that the lane goes on from"`
	Events int64 `json:"events" doc:"positions from there to the newest event"`
}

// Requests are what the inspector has.
type Requests struct {
	Requests []inspect.Request `json:"requests" doc:"newest last"`
}

// Error is every answer that is no success.
type Error struct {
	Error string `json:"error" doc:"what is wrong and what to do, in a sentence"`
}

// description is a JSON document as it is.
type description = json.RawMessage
