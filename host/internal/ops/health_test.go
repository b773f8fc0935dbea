package ops

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/synchost/synchost/host/internal/store"
)

func TestHealth(t *testing.T) {
	w := newWorld()
	listening := true
	health := Health{
		Writable: w.deps.Writable, Receiving: func() bool { return listening }, Connectors: w.deps.Connectors,
	}
	for _, c := range []struct {
		what   string
		change func()
		path   http.HandlerFunc
		status int
		body   string
	}{
		{"alive", func() {}, health.Live, 200, `{"status":"ok","store":"ok"}`},
		{"ready", func() {}, health.Ready, 200,
			`{"ready":true,"store":"ok","receivers":"ok","connectors":{"hook":"ready","shop":"ready"}}`},
		{"ready without a connector", func() { w.connectors[0].State, w.connectors[0].Reason = ConnectorFailed, "secret" }, health.Ready, 200,
			`{"ready":true,"store":"ok","receivers":"ok","connectors":{"hook":"ready","shop":"failed"}}`},
		{"not listening", func() { listening = false }, health.Ready, 503,
			`{"ready":false,"store":"ok","receivers":"not listening","connectors":{"hook":"ready","shop":"failed"}}`},
		{"no room", func() { listening, w.full = true, store.ErrFull }, health.Ready, 503,
			`{"ready":false,"store":"the disk of the data folder is full","receivers":"ok","connectors":{"hook":"ready","shop":"failed"}}`},
		{"alive without room", func() {}, health.Live, 200, `{"status":"ok","store":"the disk of the data folder is full"}`},
	} {
		c.change()
		response := httptest.NewRecorder()
		c.path(response, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		if diff := cmp.Diff(c.body, strings.TrimSpace(response.Body.String())); response.Code != c.status || diff != "" {
			t.Errorf("%s: %d, want %d %s", c.what, response.Code, c.status, diff)
		}
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld()
	w.fill()
	w.shop.status.State = LanePaused
	registry := prometheus.NewPedanticRegistry()
	handler := NewMetrics(registry, w.deps.Version)
	registry.MustRegister(NewCollector(w.store, w.deps.Lanes, []string{"shop"}))
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "synchost_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, want := range []string{
		`synchost_build_info{goversion="go1.26",modified="false",revision="",version="0.1.0"} 1`,
		`synchost_lane_lag_events{connector="hook"} 2`,
		`synchost_lane_running{connector="shop"} 0`,
		`synchost_lane_products{connector="shop",state="behind"} 1`,
		`synchost_reconcile_verified_ratio{connector="shop"} 0.75`,
		"go_goroutines", "process_start_time_seconds",
	} {
		if !strings.Contains(response.Body.String(), want) {
			t.Errorf("%s is not among the metrics", want)
		}
	}
	w.store.err = errors.New("the disk is gone")
	response = httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if body := response.Body.String(); !strings.Contains(body, "go_goroutines") || strings.Contains(body, "synchost_lane_lag_events") {
		t.Errorf("with a store that fails, the other metrics and no others are shown: %s", body)
	}
}
