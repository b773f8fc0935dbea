package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/synchost/synchost/sdk"
)

// batchForm is how several changes go into one body.
type batchForm string

const (
	array  batchForm = "array"
	ndjson batchForm = "ndjson"
)

// checkBatch refuses options that cannot hold for a whole batch.
func (w *webhook) checkBatch(c *Config, f *faults) {
	if w.batch == "" {
		return
	}
	for _, t := range append(texts(w.composer.headers), w.composer.url, w.composer.method) {
		if !t.fixed {
			f.add(t.option, "must not depend on the product when batch puts several into one request")
		}
	}
	switch {
	case c.Style == "payamgostar":
		f.add("batch", "style payamgostar has no body to put a batch in")
	case c.Style == "cloudevents" && (c.CloudEvents.Mode != "structured" || w.batch != array):
		f.add("batch", "style cloudevents has batches only as batch = \"array\" with cloudevents.mode = \"structured\"")
	}
}

func texts(headers []headerText) []*text {
	var all []*text
	for _, h := range headers {
		all = append(all, h.text)
	}
	return all
}

// applyBatch sends all changes in one body. Its outcome is that of each. Events
// that are passed on as they came go by themselves: they may not be JSON.
func (w *webhook) applyBatch(ctx context.Context, changes []sdk.Change) ([]sdk.Result, error) {
	var raw []sdk.Change
	var b batch
	now := time.Now()
	for i := range changes {
		if changes[i].Op == sdk.Forward {
			raw = append(raw, changes[i])
			continue
		}
		b.add(w.composer, &changes[i], now)
	}
	if len(b.items) > 0 {
		w.sendBatch(ctx, &b, now)
	}
	results, rest := sdk.Each(ctx, len(raw), raw, w.send)
	return append(b.results, results...), rest
}

// batch is what goes into one body, and what became of it.
type batch struct {
	changes     []*sdk.Change // with an item each
	items       [][]byte
	contentType string
	results     []sdk.Result
}

// add makes an item of a change, or a result where that fails.
func (b *batch) add(k *composer, c *sdk.Change, at time.Time) {
	item, contentType, err := k.content(newScope(c, at))
	var compact bytes.Buffer
	if err == nil && json.Compact(&compact, item) != nil {
		err = sdk.Reject("body", errors.New("the template gives no valid JSON for this product, so it cannot go into a batch"))
	}
	if err != nil {
		b.results = append(b.results, sdk.Result{Key: c.Key, Err: err})
		return
	}
	b.changes, b.items, b.contentType = append(b.changes, c), append(b.items, compact.Bytes()), contentType
}

func (w *webhook) sendBatch(ctx context.Context, b *batch, at time.Time) {
	s := &scope{ID: b.id(), Time: at.UTC()}
	req, err := w.composer.frame(s)
	if err == nil {
		var contentType string
		req.Body, contentType = b.body(w.batch)
		err = w.composer.finish(&req, s, contentType)
	}
	if err != nil {
		b.fail(err)
		return
	}
	resp, err := w.do(ctx, req)
	for i, c := range b.changes {
		resp.Request.Body = b.items[i] // each record shows its own part
		b.results = append(b.results, sdk.Result{Key: c.Key, Err: err, Exchange: resp.Exchange()})
	}
}

func (b *batch) fail(err error) {
	for _, c := range b.changes {
		b.results = append(b.results, sdk.Result{Key: c.Key, Err: err})
	}
}

// id is the same for the same changes in the same order.
func (b *batch) id() string {
	sum := sha256.New()
	for _, c := range b.changes {
		_, _ = io.WriteString(sum, c.ID)
		_, _ = sum.Write([]byte{0})
	}
	return "batch_" + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:18])
}

func (b *batch) body(form batchForm) ([]byte, string) {
	if form == ndjson {
		return append(bytes.Join(b.items, []byte("\n")), '\n'), "application/x-ndjson"
	}
	contentType := b.contentType
	if contentType == structuredType {
		contentType = "application/cloudevents-batch+json"
	}
	return append(append([]byte{'['}, bytes.Join(b.items, []byte(","))...), ']'), contentType
}
