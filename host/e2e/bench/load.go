package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load sends events of about 1 KB over some connections. A product's events all
// go over one connection, each after the one before it was answered, so that
// they reach the target in order.
type load struct {
	address, path, token string
	events, products     int
	connections          int
	batch                int     // events in a request, as NDJSON; 1: one JSON object
	rate                 float64 // events a second, all together; 0: as fast as it goes
	run                  string  // first part of every key and id
	nethttp              bool    // Go's own client instead of a bare one, which takes half the CPU
}

// sentReport says how a load went.
type sentReport struct {
	accepted int
	refused  int
	seconds  float64
}

func (r sentReport) perSecond() float64 { return float64(r.accepted) / r.seconds }

func (l *load) send(ctx context.Context) (sentReport, error) {
	var accepted, refused atomic.Int64
	var failure error
	var once sync.Once
	var wait sync.WaitGroup
	start := time.Now()
	for c := range l.connections {
		wait.Go(func() {
			if err := l.connection(ctx, c, start, &accepted, &refused); err != nil {
				once.Do(func() { failure = err })
			}
		})
	}
	wait.Wait()
	return sentReport{int(accepted.Load()), int(refused.Load()), time.Since(start).Seconds()}, failure
}

// connection sends the events of every connections-th product.
func (l *load) connection(ctx context.Context, c int, start time.Time, accepted, refused *atomic.Int64) error {
	post, closeAll, err := l.poster(ctx)
	if err != nil {
		return err
	}
	defer closeAll()
	var body []byte
	mine := (l.products - c + l.connections - 1) / l.connections // products c, c+connections, …
	if mine <= 0 {
		return nil
	}
	count := 0
	for sent := 0; ; {
		body = body[:0]
		count = 0
		for count < l.batch {
			round, product := sent/mine, c+sent%mine*l.connections
			if round >= l.events/l.products {
				break
			}
			due := time.Now()
			if l.rate > 0 {
				due = start.Add(time.Duration(float64(round*l.products+product) / l.rate * float64(time.Second)))
				if wait := time.Until(due); wait > 0 {
					time.Sleep(wait)
				}
			}
			body = l.appendEvent(body, product, round+1, due)
			sent++
			count++
		}
		if count == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		status, err := post(body)
		if err != nil {
			return err
		}
		if status/100 == 2 {
			accepted.Add(int64(count))
		} else {
			refused.Add(int64(count))
		}
	}
}

var padding = bytes.Repeat([]byte("Lorem ipsum dolor sit amet "), 40)

// appendEvent renders event seq of a product, due at a time.
func (l *load) appendEvent(b []byte, product, seq int, due time.Time) []byte {
	from := len(b)
	key := fmt.Appendf(nil, "%sp%06d", l.run, product)
	b = fmt.Appendf(b, `{"id":"%s-%d","product":{"key":"%s","code":"SKU-%s","name":"Product %s","prices":[{"amount":"12.34","currency":"EUR"}],`+
		`"stock":[{"quantity":"%d"}],"attributes":{"seq":%d,"sent_at":%d,"colour":"blue","text":"`, key, seq, key, key, key, seq%500, seq, due.UnixNano())
	b = append(b, padding[:max(0, 1020-(len(b)-from))]...)
	b = append(b, `"}}}`...)
	if l.batch > 1 {
		b = append(b, '\n')
	}
	return b
}

// poster returns what sends one body and gives the answer's status.
func (l *load) poster(ctx context.Context) (post func([]byte) (int, error), closeAll func(), err error) {
	contentType := "application/json"
	if l.batch > 1 {
		contentType = "application/x-ndjson"
	}
	if l.nethttp {
		client := &http.Client{Transport: &http.Transport{}}
		return func(body []byte) (int, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.address+l.path, bytes.NewReader(body))
			if err != nil {
				return 0, err
			}
			request.Header.Set("Content-Type", contentType)
			request.Header.Set("Authorization", "Bearer "+l.token)
			response, err := client.Do(request)
			if err != nil {
				return 0, err
			}
			defer response.Body.Close()
			_, err = io.Copy(io.Discard, response.Body)
			return response.StatusCode, err
		}, client.CloseIdleConnections, nil
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, nil, err
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nAuthorization: Bearer %s\r\nContent-Length: ", l.path, l.address, contentType, l.token)
	reader := bufio.NewReader(conn)
	var request []byte
	return func(body []byte) (int, error) {
		request = append(request[:0], head...)
		request = strconv.AppendInt(request, int64(len(body)), 10)
		request = append(request, "\r\n\r\n"...)
		request = append(request, body...)
		if _, err := conn.Write(request); err != nil {
			return 0, err
		}
		return readAnswer(reader)
	}, func() { conn.Close() }, nil
}

// readAnswer reads one HTTP/1.1 answer with a Content-Length, as the host's are.
func readAnswer(r *bufio.Reader) (status int, err error) {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first && len(line) >= 12:
			status, err = strconv.Atoi(string(line[9:12]))
		case len(line) == 0:
			_, err = r.Discard(length)
			return status, err
		case len(line) > 16 && bytes.EqualFold(line[:15], []byte("Content-Length:")):
			length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:])))
		}
		if err != nil {
			return 0, err
		}
	}
}
