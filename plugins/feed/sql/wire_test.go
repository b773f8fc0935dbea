package main

import (
	"bytes"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/synchost/synchost/sdk/sdktest"
)

// wire stands between the connector and a server, and lets the network
// misbehave.
type wire struct {
	to string // the server's socket

	mu    sync.Mutex // guards what follows
	mode  string     // "", "lost answer" or "hang"
	conns []net.Conn
}

// newWire gives the wire and the database as it is seen through it.
func newWire(t *testing.T, d *database) (*wire, *database) {
	t.Helper()
	folder := shortFolder(t)
	socket := filepath.Join(folder, filepath.Base(d.socket))
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{to: d.socket}
	t.Cleanup(func() { _ = listener.Close(); w.cut() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			w.join(client)
		}
	}()
	seen := *d
	if seen.socket = socket; d.driver == "postgres" {
		seen.dsn = postgresDSN(folder)
	} else {
		seen.dsn = mysqlDSN(socket)
	}
	return w, &seen
}

func (w *wire) join(client net.Conn) {
	server, err := net.Dial("unix", w.to)
	if err != nil {
		_ = client.Close()
		return
	}
	w.mu.Lock()
	w.conns = append(w.conns, client, server)
	w.mu.Unlock()
	var committing sync.Once
	lost := make(chan struct{})
	go w.copy(server, client, func(data []byte) bool {
		mode := w.is()
		if mode == "lost answer" && bytes.Contains(bytes.ToLower(data), []byte("commit")) {
			committing.Do(func() { close(lost) })
		}
		return mode != "hang"
	})
	go w.copy(client, server, func([]byte) bool {
		select {
		case <-lost: // the server has done it, and nobody hears of it
			_ = client.Close()
			return false
		default:
			return true
		}
	})
}

// copy passes data on where it may.
func (w *wire) copy(to, from net.Conn, may func([]byte) bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && may(buffer[:n]) {
			_, _ = to.Write(buffer[:n])
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

func (w *wire) is() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mode
}

// cut ends all connections.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// disturb is Suite.Disturb.
func (w *wire) disturb(m sdktest.Misbehaviour) func() {
	if m.String() != "lost answer" && m.String() != "hang" {
		return nil // a database does not answer so
	}
	w.mu.Lock()
	w.mode = m.String()
	w.mu.Unlock()
	return func() {
		w.mu.Lock()
		w.mode = ""
		w.mu.Unlock()
		w.cut()
	}
}
