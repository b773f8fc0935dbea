package main

import (
	"context"
	"errors"
	"slices"

	"github.com/synchost/synchost/host/internal/config"
	"github.com/synchost/synchost/host/internal/event"
	"github.com/synchost/synchost/host/internal/ops"
	"github.com/synchost/synchost/host/internal/receive"
)

func (h *host) receiverStats() []ops.ReceiverStatus {
	var views []ops.ReceiverStatus
	for i, s := range h.receivers.Stats() {
		address, _ := h.config.Host.Address(h.config.Receivers[i])
		views = append(views, ops.ReceiverStatus{
			Name: s.Name, Scheme: s.Scheme, Path: s.Path, URL: address, MaxBody: s.MaxBody, Accepted: s.Accepted, Duplicates: s.Duplicates,
			Echoes: s.Echoes, Refused: s.Refused, LastEvent: s.LastEvent, LastRefused: s.LastRefused, LastRefusal: s.LastReason,
		})
	}
	return views
}

// try leads a request through a receiver, signed with its own secret.
func (h *host) try(ctx context.Context, name string, r ops.TrialRequest) (ops.Tried, error) {
	at := slices.IndexFunc(h.config.Receivers, func(c config.Receiver) bool { return c.Name == name })
	if at < 0 {
		return ops.Tried{}, receive.ErrNoReceiver
	}
	c := h.config.Receivers[at]
	if _, media, _ := receive.Sends(c); media == "" && r.Body != nil {
		return ops.Tried{}, ops.ErrNoBody
	}
	tried, err := h.receivers.Try(ctx, name, receive.Trial{Body: r.Body, ContentType: r.ContentType, Keep: r.Keep})
	if errors.Is(err, receive.ErrNoKey) {
		return ops.Tried{}, ops.ErrSenderSigns
	}
	if err != nil {
		return ops.Tried{}, err
	}
	result := ops.Tried{
		Status: tried.Status, Answer: tried.Answer, Kept: len(tried.Receipts) > 0,
		Events: ops.NewTriedEvents(tried.Events, tried.Receipts),
	}
	aboutProduct := func(e event.Event) bool { return e.Raw == nil }
	if r.Body == nil && c.MapsProducts() && !slices.ContainsFunc(tried.Events, aboutProduct) {
		result.Remedy = "The map makes no product of this sample: try it with a body that your sender sends, --body FILE."
	}
	return result, nil
}
