package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// load sends events of about 1 KB over some connections. A product's events all
// go over one connection, each after the one before it was accepted, so that
// they reach the target in order.
type load struct {
	address, path, token string

	run         string        // first part of every key and id
	events      int           // in all, in whole rounds over the products; 0: until lasts is over
	lasts       time.Duration // 0: until all events are sent
	products    int
	connections int
	batch       int     // events in a request, as NDJSON; 1: one JSON object
	rate        float64 // events a second, all together; 0: as fast as it goes
	again       bool    // what was not accepted is sent until it is, as by a sender that outlives its target
	nethttp     bool    // Go's own client instead of a bare one, which takes half the CPU
}

// sent says how a load went.
type sent struct {
	accepted   int // events answered with 2xx
	start, end time.Time
}

func (s sent) perSecond() float64 { return float64(s.accepted) / s.end.Sub(s.start).Seconds() }

// longest is a bound on every load: a target that hangs is given up.
const longest = 5 * time.Minute

func (l *load) send(ctx context.Context) (sent, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	var accepted atomic.Int64
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for c := range l.connections {
		group.Go(func() error { return l.connection(ctx, c, start, &accepted) })
	}
	err := group.Wait()
	return sent{int(accepted.Load()), start, time.Now()}, err
}

// connection sends the events of every connections-th product.
func (l *load) connection(ctx context.Context, c int, start time.Time, accepted *atomic.Int64) error {
	mine := (l.products - c + l.connections - 1) / l.connections // products c, c+connections, …
	if mine <= 0 {
		return nil
	}
	client := l.client(ctx)
	defer client.close()
	var body []byte
	for next := 0; ctx.Err() == nil; {
		body = body[:0]
		count := 0
		for ; count < l.batch; count++ {
			round, product := next/mine, c+next%mine*l.connections
			due, more := l.due(start, round, product)
			if !more {
				break
			}
			if wait := time.Until(due); wait > 0 && !sleep(ctx, wait) {
				break
			}
			body = l.appendEvent(body, product, round+1, due)
			next++
		}
		if count == 0 {
			return ctx.Err()
		}
		if err := l.deliver(ctx, client, body); err != nil {
			return err
		}
		accepted.Add(int64(count))
	}
	return ctx.Err()
}

// due is when an event is to be sent, and whether it still is.
func (l *load) due(start time.Time, round, product int) (time.Time, bool) {
	if l.events > 0 && round >= l.events/l.products {
		return time.Time{}, false
	}
	due := time.Now()
	if l.rate > 0 {
		due = start.Add(time.Duration(float64(round*l.products+product) / l.rate * float64(time.Second)))
	}
	return due, l.lasts == 0 || due.Before(start.Add(l.lasts))
}

// deliver sends one body until it is accepted, or once.
func (l *load) deliver(ctx context.Context, client client, body []byte) error {
	for {
		status, err := client.post(body)
		switch {
		case err == nil && status/100 == 2:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !l.again && err != nil:
			return err
		case !l.again:
			return fmt.Errorf("events sent to %s are answered with %d", l.address, status)
		}
		sleep(ctx, time.Millisecond)
	}
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

const eventSize = 1024

var padding = bytes.Repeat([]byte("Lorem ipsum dolor sit amet "), eventSize/27+1)

// appendEvent renders event seq of a product, due at a time. It is written by
// hand since whatever it takes is missing to what is measured.
func (l *load) appendEvent(b []byte, product, seq int, due time.Time) []byte {
	from := len(b)
	key := l.run + "p" + strconv.Itoa(product)
	b = append(b, `{"id":"`...)
	b = append(b, key...)
	b = append(b, '-')
	b = strconv.AppendInt(b, int64(seq), 10)
	for _, part := range []string{`","product":{"key":"`, key, `","code":"SKU-`, key, `","name":"Product `, key,
		`","prices":[{"amount":"12.34","currency":"EUR"}],"stock":[{"quantity":"`} {
		b = append(b, part...)
	}
	b = strconv.AppendInt(b, int64(seq%500), 10)
	b = append(b, `"}],"attributes":{"seq":`...)
	b = strconv.AppendInt(b, int64(seq), 10)
	b = append(b, `,"sent_at":`...)
	b = strconv.AppendInt(b, due.UnixNano(), 10)
	b = append(b, `,"colour":"blue","text":"`...)
	const end = `"}}}`
	b = append(b, padding[:max(0, eventSize-len(end)-(len(b)-from))]...)
	b = append(b, end...)
	if l.batch > 1 {
		b = append(b, '\n')
	}
	return b
}
