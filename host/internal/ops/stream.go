package ops

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// lines writes a stream of JSON values, one a line.
type lines struct {
	encoder *json.Encoder
	control *http.ResponseController
}

// put writes one line. It reaches the reader with the next flush.
func (l *lines) put(value any) error { return l.encoder.Encode(value) }

// flush sends what was put. A connection that cannot be flushed is gone.
func (l *lines) flush() error { return l.control.Flush() }

// stream answers with lines until the request's context ends.
func (a *api) stream(w http.ResponseWriter, r *http.Request, serve func(*api, *http.Request, *lines) error) {
	out := &lines{json.NewEncoder(w), http.NewResponseController(w)}
	// A server's write timeout is for answers that end.
	_ = out.control.SetWriteDeadline(time.Time{})
	w.Header().Set("Content-Type", "application/x-ndjson")
	if err := serve(a, r, out); err != nil && !errors.Is(err, context.Canceled) {
		var f failure
		if errors.As(err, &f) { // nothing was written yet
			respond(w, nil, err)
			return
		}
		_ = out.put(Error{err.Error()})
	}
}

// wait waits for changed; its error is that ctx ended.
func wait(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *api) inspect(r *http.Request) (any, error) {
	after, limit, err := a.inspectorQuery(r)
	if err != nil {
		return nil, err
	}
	return Requests{a.Inspector.Requests(after, limit)}, nil
}

func (a *api) followInspector(r *http.Request, out *lines) error {
	after, limit, err := a.inspectorQuery(r)
	if err != nil {
		return err
	}
	for {
		changed := a.Inspector.Changed()
		requests := a.Inspector.Requests(after, MaxLimit)
		for i := range requests {
			after = requests[i].ID
			if i < len(requests)-limit {
				continue
			}
			if err := out.put(requests[i]); err != nil {
				return err
			}
		}
		if err := out.flush(); err != nil {
			return err
		}
		limit = MaxLimit // it bounds only what is shown first
		if err := wait(r.Context(), changed); err != nil {
			return err
		}
	}
}

func (a *api) inspectorQuery(r *http.Request) (after int64, limit int, err error) {
	if a.Inspector == nil {
		return 0, 0, refuse(http.StatusConflict, "the inspector is not enabled: write enabled = true under [inspector] in the configuration")
	}
	if after, err = number(r, "after", 0, 1<<62); err != nil {
		return 0, 0, err
	}
	wanted, err := number(r, "limit", 20, MaxLimit)
	return after, int(wanted), err
}

// number reads a query parameter that is a whole number from 0 to most.
func number(r *http.Request, name string, otherwise, most int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, refuse(http.StatusBadRequest, "%s=%s: write a whole number from 0 to %d", name, text, most)
	}
	return n, nil
}
