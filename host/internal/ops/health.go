package ops

import (
	"encoding/json"
	"net/http"
)

// Health answers /healthz and /readyz. Both are for anybody who reaches the
// host's listener: they name connectors and their states, and no reasons.
type Health struct {
	Writable   func() error // why the store takes no events now; nil: it does
	Receiving  func() bool  // whether the receivers' listener is open
	Connectors func() []ConnectorStatus
}

// Healthz is the answer of /healthz.
type Healthz struct {
	Status string `json:"status"` // "ok": the process is alive
	Store  string `json:"store"`  // "ok", or why it takes no events
}

// Readyz is the answer of /readyz.
type Readyz struct {
	Ready      bool              `json:"ready"`
	Store      string            `json:"store"`
	Receivers  string            `json:"receivers"`
	Connectors map[string]string `json:"connectors"` // state by name, of the enabled ones
}

// Live says that the process is alive. A store that takes no events is told and
// is no reason to kill the process: starting it again makes no room on a disk.
func (h Health) Live(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, Healthz{Status: "ok", Store: h.store()})
}

// Ready says whether events are taken. A connector that is down is told and does
// not matter here: what is taken for it is kept.
func (h Health) Ready(w http.ResponseWriter, _ *http.Request) {
	ready := Readyz{Store: h.store(), Receivers: "ok", Connectors: map[string]string{}}
	if !h.Receiving() {
		ready.Receivers = "not listening"
	}
	for _, c := range h.Connectors() {
		if c.State != ConnectorDisabled {
			ready.Connectors[c.Name] = c.State
		}
	}
	status := http.StatusOK
	if ready.Ready = ready.Store == "ok" && ready.Receivers == "ok"; !ready.Ready {
		status = http.StatusServiceUnavailable
	}
	answer(w, status, ready)
}

func (h Health) store() string {
	if err := h.Writable(); err != nil {
		return err.Error()
	}
	return "ok"
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // an error here is the reader's
}
