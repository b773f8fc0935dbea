package ops

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/synchost/synchost/host/internal/store"
)

// lane finds the lane of a connector.
func (a *api) lane(connector string) (Lane, error) {
	for _, lane := range a.Lanes() {
		if lane.Name() == connector {
			return lane, nil
		}
	}
	if err := a.enabled(connector); err != nil {
		return nil, err
	}
	return nil, refuse(http.StatusConflict, "connector %s has no lane yet: the host is starting or stopping", connector)
}

// enabled refuses names that are no connector's, or a disabled one's.
func (a *api) enabled(connector string) error {
	var names []string
	for _, c := range a.Connectors() {
		switch {
		case c.Name != connector:
			names = append(names, c.Name)
		case c.State == ConnectorDisabled:
			return refuse(http.StatusConflict, "connector %s is disabled: write enabled = true under [connectors.%s] and start the host again", connector, connector)
		default:
			return nil
		}
	}
	if len(names) == 0 {
		return refuse(http.StatusNotFound, "there is no connector %s, nor any other", connector)
	}
	slices.Sort(names)
	return refuse(http.StatusNotFound, "there is no connector %s: there is %s", connector, strings.Join(names, ", "))
}

// laneStatus is a lane's status with what the store knows of it.
func laneStatus(ctx context.Context, s Store, lane Lane, head int64) (LaneStatus, error) {
	status := lane.Status()
	counts, err := s.Counts(ctx, lane.Name())
	if err != nil {
		return status, err
	}
	status.Head = head
	status.Behind, status.Dead, status.Held, status.OnHold = counts[store.Due], counts[store.Dead], counts[store.Held], counts[store.OnHold]
	if status.Passed >= head || status.State == LaneReadsOnly {
		return status, nil
	}
	if status.Deliver == "latest" {
		// The catalog has no row for every position: there may be nothing left.
		rows, err := s.Catalog(ctx, status.Passed, 1)
		if err != nil || len(rows) == 0 {
			return status, err
		}
	}
	status.Lag = head - status.Passed
	return status, nil
}

func (a *api) pause(r *http.Request) (any, error) {
	lane, err := a.lane(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	request, err := body[PauseRequest](r)
	if err != nil {
		return nil, err
	}
	return nil, lane.Pause(r.Context(), request.Reason)
}

func (a *api) resume(r *http.Request) (any, error) {
	lane, err := a.lane(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if err := lane.Resume(r.Context()); err != nil {
		return nil, err
	}
	for _, c := range a.Connectors() {
		if c.Name == lane.Name() && c.State == ConnectorFailed {
			return nil, refuse(http.StatusConflict, "nothing holds connector %s back any more but its process, which failed for good%s. When that is mended: synchost restart %s",
				c.Name, because(c.Reason), c.Name)
		}
	}
	return nil, nil
}

func (a *api) retry(r *http.Request) (any, error) {
	lane, err := a.lane(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	request, err := body[RetryRequest](r)
	switch {
	case err != nil:
		return nil, err
	case len(request.Keys) > 0 && request.All, len(request.Keys) == 0 && !request.All:
		return nil, refuse(http.StatusBadRequest, "say which products to try again: either keys or all")
	}
	if err := a.onRecord(r.Context(), lane.Name(), request.Keys...); err != nil {
		return nil, err
	}
	retried, err := lane.Retry(r.Context(), request.Keys)
	return RetryAnswer{retried}, err
}

func (a *api) replay(r *http.Request) (any, error) {
	lane, err := a.lane(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	request, err := body[ReplayRequest](r)
	switch {
	case err != nil:
		return nil, err
	case (request.Seq == 0) == request.Time.IsZero(), request.Seq < 0:
		return nil, refuse(http.StatusBadRequest, "say since when to replay: either seq, from 1 on, or time")
	}
	seq := request.Seq
	if seq == 0 {
		if seq, err = a.Store.At(r.Context(), request.Time); err != nil {
			return nil, err
		}
	}
	head, err := a.Store.Head(r.Context())
	if err != nil {
		return nil, err
	}
	if err := lane.Replay(r.Context(), seq); err != nil {
		return nil, err
	}
	return ReplayAnswer{Seq: seq, Events: max(0, head-seq+1)}, nil
}

func (a *api) check(r *http.Request) (any, error) {
	name := r.PathValue("name")
	if err := a.enabled(name); err != nil {
		return nil, err
	}
	err := a.Check(r.Context(), name)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, refuse(http.StatusNotImplemented, "connector %s offers no check", name)
	case err != nil:
		return nil, refuse(http.StatusBadGateway, "connector %s: %w", name, err)
	}
	return nil, nil
}

func (a *api) restart(r *http.Request) (any, error) {
	name := r.PathValue("name")
	if err := a.enabled(name); err != nil {
		return nil, err
	}
	return nil, a.Restart(name)
}
