package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

// ask calls the host's control API, and reads its JSON answer into answer, if that
// is not nil. A command of the host's own would cost a process each time.
func (h *host) ask(ctx context.Context, method, path string, request, answer any) error {
	var body bytes.Buffer
	if request != nil {
		if err := json.NewEncoder(&body).Encode(request); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://host"+path, &body)
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(h.dir, "data", "synchost.sock"))
	}}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// standing is what is looked at of a host's status.
type standing struct {
	Store struct{ Head int }
	Lanes []struct{ Delivered int }
}

// glance is how often the host is asked how far it is: more often would be felt.
const glance = 50 * time.Millisecond

// reaches waits until something holds of the host's status.
func (h *host) reaches(ctx context.Context, what string, holds func(*standing) bool) error {
	return h.until(ctx, what, func() (bool, error) {
		var s standing
		if err := h.ask(ctx, http.MethodGet, "/v1/status", nil, &s); err != nil {
			return false, err
		}
		if holds(&s) {
			return true, nil
		}
		sleep(ctx, glance)
		return false, nil
	})
}

// runs has a job of the host run, and says how long it took.
func (h *host) runs(ctx context.Context, job string) (time.Duration, error) {
	began := time.Now()
	if err := h.ask(ctx, http.MethodPost, "/v1/cron", map[string]string{"job": job}, nil); err != nil {
		return 0, err
	}
	var took time.Duration
	err := h.until(ctx, "run "+job, func() (bool, error) {
		var answer struct {
			Jobs []struct {
				Job     string
				Running bool
				Last    struct {
					Started, Ended   time.Time
					Outcome, Message string
				}
			}
		}
		if err := h.ask(ctx, http.MethodGet, "/v1/cron", nil, &answer); err != nil {
			return false, err
		}
		for _, j := range answer.Jobs {
			if j.Job != job || j.Running || j.Last.Ended.Before(began) {
				continue
			}
			took = j.Last.Ended.Sub(j.Last.Started)
			if j.Last.Outcome != "ok" {
				return false, fmt.Errorf("it is %s: %s", j.Last.Outcome, j.Last.Message)
			}
			return true, nil
		}
		sleep(ctx, glance)
		return false, nil
	})
	return took, err
}
