package receive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/net/netutil"

	"github.com/synchost/synchost/host/internal/config"
)

const (
	maxHeader   = 32 << 10 // bytes of a request's line and headers
	maxStreams  = 128      // requests side by side on one HTTP/2 connection
	idleTimeout = 2 * time.Minute
	// answerTime is how long an event may wait for the disk, and the sender may
	// take to read the answer.
	answerTime = 30 * time.Second
)

// Server is the host's HTTP listener. It bounds what any peer can take of the
// host's time and memory: connections, headers, and how long both may last.
type Server struct {
	http     *http.Server
	listener net.Listener
	secure   bool
	drain    time.Duration
}

// Listen opens the listener of [host] for handler. Handlers in extra are served
// at their exact paths, such as "/healthz", and come first.
func Listen(ctx context.Context, host config.Host, handler http.Handler, extra map[string]http.Handler, log hclog.Logger) (*Server, error) {
	s := &Server{drain: host.StopTimeout, secure: host.TLS.Cert != ""}
	s.http = &http.Server{
		Handler:           withExtra(handler, extra),
		ReadHeaderTimeout: host.ReadTimeout,
		ReadTimeout:       host.ReadTimeout,
		WriteTimeout:      host.ReadTimeout + answerTime,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		// What it has to say is about peers that break off: nobody's trouble.
		ErrorLog: log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	if s.secure {
		c := &certificate{cert: host.TLS.Cert, key: host.TLS.Key, log: log}
		if _, err := c.get(nil); err != nil {
			return nil, fmt.Errorf("host.tls: %w", err)
		}
		s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", host.Listen)
	if err != nil {
		return nil, fmt.Errorf("host.listen: %w", err)
	}
	if host.MaxConnections > 0 {
		listener = netutil.LimitListener(listener, host.MaxConnections)
	}
	s.listener = listener
	return s, nil
}

func withExtra(handler http.Handler, extra map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, ok := extra[r.URL.Path]; ok {
			h.ServeHTTP(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// Addr is the address that the server listens at.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, then lets requests in hand finish for the time that
// [host] gives, and ends.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() {
		if s.secure {
			served <- s.http.ServeTLS(s.listener, "", "")
		} else {
			served <- s.http.Serve(s.listener)
		}
	}()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drain)
	defer cancel()
	err := s.http.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}
