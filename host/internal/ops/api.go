package ops

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/synchost/synchost/host/internal/ops/inspect"
	"github.com/synchost/synchost/host/internal/store"
)

// openAPI describes the API. It is made from the routes and their types; see
// openapi_test.go.
//
//go:generate go test -run ^TestDescription$ . -args -update
//go:embed openapi.json
var openAPI []byte

// maxRequest bounds the body of a request.
const maxRequest = 4 << 20

// api answers the control API.
type api struct{ Deps }

// route is one call of the API. It is served, and described, from this alone.
type route struct {
	method, path string
	summary      string
	query        []parameter
	body         any // an empty value of the request's type; nil: none
	answer       any // an empty value of the answer's type; nil: 204
	stream       any // an empty value of one line of the answer with follow=1; nil: does not follow
	serve        func(*api, *http.Request) (any, error)
	follow       func(*api, *http.Request, *lines) error
}

type parameter struct{ name, kind, doc string }

var (
	limit  = parameter{"limit", "integer", "at most this many"}
	follow = parameter{"follow", "boolean", "go on with what comes next, one JSON value a line"}
)

var routes = []route{
	{method: "GET", path: "/v1/status", summary: "The whole host at a glance", answer: Status{}, serve: (*api).status},
	{method: "GET", path: "/v1/events", summary: "Accepted events, newest last", answer: Events{}, stream: Event{},
		query: []parameter{
			{"after", "integer", "only those behind this position, the oldest of them first; without it, the newest"}, limit, follow,
			{"key", "string", "only those of this product"}, {"source", "string", "only those of this receiver or watched connector"},
		},
		serve: (*api).events, follow: (*api).followEvents},
	{method: "GET", path: "/v1/why", summary: "All that is on record of one product: events, decisions, deliveries and where it stands", answer: Why{},
		query: []parameter{
			{"key", "string", "of the product"}, {"connector", "string", "only deliveries of this connector"}, limit,
		},
		serve: (*api).why},
	{method: "GET", path: "/v1/receivers", summary: "The receivers, and what they have taken and refused since the start", answer: Receivers{}, serve: (*api).receivers},
	{method: "POST", path: "/v1/receivers/{name}/test", summary: "Lead a correctly signed request through a receiver, and tell what comes of it", body: TrialRequest{}, answer: Tried{}, serve: (*api).tryReceiver},
	{method: "GET", path: "/v1/connectors/{name}/products", summary: "Products that are not in step at a connector", answer: Standings{},
		query: []parameter{limit}, serve: (*api).standings},
	{method: "POST", path: "/v1/connectors/{name}/pause", summary: "Stop a lane; its backlog is kept", body: PauseRequest{}, serve: (*api).pause},
	{method: "POST", path: "/v1/connectors/{name}/resume", summary: "Let a paused or stopped lane go on", serve: (*api).resume},
	{method: "POST", path: "/v1/connectors/{name}/retry", summary: "Try products that are not in step at once", body: RetryRequest{}, answer: RetryAnswer{}, serve: (*api).retry},
	{method: "POST", path: "/v1/connectors/{name}/replay", summary: "Deliver again from a position or time on", body: ReplayRequest{}, answer: ReplayAnswer{}, serve: (*api).replay},
	{method: "POST", path: "/v1/connectors/{name}/check", summary: "Check a connector's credentials and whether its platform can be reached", serve: (*api).check},
	{method: "POST", path: "/v1/connectors/{name}/restart", summary: "End a connector's process and start it anew", serve: (*api).restart},
	{method: "POST", path: "/v1/connectors/{name}/plans", summary: "Compare a connector's platform with what is wanted there; nothing is written", body: PlanRequest{}, answer: Plan{}, serve: (*api).makePlan},
	{method: "GET", path: "/v1/connectors/{name}/progress", summary: "How far a comparison, or the applying of a plan, has come", answer: PlanProgress{}, serve: (*api).planProgress},
	{method: "POST", path: "/v1/connectors/{name}/undo", summary: "Bring back what was written: of one product, or of all since a time", body: UndoRequest{}, answer: Undone{}, serve: (*api).undo},
	{method: "POST", path: "/v1/connectors/{name}/hold", summary: "Leave products as they are until they are released", body: HoldRequest{}, serve: (*api).hold},
	{method: "POST", path: "/v1/connectors/{name}/release", summary: "Let products follow their source again", body: ReleaseRequest{}, answer: Released{}, serve: (*api).release},
	{method: "POST", path: "/v1/connectors/{name}/link", summary: "Say which product there is which of ours", body: LinkRequest{}, serve: (*api).link},
	{method: "POST", path: "/v1/connectors/{name}/unlink", summary: "Forget which products there are ours; they are left as they are", body: KeysRequest{}, serve: (*api).unlink},
	{method: "GET", path: "/v1/plans", summary: "Plans, newest first", answer: Plans{},
		query: []parameter{{"connector", "string", "only those of this connector"}, limit}, serve: (*api).plans},
	{method: "GET", path: "/v1/plans/{id}", summary: "One plan with its totals", answer: Plan{}, serve: (*api).plan},
	{method: "GET", path: "/v1/plans/{id}/items", summary: "What a plan says of each product", answer: PlanItems{},
		query: []parameter{
			{"kind", "string", "only items of this kind; may be given more than once"}, {"product", "string", "only those of this product; likewise"},
			{"after", "string", "only those behind the item of this key"}, {"after_remote", "string", "and of this id there"}, limit,
		}, serve: (*api).planItems},
	{method: "POST", path: "/v1/plans/{id}/apply", summary: "Do what a plan says, as far as it still holds", body: ApplyRequest{}, answer: Applied{}, serve: (*api).applyPlan},
	{method: "POST", path: "/v1/plans/{id}/undo", summary: "Bring back what a plan changed, and hold it", answer: Undone{}, serve: (*api).undoPlan},
	{method: "GET", path: "/v1/cron", summary: "What runs at certain times, when next, and how its last run ended", answer: Cron{},
		query: []parameter{{"times", "integer", "how many of each job's next times"}}, serve: (*api).cron},
	{method: "POST", path: "/v1/cron", summary: "Have a job run now", body: RunJobRequest{}, serve: (*api).runJob},
	{method: "GET", path: "/v1/inspect", summary: "Requests that the inspector took, newest last", answer: Requests{}, stream: inspect.Request{},
		query: []parameter{{"after", "integer", "only those behind this id"}, limit, follow},
		serve: (*api).inspect, follow: (*api).followInspector},
	{method: "GET", path: "/v1/version", summary: "Which build answers", answer: Version{}, serve: (*api).version},
	{method: "GET", path: "/v1/openapi.json", summary: "This description", answer: description{}, serve: (*api).describe},
}

// NewAPI is the control API's handler. An answer that follows ends when its
// request's context does, so a server that is to stop first ends its BaseContext.
func NewAPI(deps Deps) http.Handler {
	a := &api{deps}
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, r *http.Request) {
			if route.follow != nil && truth(r.URL.Query().Get("follow")) {
				a.stream(w, r, route.follow)
				return
			}
			answer, err := route.serve(a, r)
			respond(w, answer, err)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		respond(w, nil, refuse(http.StatusNotFound, "there is no %s %s: GET /v1/openapi.json lists what there is", r.Method, r.URL.Path))
	})
	return mux
}

// failure is an error with the HTTP status that tells it.
type failure struct {
	status int
	error
}

func (f failure) Unwrap() error { return f.error }

var errStopping = errors.New("the host is stopping")

func refuse(status int, format string, args ...any) error {
	return failure{status, fmt.Errorf(format, args...)}
}

// respond writes an answer or an error as JSON.
func respond(w http.ResponseWriter, answer any, err error) {
	status := http.StatusOK
	switch f := (failure{}); {
	case errors.As(err, &f):
		status = f.status
	case errors.Is(err, context.Canceled): // or whoever asked is gone, and this goes nowhere
		status, err = http.StatusServiceUnavailable, errStopping
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrFull), errors.Is(err, store.ErrClosed):
		status = http.StatusServiceUnavailable
	case err != nil:
		status = http.StatusInternalServerError
	case answer == nil:
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err != nil {
		answer = Error{err.Error()}
	}
	text, err := json.Marshal(answer)
	if err != nil { // which is no answer with nothing in it
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be told as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // an error here is the reader's
}

// body reads the JSON body of r; none is as good as {}.
func body[T any](r *http.Request) (T, error) { return bodyUpTo[T](r, maxRequest) }

// bodyUpTo reads one of at most so many bytes.
func bodyUpTo[T any](r *http.Request, most int64) (T, error) {
	var value T
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, most))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&value)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return value, refuse(http.StatusRequestEntityTooLarge, "the body is larger than the %d bytes that this call takes: ask for less at once", most)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return value, refuse(http.StatusBadRequest, "the body is not what this call takes: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return value, nil
}

func truth(text string) bool { return text == "1" || text == "true" }

func (a *api) version(*http.Request) (any, error)  { return a.Version, nil }
func (a *api) describe(*http.Request) (any, error) { return description(openAPI), nil }
