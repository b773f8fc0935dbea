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
)

// client posts bodies, one after the other, over a connection that is made when
// it is needed.
type client interface {
	post(body []byte) (status int, err error)
	close()
}

func (l *load) client(ctx context.Context) client {
	contentType := "application/json"
	if l.batch > 1 {
		contentType = "application/x-ndjson"
	}
	if l.nethttp {
		header := http.Header{"Content-Type": {contentType}, "Authorization": {"Bearer " + l.token}}
		return &netClient{ctx, http.Client{Transport: &http.Transport{}}, "http://" + l.address + l.path, header}
	}
	return &bareClient{ctx: ctx, address: l.address, head: fmt.Sprintf(
		"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nAuthorization: Bearer %s\r\nContent-Length: ",
		l.path, l.address, contentType, l.token)}
}

// netClient is Go's own.
type netClient struct {
	ctx    context.Context
	http   http.Client
	url    string
	header http.Header
}

func (c *netClient) post(body []byte) (int, error) {
	request, err := http.NewRequestWithContext(c.ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header = c.header.Clone()
	response, err := c.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func (c *netClient) close() { c.http.CloseIdleConnections() }

// bareClient speaks as much HTTP/1.1 as is needed here.
type bareClient struct {
	ctx           context.Context
	address, head string
	conn          net.Conn // nil: to be made
	abandon       func() bool
	reader        *bufio.Reader
	request       []byte
}

func (c *bareClient) post(body []byte) (status int, err error) {
	if c.conn == nil {
		if err := c.dial(); err != nil {
			return 0, err
		}
	}
	c.request = append(c.request[:0], c.head...)
	c.request = strconv.AppendInt(c.request, int64(len(body)), 10)
	c.request = append(c.request, "\r\n\r\n"...)
	c.request = append(c.request, body...)
	if _, err = c.conn.Write(c.request); err == nil {
		status, err = readAnswer(c.reader)
	}
	if err != nil {
		c.close()
	}
	return status, err
}

func (c *bareClient) dial() error {
	conn, err := new(net.Dialer).DialContext(c.ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	c.conn, c.reader = conn, bufio.NewReader(conn)
	c.abandon = context.AfterFunc(c.ctx, func() { conn.Close() })
	return nil
}

func (c *bareClient) close() {
	if c.conn != nil {
		c.abandon()
		c.conn.Close()
		c.conn = nil
	}
}

// readAnswer reads one HTTP/1.1 answer with a Content-Length, as the host's are.
func readAnswer(r *bufio.Reader) (status int, err error) {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first && len(line) >= 12:
			status, err = strconv.Atoi(string(line[9:12]))
		case len(line) == 0 && length < 0:
			return 0, fmt.Errorf("an answer with status %d has no Content-Length", status)
		case len(line) == 0:
			_, err = r.Discard(length)
			return status, err
		case len(line) > 15 && bytes.EqualFold(line[:15], []byte("Content-Length:")):
			length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:])))
		}
		if err != nil {
			return 0, err
		}
	}
}
